package api

import (
	"context"

	"rambla/social"
)

// PushTrace is what was decided last of the pushes to a person.
type PushTrace struct {
	Person  string         `json:"person"`
	Devices []Device       `json:"devices" nullable:"false" doc:"That it has now"`
	Items   []PushDecision `json:"items" nullable:"false" doc:"What waits first of all, then the newest; the server keeps the last ones of each person"`
}

// PushDecision is what was decided of some posts and one device, or all.
type PushDecision struct {
	At     string `json:"at" format:"date-time"`
	What   string `json:"what" enum:"waiting,suppressed,sent,replaced,withdrawn,failed"`
	Reason string `json:"reason,omitempty" doc:"Why; a word" example:"muted"`
	Until  string `json:"until,omitempty" format:"date-time" doc:"Of what waits: until then"`
	Stream string `json:"stream,omitempty" example:"/ctx/lobby/messages"`
	After  uint64 `json:"after" doc:"It is about the posts after this seq"`
	Seq    uint64 `json:"seq" doc:"up to this one"`
	Device string `json:"device,omitempty" doc:"Its id; absent: it was the same for all, or the device is gone"`
	Status int    `json:"status,omitempty" doc:"Of the provider's answer" example:"410"`
	Code   string `json:"code,omitempty" example:"Unregistered"`
	Answer string `json:"answer,omitempty" doc:"The provider's name for the push"`
}

func newPushDecision(d *social.PushDecided) PushDecision {
	out := PushDecision{
		At: stamp(d.At), What: d.What.String(), Reason: d.Reason, Until: stamp(d.Until), Stream: d.Topic,
		After: d.Since, Seq: d.Seq, Status: d.Status, Code: d.Code, Answer: d.Answer,
	}
	if d.Device != nil {
		out.Device = d.Device.ID.String()
	}
	return out
}

type tracePushIn struct {
	Person string `query:"person" required:"true" doc:"Whose pushes" example:"bob"`
	Post   string `query:"post" doc:"Only what was decided of the post with this id"`
}

type tracePushOut struct{ Body PushTrace }

func (s *Server) tracePush(ctx context.Context, a social.Actor, in *tracePushIn) (*tracePushOut, error) {
	t, err := s.pushes.Trace(ctx, a, in.Person, in.Post)
	if err != nil {
		return nil, err
	}
	return &tracePushOut{NewPushTrace(&t)}, nil
}

// NewPushTrace is the trace as JSON has it, here and on the command line.
func NewPushTrace(t *social.PushTrace) PushTrace {
	out := PushTrace{Person: t.Person.Name, Devices: []Device{}, Items: []PushDecision{}}
	for i := range t.Devices {
		out.Devices = append(out.Devices, newDevice(&t.Devices[i]))
	}
	for i := range t.Decisions {
		out.Items = append(out.Items, newPushDecision(&t.Decisions[i]))
	}
	return out
}
