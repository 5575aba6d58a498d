package social

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxTreeDepth is how many levels a tree of contexts may have.
const MaxTreeDepth = 8

// maxOrder bounds the places among siblings, both ways.
const maxOrder = math.MaxInt32

// Parent finds the context with that id, to hang another below; 0 for "".
// KindInvalid where the actor may not know of it.
func (sp *Spaces) Parent(a Actor, id string) (SpaceKey, error) {
	if id == "" {
		return 0, nil
	}
	sight, err := sp.dir.See(a, id)
	if err != nil {
		return 0, Invalid("parent", "there is no context %q, or it is not yours to see", clip(id))
	}
	return sight.Space.Key, nil
}

// mayHang is KindForbidden where the actor does not administer the context that
// it wants to hang another below. 0 is none.
func (sp *Spaces) mayHang(a Actor, parent SpaceKey) error {
	if parent == 0 {
		return nil
	}
	s := sp.dir.SpaceByKey(parent)
	if !sp.dir.administers(a, s) || !a.Scopes.MayWrite(s.ID, false) {
		return Errorf(KindForbidden, "Only the owner of the context above or a manager may put contexts below it.")
	}
	return nil
}

// ParentOf is the id of the context that s hangs below, where the actor may know
// of that; else empty.
func (d *Directory) ParentOf(a Actor, s *Space) string {
	if s.Parent == 0 {
		return ""
	}
	if above, visible := d.look(a, s.Parent); visible {
		return above.Space.ID
	}
	return ""
}

// treePlace is where a context stands among its siblings.
type treePlace struct {
	order int
	id    string
}

func (p treePlace) compare(q treePlace) int {
	return cmp.Or(cmp.Compare(p.order, q.order), strings.Compare(p.id, q.id))
}

// String is how a page of siblings is continued.
func (p treePlace) String() string { return strconv.Itoa(p.order) + " " + p.id }

func parseTreePlace(s string) (p treePlace, ok bool) {
	order, id, ok := strings.Cut(s, " ")
	n, err := strconv.Atoi(order)
	return treePlace{n, id}, ok && err == nil
}

// childrenLocked are the living contexts right below one, in their order.
func (d *Directory) childrenLocked(parent SpaceKey) []treePlace {
	var out []treePlace
	for key := range d.children[parent] {
		if s := d.spaces[key].space; !s.Deleted {
			out = append(out, treePlace{s.Order, s.ID})
		}
	}
	slices.SortFunc(out, treePlace.compare)
	return out
}

// hangLocked follows a space that comes, or moves from below another.
func (d *Directory) hangLocked(was, now *Space) {
	if was != nil && was.Parent != 0 {
		delete(d.children[was.Parent], was.Key)
		if len(d.children[was.Parent]) == 0 {
			delete(d.children, was.Parent)
		}
	}
	if now.Parent != 0 {
		if d.children[now.Parent] == nil {
			d.children[now.Parent] = map[SpaceKey]struct{}{}
		}
		d.children[now.Parent][now.Key] = struct{}{}
	}
}

// address is a context with a URL.
type address struct {
	url string
	key SpaceKey
}

// addressesLocked are those of living contexts in order, sorted only after a
// change. Readers may sort at the same time; each result is right.
func (d *Directory) addressesLocked() []address {
	if list := d.addresses.Load(); list != nil {
		return *list
	}
	list := []address{}
	for _, key := range d.ids {
		if s := d.spaces[key].space; s.URL != "" && !s.Deleted {
			list = append(list, address{s.URL, key})
		}
	}
	slices.SortFunc(list, func(x, y address) int { return cmp.Or(strings.Compare(x.url, y.url), cmp.Compare(x.key, y.key)) })
	d.addresses.Store(&list)
	return list
}

// UnderURL lists, in order of URL, the contexts that the actor may read whose URL
// is url or lies below it: …/a covers …/a/b, …/a?b and …/a#b, but not …/ab. None
// for an empty url. Cost: those that there are below, and sorting all after a
// change of any.
func (d *Directory) UnderURL(a Actor, url string) []Sight {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if url == "" {
		return nil
	}
	list := d.addressesLocked()
	from, _ := slices.BinarySearchFunc(list, url, func(x address, url string) int { return strings.Compare(x.url, url) })
	var out []Sight
	for _, x := range list[from:] {
		rest, below := strings.CutPrefix(x.url, url)
		if !below {
			break
		}
		if rest != "" && !strings.ContainsRune("/?#", rune(rest[0])) && !strings.HasSuffix(url, "/") {
			continue
		}
		if s, visible := d.sightLocked(a, d.spaces[x.key], false); visible && s.May.Has(Read) {
			out = append(out, s)
		}
	}
	return out
}
