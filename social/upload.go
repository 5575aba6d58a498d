package social

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

// Inspector looks at a file before it is kept. It may make another one of it.
type Inspector interface {
	// Inspect is told what the first bytes look like, and reads the whole from its
	// beginning. What it writes to out, if anything, is kept instead of what was
	// uploaded. A KindInvalid or KindTooLarge refuses the file.
	Inspect(ctx context.Context, mediaType string, r io.ReadSeeker, out io.Writer) (Inspection, error)
}

// Inspection is what was found.
type Inspection struct {
	MediaType     string // empty: as it looked
	Width, Height int    // pixels; 0 where it has none
}

// How many uploads run side by side, each with a buffer and a file of its own: on the
// whole, and by one person.
const (
	uploadsMost      = 64
	uploadsPerPerson = 4
)

// turns bounds the uploads that run.
type turns struct {
	mu sync.Mutex // guards the rest
	n  int
	of map[PersonKey]int
}

// take is KindRateLimited where too many run; else give it back.
func (t *turns) take(p PersonKey) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n >= uploadsMost || t.of[p] >= uploadsPerPerson {
		return &Error{Kind: KindRateLimited, Safe: "Too many uploads are running; wait until one has ended.", RetryAfter: time.Second}
	}
	t.n++
	t.of[p]++
	return nil
}

func (t *turns) giveBack(p PersonKey) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.of[p]--; t.of[p] == 0 {
		delete(t.of, p)
	}
}

func (t *turns) running() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(t.n)
}

// MayUpload tells whether the actor may upload at this moment; ask it before a byte
// is read. KindForbidden, and KindTooLarge where the quota is used up.
func (as *Attachments) MayUpload(ctx context.Context, a Actor) error {
	if !a.Scopes.Writes() {
		return Errorf(KindForbidden, "This token's scopes do not allow it.")
	}
	_, err := as.room(ctx, a)
	if KindOrNil(err) == KindTooLarge {
		as.refused.Add(1)
	}
	return err
}

// room is how many bytes the actor may add.
func (as *Attachments) room(ctx context.Context, a Actor) (int64, error) {
	used, err := as.store.AttachmentBytes(ctx, a.Person)
	if err != nil {
		return 0, err
	}
	if used >= as.limits.Quota {
		return 0, overQuota(as.limits.Quota)
	}
	return as.limits.Quota - used, nil
}

func overQuota(quota int64) *Error {
	return Errorf(KindTooLarge, "Your files would come to more than the %d bytes that everybody has; remove posts with files first.", quota)
}

// OverQuota is the error of a store for an upload that does not fit any more.
func OverQuota(quota int64) error { return overQuota(quota) }

// Upload keeps what r holds as a file of the actor's that hangs on no post yet. It
// blocks until all is read and on the disk; where reading fails, nothing is kept.
// Errors: KindInvalid naming "file", KindTooLarge, KindRateLimited, KindUnavailable.
func (as *Attachments) Upload(ctx context.Context, a Actor, name string, r io.Reader) (Attachment, error) {
	if err := as.turns.take(a.Person); err != nil {
		return Attachment{}, err
	}
	defer as.turns.giveBack(a.Person)
	f, err := as.upload(ctx, a, name, r)
	if err == nil {
		as.uploaded.Add(1)
		as.bytes.Add(uint64(f.Size)) //nolint:gosec // not negative
		return f, nil
	}
	switch KindOf(err) {
	case KindInvalid, KindTooLarge:
		as.refused.Add(1)
	case KindConflict: // whoever reads it for us knows that it was done before
	default:
		as.broken.Add(1)
	}
	return Attachment{}, err
}

func (as *Attachments) upload(ctx context.Context, a Actor, name string, r io.Reader) (Attachment, error) {
	most, err := as.room(ctx, a)
	if err != nil {
		return Attachment{}, err
	}
	name = CleanFileName(name)
	whole, err := as.receive(ctx, name, r, min(most, as.limits.Size))
	if err != nil {
		return Attachment{}, err
	}
	defer whole.Discard()
	now := as.now()
	f := Attachment{ID: as.ids.New(now), Owner: a.Person, Name: name, Created: now, MediaType: whole.mediaType}
	kept, found, err := as.inspect(ctx, whole)
	if err != nil {
		return Attachment{}, err
	}
	defer kept.Discard()
	if found.MediaType != "" {
		f.MediaType = found.MediaType
	}
	f.Width, f.Height, f.Size, f.Digest = found.Width, found.Height, kept.Size(), kept.digest()
	if err := as.store.CreateAttachment(ctx, f, as.limits.Quota); err != nil {
		return Attachment{}, err
	}
	if err := kept.Keep(ctx, f.BlobName()); err != nil {
		// Not cancelled with the upload; else the sweep finds the row a day later.
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
		defer cancel()
		_, undo := as.store.RemoveAttachment(within, f.ID, now)
		return Attachment{}, errors.Join(err, undo)
	}
	return f, as.stands(ctx, f)
}

// stands finds what was kept gone again: with its owner, who was erased while it was
// being written. The sweep has then found the row and no bytes, and nobody finds
// the bytes without the row.
func (as *Attachments) stands(ctx context.Context, f Attachment) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetWithin)
	defer cancel()
	_, err := as.store.Attachment(within, f.ID)
	if KindOrNil(err) != KindNotFound {
		return nil // where the store does not say, the row is found a day later
	}
	return errors.Join(err, as.blobs.RemoveAll(within, roomAttachments, f.ID))
}

// forgetWithin bounds what is cleared up after a failure.
const forgetWithin = 10 * time.Second

// sized is a draft whose digest is taken while it is written.
type sized struct {
	BlobDraft
	sum       hash.Hash
	mediaType string
}

func (s *sized) Write(b []byte) (int, error) {
	n, err := s.BlobDraft.Write(b)
	s.sum.Write(b[:n])
	return n, err
}

func (s *sized) digest() [32]byte { return [32]byte(s.sum.Sum(nil)) }

// receive writes the upload to a draft, if it is of a type that is taken and no
// longer than most. No more of it is in memory than one buffer.
func (as *Attachments) receive(ctx context.Context, name string, r io.Reader, most int64) (_ *sized, err error) {
	head := make([]byte, sniffed)
	n, err := 0, error(nil)
	for n < len(head) && err == nil { // io.ReadFull hides where a reader broke off
		var more int
		more, err = r.Read(head[n:])
		n += more
	}
	whole := errors.Is(err, io.EOF)
	if err != nil && !whole {
		return nil, err
	}
	if n == 0 {
		return nil, Invalid("file", "is empty")
	}
	mediaType := as.typeOf(head[:n], name)
	if !as.limits.takes(mediaType) {
		return nil, Invalid("file", "is of the type %s, which is not taken here", mediaType)
	}
	d, err := as.draft(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.Discard()
		}
	}()
	d.mediaType = mediaType
	if _, err := d.Write(head[:n]); err != nil {
		return nil, err
	}
	if !whole {
		if _, err := io.CopyBuffer(onlyWriter{d}, io.LimitReader(r, most+1-int64(n)), make([]byte, uploadBuffer)); err != nil {
			return nil, fmt.Errorf("receive a file: %w", err)
		}
	}
	if d.Size() > most {
		return nil, Errorf(KindTooLarge, "The file is larger than the %d bytes that you may upload now.", most)
	}
	return d, nil
}

// sniffed is how many bytes tell what a file is.
const sniffed = 512

// uploadBuffer is what of an upload is in memory at once, in bytes.
const uploadBuffer = 64 << 10

// onlyWriter keeps io.Copy from choosing a buffer of another size.
type onlyWriter struct{ io.Writer }

func (as *Attachments) draft(ctx context.Context) (*sized, error) {
	d, err := as.blobs.Create(ctx)
	if err != nil {
		return nil, err
	}
	return &sized{BlobDraft: d, sum: sha256.New()}, nil
}

// inspect returns what is to be kept: the upload, or what was made of it.
func (as *Attachments) inspect(ctx context.Context, whole *sized) (*sized, Inspection, error) {
	if as.inspector == nil {
		return whole, Inspection{}, nil
	}
	r, err := whole.Reader()
	if err != nil {
		return nil, Inspection{}, err
	}
	out := &remade{as: as, ctx: ctx}
	found, err := as.inspector.Inspect(ctx, whole.mediaType, r, out)
	if err == nil && out.draft != nil && found.MediaType != "" && !as.limits.takes(found.MediaType) {
		err = Invalid("file", "is of the type %s, which is not taken here", found.MediaType)
	}
	switch {
	case err != nil:
		if out.draft != nil {
			out.draft.Discard()
		}
		return nil, Inspection{}, err
	case out.draft != nil:
		return out.draft, found, nil
	}
	return whole, found, nil
}

// remade is the file that an inspector makes; begun when it writes first.
type remade struct {
	as    *Attachments
	ctx   context.Context //nolint:containedctx // of the upload that it is part of
	draft *sized
}

func (m *remade) Write(b []byte) (int, error) {
	if m.draft == nil {
		d, err := m.as.draft(m.ctx)
		if err != nil {
			return 0, err
		}
		m.draft = d
	}
	return m.draft.Write(b)
}
