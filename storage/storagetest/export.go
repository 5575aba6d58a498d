package storagetest

import (
	"rambla/social"
)

func exportClaims() []claim {
	return []claim{
		{"what one wrote and likes is found a part of the log at a time", writtenInParts},
		{"what one has is listed a page at a time", ownedInPages},
	}
}

func writtenInParts(w *World) {
	var mine, others []*social.Post
	for range 5 {
		mine, others = append(mine, w.Post(w.Alice, "mine")), append(others, w.Post(w.Bob, "bob's"))
	}
	for i := range mine {
		w.Append(Epoch(), mine[i], others[i])
	}
	w.Append(Epoch(), w.Amend(social.TypeDelete, mine[1], ""))
	w.stored(w.reaction(social.TypeLike, w.Alice, others[3]), w.reaction(social.TypeLike, w.Bob, others[2]))
	w.stored(w.comment(w.Alice, others[0], "a comment"))
	parts, posts, likes := 0, 0, 0
	for place, more := (social.WrittenPlace{}), true; more; parts++ {
		out, err := w.DB.WrittenBy(w.Context(), w.Alice, place, 3)
		if err != nil {
			w.Fatal(err)
		}
		for _, p := range out.Posts {
			if p.Author != w.Alice || !p.Removed.IsZero() != (p.ID == mine[1].ID) {
				w.Errorf("found is %+v", p)
			}
		}
		for _, l := range out.Likes {
			if l.Post != others[3].ID || l.Seq != others[3].Seq || l.At.IsZero() {
				w.Errorf("liked is %+v", l)
			}
		}
		posts, likes = posts+len(out.Posts), likes+len(out.Likes)
		place, more = out.Next, out.More
	}
	if posts != 6 || likes != 1 || parts != 5 { // of 12 entries, and the end
		w.Errorf("in %d parts %d posts and %d likes are found", parts, posts, likes)
	}
}

func ownedInPages(w *World) {
	kept := map[social.ID]bool{}
	for i := range 4 {
		p := w.Post(w.Bob, "to keep")
		w.Append(Epoch(), p)
		for _, who := range []social.PersonKey{w.Alice, w.Bob} {
			if _, err := w.DB.SetFavorite(w.Context(), p.Ref(), who, true, Epoch()); err != nil {
				w.Fatal(err)
			}
		}
		kept[p.ID], kept[w.file(w.Alice, int64(1+i/2)).ID] = true, true
		w.file(w.Bob, 2)
	}
	for after, more := (social.PostRef{}), true; more; {
		page, err := w.DB.Favorites(w.Context(), w.Alice, after, 1)
		if err != nil {
			w.Fatal(err)
		}
		for _, l := range page {
			if !kept[l.Post] {
				w.Errorf("kept is %+v", l)
			}
			delete(kept, l.Post)
			after = l.PostRef
		}
		more = len(page) == 1
	}
	for after, more := (social.AttachmentPlace{}), true; more; {
		page, err := w.DB.AttachmentsOf(w.Context(), w.Alice, after, 1)
		if err != nil {
			w.Fatal(err)
		}
		for _, f := range page {
			if !kept[f.ID] || f.Owner != w.Alice {
				w.Errorf("a file is %+v", f)
			}
			delete(kept, f.ID)
			after = social.AttachmentPlace{Size: f.Size, ID: f.ID}
		}
		more = len(page) == 1
	}
	if len(kept) > 0 {
		w.Errorf("not found is %v", kept)
	}
}
