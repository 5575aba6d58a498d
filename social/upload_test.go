package social

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// uploading is a store of files, and of their bytes, in which the owner of what is
// uploaded is erased while the bytes are being kept.
type uploading struct {
	AttachmentStore
	Blobs
	erased     bool
	rows, kept map[ID]bool
}

func (u *uploading) AttachmentBytes(context.Context, PersonKey) (int64, error) { return 0, nil }

func (u *uploading) CreateAttachment(_ context.Context, a Attachment, _ int64) error {
	u.rows[a.ID] = true
	return nil
}

func (u *uploading) Attachment(_ context.Context, id ID) (Attachment, error) {
	if !u.rows[id] {
		return Attachment{}, Errorf(KindNotFound, "There is no such file.")
	}
	return Attachment{ID: id}, nil
}

func (u *uploading) Create(context.Context) (BlobDraft, error) {
	return &uploadDraft{uploading: u}, nil
}

func (u *uploading) RemoveAll(_ context.Context, _ string, id ID) error {
	delete(u.kept, id)
	return nil
}

type uploadDraft struct {
	bytes.Buffer
	*uploading
}

func (d *uploadDraft) Size() int64                    { return int64(d.Len()) }
func (d *uploadDraft) Reader() (io.ReadSeeker, error) { return bytes.NewReader(d.Bytes()), nil }
func (d *uploadDraft) Discard()                       {}

func (d *uploadDraft) Keep(_ context.Context, name BlobName) error {
	if d.erased { // and swept
		clear(d.rows)
	}
	d.kept[name.ID] = true
	return nil
}

func TestNoBytesStayOfWhoIsErasedWhileUploading(t *testing.T) {
	t.Parallel()
	for _, erased := range []bool{false, true} {
		u := &uploading{erased: erased, rows: map[ID]bool{}, kept: map[ID]bool{}}
		as := NewAttachments(AttachmentDeps{
			Store: u, Blobs: u, Type: func([]byte, string) string { return "text/plain" }, IDs: new(IDs),
			Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		}, AttachmentLimits{Size: 100, Quota: 100})
		_, err := as.Upload(t.Context(), Actor{Person: 1}, "a.txt", strings.NewReader("mine"))
		if erased && (KindOrNil(err) != KindNotFound || len(u.kept) != 0) {
			t.Errorf("%d files stay, %v", len(u.kept), err)
		}
		if !erased && (err != nil || len(u.kept) != 1) {
			t.Errorf("%d files are kept, %v", len(u.kept), err)
		}
	}
}
