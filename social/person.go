package social

import (
	"regexp"
	"strings"
	"time"
)

// Roles is a set of the site-wide roles.
type Roles uint8

const (
	RoleManager   Roles = 1 << iota // administers everything, may act for others
	RoleModerator                   // moderates wherever it reads
	RoleAuditor                     // reads every context
	RoleHidden                      // not listed to ordinary people
)

var roleWords = map[string]Roles{
	"manager": RoleManager, "moderator": RoleModerator, "auditor": RoleAuditor, "hidden": RoleHidden,
}

// Has tells whether all of r are in s.
func (s Roles) Has(r Roles) bool { return s&r == r }

// Words are the names of the roles in s, in a fixed order; never nil.
func (s Roles) Words() []string {
	out := []string{}
	for _, w := range []string{"manager", "moderator", "auditor", "hidden"} {
		if s.Has(roleWords[w]) {
			out = append(out, w)
		}
	}
	return out
}

// ParseRoles reads role words. The error is KindInvalid and names field.
func ParseRoles(field string, words []string) (Roles, error) {
	var out Roles
	for _, w := range words {
		r, ok := roleWords[w]
		if !ok {
			return 0, Invalid(field, "%q is no role; there are manager, moderator, auditor and hidden", clip(w))
		}
		out |= r
	}
	return out, nil
}

// Person is a user or a service account.
type Person struct {
	Key         PersonKey
	Name        string   // unique for ever, lower case
	Aliases     []string // former names, which still find the person
	DisplayName string   // what others see; the name where none was given
	Service     bool
	Roles       Roles
	Suspended   bool
	Discreet    bool // others are not told whether it is there
	Reserved    bool // others are not told how far it has read
	Removed     bool // the row stays, so that its posts keep their author
	Erased      bool // removed, and nobody knows any more who it was
	Created     time.Time
	Avatar      ID // of the picture that was uploaded; zero: none
}

// NewPerson is a person to create.
type NewPerson struct {
	Name         string
	DisplayName  string
	Service      bool
	Roles        Roles
	PasswordHash string // empty: no password, so it cannot sign in with one
	Profile      Profile
}

// PersonPatch changes what is not nil.
type PersonPatch struct {
	DisplayName *string
	Roles       *Roles
	Suspended   *bool
	Title       *string // of the Profile, as the following
	About       *string
	URL         *string
}

// Profile is what a person says of itself to whoever sees it. It is not in memory.
type Profile struct {
	Title string // what it is or does here, in a line
	About string
	URL   string
}

// The limits of a profile, in bytes.
const (
	maxTitle = 200
	maxAbout = 4 << 10
)

func (p *Profile) check() error {
	if strings.ContainsAny(p.Title, "\r\n") {
		return Invalid("title", "is more than one line")
	}
	if err := CheckText("title", p.Title, maxTitle); err != nil {
		return err
	}
	if err := CheckText("about", p.About, maxAbout); err != nil {
		return err
	}
	return checkURL("url", p.URL)
}

// apply is the profile as the patch makes it.
func (p PersonPatch) apply(to Profile) Profile {
	set(&to.Title, p.Title)
	set(&to.About, p.About)
	set(&to.URL, p.URL)
	return to
}

// describes tells whether the patch changes the profile.
func (p PersonPatch) describes() bool { return p.Title != nil || p.About != nil || p.URL != nil }

// MaxDisplayName bounds display names of people and contexts, in bytes.
const MaxDisplayName = 200

var (
	personName  = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)
	contextName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
)

// ParsePersonName lower-cases a person's name and checks its alphabet.
func ParsePersonName(field, s string) (string, error) {
	s = strings.ToLower(s)
	if !personName.MatchString(s) || s == "me" {
		return "", Invalid(field, "a name is 1 to 64 of a-z, 0-9, '.', '_', '@' and '-', begins with a letter or digit, and is not \"me\"")
	}
	return s, nil
}

// CheckContextID checks the alphabet of a context's id.
func CheckContextID(field, s string) error {
	if !contextName.MatchString(s) {
		return Invalid(field, "an id is 1 to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit")
	}
	return nil
}
