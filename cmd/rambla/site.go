package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rambla/auth"
	"rambla/hooks"
	"rambla/lexis"
	"rambla/markup"
	"rambla/pushgw/webpush"
	"rambla/social"
	"rambla/storage"
)

// site is a store with the rules upon it: what a server and the administrative
// commands have in common.
type site struct {
	db         *storage.DB
	dir        *social.Directory
	committer  *social.Committer
	posts      *social.Posts
	activities *social.Activities
	data       *social.Data
	tails      *social.Tails
	markers    *social.Markers
	feeds      *social.Feeds
	typing     *social.Typing
	presences  *social.Presences
	counters   *social.Counters
	spaces     *social.Spaces
	people     *social.People
	auth       *auth.Authority
	gate       *hooks.Gate
	logger     *slog.Logger

	talks     *social.Conversations
	blocks    *social.Blocks
	ignores   *social.Blocks
	attention *social.Attention
	walls     *social.Walls
	repeats   *social.Repeats
	devices   *social.Devices
	traces    *social.Pushes
	files     *filed // of a server; nil for commands
	searches  *social.Searches
	indexer   *social.Indexer
	imports   *social.Imports
	erasures  *social.Erasures
	exports   *social.Exports
}

// openSite opens the store that the configuration names and loads its people.
// Listeners of the directory must be added by before, which runs before the
// load; it may be nil.
func openSite(ctx context.Context, c *Config, logger *slog.Logger, metrics prometheus.Registerer, before func(*site) error) (*site, error) {
	if c.DatabaseURL == "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return nil, fmt.Errorf("make the data directory: %w", err)
		}
	}
	db, err := storage.Open(ctx, storage.Config{
		URL: string(c.DatabaseURL), Dir: c.Data, Migrate: c.DatabaseMigrate, Logger: logger, Metrics: metrics, Data: c.dataLimits(), AuditLife: c.AuditLife,
	})
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	s, err := newSite(db, c, entrance(metrics != nil), logger)
	if err == nil && before != nil {
		err = before(s)
	}
	if err == nil {
		err = s.dir.Load(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func newSite(db *storage.DB, c *Config, here string, logger *slog.Logger) (*site, error) {
	now := time.Now
	s := &site{db: db, logger: logger, dir: social.NewDirectory(db, logger, now)}
	var err error
	s.auth, err = auth.New(hashCost(auth.Config{
		AccessTTL: c.AccessLife, RefreshTTL: c.RefreshLife, PasswordMin: int(c.PasswordMin),
		AccountFailures: int(c.AccountFailures), AddressFailures: int(c.AddressFailures),
	}), db, db, s.dir, logger, now)
	if err != nil {
		return nil, usageError{err}
	}
	open, err := c.openTopics()
	if err != nil {
		return nil, usageError{err}
	}
	s.dir.SetOpenTopics(open)
	s.dir.SetAudit(social.NewAudit(s.dir, db, here, logger, now))
	s.dir.SetMarkup(markup.New().HTML)
	ids := &social.IDs{}
	s.gate = hooks.New(connectAuth{s.auth, c.MQTTPasswords, c.EndAtExpiry}, s.dir)
	announcer := social.NewAnnouncer(db, s.dir, s.gate)
	// One writer is all that SQLite has; on PostgreSQL two batches overlap.
	shards := 1
	if c.DatabaseURL != "" {
		shards = 2
	}
	s.committer = social.NewCommitter(db, announcer, shards, logger, now)
	s.posts = social.NewPosts(s.dir, db, s.committer, ids, now)
	s.activities = social.NewActivities(s.dir, s.posts, db, announcer, ids, now)
	s.data = social.NewData(s.dir, db, s.committer, now)
	s.spaces = social.NewSpaces(s.dir, db, announcer, ids, c.ContextsCreate == "everyone", logger, now)
	s.people = social.NewPeople(s.dir, db, now)
	s.talks = social.NewConversations(s.spaces, db, s.posts, int(c.Participants))
	s.blocks = social.NewBlocks(s.dir, db, now)
	s.ignores = social.NewIgnores(s.dir, db, now)
	s.feeds = social.NewFeeds(s.dir, db, announcer, now)
	s.attention = social.NewAttention(s.dir, db, now)
	s.tails = social.NewTails(db, now)
	s.markers = social.NewMarkers(s.dir, s.tails, announcer, s.gate, int(c.LiveMembers), logger, now)
	s.repeats = social.NewRepeats(s.posts, c.SuppressRepeats, now)
	s.walls = social.NewWalls(s.dir, db, s.repeats, now)
	s.gate.MakeWalls(s.walls)
	s.gate.Serve(s.posts, s.data, s.markers, db, announcer)
	s.typing = social.NewTyping(s.dir, int(c.LiveMembers), now)
	s.presences = social.NewPresences(s.dir, db, s.gate, int(c.LiveMembers), c.PresenceGrace, logger, now)
	s.counters = social.NewCounters(s.dir, s.tails, s.gate, logger, now)
	s.gate.ServeLive(s.typing, s.presences, s.counters, s.tails, now)
	allow, err := webpush.NewAllow(c.PushWebAllow)
	if err != nil {
		return nil, usageError{err}
	}
	s.traces = social.NewPushes(s.dir, db, db, db)
	s.devices = social.NewDevices(db, allow.Check, ids, now)
	s.imports = social.NewImports(db, s.people, s.spaces, s.posts, auth.CheckHash, now)
	s.exports = social.NewExports(s.dir, s.posts, db)
	s.erasures = social.NewErasures(s.people, s.activities, db, ids, logger, now)
	s.dir.OnDelta(s.forget)
	return s, s.makeSearch(c)
}

// makeSearch makes what finds posts and what indexes them.
func (s *site) makeSearch(c *Config) error {
	words, err := lexis.New(c.SearchLanguage)
	if err != nil {
		return usagef("search.language: %w", err)
	}
	s.searches = social.NewSearches(s.dir, s.posts, s.db, words, markup.New().Text)
	// PostgreSQL writes beside others. On SQLite only one writes, so that batches are
	// short and half of the time is left to those who publish.
	config := social.IndexerConfig{Batch: 1000, Hurry: 8000}
	if c.DatabaseURL == "" {
		config = social.IndexerConfig{Batch: 100, Rest: 1, Hurry: 2000}
	}
	s.indexer = social.NewIndexer(config, s.dir, s.db, words, s.logger, time.Now)
	if c.SearchIndex {
		s.gate.ServeIndex(s.indexer)
		s.erasures.Also(func(ctx context.Context, _ social.Person) error { return s.indexer.Reach(ctx) })
	} else {
		s.erasures.Also(func(ctx context.Context, p social.Person) error { return s.db.ForgetAuthor(ctx, p.Key) })
	}
	return nil
}

// forget drops what auth remembers of those whom a change touched.
func (s *site) forget(d social.Delta) {
	for _, key := range d.Grants {
		s.auth.Ended(key)
	}
	for _, key := range d.Passwords {
		s.auth.Forget(key)
	}
	for _, key := range d.People {
		s.auth.Forget(key)
	}
}

func (s *site) close() error { return s.db.Close() }

// connectAuth decides which credentials an MQTT connection may use.
type connectAuth struct {
	auth        *auth.Authority
	passwords   bool
	endAtExpiry bool
}

// Authenticate takes a token, whoever's name stands beside it as long as it is
// its owner's, or else the account's password.
func (c connectAuth) Authenticate(ctx context.Context, dir *social.Directory, username, password string, from netip.AddrPort) (hooks.Identity, error) {
	if auth.LooksLikeToken(password) {
		return c.AuthenticateToken(ctx, dir, username, password)
	}
	if !c.passwords {
		return hooks.Identity{}, social.Errorf(social.KindUnauthenticated, "Passwords are not accepted here; use a token as the password.")
	}
	id, err := c.auth.AuthenticatePassword(ctx, strings.ToLower(username), password, from.Addr())
	return hooks.Identity{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes}, err
}

// AuthenticateToken takes a token as above, and nothing else.
func (c connectAuth) AuthenticateToken(ctx context.Context, dir *social.Directory, username, token string) (hooks.Identity, error) {
	id, err := c.auth.AuthenticateToken(ctx, token)
	if err != nil {
		return hooks.Identity{}, err
	}
	if username != "" {
		if p, ok := dir.PersonByName(username); !ok || p.Key != id.Person {
			return hooks.Identity{}, social.Errorf(social.KindUnauthenticated, "The token is another person's.")
		}
	}
	out := hooks.Identity{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes, Expires: id.Ends}
	if c.endAtExpiry {
		out.Expires = id.Expires
	}
	return out, nil
}

// Recall tells what a grant still allows.
func (c connectAuth) Recall(ctx context.Context, person social.PersonKey, grant social.GrantKey) (hooks.Identity, error) {
	if grant == 0 && !c.passwords {
		return hooks.Identity{}, social.Errorf(social.KindUnauthenticated, "Passwords are not accepted here.")
	}
	id, err := c.auth.Recall(ctx, person, grant)
	return hooks.Identity{Person: id.Person, Grant: id.Grant, Scopes: id.Scopes, Expires: id.Ends}, err
}
