package files

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
	"time"

	"rambla/social"
)

// TestAFullDiskIsToldAndLeavesNothingReadable writes to a device that is full, which
// is where the file system of a draft is when it has no room.
func TestAFullDiskIsToldAndLeavesNothingReadable(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no full device: ", err)
	}
	d, err := Open(Config{Dir: t.TempDir(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	created, err := d.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := created.(*draft)
	if _, err := f.Write([]byte("as long as there is room")); err != nil {
		t.Fatal(err)
	}
	room := f.file
	f.file = full
	if _, err := f.Write([]byte("more")); social.KindOrNil(err) != social.KindUnavailable {
		t.Fatalf("a full disk is told as %v", err)
	}
	f.file = room // there is room again, but something is missing in the middle
	if _, err := f.Write([]byte("and more")); err == nil {
		t.Fatal("written behind a hole")
	}
	n := social.BlobName{Room: "attachments", ID: social.ID{1}}
	if err := f.Keep(t.Context(), n); social.KindOrNil(err) != social.KindUnavailable {
		t.Fatalf("kept with a hole: %v", err)
	}
	if _, err := d.Open(t.Context(), n); social.KindOrNil(err) != social.KindNotFound {
		t.Fatal(err)
	}
	if left, err := fs.ReadDir(d.root.FS(), incoming); err != nil || len(left) > 0 {
		t.Fatal(left, err)
	}
	if err := failure("x", &fs.PathError{Err: syscall.EDQUOT}); social.KindOf(err) != social.KindUnavailable {
		t.Fatal(err)
	}
}
