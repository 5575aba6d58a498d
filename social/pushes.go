package social

import "context"

// PushRecords keeps what was decided of pushes; see [PushStore].
type PushRecords interface {
	PushDecisions(ctx context.Context, person PersonKey, stream StreamKey, seq uint64, limit int) ([]PushDecision, error)
}

// Pushes are the use cases of who asks why there was a push, or none.
type Pushes struct {
	dir     *Directory
	records PushRecords
	devices DeviceStore
	posts   PostFinder
}

// PostFinder finds posts by their ids.
type PostFinder interface {
	// PostByID finds a post of any stream; KindNotFound.
	PostByID(ctx context.Context, id ID) (Post, error)
}

// NewPushes makes the use cases.
func NewPushes(dir *Directory, records PushRecords, devices DeviceStore, posts PostFinder) *Pushes {
	return &Pushes{dir: dir, records: records, devices: devices, posts: posts}
}

// PushTrace is what was decided of the pushes to a person.
type PushTrace struct {
	Person    Person
	Devices   []Device // that it has now, the newest first
	Decisions []PushDecided
}

// PushDecided is a decision, with what its numbers stand for.
type PushDecided struct {
	PushDecision
	Topic  string  // of its stream; empty: there is none any more
	Device *Device // nil: it was the same for all, or the device is gone
}

// maxDecisions bounds a trace; the store keeps fewer of each person.
const maxDecisions = 200

// Trace tells a manager what was decided last of the pushes to the person called
// name, what waits first of all, then the newest; where post is not empty, only of
// what that post was in. KindNotFound for a person or post that is not there.
func (ps *Pushes) Trace(ctx context.Context, a Actor, name, post string) (PushTrace, error) {
	if err := a.RequireSelf(false); err != nil {
		return PushTrace{}, err
	}
	if err := ps.dir.RequireManager(a); err != nil {
		return PushTrace{}, err
	}
	return ps.Explain(ctx, name, post)
}

// Explain is Trace without asking who wants to know: for the operator's command line.
func (ps *Pushes) Explain(ctx context.Context, name, post string) (t PushTrace, err error) {
	if name == "" {
		return t, Invalid("person", "is missing")
	}
	var ok bool
	if t.Person, ok = ps.dir.PersonByName(name); !ok {
		return t, noPerson(name)
	}
	var stream StreamKey
	var seq uint64
	if post != "" {
		id, ok := ParseID(post)
		if !ok {
			return t, noPost()
		}
		p, err := ps.posts.PostByID(ctx, id)
		if err != nil {
			return t, err
		}
		stream, seq = p.Stream, p.Seq
	}
	if t.Devices, err = ps.devices.Devices(ctx, t.Person.Key); err != nil {
		return t, err
	}
	decisions, err := ps.records.PushDecisions(ctx, t.Person.Key, stream, seq, maxDecisions)
	if err != nil {
		return t, err
	}
	for _, d := range decisions {
		one := PushDecided{PushDecision: d}
		for i := range t.Devices {
			if t.Devices[i].Key == d.Device {
				one.Device = &t.Devices[i]
			}
		}
		if s, c, ok := ps.dir.PushStream(d.Stream); ok {
			one.Topic = ps.dir.TopicOf(s, c)
		}
		t.Decisions = append(t.Decisions, one)
	}
	return t, nil
}
