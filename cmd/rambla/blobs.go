package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"rambla/files"
	"rambla/social"
	"rambla/storage"
)

// blobFindings is how many missing files doctor names.
const blobFindings = 20

// verifyBlobs finds files that posts have and the directory has not, or not whole.
// What is too many there is swept by the server.
func verifyBlobs(ctx context.Context, db *storage.DB, c *Config) ([]storage.Finding, error) {
	dir := filepath.Join(c.Data, filesDir)
	blobs, err := files.OpenExisting(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if blobs != nil {
		defer func() { _ = blobs.Close() }() // only read from
	}
	var out []storage.Finding
	err = db.PostedAttachments(ctx, func(f social.Attachment) error {
		wrong, err := lookAtBlob(ctx, blobs, &f)
		if err == nil && wrong != "" && len(out) < blobFindings {
			out = append(out, storage.Finding{
				Rule: "the files of posts are in the directory of files", Detail: f.ID.String() + " " + wrong,
				Mend: "bring back " + dir + " from a backup; until then the file is answered with 404",
			})
		}
		return err
	})
	return out, err
}

// lookAtBlob says what is wrong with a file; blobs is nil where there is no directory.
func lookAtBlob(ctx context.Context, blobs *files.Disk, f *social.Attachment) (wrong string, err error) {
	if blobs == nil {
		return "is missing", nil
	}
	b, err := blobs.Open(ctx, f.BlobName())
	if social.KindOrNil(err) == social.KindNotFound {
		return "is missing", nil
	}
	if err != nil {
		return "", err
	}
	defer b.Close()
	if size := b.Info().Size; size != f.Size {
		return fmt.Sprintf("has %d bytes instead of %d", size, f.Size), nil
	}
	return "", nil
}
