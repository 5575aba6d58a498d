package broker

import (
	"testing"
	"time"
)

// A process that is stopped for a while, or a machine, has every watch fire at once when
// it goes on, before anything is read that came meanwhile.
func TestAClientIsNotBlamedForTheTimeInWhichWeStoodStill(t *testing.T) {
	t.Parallel()
	const quiet = 3 * time.Second
	c := &conn{begun: time.Now().Add(-time.Minute), watch: time.AfterFunc(time.Hour, func() {})}
	defer c.watch.Stop()
	c.quiet.Store(int64(quiet))
	c.check()
	if left := quiet - time.Since(c.begun) + time.Duration(c.heard.Load()); c.over.Load() || left <= 0 || left > readOn {
		t.Errorf("ended: %v; to be read on for %v", c.over.Load(), left)
	}
}
