package pushgw

import (
	"os"
	"time"
)

// keyFileEvery is how often a file is looked at.
const keyFileEvery = time.Second

// KeyFile tells when a file of credentials has changed, by its size and time. Its
// owner guards it.
type KeyFile struct {
	Path string
	Now  func() time.Time

	stamp  fileStamp
	looked time.Time
}

type fileStamp struct {
	at   time.Time
	size int64
}

// Noted says that the file is about to be read as it is now.
func (f *KeyFile) Noted() { f.stamp, f.looked = stampOf(f.Path), f.Now() }

// Changed tells whether the file is another one than was noted last, and notes it. A
// file that is gone has not changed: half-written ones and moments without any are
// usual while they are replaced.
func (f *KeyFile) Changed() bool {
	now := f.Now()
	if now.Sub(f.looked) < keyFileEvery {
		return false
	}
	f.looked = now
	stamp := stampOf(f.Path)
	if stamp == f.stamp || stamp == (fileStamp{}) {
		return false
	}
	f.stamp = stamp
	return true
}

func stampOf(file string) fileStamp {
	info, err := os.Stat(file)
	if err != nil {
		return fileStamp{} // reading it says why
	}
	return fileStamp{info.ModTime(), info.Size()}
}
