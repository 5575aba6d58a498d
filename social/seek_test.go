package social

import (
	"math"
	"strings"
	"testing"
)

func TestAFilterSaysWhereItsReplayBegins(t *testing.T) {
	t.Parallel()
	since := func(epoch string, n uint64) *SeekFrom { return &SeekFrom{Epoch: epoch, After: n} }
	for filter, want := range map[string]struct {
		plain string
		from  *SeekFrom
	}{
		"/ctx/a/messages":                             {"/ctx/a/messages", nil},
		"$since/0//ctx/a/messages":                    {"/ctx/a/messages", since("", 0)},
		"$since/41//ctx/a/messages":                   {"/ctx/a/messages", since("", 41)},
		"$since/007//x":                               {"/x", since("", 7)},
		"$since/e1:41//ctx/a/messages":                {"/ctx/a/messages", since("e1", 41)},
		"$since/9223372036854775807//x":               {"/x", since("", math.MaxInt64)},
		"$since/9223372036854775808//x":               {"/x", since("", math.MaxInt64)},
		"$since/99999999999999999999999//x":           {"/x", since("", math.MaxInt64)},
		"$last/50//x":                                 {"/x", &SeekFrom{Last: 50, ByLast: true}},
		"$last/0//x":                                  {"/x", &SeekFrom{ByLast: true}},
		"$since/1/":                                   {"", since("", 1)}, // what is behind is for the topic grammar
		"$sinc/1//x":                                  {"$sinc/1//x", nil},
		"$since/" + strings.Repeat("e", 64) + ":1//x": {"/x", since(strings.Repeat("e", 64), 1)},
		"/$since/1//x":                                {"/$since/1//x", nil},
		"$share/g/$since/1//x":                        {"$share/g/$since/1//x", nil},
	} {
		plain, from, err := ParseSeek(filter)
		if err != nil || plain != want.plain || (from == nil) != (want.from == nil) || from != nil && *from != *want.from {
			t.Errorf("%q: %q, %+v, %v", filter, plain, from, err)
		}
	}
	for _, filter := range []string{
		"$since/", "$since//", "$since//x", "$since/1", "$since/-1//x", "$since/+1//x", "$since/1.5//x", "$since/x//x", "$since/ 1//x",
		"$since/:1//x", "$since/e://x", "$since/e:f:1//x", "$since/" + strings.Repeat("e", 65) + ":1//x", "$since/" + strings.Repeat("1", 65) + "//x",
		"$last/", "$last/1", "$last//x", "$last/e:1//x", "$last/-1//x", "$since/١//x",
	} {
		if plain, from, err := ParseSeek(filter); KindOrNil(err) != KindInvalid || plain != "" || from != nil {
			t.Errorf("%q: %q, %+v, %v", filter, plain, from, err)
		}
	}
}

func FuzzAPositionReadsAsItIsWritten(f *testing.F) {
	for _, s := range []string{"41", "e1:41", "e:", ":1", "18446744073709551616", "00", "a:b:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		epoch, seq, err := ParsePosition("after", s)
		if err != nil {
			if KindOf(err) != KindInvalid || epoch != "" || seq != 0 {
				t.Fatalf("%q: %q %d %v", s, epoch, seq, err)
			}
			return
		}
		if seq > math.MaxInt64 {
			t.Fatalf("%q is %d, which no store holds", s, seq)
		}
		if epoch == "" {
			return
		}
		again, n, err := ParsePosition("after", FormatPosition(epoch, seq))
		if err != nil || again != epoch || n != seq {
			t.Fatalf("%q: %q %d reads as %q %d, %v", s, epoch, seq, again, n, err)
		}
		plain, from, err := ParseSeek("$since/" + FormatPosition(epoch, seq) + "//x")
		if strings.Contains(epoch, "/") {
			return // no level of a topic
		}
		if err != nil || plain != "/x" || from.Epoch != epoch || from.After != seq {
			t.Fatalf("%q in a filter: %q %+v %v", s, plain, from, err)
		}
	})
}
