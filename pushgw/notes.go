package pushgw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"rambla/social"
)

// Notes are written in a ring. One that was written over belongs to a row that was
// settled long ago, or that waits for the answer of another device; the latter is
// told twice where the process is killed just then.
const (
	noteSize  = 64
	noteSlots = 1 << 17 // 8 MiB
	// notesMost is how many processes find a file in one directory.
	notesMost = 64
)

// notes is a file of what providers have taken for rows that are not settled. A
// note costs one write to memory of the system, which a process that is killed
// leaves behind; so what it does not keep is what was taken within about the last
// millisecond. It is safe for concurrent use.
type notes struct {
	file *os.File
	next atomic.Uint64
}

var (
	errNotesInUse = errors.New("another process writes to it")
	noteTable     = crc32.MakeTable(crc32.Castagnoli)
)

// remains are the notes of a process that works no more.
type remains struct {
	worker social.PushWorker // 0: it noted nothing
	taken  []social.PushTaken
}

// openNotes finds a file in dir that nobody writes to, and reads what those have
// left who worked with any such file before. recall is called with it, and the
// file is emptied; with its error openNotes ends.
func openNotes(dir string, worker social.PushWorker, recall func(remains) error) (_ *notes, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep notes of pushes: %w", err)
	}
	var mine *notes
	defer func() {
		if err != nil && mine != nil {
			mine.close()
		}
	}()
	for i := range notesMost {
		path := filepath.Join(dir, fmt.Sprintf("push-%d.notes", i))
		if _, err := os.Stat(path); mine != nil && errors.Is(err, os.ErrNotExist) {
			continue
		}
		n, err := takeNotes(path, recall)
		if errors.Is(err, errNotesInUse) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if mine != nil {
			n.close()
			continue
		}
		mine = n
		if err := n.begin(worker); err != nil {
			return nil, err
		}
	}
	if mine == nil {
		return nil, fmt.Errorf("keep notes of pushes: %d files are in use in %s", notesMost, dir)
	}
	return mine, nil
}

// takeNotes makes a file this process's own, and empties it.
func takeNotes(path string, recall func(remains) error) (_ *notes, err error) {
	f, err := os.OpenFile(filepath.Clean(path), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep notes of pushes: %w", err)
	}
	n := &notes{file: f}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if err := lockNotes(f); err != nil {
		return nil, err
	}
	left, err := n.read()
	if err != nil {
		return nil, fmt.Errorf("read notes of pushes: %w", err)
	}
	if left.worker != 0 {
		if err := recall(left); err != nil {
			return nil, err
		}
	}
	if err := f.Truncate(0); err != nil {
		return nil, fmt.Errorf("empty notes of pushes: %w", err)
	}
	return n, nil
}

// begin says whose notes follow.
func (n *notes) begin(worker social.PushWorker) error {
	var b [noteSize]byte
	binary.BigEndian.PutUint64(b[:], uint64(worker)) //nolint:gosec // positive
	return n.put(0, &b)
}

// add notes what a provider has taken.
func (n *notes) add(x *social.PushTaken) error {
	var b [noteSize]byte
	put := func(at int, v int64) { binary.BigEndian.PutUint64(b[at:], uint64(v)) } //nolint:gosec // the same bits
	put(0, x.Claim)
	put(8, int64(x.Person))
	put(16, int64(x.Stream))
	put(24, int64(x.Device))
	put(32, int64(x.Seq))  //nolint:gosec // likewise
	put(40, int64(x.Mark)) //nolint:gosec // likewise
	if !x.Sent.IsZero() {
		put(48, x.Sent.UnixMicro())
		binary.BigEndian.PutUint16(b[56:], uint16(min(x.Next.Sub(x.Sent), time.Hour)/time.Second)) //nolint:gosec // at most an hour
		b[58] = byte(min(x.Step, 1<<7))
	}
	if x.Shown {
		b[59] = 1
	}
	return n.put(1+n.next.Add(1)%(noteSlots-1), &b)
}

// put ends the note with its checksum and writes it to a slot.
func (n *notes) put(slot uint64, b *[noteSize]byte) error {
	binary.BigEndian.PutUint32(b[60:], crc32.Checksum(b[:60], noteTable))
	if _, err := n.file.WriteAt(b[:], int64(slot*noteSize)); err != nil { //nolint:gosec // of a few slots
		return fmt.Errorf("note a push: %w", err)
	}
	return nil
}

// read reads all notes but those that are torn.
func (n *notes) read() (left remains, err error) {
	all, err := io.ReadAll(io.LimitReader(n.file, noteSlots*noteSize))
	if err != nil {
		return left, err
	}
	for at := 0; at+noteSize <= len(all); at += noteSize {
		b := all[at : at+noteSize]
		if crc32.Checksum(b[:60], noteTable) != binary.BigEndian.Uint32(b[60:]) {
			continue
		}
		get := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) } //nolint:gosec // the same bits
		if at == 0 {
			left.worker = social.PushWorker(get(0)) //nolint:gosec // as it was written
			continue
		}
		x := social.PushTaken{Claim: get(0), PushTold: social.PushTold{
			PushPlace: social.PushPlace{Person: social.PersonKey(get(8)), Stream: social.StreamKey(get(16))},
			Device:    social.DeviceKey(get(24)), Seq: uint64(get(32)), Mark: uint64(get(40)), Shown: b[59] == 1, //nolint:gosec // likewise
		}}
		if sent := get(48); sent != 0 {
			x.Sent = time.UnixMicro(sent)
			x.Next = x.Sent.Add(time.Duration(binary.BigEndian.Uint16(b[56:])) * time.Second)
			x.Step = int(b[58])
		}
		left.taken = append(left.taken, x)
	}
	return left, nil
}

// close ends it; what it holds stays, and is nobody's.
func (n *notes) close() { _ = n.file.Close() } // nothing waits to be written
