//go:build faults

package storage

import seeded "rambla/fault"

// fault tells whether a mistake is to be made that the checker has to find.
func fault(mistake string) bool { return seeded.On(mistake) }
