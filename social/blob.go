package social

import (
	"context"
	"io"
	"regexp"
	"time"
)

// BlobName is what a blob is called: nothing in it was chosen by a client.
type BlobName struct {
	Room    string // what kind of thing it belongs to, such as "attachments"
	ID      ID     // of that thing
	Variant string // a rendition of it, such as "400x400.jpeg"; empty: itself
}

var (
	blobRoom    = regexp.MustCompile(`^[a-z]{1,24}$`)
	blobVariant = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
)

// Valid tells whether the name can be one: a room of small letters, an id, and
// perhaps a variant of small letters, digits, dots and dashes.
func (n BlobName) Valid() bool {
	return blobRoom.MatchString(n.Room) && !n.ID.IsZero() && (n.Variant == "" || blobVariant.MatchString(n.Variant))
}

// String is for logs.
func (n BlobName) String() string {
	s := n.Room + "/" + n.ID.String()
	if n.Variant != "" {
		s += "." + n.Variant
	}
	return s
}

// BlobInfo is what a store of blobs knows of one.
type BlobInfo struct {
	Name    BlobName
	Size    int64 // bytes
	Written time.Time
}

// Blob is one that is open for reading. Its owner closes it.
type Blob interface {
	io.ReadSeekCloser
	Info() BlobInfo
}

// BlobDraft is a blob on its way. Nobody can open it before Keep has returned nil,
// and a crash leaves nothing of it. It is one goroutine's. Errors of Write and Keep
// are KindUnavailable where there is no room.
type BlobDraft interface {
	io.Writer
	// Size is how many bytes were written.
	Size() int64
	// Reader reads what was written, from its beginning, until Keep or Discard.
	Reader() (io.ReadSeeker, error)
	// Keep makes what was written the blob of that name, instead of the one that had
	// it, and blocks until that is on the disk. The draft is over, also on an error.
	Keep(ctx context.Context, name BlobName) error
	// Discard ends the draft; after Keep it does nothing, so that it can be deferred.
	Discard()
}

// Blobs keeps files: long bytes that belong to what stands in the store. Package
// files has the one on a disk.
type Blobs interface {
	Create(ctx context.Context) (BlobDraft, error)
	// Open finds a blob; KindNotFound.
	Open(ctx context.Context, name BlobName) (Blob, error)
	// Remove deletes a blob; one that is not there is no error.
	Remove(ctx context.Context, name BlobName) error
	// RemoveAll does so with every variant of a thing, and with itself.
	RemoveAll(ctx context.Context, room string, id ID) error
	// Walk calls f for every blob of a room, in no order, up to the first error, which
	// it returns. What comes or goes meanwhile may be among them or not.
	Walk(ctx context.Context, room string, f func(BlobInfo) error) error
}
