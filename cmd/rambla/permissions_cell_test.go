package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// columns are who asks, by the heading of the table and the name in its first row.
func columns() map[string]map[string]column {
	everywhere := map[string]column{
		"manager":   {person: "manager"},
		"moderator": {person: "moderator"},
		"auditor":   {person: "auditor"},
		"anyone":    {person: "outsider"},
		"suspended": {person: "suspended"},
		"anonymous": {},

		"`read`":              {person: "outsider", scopes: []string{"read"}},
		"`write`":             {person: "outsider", scopes: []string{"write"}},
		"`ctx:`":              {person: "outsider", scopes: []string{"read", "write", "ctx:{ctx}"}},
		"`data:`":             {person: "outsider", scopes: []string{"read", "write", "data:{ctx}"}},
		"manager's `read`":    {person: "manager", scopes: []string{"read"}},
		"manager's `admin`":   {person: "manager", scopes: []string{"read", "write", "admin"}},
		"manager's `act-as`":  {person: "manager", scopes: []string{"read", "write", "act-as"}},
		"manager for another": {person: "manager", actAs: "other"},
	}
	contexts := map[string]column{
		"manager":   {person: "manager"},
		"owner":     {person: "owner"},
		"moderator": {person: "moderator", stands: "member"},
		"auditor":   {person: "auditor"},
		"with":      {person: "member", stands: "with"},
		"without":   {person: "without", stands: "without"},
		"granted":   {person: "granted", stands: "granted"},
		"public":    {person: "public", stands: "public"},
		"visitor":   {person: "visitor", stands: "visitor"},
		"outsider":  {person: "outsider"},
		"banned":    {person: "banned", stands: "banned"},
		"suspended": {person: "suspended"},
		"anonymous": {},
	}
	owned := func(scopes ...string) column { return column{person: "owner", scopes: scopes} }
	tokens := map[string]column{
		"`read`":            owned("read"),
		"`write`":           owned("write"),
		"both":              owned("read", "write"),
		"`ctx:` here":       owned("read", "write", "ctx:{ctx}"),
		"`ctx:` elsewhere":  owned("read", "write", "ctx:elsewhere"),
		"`data:` here":      owned("read", "write", "data:{ctx}"),
		"`data:` elsewhere": owned("read", "write", "data:elsewhere"),
		"manager's both":    {person: "manager", scopes: []string{"read", "write"}},
		"manager's `admin`": {person: "manager", scopes: []string{"read", "write", "admin"}},
		"for a member":      {person: "manager", scopes: []string{"read", "write", "act-as"}, actAs: "other"},
		"as the context":    {person: "manager", scopes: []string{"read", "write", "act-as"}, actAs: "ctx:{ctx}"},
		"without `act-as`":  {person: "manager", scopes: []string{"read", "write"}, actAs: "other"},
		"by no manager":     {person: "owner", actAs: "other"},
	}
	conversations := map[string]column{
		"owner":               {person: "owner", stands: "participant"},
		"participant":         {person: "member", stands: "participant"},
		"who left":            {person: "without", stands: "left"},
		"outsider":            {person: "outsider"},
		"moderator":           {person: "moderator"},
		"auditor":             {person: "auditor"},
		"manager":             {person: "manager"},
		"manager for another": {person: "manager", actAs: "other"},
		"`read`":              {person: "member", stands: "participant", scopes: []string{"read"}},
		"`write`":             {person: "member", stands: "participant", scopes: []string{"write"}},
		"`ctx:`":              {person: "member", stands: "participant", scopes: []string{"read", "write", "ctx:elsewhere"}},
		"suspended":           {person: "suspended"},
		"anonymous":           {},
	}
	people := maps.Clone(everywhere)
	maps.Copy(people, map[string]column{
		"oneself": {person: "member", stands: "self"},
		"blocked": {person: "blocked", stands: "guarded"},
		"blocker": {person: "blocker", stands: "guarded"},
	})
	return map[string]map[string]column{
		"Contexts": contexts, "Tokens in contexts": tokens, "Conversations": conversations, "People": people, "Oneself and the site": everywhere,
	}
}

// cell is what one cell of a table is asked of; one goroutine has it at a time.
type cell struct {
	m       *matrix
	key     string // of cells that can stand for each other
	column  column
	needs   string
	made    map[string]string // by placeholder
	settled bool
	token   string
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// prepare makes all that the request is about, and with what it is done.
func (c *cell) prepare(request string) (credential, string, error) {
	request, err := c.fill(request)
	if err != nil {
		return credential{}, "", err
	}
	if err := c.settle(); err != nil {
		return credential{}, "", fmt.Errorf("make somebody %q: %w", c.column.stands, err)
	}
	who, err := c.credential()
	return who, request, err
}

// fill replaces the placeholders, and makes what they stand for.
func (c *cell) fill(text string) (string, error) {
	var errs []error
	out := placeholder.ReplaceAllStringFunc(text, func(name string) string {
		value, err := c.value(strings.Trim(name, "{}"))
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		return value
	})
	return out, errors.Join(errs...)
}

func (c *cell) value(name string) (string, error) {
	if value, ok := c.made[name]; ok {
		return value, nil
	}
	value, err := c.make(name)
	if err != nil {
		return "", err
	}
	c.made[name] = value
	return value, nil
}

// make makes what the placeholder stands for; docs/permissions.md lists them.
func (c *cell) make(name string) (string, error) {
	switch name {
	case "ctx":
		return c.makeContext()
	case "me":
		return c.column.person, nil
	case "author", "other":
		return name, c.admit(name)
	case "guest", "guard", "hidden":
		return name, nil
	case "banned":
		if err := c.admit("blocker"); err != nil {
			return "", err
		}
		_, err := c.inContext("owner", "PUT", "/bans/blocker", nil)
		return "blocker", err
	case "post":
		return c.write("author", with{"content": "hello"})
	case "private":
		if err := c.admit("other"); err != nil {
			return "", err
		}
		return c.write("author", with{"content": "hello", "to": []string{"other"}})
	case "own":
		return c.write(c.speaker(), with{"content": "mine"})
	case "comment":
		return c.comment("author", "post")
	case "said":
		return c.comment(c.speaker(), "post")
	case "answer":
		return c.comment("author", "own")
	case "report":
		return c.report()
	case "note":
		return c.id(c.m.must(c.m.of("guard"), "POST", "/people/me/activities", with{"content": "hello"}))
	case "conv":
		return c.makeConversation()
	case "message":
		return c.say("author")
	case "mine":
		by := c.column.person
		if c.column.stands != "participant" && c.column.stands != "left" {
			by = "author"
		}
		return c.say(by)
	case "person":
		return c.makePerson()
	case "new":
		return fmt.Sprint("new-", c.m.serial.Add(1)), nil
	case "token":
		return c.id(c.m.must(c.m.of(c.speaker()), "POST", "/me/tokens", with{"name": "x", "scopes": []string{"read"}}))
	case "password":
		return c.mortal()
	case "device":
		body := with{"platform": "fcm", "token": fmt.Sprint("token-", c.m.serial.Add(1))}
		return c.id(c.m.must(c.m.of(c.speaker()), "POST", "/me/devices", body))
	}
	return "", fmt.Errorf("nothing is known of it")
}

// mortal puts somebody of the same roles in the actor's place, whom the site can do
// without, and gives the password. It belongs to no context.
func (c *cell) mortal() (string, error) {
	was := c.column.person
	if c.speaker() != was {
		return "none", nil // it does not get in, whoever it is
	}
	name := fmt.Sprint("m-", c.m.serial.Add(1))
	password := "password of " + name
	body := with{"name": name, "password": password, "roles": append([]string{}, voices[was]...)}
	if _, err := c.m.must(c.m.of("admin"), "POST", "/people", body); err != nil {
		return "", err
	}
	c.column.person = name
	return password, c.m.login(name, password)
}

// id is the id in an answer.
func (c *cell) id(answer map[string]any, err error) (string, error) {
	id, ok := answer["id"].(string)
	if err == nil && !ok {
		err = fmt.Errorf("there is no id in %v", answer)
	}
	return id, err
}

// makeContext makes a context in which members have every permission but the one
// that the row is about, which nobody has.
func (c *cell) makeContext() (string, error) {
	policies := with{}
	for _, p := range []string{"read", "write", "subscribe", "unsubscribe", "invite", "kick", "delete", "flag"} {
		policies[p] = "members"
	}
	if c.needs != "" && c.needs != "read" {
		policies[c.needs] = "restricted"
	}
	switch c.column.stands {
	case "public":
		policies["read"] = "public"
		policies[c.needs] = "public"
	case "visitor", "banned":
		if c.needs != "read" {
			policies["read"] = "public"
		}
	}
	id := fmt.Sprint("c-", c.m.serial.Add(1))
	_, err := c.m.must(c.m.of("owner"), "POST", "/contexts", with{"id": id, "permissions": policies})
	return id, err
}

// inContext is a request about the cell's context that has to succeed.
func (c *cell) inContext(by, method, path string, body any) (map[string]any, error) {
	id, err := c.value("ctx")
	if err != nil {
		return nil, err
	}
	return c.m.must(c.m.of(by), method, "/contexts/"+id+path, body)
}

// admit makes somebody a member who may write.
func (c *cell) admit(name string) error {
	if name == "owner" || name == "manager" && c.column.stands == "" {
		return nil // they may anyway
	}
	_, err := c.inContext("owner", "PUT", "/members/"+name, nil)
	if err == nil && c.needs == "write" {
		_, err = c.inContext("owner", "PUT", "/members/"+name+"/grants/write", nil)
	}
	return err
}

// write posts in the context and gives the id. Who has not been a member so far
// is one from then on, until settle.
func (c *cell) write(by string, post with) (string, error) {
	if err := c.admit(by); err != nil {
		return "", err
	}
	return c.id(c.inContext(by, "POST", "/activities", post))
}

// speaker is whose things stand for the actor's own: another's, where it cannot
// have any.
func (c *cell) speaker() string {
	if c.column.person == "" || c.column.person == "suspended" {
		return "author"
	}
	return c.column.person
}

// comment writes a comment on what the placeholder stands for, and gives the id.
func (c *cell) comment(by, on string) (string, error) {
	post, err := c.value(on)
	if err != nil {
		return "", err
	}
	if err := c.admit(by); err != nil {
		return "", err
	}
	return c.id(c.m.must(c.m.of(by), "POST", "/activities/"+post+"/comments", with{"content": "hello"}))
}

// report has somebody report the post, and gives the id of the report.
func (c *cell) report() (string, error) {
	post, err := c.value("post")
	if err != nil {
		return "", err
	}
	if _, err := c.m.must(c.m.of("admin"), "POST", "/activities/"+post+"/report", with{"reason": "rude"}); err != nil {
		return "", err
	}
	for path := "/reports?limit=200"; ; {
		page, err := c.m.must(c.m.of("admin"), "GET", path, nil)
		if err != nil {
			return "", err
		}
		items, _ := page["items"].([]any)
		for _, item := range items {
			if is, _ := item.(map[string]any); is["activity"] == post {
				id, _ := is["id"].(string)
				return id, nil
			}
		}
		next, _ := page["next"].(string)
		if next == "" {
			return "", fmt.Errorf("the report of %s is not listed", post)
		}
		path = "/reports?limit=200&cursor=" + next
	}
}

// settle makes the actor what the column says it is. What it wrote before stays.
func (c *cell) settle() error {
	if c.settled || c.made["ctx"]+c.made["conv"] == "" {
		return nil
	}
	c.settled = true
	me := c.column.person
	if c.column.stands == "left" {
		_, err := c.m.must(c.m.of(me), "DELETE", "/conversations/"+c.made["conv"]+"/participants/me", nil)
		return err
	}
	wrote := c.made["own"]+c.made["said"] != ""
	var steps [][2]string
	switch c.column.stands {
	case "member", "with", "without", "banned":
		steps = append(steps, [2]string{"PUT", ""})
		if wrote && c.needs == "write" && c.column.stands != "with" {
			steps = append(steps, [2]string{"DELETE", "/grants/write"})
		}
		switch {
		case c.column.stands == "with" && c.needs != "read" && c.needs != "":
			steps = append(steps, [2]string{"PUT", "/grants/" + c.needs})
		case c.column.stands == "without" && c.needs == "read":
			steps = append(steps, [2]string{"PUT", "/vetoes/read"})
		}
	default:
		if wrote && me != "" && me != "suspended" && me != "owner" && me != "manager" {
			steps = append(steps, [2]string{"DELETE", ""}, [2]string{"DELETE", "/overrides"})
		}
		if c.column.stands == "granted" {
			steps = append(steps, [2]string{"PUT", "/grants/" + c.needs})
		}
	}
	for _, step := range steps {
		if _, err := c.inContext("owner", step[0], "/members/"+me+step[1], nil); err != nil {
			return err
		}
	}
	if c.column.stands == "banned" {
		_, err := c.inContext("owner", "PUT", "/bans/"+me, nil)
		return err
	}
	return nil
}

// makeConversation makes a group of owner, author, other and, where it takes
// part, the actor.
func (c *cell) makeConversation() (string, error) {
	all := []string{"author", "other"}
	if me := c.column.person; me != "owner" && (c.column.stands == "participant" || c.column.stands == "left") {
		all = append(all, me)
	}
	return c.id(c.m.must(c.m.of("owner"), "POST", "/conversations", with{"participants": all, "displayName": "a group"}))
}

// say writes into the conversation.
func (c *cell) say(by string) (string, error) {
	conv, err := c.value("conv")
	if err != nil {
		return "", err
	}
	return c.id(c.m.must(c.m.of(by), "POST", "/conversations/"+conv+"/messages", with{"content": "hello"}))
}

// makePerson is whom the row is about: the actor itself, who blocked it or whom
// it blocks, or somebody new.
func (c *cell) makePerson() (string, error) {
	switch c.column.stands {
	case "self":
		return c.column.person, nil
	case "guarded":
		return "guard", nil
	}
	name := fmt.Sprint("p-", c.m.serial.Add(1))
	_, err := c.m.must(c.m.of("admin"), "POST", "/people", with{"name": name})
	return name, err
}

// credential is with what the actor asks.
func (c *cell) credential() (credential, error) {
	who := c.m.of(c.column.person)
	if c.column.scopes != nil && c.token == "" {
		scopes := make([]string, len(c.column.scopes))
		for i, scope := range c.column.scopes {
			var err error
			if scopes[i], err = c.fill(scope); err != nil {
				return who, err
			}
		}
		var err error
		if c.token, err = c.m.narrowed(c.column.person, scopes); err != nil {
			return who, err
		}
	}
	if c.token != "" {
		who.token = c.token
	}
	var err error
	if c.column.actAs != "" {
		who.actAs, err = c.fill(c.column.actAs)
	}
	return who, err
}
