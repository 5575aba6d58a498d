package storagetest

import (
	"slices"
	"testing"

	"rambla/storage"
)

// claim is one sentence of the contract; test gets a world of its own.
type claim struct {
	name string
	test func(*World)
}

// Run holds a store to the whole contract; open gives a new, empty one.
func Run(t *testing.T, open func(t *testing.T) *storage.DB) {
	all := slices.Concat(
		logClaims(), amendmentClaims(), keyClaims(), privateClaims(), sampleClaims(),
		personClaims(), spaceClaims(), avatarClaims(), memberClaims(), grantClaims(), replayClaims(), purgeClaims(), markerClaims(),
		sessionClaims(), sessionLifeClaims(), nodeClaims(), inboundClaims(), readClaims(), banClaims(), treeClaims(), memberSyncClaims(), retainedClaims(), retentionClaims(), feedClaims(),
		conversationClaims(), reactionClaims(),
		wallClaims(), seenClaims(), vapidClaims(), deviceClaims(), pushClaims(), searchClaims(), attachmentClaims(), exportClaims(),
		auditClaims(), eraseClaims(), importClaims(), raceClaims(),
	)
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(NewWorld(t, open(t)))
		})
	}
}
