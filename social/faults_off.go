//go:build !faults

package social

// fault tells whether a mistake is to be made that the checker has to find: see
// the package of that name. In this build there are none.
func fault(string) bool { return false }

// tellEarly is a mistake, and nothing here.
func (s *shard) tellEarly([]pending) {}
