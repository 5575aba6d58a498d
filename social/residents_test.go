package social

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// Few or many, what was put is there until it is dropped.
func TestResidentsAreAMap(t *testing.T) {
	t.Parallel()
	for _, people := range []int{2, fewResidents, fewResidents + 1, 100} {
		var rs residents
		model := map[PersonKey]resident{}
		random := rand.New(rand.NewPCG(1, uint64(people)))
		for step := range 2000 {
			person := PersonKey(random.IntN(people) + 1)
			if random.IntN(3) == 0 {
				rs.drop(person)
				delete(model, person)
			} else {
				r := resident{heads: &Heads{uint64(step)}}
				r.Member = step%2 == 0
				rs.put(person, r)
				model[person] = r
			}
			if rs.at(person).heads != model[person].heads || rs.number() != len(model) {
				t.Fatalf("%d people, step %d: %d of %d are there", people, step, rs.number(), len(model))
			}
		}
		found := maps.Collect(rs.all())
		for person, r := range model {
			if found[person].heads != r.heads || found[person].Member != r.Member {
				t.Errorf("%d people: %d is %+v, want %+v", people, person, found[person], r)
			}
		}
		for person := range rs.all() {
			rs.drop(person)
		}
		if len(found) != len(model) || rs.number() != 0 {
			t.Errorf("%d people: listed %d of %d, %d are left", people, len(found), len(model), rs.number())
		}
	}
}
