//go:build quickhash

package main

import "rambla/auth"

// hashCost is next to nothing: tests sign thousands of people in, and what guessing
// a password costs is not theirs to find out. No setting leads here; whoever is to
// have such a binary has to build it.
func hashCost(c auth.Config) auth.Config {
	c.HashMemory, c.HashPasses = 64, 1 // KiB
	return c
}
