package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of CPU times in /proc: 1/100 s on every Linux that
// user programs see (USER_HZ).
const clockTick = 10 * time.Millisecond

// usage is what a process has used so far.
type usage struct {
	cpu      time.Duration // user and system, of all its threads
	resident int64         // bytes in memory now
}

// usageOf reads /proc; on systems without it, and for a process that is not
// there, it fails. pid 0 is nobody: zero.
func usageOf(pid int) (usage, error) {
	if pid == 0 {
		return usage{}, nil
	}
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	u, err := parseStat(raw, int64(os.Getpagesize()))
	if err != nil {
		return usage{}, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
	}
	return u, nil
}

// parseStat reads one line of /proc/PID/stat (see proc_pid_stat(5)). The name
// of the program may contain anything, so the fields are counted from its end.
func parseStat(raw []byte, page int64) (usage, error) {
	const utime, stime, rss = 11, 12, 21 // after the name
	end := bytes.LastIndexByte(raw, ')')
	if end < 0 {
		return usage{}, errors.New("no program name")
	}
	fields := bytes.Fields(raw[end+1:])
	if len(fields) <= rss {
		return usage{}, fmt.Errorf("%d fields", len(fields))
	}
	var n [3]int64
	for i, field := range []int{utime, stime, rss} {
		v, err := strconv.ParseInt(string(fields[field]), 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("field %d: %w", field, err)
		}
		n[i] = v
	}
	return usage{cpu: time.Duration(n[0]+n[1]) * clockTick, resident: n[2] * page}, nil
}

// writtenBy tells how many bytes a process has sent to disks, page by page, as
// proc_pid_io(5) counts them. Only its owner may ask.
func writtenBy(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, fmt.Errorf("read what process %d has written: %w", pid, err)
	}
	for line := range bytes.Lines(raw) {
		if value, ok := bytes.CutPrefix(line, []byte("write_bytes:")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read what process %d has written: %w", pid, err)
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("read what process %d has written: the kernel does not count it", pid)
}

// peakEvery is how often the memory of a server is looked at while it works.
const peakEvery = 10 * time.Millisecond

// watchMemory looks at a process until the function it returns is called, which
// gives the most that it had in memory, in bytes; 0 for nobody.
func watchMemory(pid int) (most func() (int64, error)) {
	var peak int64
	var failed error
	look := func() {
		u, err := usageOf(pid)
		peak, failed = max(peak, u.resident), errors.Join(failed, err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(peakEvery)
		defer tick.Stop()
		for look(); failed == nil; look() {
			select {
			case <-tick.C:
			case <-stop:
				look()
				return
			}
		}
	}()
	return func() (int64, error) {
		close(stop)
		<-done
		return peak, failed
	}
}

// meter reads the server's usage and our own around a run.
type meter struct {
	pid         int
	server, own usage
}

func newMeter(pid int) (*meter, error) {
	m := &meter{pid: pid}
	return m, m.start()
}

// start begins a run.
func (m *meter) start() (err error) {
	if m.server, err = usageOf(m.pid); err != nil {
		return err
	}
	m.own = ownUsage()
	return nil
}

// leave counts what the server's process has used so far, which is about to be
// another one.
func (m *meter) leave() error {
	u, err := usageOf(m.pid)
	m.server.cpu -= u.cpu // the next one begins at nothing
	return err
}

// stop gives the CPU that the server and the generator have used since start,
// and what the server has in memory now.
func (m *meter) stop() (server, own time.Duration, resident int64, err error) {
	u, err := usageOf(m.pid)
	if err != nil {
		return 0, 0, 0, err
	}
	return u.cpu - m.server.cpu, ownUsage().cpu - m.own.cpu, u.resident, nil
}

// ownUsage is left out of the report where there is no /proc.
func ownUsage() usage {
	u, err := usageOf(os.Getpid())
	if err != nil {
		return usage{}
	}
	return u
}
