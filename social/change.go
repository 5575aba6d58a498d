package social

import (
	"context"
	"time"
)

// ChangeKind says which memory a change makes stale.
type ChangeKind uint8

const (
	ChangePerson   ChangeKind = iota + 1 // created, renamed, roles, suspended, removed, erased
	ChangePassword                       // the account's password
	ChangeSpace                          // created, edited, deleted
	ChangeMember                         // membership, overrides or ban of Person in Space
	ChangeGrant                          // Grant has ended
	ChangeBlock                          // whom Person blocks or ignores
	ChangeEpoch                          // a backup was restored; no memory is from before
)

// Change is one entry of the journal of rights. Every transaction that alters
// people, spaces, members or grants takes the next version in it, so that the
// order of versions is the order of commits and memory can follow by reading on.
type Change struct {
	Version int64
	Kind    ChangeKind
	Person  PersonKey
	Space   SpaceKey
	Grant   GrantKey
}

// DirectoryStore is what a Directory reads.
type DirectoryStore interface {
	// ChangesAfter lists changes in order, at most limit.
	ChangesAfter(ctx context.Context, version int64, limit int) ([]Change, error)
	// Version is the newest version of the journal.
	Version(ctx context.Context) (int64, error)
	// People calls each for the people with these keys, or all for nil,
	// removed ones included.
	People(ctx context.Context, keys []PersonKey, each func(Person)) error
	// Spaces does the same for spaces, deleted ones included.
	Spaces(ctx context.Context, keys []SpaceKey, each func(Space)) error
	// Affiliations does the same for who is what where, each pair asked for once.
	Affiliations(ctx context.Context, of []Member, each func(Affiliation)) error
	// Blocks calls each for whom these people block or ignore, or all do for nil.
	Blocks(ctx context.Context, people []PersonKey, each func(Block)) error
	// OpenStreams finds the streams of these prefixes, and makes those that are
	// missing.
	OpenStreams(ctx context.Context, prefixes []string) ([]OpenStream, error)
}

// PeopleStore changes people. Each method is one transaction with its Change.
type PeopleStore interface {
	// Profile is what the person says of itself; the zero value where it says nothing.
	Profile(ctx context.Context, key PersonKey) (Profile, error)
	// CreatePerson is KindConflict where the name is or was anybody's.
	CreatePerson(ctx context.Context, p NewPerson, now time.Time) (PersonKey, error)
	// PatchPerson is KindNotFound for a removed person.
	PatchPerson(ctx context.Context, key PersonKey, patch PersonPatch, now time.Time) error
	// RenamePerson keeps the old name as an alias; errors as CreatePerson. A
	// person may take back a former name of its own.
	RenamePerson(ctx context.Context, key PersonKey, name string, now time.Time) error
	// RemovePerson marks the person removed, deletes the password, ends every
	// grant, every membership and override, and every stored session.
	RemovePerson(ctx context.Context, key PersonKey, now time.Time) error
}

// SpaceStore changes spaces and who belongs to them. Each method is one
// transaction with its Change; those that take events append them to the
// space's streams in that same transaction and return them with seq and time.
type SpaceStore interface {
	BanStore
	MemberSyncStore
	// CreateSpace makes the space, its streams and the owner's membership.
	// KindConflict where the id is or was taken; of the parent as PatchSpace.
	CreateSpace(ctx context.Context, s Space, now time.Time) (SpaceKey, error)
	// PatchSpace changes what the patch names and leaves the rest as it is at that
	// moment. Of a parent it is KindInvalid where that is no living context, lies
	// below the space, or the tree would become deeper than MaxTreeDepth.
	PatchSpace(ctx context.Context, key SpaceKey, patch SpacePatch, event *Post, now time.Time) error
	// DeleteSpace leaves the spaces below without a parent.
	DeleteSpace(ctx context.Context, key SpaceKey, event *Post, now time.Time) error
	// SetOwner gives the space to somebody, who becomes a member if it is none, which join tells;
	// first is false, and nothing is told, where it owned it already. KindNotFound
	// for a removed person or a deleted space, KindConflict for one who is banned.
	SetOwner(ctx context.Context, space SpaceKey, owner PersonKey, event, join *Post, now time.Time) (first bool, err error)
	// Join makes a membership with the heads of the moment; first is false, and
	// no event is appended, where there was one.
	Join(ctx context.Context, space SpaceKey, person PersonKey, event *Post, now time.Time) (first bool, err error)
	// Leave ends a membership and the person's grants in the space (vetoes stay);
	// was is false, and no event is appended, where there was none.
	Leave(ctx context.Context, space SpaceKey, person PersonKey, event *Post, now time.Time) (was bool, err error)
	// SetOverride sets a grant or veto; it replaces either of the same
	// permission. first is false where the very same one was there already.
	SetOverride(ctx context.Context, space SpaceKey, person PersonKey, o Override, now time.Time) (first bool, err error)
	// ClearOverrides removes overrides of these permissions, grants or vetoes
	// or both; n is how many there were.
	ClearOverrides(ctx context.Context, space SpaceKey, person PersonKey, of Permissions, grants, vetoes bool, now time.Time) (n int, err error)
	// Members lists memberships by key of the person, after the given one.
	Members(ctx context.Context, space SpaceKey, after PersonKey, limit int) ([]Membership, error)
}
