package social

import "time"

// Rank is what lifts a post above others of its context.
type Rank uint8

const (
	RankNone      Rank = iota
	RankLikes          // by how many like it, then by who liked it last
	RankFlagged        // by when it was flagged
	RankFavorites      // only those that the reader keeps as favorites, by their own time
)

// RankPlace is a place in a ranked list: behind a post, with the rank that it
// had then. The zero value is the beginning.
type RankPlace struct {
	Likes uint64
	At    time.Time // when it was liked last, or flagged
	Post  ID
}

// IsZero tells whether p is the beginning.
func (p RankPlace) IsZero() bool { return p.Post.IsZero() }

// RankQuery asks for a page of the posts of a stream that have a rank.
type RankQuery struct {
	Stream StreamKey
	Floor  uint64 // what is up to here the reader may not see
	Reader PersonKey
	Rank   Rank
	After  RankPlace
	Limit  int
}

// RankPage is what was found.
type RankPage struct {
	Posts []Post // living ones
	Next  RankPlace
}
