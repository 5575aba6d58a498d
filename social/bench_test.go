package social

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func BenchmarkRenderPost(b *testing.B) {
	d := loaded(b, smallTown(), atNoon)
	space := d.SpaceByKey(lobby)
	id, _ := ParseID(someID)
	p := Post{Seq: 42, ID: id, Type: TypeCreate, Author: alice, Content: strings.Repeat("hello, wörld\n", 20), Published: noon, Key: "k", Generator: "mqtt"}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = d.RenderPost(buf[:0], space, &p)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkParsePayload(b *testing.B) {
	text := strings.Repeat("hello, wörld\n", 20)
	for name, payload := range map[string]string{
		"text": text, "json": fmt.Sprintf(`{"content":%q,"key":"k"}`, text),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if _, err := ParsePayload([]byte(payload), false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEffective(b *testing.B) {
	s := Standing{Member: true, Overrides: []Override{until(grantOf(Write), noon.Add(time.Hour)), vetoOf(Flag)}}
	policies := Presets()["open"]
	b.ReportAllocs()
	for b.Loop() {
		if Effective(policies, false, 0, s, noon) == NoPermissions {
			b.Fatal("nothing")
		}
	}
}

func BenchmarkReceives(b *testing.B) {
	d := loaded(b, smallTown(), atNoon)
	b.ReportAllocs()
	for b.Loop() {
		if d.Receives(as(bob), lobby) == 0 {
			b.Fatal("nothing")
		}
	}
}
