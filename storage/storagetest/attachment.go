package storagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"rambla/social"
)

func attachmentClaims() []claim {
	return []claim{
		{"a file hangs on the post it came with, and the post tells of it", filesHang},
		{"a file hangs on one post, which is its owner's", filesHangOnce},
		{"of posts that race for a file one gets it", filesRace},
		{"nobody has more files than the quota", filesQuota},
		{"a file goes with its post, its context, its wall, and what is given up", filesGo},
		{"a file that is never posted goes after its time", filesLoose},
		{"a secret that was kept stays", secretsStay},
	}
}

// file uploads one of so many bytes.
func (w *World) file(owner social.PersonKey, size int64) social.Attachment {
	w.Helper()
	f := social.Attachment{
		ID: w.IDs.New(Epoch()), Owner: owner, Name: "näme.png", MediaType: "image/png", Size: size,
		Width: 40, Height: 30, Digest: [32]byte{1, 2}, Created: Epoch(),
	}
	if err := w.DB.CreateAttachment(w.Context(), f, 1<<30); err != nil {
		w.Fatalf("upload: %v", err)
	}
	return f
}

// withFiles makes a post that files hang on.
func (w *World) withFiles(author social.PersonKey, files ...social.Attachment) social.Entry {
	e := Entries(w.Post(author, "look"))[0]
	for _, f := range files {
		e.Attachments = append(e.Attachments, f.ID)
	}
	return e
}

// has tells whether there is such a file, and on which post.
func (w *World) has(f social.Attachment) (on social.ID, there bool) {
	w.Helper()
	got, err := w.DB.Attachment(w.Context(), f.ID)
	if social.KindOrNil(err) == social.KindNotFound {
		return social.ID{}, false
	}
	if err != nil {
		w.Fatal(err)
	}
	return got.Post, true
}

// removedFiles are those that are to be removed at a moment.
func (w *World) removedFiles(now time.Time) string {
	w.Helper()
	ids, err := w.DB.RemovedAttachments(w.Context(), now.Add(-24*time.Hour), now, 100)
	if err != nil {
		w.Fatal(err)
	}
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return strings.Join(out, " ")
}

func filesHang(w *World) {
	one, two := w.file(w.Bob, 5), w.file(w.Bob, 7)
	got, err := w.DB.Attachment(w.Context(), one.ID)
	if err != nil || got != one {
		w.Fatalf("%+v, %v", got, err)
	}
	plain := w.Post(w.Bob, "before")
	plain.Extra = []byte(`{"data":{"a":1}}`)
	e := w.withFiles(w.Bob, two, one)
	e.Post.Extra = plain.Extra
	w.stored(Entries(plain)[0], e)
	if got, err = w.DB.Attachment(w.Context(), one.ID); err != nil || got.Post != e.Post.ID {
		w.Fatalf("%+v, %v", got, err)
	}
	var told struct {
		Data        json.RawMessage
		Attachments []struct{ ID string }
	}
	posts := w.All(w.Alice)
	if err := json.Unmarshal(posts[1].Extra, &told); err != nil || string(told.Data) != `{"a":1}` || len(told.Attachments) != 2 ||
		told.Attachments[0].ID != two.ID.String() || told.Attachments[1].ID != one.ID.String() {
		w.Errorf("the post tells %s, %v", posts[1].Extra, err)
	}
	if string(posts[1].Extra) != string(e.Post.Extra) || string(posts[0].Extra) != `{"data":{"a":1}}` {
		w.Errorf("what is announced is not what is kept: %s", e.Post.Extra)
	}
}

func filesHangOnce(w *World) {
	mine, his := w.file(w.Bob, 1), w.file(w.Alice, 1)
	gone := w.file(w.Bob, 1)
	if was, err := w.DB.RemoveAttachment(w.Context(), gone.ID, Epoch()); err != nil || !was {
		w.Fatal(was, err)
	}
	for _, files := range [][]social.Attachment{{his}, {mine, his}, {gone}, {{ID: w.IDs.New(Epoch())}}} {
		w.refused(w.withFiles(w.Bob, files...), social.KindInvalid)
	}
	first, again := w.withFiles(w.Bob, mine), w.withFiles(w.Bob, mine)
	first.Post.Key, again.Post.Key = "once", "twice"
	out := w.AppendEntries(Epoch(), first, again)
	Wants(w, out[1].Err, social.KindInvalid)
	if out[0].Err != nil || out[0].Seq != 1 {
		w.Fatalf("%+v", out[0])
	}
	w.refused(w.withFiles(w.Bob, mine), social.KindInvalid)
	repeat := w.withFiles(w.Bob, mine)
	repeat.Post.Key = "once"
	if out := w.AppendEntries(Epoch(), repeat)[0]; out.Err != nil || !out.Repeat || out.ID != first.Post.ID {
		w.Errorf("a repeat: %+v", out)
	}
	if was, err := w.DB.RemoveAttachment(w.Context(), mine.ID, Epoch()); err != nil || was {
		w.Errorf("a file that hangs on a post was removed without it: %v", err)
	}
}

func filesRace(w *World) {
	f := w.file(w.Bob, 1)
	other := w.Space("elsewhere", w.Bob)
	var got, refused atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		e := w.withFiles(w.Bob, f)
		if i%2 == 0 {
			e.Post.Stream = other.Stream(social.ChannelMessages)
		}
		wg.Go(func() {
			out, err := w.DB.Append(w.Context(), []social.Entry{e}, Epoch())
			switch {
			case err != nil:
				w.Errorf("append: %v", err)
			case out[0].Err == nil:
				got.Add(1)
			case social.KindOf(out[0].Err) == social.KindInvalid:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if got.Load() != 1 || refused.Load() != 7 {
		w.Errorf("%d got it and %d did not", got.Load(), refused.Load())
	}
}

func filesQuota(w *World) {
	var kept atomic.Int64
	var wg sync.WaitGroup
	for range 6 {
		f := social.Attachment{ID: w.IDs.New(Epoch()), Owner: w.Bob, Name: "x", MediaType: "text/plain", Size: 30, Created: Epoch()}
		wg.Go(func() {
			err := w.DB.CreateAttachment(w.Context(), f, 100)
			if err == nil {
				kept.Add(1)
			} else if social.KindOf(err) != social.KindTooLarge {
				w.Errorf("beyond the quota: %v", err)
			}
		})
	}
	wg.Wait()
	if n, err := w.DB.AttachmentBytes(w.Context(), w.Bob); err != nil || n != 90 || kept.Load() != 3 {
		w.Errorf("%d files of %d bytes, %v", kept.Load(), n, err)
	}
	if n, err := w.DB.AttachmentBytes(w.Context(), w.Alice); err != nil || n != 0 {
		w.Errorf("alice has %d, %v", n, err)
	}
	Wants(w, w.DB.CreateAttachment(w.Context(), social.Attachment{ID: w.IDs.New(Epoch()), Owner: 1 << 40, Name: "x", MediaType: "x", Size: 1}, 1), social.KindNotFound)
}

func filesGo(w *World) {
	inPost, stays, given, inSpace, onWall := w.file(w.Bob, 1), w.file(w.Bob, 1), w.file(w.Bob, 1), w.file(w.Bob, 1), w.file(w.Carol, 1)
	shown := w.withFiles(w.Bob, inPost)
	w.stored(w.withFiles(w.Bob, given), shown, w.withFiles(w.Bob, stays))
	w.stored(Entries(w.Amend(social.TypeDelete, shown.Post, ""))...)
	if _, there := w.has(inPost); there || w.removedFiles(Epoch()) != inPost.ID.String() {
		w.Fatalf("after its post was removed: %v, %q", there, w.removedFiles(Epoch()))
	}
	forget := func(files ...social.Attachment) {
		w.Helper()
		var ids []social.ID
		for _, f := range files {
			ids = append(ids, f.ID)
			if _, there := w.has(f); there || !strings.Contains(w.removedFiles(Epoch()), f.ID.String()) {
				w.Errorf("%s is still there", f.ID)
			}
		}
		if err := w.DB.ForgetAttachments(w.Context(), ids); err != nil || w.removedFiles(Epoch()) != "" {
			w.Errorf("forgotten: %q, %v", w.removedFiles(Epoch()), err)
		}
	}
	forget(inPost)
	keep := social.Retention{Posts: 3}
	if err := w.DB.PatchSpace(w.Context(), w.Lobby.Key, social.SpacePatch{Retention: &keep}, nil, Epoch()); err != nil {
		w.Fatal(err)
	}
	if _, err := w.DB.Purge(w.Context(), Epoch()); err != nil {
		w.Fatal(err)
	}
	forget(given)
	other := w.Space("elsewhere", w.Bob)
	e := w.withFiles(w.Bob, inSpace)
	e.Post.Stream = other.Stream(social.ChannelMessages)
	wall, err := w.DB.CreateWall(w.Context(), w.Carol, Epoch())
	if err != nil {
		w.Fatal(err)
	}
	space := w.ReadSpace(wall)
	said := w.withFiles(w.Carol, onWall)
	said.Post.Stream = space.Stream(social.ChannelMessages)
	w.stored(e, said)
	if err := errors.Join(w.DB.DeleteSpace(w.Context(), other.Key, nil, Epoch()), w.DB.RemovePerson(w.Context(), w.Carol, Epoch())); err != nil {
		w.Fatal(err)
	}
	forget(inSpace, onWall)
	if on, there := w.has(stays); !there || on.IsZero() {
		w.Error("a file of a living post is gone")
	}
	if err := w.DB.ForgetAttachments(w.Context(), []social.ID{stays.ID}); err != nil {
		w.Fatal(err)
	}
	if _, there := w.has(stays); !there {
		w.Error("a file that was not removed was forgotten")
	}
}

func filesLoose(w *World) {
	loose, posted := w.file(w.Bob, 1), w.file(w.Bob, 1)
	w.stored(w.withFiles(w.Bob, posted))
	if got := w.removedFiles(Epoch().Add(24*time.Hour - time.Second)); got != "" {
		w.Errorf("before its time: %s", got)
	}
	if got := w.removedFiles(Epoch().Add(24*time.Hour + time.Second)); got != loose.ID.String() {
		w.Errorf("after its time: %q", got)
	}
	if n, err := w.DB.AttachmentBytes(w.Context(), w.Bob); err != nil || n != 1 {
		w.Errorf("%d bytes, %v", n, err)
	}
	w.refused(w.withFiles(w.Bob, loose), social.KindInvalid)
}

func secretsStay(w *World) {
	var wg sync.WaitGroup
	kept := make([]social.Secret, 4)
	for i := range kept {
		wg.Go(func() {
			var err error
			if kept[i], err = w.DB.KeepSecret(w.Context(), "links", social.Secret(fmt.Sprint("secret ", i)), Epoch()); err != nil {
				w.Errorf("keep: %v", err)
			}
		})
	}
	wg.Wait()
	for _, k := range kept {
		if k != kept[0] || k == "" {
			w.Errorf("%q and %q", string(k), string(kept[0]))
		}
	}
	if other, err := w.DB.KeepSecret(w.Context(), "other", "another", Epoch()); err != nil || other != "another" {
		w.Errorf("%q, %v", string(other), err)
	}
}
