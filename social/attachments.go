package social

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// The rooms of what belongs to attachments: the files themselves, and renditions of
// them, which come and go with them.
const (
	roomAttachments = "attachments"
	RoomThumbnails  = "thumbnails"
)

// AttachmentStore keeps what is known of files; their bytes are with Blobs.
type AttachmentStore interface {
	// CreateAttachment keeps one that hangs on nothing yet. KindTooLarge where its
	// owner would have more than quota bytes then.
	CreateAttachment(ctx context.Context, a Attachment, quota int64) error
	// Attachment finds one that is not removed; KindNotFound.
	Attachment(ctx context.Context, id ID) (Attachment, error)
	// AttachmentBytes is how much a person has.
	AttachmentBytes(ctx context.Context, owner PersonKey) (int64, error)
	// RemoveAttachment begins the removal of one that hangs on nothing; false where
	// there is none such.
	RemoveAttachment(ctx context.Context, id ID, now time.Time) (bool, error)
	// RemovedAttachments begins the removal of what was uploaded before the given time
	// and hangs on nothing, and lists what is to be removed, at most so many.
	RemovedAttachments(ctx context.Context, before, now time.Time, limit int) ([]ID, error)
	// ForgetAttachments ends the removal: the bytes are gone.
	ForgetAttachments(ctx context.Context, ids []ID) error
}

// AttachmentLimits is what the site lets people upload.
type AttachmentLimits struct {
	Size  int64 // bytes of one file
	Quota int64 // bytes of all files of one person
	// Allow and Refuse are media types, or image/* for all of a kind. Where Allow names
	// any the others are refused; Refuse is stronger.
	Allow, Refuse []string
}

// takes tells whether files of a media type may be uploaded.
func (l *AttachmentLimits) takes(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, "/")
	mediaType, _, _ = strings.Cut(mediaType, ";")
	named := func(list []string) bool {
		return slices.Contains(list, mediaType) || slices.Contains(list, kind+"/*")
	}
	return !named(l.Refuse) && (len(l.Allow) == 0 || named(l.Allow))
}

// CheckMediaType is KindInvalid about field for what is neither a media type such as
// application/pdf nor all of a kind, such as image/*.
func CheckMediaType(field, text string) error {
	kind, rest, ok := strings.Cut(text, "/")
	if !ok || kind == "" || rest == "" || text != strings.ToLower(text) || strings.ContainsAny(text, ";, ") {
		return Invalid(field, "%q is no media type such as application/pdf or image/*", clip(text))
	}
	return nil
}

// AttachmentStats is what has happened since the start.
type AttachmentStats struct {
	Uploaded, Bytes uint64 // files kept, and their bytes
	Refused         uint64 // uploads that were refused: too large, of a type that is not taken, beyond a quota
	Broken          uint64 // uploads that broke off
	Removed         uint64 // files removed
	Missing         uint64 // files asked for whose bytes are not there
	Running         int64  // uploads at this moment
}

// Attachments are the use cases on files.
type Attachments struct {
	dir       *Directory
	posts     *Posts
	store     AttachmentStore
	blobs     Blobs
	typeOf    func(head []byte, name string) string
	inspector Inspector
	limits    AttachmentLimits
	ids       *IDs
	log       *slog.Logger
	now       func() time.Time
	turns     turns

	uploaded, bytes, refused, broken, removed, missing atomic.Uint64
}

// AttachmentDeps is what they work with. Inspector may be nil.
type AttachmentDeps struct {
	Directory *Directory
	Posts     *Posts
	Store     AttachmentStore
	Blobs     Blobs
	// Type says what a file is by its first bytes, and by its name where those leave
	// that open.
	Type      func(head []byte, name string) string
	Inspector Inspector
	IDs       *IDs
	Logger    *slog.Logger
	Now       func() time.Time
}

// NewAttachments makes the use cases.
func NewAttachments(d AttachmentDeps, limits AttachmentLimits) *Attachments {
	return &Attachments{
		dir: d.Directory, posts: d.Posts, store: d.Store, blobs: d.Blobs, typeOf: d.Type, inspector: d.Inspector, limits: limits,
		ids: d.IDs, log: d.Logger, now: d.Now, turns: turns{of: map[PersonKey]int{}},
	}
}

// Limits are those of uploads.
func (as *Attachments) Limits() AttachmentLimits { return as.limits }

// Stats are the figures since the start.
func (as *Attachments) Stats() AttachmentStats {
	return AttachmentStats{
		Uploaded: as.uploaded.Load(), Bytes: as.bytes.Load(), Refused: as.refused.Load(), Broken: as.broken.Load(),
		Removed: as.removed.Load(), Missing: as.missing.Load(), Running: as.turns.running(),
	}
}

// Find finds a file that the actor may have: one of its own that is not posted yet,
// or one whose post it may read. All else is KindNotFound.
func (as *Attachments) Find(ctx context.Context, a Actor, id string) (Attachment, error) {
	f, p, err := as.find(ctx, id)
	if err != nil {
		return Attachment{}, err
	}
	if f.Post.IsZero() {
		if f.Owner != a.Person || a.Creator != 0 || !a.Scopes.Reads() {
			return Attachment{}, noAttachment()
		}
		return f, nil
	}
	sight, known, reads := as.posts.sight(a, &p)
	own := p.Author == a.Person && a.Creator == 0
	if !known || !own && !reads || !a.Scopes.MayRead(sight.Space.scopeName(), false) {
		return Attachment{}, noAttachment()
	}
	return f, nil
}

// find finds a file, and the living post that it hangs on where it does.
func (as *Attachments) find(ctx context.Context, id string) (Attachment, Post, error) {
	key, ok := ParseID(id)
	if !ok {
		return Attachment{}, Post{}, noAttachment()
	}
	f, err := as.store.Attachment(ctx, key)
	if err != nil {
		return Attachment{}, Post{}, orNoAttachment(err)
	}
	if f.Post.IsZero() {
		return f, Post{}, nil
	}
	p, err := as.posts.log.PostByID(ctx, f.Post)
	if err == nil && !p.Removed.IsZero() {
		err = noAttachment()
	}
	return f, p, orNoAttachment(err)
}

// Open is Find with the bytes. Where those are missing it is KindNotFound, and told
// in the log.
func (as *Attachments) Open(ctx context.Context, a Actor, id string) (Attachment, Blob, error) {
	f, err := as.Find(ctx, a, id)
	if err != nil {
		return Attachment{}, nil, err
	}
	b, err := as.open(ctx, f)
	return f, b, err
}

// OpenFor is Open for who holds a link that was made for a customer: somebody of
// this site who may still have the file, or somebody that only who made the link
// knows. A link that was ended early is KindNotFound.
func (as *Attachments) OpenFor(ctx context.Context, customer, id string) (Attachment, Blob, error) {
	if p, known := as.dir.everNamed(customer); known {
		if p.Removed || p.Suspended {
			return Attachment{}, nil, noAttachment()
		}
		return as.Open(ctx, Actor{Person: p.Key}, id)
	}
	f, p, err := as.find(ctx, id)
	if err != nil {
		return Attachment{}, nil, err
	}
	if !f.Post.IsZero() {
		if key, _, ok := as.dir.spaceOfStream(p.Stream); !ok || as.dir.SpaceByKey(key).Deleted {
			return Attachment{}, nil, noAttachment()
		}
	}
	b, err := as.open(ctx, f)
	return f, b, err
}

func (as *Attachments) open(ctx context.Context, f Attachment) (Blob, error) {
	b, err := as.blobs.Open(ctx, f.BlobName())
	if KindOrNil(err) == KindNotFound {
		as.missing.Add(1)
		as.log.WarnContext(ctx, "the bytes of an attachment are missing", "attachment", f.ID.String())
		return nil, noAttachment()
	}
	return b, err
}

// Customer says for whom the actor may make a link to a file: for itself, which the
// empty name stands for; managers and service accounts for anybody, by any text.
// Whoever finds the link learns from it who gave it away, so nobody writes another's
// name into one. KindForbidden, KindInvalid.
func (as *Attachments) Customer(a Actor, name string) (string, error) {
	if err := a.refuseActing(); err != nil {
		return "", err
	}
	me, ok := as.dir.PersonByKey(a.Person)
	if !ok {
		return "", Errorf(KindForbidden, "Nobody is signed in.")
	}
	if name == "" || name == "me" || name == me.Name {
		return me.Name, nil
	}
	if err := CheckText("for", name, MaxCustomer); err != nil {
		return "", err
	}
	if !me.Service && !as.dir.Roles(a).Has(RoleManager) {
		return "", Errorf(KindForbidden, "Only managers and service accounts make links for others.")
	}
	return name, nil
}

// MaxCustomer is how long a customer's name is, in bytes.
const MaxCustomer = 128

// everNamed finds who has or had a name, the removed included.
func (d *Directory) everNamed(name string) (Person, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := d.people[d.names[strings.ToLower(name)]]
	if p == nil {
		return Person{}, false
	}
	return *p, true
}

func noAttachment() *Error {
	return Errorf(KindNotFound, "There is no such file, or it is not yours to see.")
}

// orNoAttachment hides what exactly is not there.
func orNoAttachment(err error) error {
	if KindOrNil(err) == KindNotFound {
		return noAttachment()
	}
	return err
}
