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
