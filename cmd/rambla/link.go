package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rambla/auth"
	"rambla/social"
	"rambla/storage"
)

type linkCommand struct {
	Sign   linkSignCommand   `cmd:"" help:"Make a link to a file that is good without signing in, for a time."`
	Verify linkVerifyCommand `cmd:"" help:"Check a link, and say whom it was made for."`
}

// links are the site's signatures, by the configuration and the store.
func (in *invocation) links() (*auth.Links, Config, error) {
	c, err := in.config()
	if err != nil {
		return nil, c, err
	}
	keys, err := c.linkKeys()
	if err != nil {
		return nil, c, err
	}
	db, err := storage.Open(in.ctx, storage.Config{URL: string(c.DatabaseURL), Dir: c.Data, Logger: in.logger(&c)})
	if err != nil {
		return nil, c, fmt.Errorf("open the store: %w", err)
	}
	secret, err := db.KeepSecret(in.ctx, siteSecret, auth.NewSiteSecret(), time.Now())
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, c, err
	}
	return auth.NewLinks(append(keys, auth.SiteLinkKey(secret)), time.Now), c, nil
}

type linkSignCommand struct {
	Path string        `arg:"" help:"What the link leads to, such as /v1/attachments/ID; an ID alone is of an attachment."`
	For  string        `required:"" placeholder:"NAME" help:"Whom it is for. Of a person of the site it ends with what that person may read."`
	TTL  time.Duration `name:"ttl" default:"24h" help:"How long it is good."`
}

func (l *linkSignCommand) Run(in *invocation) error {
	path := l.Path
	if id, ok := social.ParseID(path); ok {
		path = (&social.Attachment{ID: id}).Path()
	}
	switch {
	case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#"):
		return usagef("%q is neither an id nor a path such as /v1/attachments/ID", l.Path)
	case l.TTL < time.Second:
		return usagef("--ttl: %s is shorter than 1s", l.TTL)
	}
	if err := social.CheckText("--for", l.For, social.MaxCustomer); err != nil || l.For == "" {
		return usagef("--for: names somebody in at most %d bytes", social.MaxCustomer)
	}
	links, c, err := in.links()
	if err != nil {
		return err
	}
	link := auth.Link{Method: http.MethodGet, Path: path, Customer: l.For, Expires: time.Now().Add(l.TTL)}
	return say(in, "%s%s?%s", strings.TrimSuffix(c.PublicURL, "/"), path, links.Sign(link))
}

type linkVerifyCommand struct {
	URL string `arg:"" help:"The link, with or without the address of the site."`
}

func (l *linkVerifyCommand) Run(in *invocation) error {
	u, err := url.Parse(l.URL)
	if err != nil {
		return usagef("%q is no address", l.URL)
	}
	links, _, err := in.links()
	if err != nil {
		return err
	}
	link, err := links.Verify(http.MethodGet, u.EscapedPath(), u.Query())
	if errors.Is(err, auth.ErrExpired) {
		return social.Errorf(social.KindForbidden, "made for %s, by the key %s; expired at %s", link.Customer, link.Key, link.Expires.Format(time.RFC3339))
	}
	if err != nil {
		return err
	}
	return say(in, "made for %s, by the key %s; good until %s", link.Customer, link.Key, link.Expires.Format(time.RFC3339))
}
