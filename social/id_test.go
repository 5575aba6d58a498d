package social

import (
	"sync"
	"testing"
	"time"
)

func TestIDsFollowTheOrderOfTheirMaking(t *testing.T) {
	t.Parallel()
	var g IDs
	at := noon
	var last ID
	for i := range 20_000 {
		switch {
		case i == 6_000:
			at = at.Add(-time.Hour) // a clock that is put back
		case i%5_000 == 0:
			at = at.Add(time.Millisecond)
		}
		id := g.New(at)
		if id.String() <= last.String() {
			t.Fatalf("id %d: %v does not follow %v", i, id, last)
		}
		last = id
	}
}

func TestIDsAreVersionSevenOfTheMoment(t *testing.T) {
	t.Parallel()
	var g IDs
	id := g.New(noon)
	if v := id[6] >> 4; v != 7 {
		t.Errorf("version %d", v)
	}
	if v := id[8] >> 6; v != 0b10 {
		t.Errorf("variant %b", v)
	}
	var ms int64
	for _, b := range id[:6] {
		ms = ms<<8 | int64(b)
	}
	if ms != noon.UnixMilli() {
		t.Errorf("the first 48 bits are %d, want the milliseconds %d", ms, noon.UnixMilli())
	}
	if id.IsZero() || !(ID{}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestIDsMadeAtOnceDiffer(t *testing.T) {
	t.Parallel()
	var (
		g    IDs
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[[8]byte]bool{} // the ordered half alone
	)
	for range 8 {
		wg.Go(func() {
			for range 2_000 {
				id := g.New(noon)
				mu.Lock()
				seen[[8]byte(id[:8])] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 16_000 {
		t.Errorf("%d different ids of 16000", len(seen))
	}
}

func TestOnlyTheLowerCaseFormIsAnID(t *testing.T) {
	t.Parallel()
	const good = "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
	if id, ok := ParseID(good); !ok || id.String() != good {
		t.Errorf("%q is read as %v, %v", good, id, ok)
	}
	for _, bad := range []string{
		"", "me", good[:35], good + "0", "0190A1B2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", "0190a1b2c3d4-7e5f-8a6b-7c8d9e0f1a2b-",
		"0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2g", "{190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2}", "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a\x002",
	} {
		if id, ok := ParseID(bad); ok || !id.IsZero() {
			t.Errorf("%q is read as %v", bad, id)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b")
	f.Add("00000000-0000-0000-0000-000000000000")
	f.Add("0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2-")
	f.Fuzz(func(t *testing.T, s string) {
		if id, ok := ParseID(s); ok && id.String() != s {
			t.Fatalf("%q is read as %v", s, id)
		} else if !ok && !id.IsZero() {
			t.Fatalf("%q is refused with %v", s, id)
		}
	})
}
