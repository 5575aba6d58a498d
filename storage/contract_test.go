package storage_test

import (
	"testing"

	"go.uber.org/goleak"

	"rambla/storage"
	"rambla/storage/storagetest"
)

func TestMain(m *testing.M) {
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
