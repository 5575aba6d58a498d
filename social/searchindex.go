package social

import (
	"context"
	"time"
)

// SearchEntry is a post as the index has it.
type SearchEntry struct {
	PostRef
	At      time.Time
	Author  PersonKey // 0 where a space speaks
	Sort    Sort
	Private bool
	Words   []string // in their order
	Tags    []string // folded, without the sign
}

// SearchLag is a stream of which more was posted than is indexed.
type SearchLag struct {
	Stream StreamKey
	Head   uint64
	At     uint64 // up to here it was read
}

// SearchRange is a part of a stream: After < seq <= To.
type SearchRange struct {
	Stream    StreamKey
	After, To uint64
}

// SearchPut is what was read of the log and what follows from it.
type SearchPut struct {
	Entries []SearchEntry // each post once
	Gone    []PostRef     // no longer to be found
	// Read is up to where streams are done with.
	Read map[StreamKey]uint64
}

// SearchBehind is how far the index is behind the log.
type SearchBehind struct {
	Posts  uint64
	Oldest time.Time // when the first of them was posted; zero: there is none
}

// SearchIndexStore keeps the index. Errors are KindUnavailable where the store is
// away. Lists of arguments are a few hundred long at most.
type SearchIndexStore interface {
	// BeginSearch says which version of the index is being written. Where the store
	// has another one all streams are to be read again; what is indexed is found
	// until it is.
	BeginSearch(ctx context.Context, version string) (again bool, err error)
	// SearchLags are the given streams' state; SearchLagging lists streams that are
	// not indexed to their end, in the order of their keys after the given one. It
	// looks at all streams.
	SearchLags(ctx context.Context, streams []StreamKey) ([]SearchLag, error)
	SearchLagging(ctx context.Context, after StreamKey, limit int) ([]SearchLag, error)
	// SearchLog reads entries of several streams, private ones too, without their readers.
	SearchLog(ctx context.Context, ranges []SearchRange) ([]Post, error)
	// SearchObjects finds posts by their ids, likewise, in no order; what is not there
	// is left out.
	SearchObjects(ctx context.Context, ids []ID) ([]Post, error)
	// PutSearch commits in one transaction. Repeats do no harm; of streams of which
	// somebody else has read more by now nothing is written.
	PutSearch(ctx context.Context, put SearchPut) error
	SearchBehind(ctx context.Context) (SearchBehind, error)
}
