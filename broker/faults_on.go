//go:build faults

package broker

import seeded "rambla/fault"

// fault tells whether a mistake is to be made that the checker has to find.
func fault(mistake string) bool { return seeded.On(mistake) }

// confuseLocked lets the answer at the head of the line change places with the
// one behind it.
func (in *inbound) confuseLocked() {
	w := in.wait[in.head:]
	if len(w) > 1 && w[0].done && w[0].qos == w[1].qos && fault("confuse-acknowledgements") {
		w[0].id, w[1].id = w[1].id, w[0].id
	}
}
