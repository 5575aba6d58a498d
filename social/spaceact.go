package social

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// acts are what the patch does to a context: a change of who may do what there,
// whoever makes it, and anything else that somebody else than the owner changes.
func (p SpacePatch) acts(a Actor, was, is *Space) []Act {
	var out []Act
	before, after := was.policyWords(is)
	if before != after {
		out = append(out, a.Act(VerbContextPolicy).In(was.Key).Changing(before, after))
	}
	if fields := p.fields(); len(fields) > 0 && a.hand() != was.Owner {
		out = append(out, a.Act(VerbContextEdit).In(was.Key).Changing("", strings.Join(fields, " ")))
	}
	return out
}

// policyWords are the policies, and the other rules about who sees what, that
// differ between two states of a context.
func (s *Space) policyWords(is *Space) (before, after string) {
	var was, now []string
	differ := func(name, x, y string) {
		if x != y {
			was, now = append(was, name+"="+x), append(now, name+"="+y)
		}
	}
	for i := range s.Policies {
		differ(strings.Join(Permissions(1<<i).Words(), ""), s.Policies.Of(i).String(), is.Policies.Of(i).String())
	}
	differ("history", s.History.String(), is.History.String())
	differ("retention", fmt.Sprint(s.Retention), fmt.Sprint(is.Retention))
	return strings.Join(was, " "), strings.Join(now, " ")
}

// fields names what the patch says beside the rules of policyWords; never their content.
func (p SpacePatch) fields() []string {
	var out []string
	for name, is := range map[string]bool{
		"displayName": p.DisplayName != nil, "description": p.Description != nil, "url": p.URL != nil, "tags": p.Tags != nil,
		"notifications": p.Notifications != nil, "receipts": p.Receipts != nil, "parent": p.Parent != nil, "order": p.Order != nil,
	} {
		if is {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// overruling is the act where a does something in a context that is not its own by
// being a manager.
func (sp *Spaces) overruling(a Actor, s *Space, verb Verb, whom PersonKey) []Act {
	if a.hand() == s.Owner || whom == a.hand() || !sp.dir.Roles(a).Has(RoleManager) {
		return nil
	}
	return []Act{a.Act(verb).In(s.Key).On(whom)}
}

func (o Override) words() string {
	kind := "grant "
	if o.Veto {
		kind = "veto "
	}
	return strings.TrimSpace(kind + strings.Join(o.Permission.Words(), " ") + " " + untilWords(o.Until))
}

// untilWords tells an end, where there is one.
func untilWords(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "until " + t.UTC().Format(time.RFC3339)
}
