package social

import (
	"strings"
	"testing"
)

func mustScopes(t testing.TB, text string) Scopes {
	t.Helper()
	s, err := ParseScopes("scope", text)
	if err != nil {
		t.Fatalf("ParseScopes(%q): %v", text, err)
	}
	return s
}

func TestScopesSayWhatACredentialMayReach(t *testing.T) {
	t.Parallel()
	type reach struct{ readSite, writeSite, readCtx, writeCtx, readData, writeData, otherCtx, admin, actAs bool }
	for _, c := range []struct {
		name, scopes string
		want         reach
	}{
		{"a login without narrowing reaches everything", "", reach{true, true, true, true, true, true, true, true, true}},
		{"read reads everywhere", "read", reach{readSite: true, readCtx: true, readData: true, otherCtx: true}},
		{"write does not read", "write", reach{writeSite: true, writeCtx: true, writeData: true}},
		{"ctx narrows to one context and its data", "read write ctx:maths", reach{readCtx: true, writeCtx: true, readData: true, writeData: true}},
		{"data narrows to the data channel", "write data:maths", reach{writeData: true}},
		{"narrowings are a union", "read data:maths ctx:other", reach{readData: true, otherCtx: true}},
		{"admin does not read", "admin", reach{admin: true}},
		{"admin is lost by narrowing", "admin read ctx:maths", reach{readCtx: true, readData: true}},
		{"act-as may be narrowed", "act-as write ctx:maths", reach{writeCtx: true, writeData: true, actAs: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := mustScopes(t, c.scopes)
			got := reach{
				s.MayRead("", false), s.MayWrite("", false), s.MayRead("maths", false), s.MayWrite("maths", false),
				s.MayRead("maths", true), s.MayWrite("maths", true), s.MayRead("other", false), s.Admin(), s.ActAs(),
			}
			if got != c.want {
				t.Errorf("%q reaches %+v, want %+v", c.scopes, got, c.want)
			}
			if s.Unrestricted() != (c.scopes == "") {
				t.Errorf("Unrestricted() = %v", s.Unrestricted())
			}
		})
	}
}

func TestBadScopesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"reed", "READ", "ctx:", "ctx", "data:", "ctx:UPPER", "read ctx:a/b", "ctx:a:b", "data:maths", "act-as ctx:maths",
		"read\twrite", "read\nwrite", strings.Repeat("read ", MaxScopes+1),
	} {
		_, err := ParseScopes("scope", text)
		if err == nil {
			t.Errorf("%q was accepted", text)
			continue
		}
		if KindOf(err) != KindInvalid || !strings.HasPrefix(Safe(err), "scope: ") {
			t.Errorf("%q: %v does not name its field as invalid", text, err)
		}
	}
	if _, err := ParseScopeWords("scopes", []string{"read", ""}); err == nil {
		t.Error("an empty word was accepted")
	}
}

func TestScopesPrintSortedAndOnce(t *testing.T) {
	t.Parallel()
	s := mustScopes(t, " write  data:b read ctx:a data:b admin data:a")
	if got, want := s.String(), "admin ctx:a data:a data:b read write"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestOnlyWhatOneHasCanBeHandedOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked, held string
		want        bool
	}{
		{"", "", true},
		{"admin read write", "", true},
		{"", "read write", false},
		{"read", "read write", true},
		{"read write", "read", false},
		{"read ctx:a", "read", true},
		{"read", "read ctx:a", false},
		{"read ctx:a", "read ctx:a ctx:b", true},
		{"read data:a", "read ctx:a", true},
		{"read ctx:a", "read data:a", false},
		{"read data:a", "read data:a", true},
		{"read ctx:a ctx:c", "read ctx:a ctx:b", false},
		{"read data:c", "read ctx:a data:b", false},
		{"act-as write", "write", false},
	} {
		if got := mustScopes(t, c.asked).Within(mustScopes(t, c.held)); got != c.want {
			t.Errorf("%q within %q = %v, want %v", c.asked, c.held, got, c.want)
		}
	}
}

func TestAdminAndActAsAreForManagers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"admin", "act-as write", "read admin"} {
		s := mustScopes(t, text)
		if s.HeldBy(RoleModerator | RoleAuditor) {
			t.Errorf("a moderator may ask for %q", text)
		}
		if !s.HeldBy(RoleManager) {
			t.Errorf("a manager may not ask for %q", text)
		}
	}
	if got := EveryScope(0).String(); got != "read write" {
		t.Errorf("everything of an ordinary person is %q", got)
	}
	if got := EveryScope(RoleManager).String(); got != "act-as admin read write" {
		t.Errorf("everything of a manager is %q", got)
	}
	if !mustScopes(t, "read write").HeldBy(0) {
		t.Error("an ordinary person may not read and write")
	}
}

func FuzzScopes(f *testing.F) {
	for _, s := range []string{"", "read", "admin act-as read write", "write data:maths-3", "read ctx:a data:a ctx:b", "ctx:a", "x:y", "read  read"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScopes("scope", text)
		if err != nil {
			if KindOf(err) != KindInvalid || !s.Unrestricted() {
				t.Fatalf("%q: %v with %v", text, err, s)
			}
			return
		}
		if s.Unrestricted() != (strings.Trim(text, " ") == "") {
			t.Fatalf("%q became unrestricted=%v", text, s.Unrestricted())
		}
		again, err := ParseScopes("scope", s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q → %q → %q, %v", text, s, again, err)
		}
		if !s.Within(again) || !again.Within(s) {
			t.Fatalf("%q does not contain itself", s)
		}
	})
}
