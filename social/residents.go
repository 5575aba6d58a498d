package social

import (
	"iter"
	"slices"
)

// residents are who is what in a space. Most spaces are conversations of two, so a
// few people cost no more than they are; many are found by their key.
type residents struct {
	few  []residentOf // in no order; nil where there are many
	many map[PersonKey]resident
}

type residentOf struct {
	person PersonKey
	resident
}

// fewResidents is how many are looked through one by one.
const fewResidents = 8

// at is what the person is; the zero value where it is nothing.
func (rs *residents) at(person PersonKey) resident {
	if rs.many != nil {
		return rs.many[person]
	}
	for i := range rs.few {
		if rs.few[i].person == person {
			return rs.few[i].resident
		}
	}
	return resident{}
}

func (rs *residents) put(person PersonKey, r resident) {
	if rs.many != nil {
		rs.many[person] = r
		return
	}
	for i := range rs.few {
		if rs.few[i].person == person {
			rs.few[i].resident = r
			return
		}
	}
	if len(rs.few) < fewResidents {
		grown := make([]residentOf, len(rs.few)+1) // no larger than it has to be
		copy(grown, rs.few)
		grown[len(rs.few)] = residentOf{person, r}
		rs.few = grown
		return
	}
	rs.many = make(map[PersonKey]resident, 2*fewResidents)
	for _, o := range rs.few {
		rs.many[o.person] = o.resident
	}
	rs.many[person], rs.few = r, nil
}

func (rs *residents) drop(person PersonKey) {
	if rs.many != nil {
		delete(rs.many, person)
		return
	}
	rs.few = slices.DeleteFunc(slices.Clone(rs.few), func(o residentOf) bool { return o.person == person })
}

// all lists them in no order. None may be put meanwhile; they may be dropped.
func (rs *residents) all() iter.Seq2[PersonKey, resident] {
	return func(yield func(PersonKey, resident) bool) {
		for person, r := range rs.many {
			if !yield(person, r) {
				return
			}
		}
		for _, o := range rs.few {
			if !yield(o.person, o.resident) {
				return
			}
		}
	}
}

// number is how many there are.
func (rs *residents) number() int { return len(rs.few) + len(rs.many) }
