package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rambla/mqttwire"
)

// fanOut runs a load with either way of reading.
func fanOut(t *testing.T, o Options, follow bool) (Report, error) {
	t.Helper()
	o = o.withDefaults(1, 1000, 1)
	if err := o.validate(); err != nil {
		t.Fatal(err)
	}
	target, err := openTarget(t.Context(), o, 0)
	if err != nil {
		t.Fatal(err)
	}
	target.follow = target.follow || follow
	r, err := fanoutFrom(t.Context(), o, target)
	if err := target.close(t.Context()); err != nil {
		t.Error(err)
	}
	return r, err
}

func TestFanoutCountsEveryDeliveryOnce(t *testing.T) {
	t.Parallel()
	for _, version := range []int{4, 5} {
		for _, follow := range []bool{false, true} {
			for _, wrap := range []bool{false, true} {
				t.Run(fmt.Sprintf("version %d, follow %v, wrapped %v", version, follow, wrap), func(t *testing.T) {
					t.Parallel()
					s := newStub(t, func(s *stub) { s.wrap = wrap })
					o := s.siteOptions()
					o.Version, o.JSON, o.Contexts, o.Count, o.Warmup = version, wrap, 3, 110, 10*time.Millisecond
					r, err := fanOut(t, o, follow)
					if err != nil {
						t.Fatal(err)
					}
					if !r.Sound() || len(r.Runs) != 2 {
						t.Fatalf("report %+v", r)
					}
					for _, run := range r.Runs {
						if run.Operations != 7*110 || run.Posts != 110 || run.PerSecond <= 0 || run.Latency.P50 <= 0 {
							t.Errorf("run %+v, want 770 deliveries of 110 posts", run)
						}
					}
				})
			}
		}
	}
}

func TestFanoutTellsWhatAServerDoesWrong(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*stub)
		want   Run // of the only run; 4 subscribers, 50 posts
	}{
		{"a post that one subscriber does not get", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 2 && post == 20 {
					return nil
				}
				return [][]byte{frame}
			}
		}, Run{Lost: 1}},
		{"the last post, which no later one reveals", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 1 && post >= 48 {
					return nil
				}
				return [][]byte{frame}
			}
		}, Run{Lost: 3}},
		{"a post that comes twice", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 3 && post%10 == 0 {
					return [][]byte{frame, frame}
				}
				return [][]byte{frame}
			}
		}, Run{Duplicates: 5}},
		{"a post that comes after the next", func(s *stub) {
			var kept []byte
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 0 && post == 7 {
					kept = frame
					return nil
				}
				if sub == 0 && post == 8 {
					return [][]byte{frame, kept}
				}
				return [][]byte{frame}
			}
		}, Run{Disordered: 1}},
		{"a connection that is cut off", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 0 && post == 50 {
					return [][]byte{{mqttwire.Disconnect << 4, 0}}
				}
				return [][]byte{frame}
			}
		}, Run{Lost: 1, Errors: 1}},
		{"a packet that is none", func(s *stub) {
			s.deliver = func(sub, post int, frame []byte) [][]byte {
				if sub == 0 && post == 50 {
					return [][]byte{{mqttwire.Publish << 4, 0xff, 0xff, 0xff, 0xff}}
				}
				return [][]byte{frame}
			}
		}, Run{Lost: 1, Errors: 1}},
		{"a refused post", func(s *stub) {
			s.ack = func(n int) (byte, bool) {
				if n == 9 {
					return 0x87, true
				}
				return 0, true
			}
		}, Run{Refused: 1, Lost: 4}},
	} {
		for _, follow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, follow %v", row.name, follow), func(t *testing.T) {
				t.Parallel()
				s := newStub(t, row.change)
				o := s.options()
				o.Subscribers, o.Count, o.Burst, o.Runs, o.Patience = 4, 50, 50, 1, 3*time.Second
				r, err := fanOut(t, o, follow)
				if err != nil {
					t.Fatal(err)
				}
				got := r.Runs[0]
				if got.Lost != row.want.Lost || got.Duplicates != row.want.Duplicates ||
					got.Disordered != row.want.Disordered || got.Errors != row.want.Errors || got.Refused != row.want.Refused {
					t.Errorf("run %+v, want %+v", got, row.want)
				}
				if r.Sound() {
					t.Error("the report calls itself sound")
				}
				if want := 4*50 - row.want.Lost; got.Operations != want {
					t.Errorf("%d deliveries, want %d", got.Operations, want)
				}
			})
		}
	}
}

func TestADeliveryAfterItsRunIsLateAndNotADuplicate(t *testing.T) {
	t.Parallel()
	var kept []byte
	s := newStub(t, func(s *stub) {
		s.deliver = func(sub, post int, frame []byte) [][]byte {
			switch {
			case sub == 0 && post == 10:
				kept = frame
				return nil
			case sub == 0 && post == 60:
				return [][]byte{kept, frame}
			}
			return [][]byte{frame}
		}
	})
	o := s.options()
	o.Count, o.Patience = 50, 3*time.Second
	r, err := Fanout(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if first, second := r.Runs[0], r.Runs[1]; first.Lost != 1 || second.Lost != 0 || second.Duplicates != 0 {
		t.Errorf("runs %+v", r.Runs)
	}
	if p := strings.Join(r.Problems, "\n"); !strings.Contains(p, "1 deliveries came after they had counted as lost") {
		t.Errorf("problems %q", p)
	}
}

func TestPacedPostsComeAtTheirPace(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	o := s.options()
	o.Count, o.Runs, o.Rate = 21, 1, 200
	r, err := Fanout(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	// 21 posts have 20 intervals of 5 ms between them.
	if run := r.Runs[0]; run.Operations != 147 || run.Seconds < 0.1 {
		t.Errorf("run %+v", run)
	}
}

func TestASubscriptionThatIsRefusedEndsTheLoad(t *testing.T) {
	t.Parallel()
	s := newStub(t, nil)
	o := s.options()
	o.Filter = "forbidden/#"
	_, err := Fanout(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "refuses the subscription to forbidden/#: 0x80") {
		t.Errorf("error %v", err)
	}
}

func TestFanoutOverTLSTrustsOnlyTheRootsItIsGiven(t *testing.T) {
	t.Parallel()
	s, roots := newTLSStub(t)
	o := s.options()
	o.Address = "tls://" + o.Address
	if _, err := Fanout(t.Context(), o); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with the system's roots: %v", err)
	}
	o.Roots = roots
	r, err := Fanout(t.Context(), o)
	if err != nil || !r.Sound() || r.Runs[0].Operations != 7*200 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestASubscriberKnowsWhatItHasSeen(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		seqs []uint32
		last uint32
		want tally
		lost uint64
	}{
		{"all in order", []uint32{1, 2, 3}, 3, tally{unique: 3}, 0},
		{"nothing came", nil, 3, tally{}, 3},
		{"one is missing in the middle", []uint32{1, 3}, 3, tally{unique: 2}, 1},
		{"the first is missing", []uint32{2, 3}, 3, tally{unique: 2}, 1},
		{"a repeat", []uint32{1, 1, 2, 1}, 2, tally{unique: 2, duplicates: 2}, 0},
		{"the wrong way round", []uint32{3, 2, 1}, 3, tally{unique: 3, disordered: 2}, 0},
		{"a late one that comes again", []uint32{1, 3, 2, 2}, 3, tally{unique: 3, disordered: 1, duplicates: 1}, 0},
		{"a gap that fills from its middle", []uint32{1, 7, 4, 4, 2, 6}, 7, tally{unique: 5, disordered: 3, duplicates: 1}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := received{load: 1, floor: make([]uint32, 1)}
			s := subscriber{version: 5, next: []uint32{1}}
			for _, seq := range row.seqs {
				s.see(stamp{seq: seq, load: 1}, 5, &r)
			}
			if r.unique != row.want.unique || r.duplicates != row.want.duplicates || r.disordered != row.want.disordered {
				t.Errorf("unique %d, duplicates %d, disordered %d; want %d, %d, %d", r.unique, r.duplicates, r.disordered,
					row.want.unique, row.want.duplicates, row.want.disordered)
			}
			if lost := s.miss([]uint32{row.last}); lost != row.lost {
				t.Errorf("lost %d, want %d", lost, row.lost)
			}
			if lost := s.miss([]uint32{row.last}); lost != 0 {
				t.Errorf("%d are lost a second time", lost)
			}
		})
	}
}
