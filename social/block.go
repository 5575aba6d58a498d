package social

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Block is that one person does not want to hear from another, who does not from
// it either then; or else that it only ignores the other, see [NewIgnores].
type Block struct {
	Person  PersonKey
	Blocked PersonKey
	Ignored bool // it is only ignored
	At      time.Time
}

// BlockStore keeps blocks. Each method is one transaction with its Change.
type BlockStore interface {
	// Block is KindNotFound for a removed person, and KindConflict where b.Person
	// blocks, or ignores, most others. first is false where it was there.
	Block(ctx context.Context, b Block, most int) (first bool, err error)
	// Unblock ends it at b.At; it does nothing where there is none.
	Unblock(ctx context.Context, b Block) error
}

// maxBlocks is how many people one person blocks, or ignores, at most; they are in
// memory.
const maxBlocks = 1000

// blockedLocked tells whether one of the two blocks the other.
func (d *Directory) blockedLocked(a, b PersonKey) bool {
	return blocks(d.blocks[a], b) || blocks(d.blocks[b], a)
}

func blocks(list []Block, person PersonKey) bool {
	return slices.ContainsFunc(list, func(b Block) bool { return b.Blocked == person })
}

func (d *Directory) blocked(a, b PersonKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.blockedLocked(a, b)
}

func (d *Directory) putBlockLocked(b Block) {
	of := d.blocksLocked(b.Ignored)
	of[b.Person] = append(of[b.Person], b)
}

// blocksLocked are the blocks, or else whom people ignore.
func (d *Directory) blocksLocked(ignored bool) map[PersonKey][]Block {
	if ignored {
		return d.ignores
	}
	return d.blocks
}

// Blocks are the use cases on blocks, or else on whom people ignore.
type Blocks struct {
	dir     *Directory
	store   BlockStore
	ignored bool
	now     func() time.Time
}

// NewBlocks makes the use cases.
func NewBlocks(dir *Directory, store BlockStore, now func() time.Time) *Blocks {
	return &Blocks{dir: dir, store: store, now: now}
}

// Put lets the actor block name: from when it returns neither of them writes to the other
// in the conversation of the two; or else ignore it. first is false where it was so. The
// other is not told.
func (bs *Blocks) Put(ctx context.Context, a Actor, name string) (first bool, err error) {
	who, err := bs.whom(a, name)
	if err != nil {
		return false, err
	}
	if who.Key == a.Person {
		return false, Errorf(KindConflict, "Nobody blocks or ignores itself.")
	}
	if first, err = bs.store.Block(ctx, bs.block(a, who), maxBlocks); err != nil {
		return false, err
	}
	return first, bs.dir.settle(ctx)
}

func (bs *Blocks) block(a Actor, who Person) Block {
	return Block{Person: a.Person, Blocked: who.Key, Ignored: bs.ignored, At: bs.now()}
}

// End ends the actor's block of name, if there is one.
func (bs *Blocks) End(ctx context.Context, a Actor, name string) error {
	who, err := bs.whom(a, name)
	if err != nil {
		return err
	}
	if err := bs.store.Unblock(ctx, bs.block(a, who)); err != nil {
		return err
	}
	return bs.dir.settle(ctx)
}

// whom finds somebody whom the actor sees, talks to, blocks or ignores.
func (bs *Blocks) whom(a Actor, name string) (Person, error) {
	if err := a.RequireSelf(true); err != nil {
		return Person{}, err
	}
	who, ok := bs.dir.PersonByName(name)
	if name == "me" {
		who, ok = bs.dir.PersonByKey(a.Person)
	}
	if !ok || !bs.dir.shows(a, who) && !bs.dir.met(a.Person, who.Key) {
		return Person{}, noPerson(name)
	}
	return who, nil
}

// met tells whether the two have a conversation, or person blocks or ignores the other.
func (d *Directory) met(person, other PersonKey) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, talk := d.pairs[pairOf(person, other)]
	return talk || blocks(d.blocks[person], other) || blocks(d.ignores[person], other)
}

// Blocked is somebody whom the actor blocks, or ignores.
type Blocked struct {
	Person Person
	At     time.Time
}

// List lists whom the actor blocks, by name after the given one. more says
// whether there are others.
func (bs *Blocks) List(a Actor, after string, limit int) (list []Blocked, more bool, err error) {
	if err := a.RequireSelf(false); err != nil {
		return nil, false, err
	}
	list = bs.dir.blockedBy(a.Person, bs.ignored)
	from, _ := slices.BinarySearchFunc(list, after+"\x00", func(b Blocked, name string) int { return strings.Compare(b.Person.Name, name) })
	list = list[from:]
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

// blockedBy lists the living people whom the person blocks, or ignores, by name.
func (d *Directory) blockedBy(person PersonKey, ignored bool) []Blocked {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var list []Blocked
	for _, b := range d.blocksLocked(ignored)[person] {
		if p := d.people[b.Blocked]; p != nil && !p.Removed {
			list = append(list, Blocked{Person: *p, At: b.At})
		}
	}
	slices.SortFunc(list, func(a, b Blocked) int { return strings.Compare(a.Person.Name, b.Person.Name) })
	return list
}
