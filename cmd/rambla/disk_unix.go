//go:build unix

package main

import "syscall"

// freeBytes is the room that the disk of a directory has for us; ok is false where
// that cannot be told.
func freeBytes(dir string) (n float64, ok bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return float64(st.Bavail) * float64(st.Bsize), true
}
