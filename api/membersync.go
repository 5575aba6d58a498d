package api

import (
	"context"

	"rambla/social"
)

// MemberList is the full list of a context's members.
type MemberList struct {
	Members []MemberEntry `json:"members" nullable:"false" doc:"All members; the owner stays also where it is not among them"`
}

// MemberEntry is one of them.
type MemberEntry struct {
	Name   string   `json:"name" example:"ann"`
	Grants []string `json:"grants,omitempty" doc:"The permissions that are granted to it; absent: as they are" enum:"read,write,subscribe,unsubscribe,invite,kick,delete,flag"`
	Vetoes []string `json:"vetoes,omitempty" doc:"The permissions that are vetoed; absent: as they are" enum:"read,write,subscribe,unsubscribe,invite,kick,delete,flag"`
}

// MemberReport is what the list changed, or would.
type MemberReport struct {
	Added     int      `json:"added" doc:"How many became members"`
	Removed   int      `json:"removed" doc:"How many are members no more"`
	Changed   int      `json:"changed" doc:"How many members have other grants or vetoes"`
	Unchanged int      `json:"unchanged" doc:"How many of the list are as they were"`
	Unknown   []string `json:"unknown" nullable:"false" doc:"Names of the list that are nobody's"`
	DryRun    bool     `json:"dryRun" doc:"Nothing was changed"`
}

type putMembersIn struct {
	PathID
	Raw
	DryRun bool `query:"dry_run" doc:"Only say what would change"`
	Strict bool `query:"strict" doc:"Change nothing where a name is nobody's (422)"`
}

type memberReportOut struct{ Body MemberReport }

func (s *Server) putMembers(ctx context.Context, a social.Actor, in *putMembersIn) (*memberReportOut, error) {
	list, err := social.ParseMemberList(in.raw)
	if err != nil {
		return nil, err
	}
	r, err := s.spaces.SyncMembers(ctx, a, in.ID, list, social.SyncOptions{DryRun: in.DryRun, Strict: in.Strict})
	if err != nil {
		return nil, err
	}
	return &memberReportOut{MemberReport{
		Added: r.Added, Removed: r.Removed, Changed: r.Changed, Unchanged: r.Unchanged,
		Unknown: append([]string{}, r.Unknown...), DryRun: in.DryRun,
	}}, nil
}
