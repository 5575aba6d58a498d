package social

import (
	"maps"
	"slices"
	"sync"
)

// searchChunk is how many names are looked at before others may change the directory.
const searchChunk = 1000

// nameWords remembers the words of people and contexts: values in the directory are
// replaced, never changed, so that a row says by itself whether it is of today.
type nameWords[K comparable, V any] struct {
	mu sync.Mutex // guards of
	of map[K]knownWords[V]
}

type knownWords[V any] struct {
	value *V
	words []string
}

// get are the words of a value; text is asked where they are not known.
func (n *nameWords[K, V]) get(key K, value *V, words func(*V) []string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.of[key]; ok && known.value == value {
		return known.words
	}
	if n.of == nil {
		n.of = map[K]knownWords[V]{}
	}
	out := words(value)
	n.of[key] = knownWords[V]{value, out}
	return out
}

// NameFound is a person or a context, and what of its name was asked for.
type NameFound[T any] struct {
	Item    T
	Excerpt []ExcerptRun
}

// nameTerms reads a query for names, of which the beginnings of words suffice.
func (ss *Searches) nameTerms(query string) ([]SearchTerm, error) {
	t, err := ss.words.Parse(query)
	if err != nil {
		return nil, err
	}
	for _, tag := range t.Tags {
		t.Terms = append(t.Terms, SearchTerm{Words: []string{tag}})
	}
	for i := range t.Terms {
		t.Terms[i].Prefix = true
	}
	if !(SearchTerms{Terms: t.Terms}).Asks() {
		return nil, Invalid("q", "has no word to look for")
	}
	return t.Terms, nil
}

// fits tells whether all terms hold of the words.
func fits(words []string, terms []SearchTerm) bool {
	for _, t := range terms {
		has := false
		for i := range words {
			if has = t.At(words[i:]); has {
				break
			}
		}
		if has == t.Not {
			return false
		}
	}
	return true
}

// People finds living people by the beginnings of the words of their names, in order
// of name after the given one, as far as they are listed to the actor. more says
// whether there are others. Cost: all people once, in memory.
func (ss *Searches) People(a Actor, query, after string, limit int) (list []NameFound[Person], more bool, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, false, err
	}
	terms, err := ss.nameTerms(query)
	if err != nil {
		return nil, false, err
	}
	for {
		found, last := ss.dir.peopleNamed(a, after, limit+1-len(list), func(p *Person) bool {
			return fits(ss.people.get(p.Key, p, ss.personWords), terms)
		})
		for _, p := range found {
			spans, _ := ss.words.Match(terms, p.DisplayName)
			list = append(list, NameFound[Person]{p, excerpt(p.DisplayName, spans)})
		}
		if len(list) > limit {
			return list[:limit], true, nil
		}
		if after = last; last == "" {
			return list, false, nil
		}
	}
}

func (ss *Searches) personWords(p *Person) []string {
	out := append(ss.words.Words(p.Name), ss.words.Words(p.DisplayName)...)
	return append(out, p.Name)
}

// peopleNamed looks at a chunk of the people after the given name. last is where to go
// on; empty at the end.
func (d *Directory) peopleNamed(a Actor, after string, limit int, take func(*Person) bool) (list []Person, last string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	sees := d.seesHiddenLocked(a)
	looked := 0
	list, more := d.peopleLocked(after, limit, func(p *Person) bool {
		if looked == searchChunk {
			return false
		}
		looked++
		last = p.Name
		return (!p.Roles.Has(RoleHidden) || sees || p.Key == a.hand()) && take(p)
	})
	if !more && looked < searchChunk {
		last = ""
	}
	return list, last
}

// Contexts finds contexts that the actor may know of by the beginnings of the words of
// their names, ids, descriptions, tags and addresses; with a tag only those that have
// it. In order of id after the given one. Cost: all contexts once, in memory.
func (ss *Searches) Contexts(a Actor, query, tag, after string, limit int) (list []NameFound[Sight], more bool, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, false, err
	}
	var terms []SearchTerm
	if query != "" || tag == "" {
		if terms, err = ss.nameTerms(query); err != nil {
			return nil, false, err
		}
	}
	var tags []string
	if tag != "" {
		tags = foldTags([]string{tag})
	}
	for {
		found, last := ss.dir.contextsNamed(a, after, limit+1-len(list), func(s *Space) bool {
			return hasTags(s, tags) && fits(ss.spaces.get(s.Key, s, ss.spaceWords), terms)
		})
		for _, s := range found {
			text := s.Space.DisplayName
			spans, all := ss.words.Match(terms, text)
			if !all && s.Space.Description != "" {
				text = s.Space.Description
				spans, _ = ss.words.Match(terms, text)
			}
			list = append(list, NameFound[Sight]{s, excerpt(text, spans)})
		}
		if len(list) > limit {
			return list[:limit], true, nil
		}
		if after = last; last == "" {
			return list, false, nil
		}
	}
}

func (ss *Searches) spaceWords(s *Space) []string {
	out := append(ss.words.Words(s.ID), ss.words.Words(s.DisplayName)...)
	out = append(out, ss.words.Words(s.Description)...)
	for _, tag := range s.Tags {
		out = append(out, ss.words.Words(tag)...)
	}
	return append(append(out, ss.words.Words(s.URL)...), s.ID)
}

// contextsNamed looks at a chunk of the contexts after the given id. last is where to
// go on; empty at the end.
func (d *Directory) contextsNamed(a Actor, after string, limit int, take func(*Space) bool) (list []Sight, last string) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	ids := sorted(&d.idOrder, maps.Keys(d.ids))
	from, _ := slices.BinarySearch(ids, after+"\x00")
	ids = ids[from:]
	for i, id := range ids {
		if i == searchChunk || len(list) == limit {
			return list, last
		}
		last = id
		s, visible := d.sightLocked(a, d.spaces[d.ids[id]], false)
		if visible && take(s.Space) {
			list = append(list, s)
		}
	}
	return list, ""
}
