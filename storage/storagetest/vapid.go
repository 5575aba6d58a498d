package storagetest

import (
	"fmt"
	"sync"

	"rambla/social"
)

func vapidClaims() []claim {
	return []claim{
		{"servers that start at once get one VAPID key, and it stays", keepVAPID},
	}
}

func keepVAPID(w *World) {
	const servers = 4
	var (
		mu   sync.Mutex // guards kept
		kept = map[social.Secret]int{}
		all  sync.WaitGroup
	)
	for i := range servers {
		all.Go(func() {
			key, err := w.DB.KeepVAPID(w.Context(), social.Secret(fmt.Sprintf("key %d", i)), Epoch())
			if err != nil {
				w.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			kept[key]++
		})
	}
	all.Wait()
	if len(kept) != 1 {
		w.Fatalf("%d keys were kept", len(kept))
	}
	again, err := w.DB.KeepVAPID(w.Context(), "another", Epoch())
	if err != nil {
		w.Fatal(err)
	}
	if kept[again] != servers || again == "" {
		w.Errorf("later it is %q", string(again))
	}
}
