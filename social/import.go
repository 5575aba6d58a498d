package social

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// The bounds of an import. A chunk is what one transaction takes: milliseconds,
// between which others commit.
const (
	importChunk    = 500
	maxImportLine  = 256 << 10 // bytes
	maxImportLines = 20_000_000
	maxFaults      = 1000 // that a report names
	maxForeseen    = 500_000
)

// ImportOptions say how an import is taken.
type ImportOptions struct {
	DryRun bool // nothing changes
	Skip   bool // a broken line is left out; else nothing behind it goes in
	Notify bool // joins are told as events, and people are pushed to for what is posted
	// CSV takes people from a table whose first line names its columns, instead of
	// lines of JSON.
	CSV bool
	// People takes nothing but people, contexts and members: for a process beside
	// the one that serves, which would not announce what is posted.
	People bool
}

// ImportCount is what became of lines of one sort.
type ImportCount struct{ Added, Changed, Unchanged int }

// ImportFault is a line that did not go in.
type ImportFault struct {
	Line   int
	Kind   Kind
	Detail string
}

// ImportReport is what an import did, or would.
type ImportReport struct {
	Lines                                           int // read, but for empty ones
	People, Contexts, Members, Activities, Comments ImportCount
	Failed                                          int
	Faults                                          []ImportFault // the first of them, in their order
	Stopped                                         bool          // at the last of Faults; nothing behind it went in
}

// SpaceMemberChange is what is to become of a person in a space, of which it
// becomes a member where it is none.
type SpaceMemberChange struct {
	Member
	Set   []Override // without an end
	Clear Permissions
}

// ImportStore takes many things at once. Each method is one transaction with a
// Change for each thing; a list called refused has an error for each thing that is
// not taken, else nil.
type ImportStore interface {
	// CreateSpaces makes contexts in their order, as [SpaceStore] makes one, up to the
	// first that it refuses. It tells how many it made, and why it made no more.
	CreateSpaces(ctx context.Context, list []Space, now time.Time) (made int, refused, err error)
	// CreatePeople refuses, with KindConflict, names that are or were anybody's.
	CreatePeople(ctx context.Context, list []NewPerson, now time.Time) (refused []error, err error)
	// Affiliate tells no events. It refuses, with KindNotFound, removed people and
	// deleted spaces. No pair is there twice.
	Affiliate(ctx context.Context, list []SpaceMemberChange, now time.Time) (refused []error, err error)
	// TakenNames are those of the names that are or were anybody's.
	TakenNames(ctx context.Context, names []string) (map[string]bool, error)
}

// Imports are the use cases of bringing in what was elsewhere.
type Imports struct {
	dir    *Directory
	store  ImportStore
	people *People
	spaces *Spaces
	posts  *Posts
	check  func(hash string) error
	now    func() time.Time
	tally  importTally
}

// NewImports makes the use cases. check finds what is wrong with the hash of a
// password that was made elsewhere.
func NewImports(store ImportStore, people *People, spaces *Spaces, posts *Posts, check func(hash string) error, now func() time.Time) *Imports {
	return &Imports{dir: people.dir, store: store, people: people, spaces: spaces, posts: posts, check: check, now: now}
}

// Import takes lines of JSON; only a manager may. It commits in chunks, in the
// order of the lines, and makes each hold before the next; what is there already
// stays, so that the same lines again do the rest. An error beside the report means
// that it ended early for another reason than a line's: what the report counts is in.
// Memory is that of a chunk; it waits for src.
func (im *Imports) Import(ctx context.Context, a Actor, src io.Reader, o ImportOptions) (ImportReport, error) {
	if err := im.people.require(a); err != nil {
		return ImportReport{}, err
	}
	return im.Found(ctx, a, src, o)
}

// Found is Import without asking who wants it: for the operator's command line,
// whose actor is nobody.
func (im *Imports) Found(ctx context.Context, a Actor, src io.Reader, o ImportOptions) (ImportReport, error) {
	r := &importRun{Imports: im, actor: a, o: o, parse: parseImportLine, pairs: map[Member]bool{}, ids: map[string]bool{}, foreseen: map[string]bool{}}
	if !o.DryRun {
		im.tally.running(1)
		defer im.tally.running(-1)
	}
	err := r.run(ctx, &importSource{src: bufio.NewReaderSize(src, 64<<10)})
	if r.report.Lines > 0 && !o.DryRun {
		act := actOf(nil, VerbSiteImport)
		if a.Person != 0 {
			act = a.Act(VerbSiteImport)
		}
		act.Result = r.report.said()
		im.dir.audit.Tell(ctx, act)
	}
	return r.report, err
}

// said is what an import came to, for the audit log.
func (r *ImportReport) said() string {
	return fmt.Sprintf("%d people, %d contexts, %d members, %d posts; %d lines refused",
		r.People.Added, r.Contexts.Added, r.Members.Added, r.Activities.Added+r.Comments.Added, r.Failed)
}

func (r *importRun) run(ctx context.Context, src *importSource) error {
	read := src.line
	if r.o.CSV {
		read = src.record
		if ok, err := r.columns(src); err != nil || !ok {
			return err
		}
	}
	for {
		n, text, err := read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if stop, err := r.line(ctx, n, text, err); err != nil || stop {
			return err
		}
	}
	_, err := r.flush(ctx)
	return err
}

// importSource is what is imported, line by line.
type importSource struct {
	src   *bufio.Reader
	n     int  // lines read
	comma rune // of a table; 0: not known yet
}

// line reads the next line, without the mark that some programs begin a file with, and
// tells its number. Errors are those of readImportLine.
func (s *importSource) line() (n int, text []byte, err error) {
	text, err = readImportLine(s.src)
	s.n++
	if s.n == 1 {
		text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	}
	return s.n, text, err
}

// readImportLine reads a line without its end; io.EOF where there is none. A line that
// is too long is read to its end: KindTooLarge. Another error means that src broke.
func readImportLine(src *bufio.Reader) (line []byte, err error) {
	long := false
	for {
		part, err := src.ReadSlice('\n')
		if !long {
			line = append(line, part...)
		}
		if len(line) > maxImportLine {
			line, long = nil, true
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case long && (err == nil || errors.Is(err, io.EOF)):
			return nil, Errorf(KindTooLarge, "The line is longer than %d bytes.", maxImportLine)
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case err != nil && !errors.Is(err, io.EOF):
			return nil, &brokenSourceError{err}
		}
		return line, err
	}
}

// brokenSourceError is of what is imported: it breaks off.
type brokenSourceError struct{ err error }

func (e *brokenSourceError) Error() string { return "read what is imported: " + e.err.Error() }
func (e *brokenSourceError) Unwrap() error { return e.err }

// importRun is one import on its way.
type importRun struct {
	*Imports
	actor  Actor
	o      ImportOptions
	report ImportReport
	parse  func(line []byte) (importLine, error)

	chunk []importLine    // of one kind
	pairs map[Member]bool // members in the chunk
	ids   map[string]bool // other things in the chunk
	// foreseen are the things that a dry run would have made by now: "person ann",
	// "context maths", "post 0190…". When there are too many, what is missing is not
	// held against a line any more.
	foreseen map[string]bool
}

// line takes one line; stop says that the import ends with it.
func (r *importRun) line(ctx context.Context, n int, text []byte, unread error) (stop bool, err error) {
	if broken := (*brokenSourceError)(nil); errors.As(unread, &broken) {
		if _, err := r.flush(ctx); err != nil {
			return true, err
		}
		return true, unread
	}
	r.report.Lines++
	var l importLine
	if unread == nil {
		l, unread = r.parse(text)
	}
	if unread == nil && r.o.People && l.kind == importPost {
		unread = Invalid("type", "activities and comments are imported over REST, POST /v1/import")
	}
	if unread == nil && r.report.Lines > maxImportLines {
		unread = Errorf(KindTooLarge, "An import has at most %d lines; begin another one here.", maxImportLines)
	}
	l.number = n
	if unread != nil || len(r.chunk) > 0 && (r.chunk[0].kind != l.kind || len(r.chunk) == importChunk || r.clashes(&l)) {
		if stop, err := r.flush(ctx); stop || err != nil {
			return stop, err
		}
	}
	if unread != nil {
		return r.fault(n, unread), nil
	}
	r.chunk = append(r.chunk, l)
	r.enter(&l)
	return false, nil
}

// names are what the line makes or needs that another one of its chunk may make.
func (l *importLine) names() (makes, needs string) {
	switch l.kind {
	case importPerson:
		return "person " + l.person.Name, ""
	case importContext:
		return "context " + l.context.ID, "context " + l.context.parent
	case importPost:
		return "post " + l.post.id.String(), "post " + l.post.draft.InReplyTo.String()
	default:
		return "member " + l.member.context + " " + l.member.Name, ""
	}
}

// clashes tells whether the line has to wait for another one of the chunk.
func (r *importRun) clashes(l *importLine) bool {
	makes, needs := l.names()
	return r.ids[makes] || r.ids[needs] && l.kind == importContext
}

func (r *importRun) enter(l *importLine) {
	makes, _ := l.names()
	r.ids[makes] = true
}

// fault notes a line that does not go in, and tells whether the import ends.
func (r *importRun) fault(line int, err error) (stop bool) {
	r.report.Failed++
	if !r.o.DryRun {
		r.tally.refused(KindOf(err))
	}
	if len(r.report.Faults) < maxFaults {
		r.report.Faults = append(r.report.Faults, ImportFault{line, KindOf(err), Safe(err)})
	}
	r.report.Stopped = !r.o.Skip
	return r.report.Stopped
}

// foresee notes what a dry run would have made.
func (r *importRun) foresee(what string) {
	if len(r.foreseen) < maxForeseen {
		r.foreseen[what] = true
	}
}

// expects tells whether a dry run would have made it by now, as far as it knows.
func (r *importRun) expects(what string) bool {
	return r.o.DryRun && (r.foreseen[what] || len(r.foreseen) >= maxForeseen)
}

// flush brings in the chunk.
func (r *importRun) flush(ctx context.Context) (stop bool, err error) {
	chunk := r.chunk
	if len(chunk) == 0 {
		return false, nil
	}
	r.chunk = r.chunk[:0]
	clear(r.ids)
	clear(r.pairs)
	if before := r.report; !r.o.DryRun {
		defer func() { r.tally.taken(&before, &r.report) }()
	}
	switch chunk[0].kind {
	case importPerson:
		return r.takePeople(ctx, chunk)
	case importContext:
		return r.takeContexts(ctx, chunk)
	case importMember:
		return r.takeMembers(ctx, chunk)
	default:
		return r.takePosts(ctx, chunk)
	}
}

// ofLine tells whether the error is about a line, and not about all.
func ofLine(err error) bool {
	switch KindOf(err) {
	case KindInvalid, KindNotFound, KindConflict, KindTooLarge, KindForbidden:
		return true
	default:
		return false
	}
}

// refusals notes which of the lines the store refused, and tells whether the import
// ends and how many went in.
func (r *importRun) refusals(lines []int, refused []error) (taken int, stop bool) {
	for i, err := range refused {
		if err == nil {
			taken++
		} else {
			stop = r.fault(lines[i], err) || stop
		}
	}
	return taken, stop
}
