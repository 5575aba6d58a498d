package storage_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"rambla/storage"
	"rambla/storage/storagetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childStore); dir != "" {
		if err := runChild(dir, os.Getenv(childRound)); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestBothEnginesKeepTheContract(t *testing.T) {
	for _, engine := range storagetest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, func(t *testing.T) *storage.DB { return storagetest.Open(t, engine) })
		})
	}
}
