package storage_test

import (
	"math"
	"slices"
	"testing"

	"rambla/storage"
	"rambla/storage/storagetest"
)

func TestListsComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		x, y := []int64{1, 2, 3, 4, 5}, []int64{math.MinInt64, -1, 0, 77, math.MaxInt64}
		got, err := db.Table(t.Context(), x, y, []string{"a", "", "\"c", "d", "é"})
		want := []string{"1 -9223372036854775808 a", "2 -1 ", "3 0 \"c", "5 9223372036854775807 é"}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err = db.Table(t.Context(), []int64{}, []int64{}, []string{}); err != nil || len(got) != 0 {
			t.Errorf("of empty lists: %q, %v", got, err)
		}
	})
}
