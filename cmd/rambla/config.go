package main

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"rambla/social"
)

// Config is everything an operator can set. The table in settings names each
// member's key; the packages check their own parts again.
type Config struct {
	Data            string
	MQTTListen      []string
	HTTPListen      string
	PublicURL       string
	HTTPOrigins     []string
	TrustedProxies  []string
	PersonRate      int64
	AddressRate     int64
	AdminListen     string
	DatabaseURL     social.Secret
	DatabaseMigrate bool
	LogLevel        string
	LogFormat       string
	TLSCert         string
	TLSKey          string
	MaxPacket       int64
	MaxFirstPacket  int64

	ConnectTimeout        time.Duration
	MaxConnecting         int64
	MaxConnectingPerAddr  int64
	MaxConnectionsPerAddr int64
	KeepAliveMax          time.Duration
	IdleLimit             time.Duration
	SessionExpiryMax      time.Duration
	SessionExpiryMQTT3    time.Duration
	SessionsPerPerson     int64
	ReceiveMaximum        int64
	MaxInboundBytes       int64
	PublishRate           int64
	MaxTopicBytes         int64
	MaxTopicLevels        int64
	TopicAliasMax         int64
	TopicAliasSendMax     int64
	MaxSubscriptions      int64
	MaxQueued             int64
	MaxQueuedBytes        int64
	OpenTopics            []string

	QuotaSamples       int64
	QuotaSampleBytes   int64
	QuotaRetained      int64
	QuotaRetainedBytes int64

	MQTTPasswords   bool
	EndAtExpiry     bool
	AccessLife      time.Duration
	RefreshLife     time.Duration
	PasswordMin     int64
	AccountFailures int64
	AddressFailures int64
	ContextsCreate  string
	LiveMembers     int64
	AdminPassword   social.Secret
}

func defaultConfig() Config {
	return Config{
		Data: "./rambla-data", MQTTListen: []string{"127.0.0.1:1883"}, HTTPListen: "127.0.0.1:8080",
		AdminListen: "127.0.0.1:9464", DatabaseMigrate: true, LogLevel: "info", LogFormat: "text",
		MaxPacket: 256 << 10, MaxFirstPacket: 16 << 10, ConnectTimeout: 10 * time.Second, MaxConnecting: 10_000, MaxConnectingPerAddr: 1000,
		KeepAliveMax: 30 * time.Minute, IdleLimit: 2 * time.Hour, SessionExpiryMax: 30 * 24 * time.Hour,
		SessionExpiryMQTT3: 14 * 24 * time.Hour, SessionsPerPerson: 50, MaxInboundBytes: 4 << 20,
		MaxTopicBytes: social.MaxTopicBytes, MaxTopicLevels: social.MaxTopicLevels, TopicAliasMax: 32, TopicAliasSendMax: 64,
		ReceiveMaximum: 1024, MaxSubscriptions: 1000, MaxQueued: 8192, MaxQueuedBytes: 4 << 20,
		QuotaSamples: 1_000_000, QuotaSampleBytes: 1 << 30, QuotaRetained: 10_000, QuotaRetainedBytes: 64 << 20, MQTTPasswords: true,
		PersonRate: 2000, AddressRate: 5000, PasswordMin: 8, AccountFailures: 10, AddressFailures: 50,
		AccessLife: time.Hour, RefreshLife: 30 * 24 * time.Hour, ContextsCreate: "managers", LiveMembers: 200,
	}
}

// setting is one key: where it is written and read in text.
type setting struct {
	key    string // in the file; RAMBLA_ and its upper case in the environment
	flag   string // also RAMBLA_ and its upper case; empty: no flag
	doc    string
	secret bool
	set    func(*Config, string) error
	get    func(*Config) any
}

// settings is the reference of the configuration, in the order of the manual.
func settings() []setting {
	return []setting{
		text("data", "data", "directory of the embedded store and of what the server keeps beside a database", func(c *Config) *string { return &c.Data }),
		list("mqtt.listen", "mqtt", "addresses for MQTT; tls://host:port for TLS", func(c *Config) *[]string { return &c.MQTTListen }),
		text("http.listen", "http", "address for REST, MQTT over WebSocket and the page", func(c *Config) *string { return &c.HTTPListen }),
		text("http.public_url", "", "address that people reach the site at, such as https://chat.example.org; empty: what each request was sent to", func(c *Config) *string { return &c.PublicURL }),
		list("http.origins", "", "origins of browsers that may use REST and WebSocket, beside the server's own", func(c *Config) *[]string { return &c.HTTPOrigins }),
		list("http.trusted_proxies", "", "networks of proxies whose X-Forwarded-For counts, and whose PROXY protocol header on mqtt.listen, such as 10.0.0.0/8", func(c *Config) *[]string { return &c.TrustedProxies }),
		number("http.person_rate", "requests per second of one person; five times as many may come at once", 1, 1_000_000, func(c *Config) *int64 { return &c.PersonRate }),
		number("http.address_rate", "the same for one address, or one /64 of IPv6", 1, 1_000_000, func(c *Config) *int64 { return &c.AddressRate }),
		text("admin.listen", "admin", "address of /metrics and profiles; keep it private", func(c *Config) *string { return &c.AdminListen }),
		secret("database.url", "database", "postgres://…; empty: the embedded store in the data directory", func(c *Config) *social.Secret { return &c.DatabaseURL }),
		toggle("database.migrate", "bring the schema up to date at the start", func(c *Config) *bool { return &c.DatabaseMigrate }),
		word("log.level", "log-level", "debug, info, warn or error", []string{"debug", "info", "warn", "error"}, func(c *Config) *string { return &c.LogLevel }),
		word("log.format", "log-format", "text or json", []string{"text", "json"}, func(c *Config) *string { return &c.LogFormat }),
		text("tls.cert", "tls-cert", "certificate chain in PEM, read again when it changes", func(c *Config) *string { return &c.TLSCert }),
		text("tls.key", "tls-key", "its private key in PEM", func(c *Config) *string { return &c.TLSKey }),
		number("broker.max_packet", "largest MQTT packet in bytes", 1<<10, 16<<20, func(c *Config) *int64 { return &c.MaxPacket }),
		number("broker.max_connect_packet", "the same of the CONNECT, which anybody may send", 1<<10, 256<<10, func(c *Config) *int64 { return &c.MaxFirstPacket }),
		span("broker.connect_timeout", "time from a connection's first byte to the end of its CONNECT", func(c *Config) *time.Duration { return &c.ConnectTimeout }),
		number("broker.max_connecting", "most connections that have not signed in yet", 1, 10_000_000, func(c *Config) *int64 { return &c.MaxConnecting }),
		number("broker.max_connecting_per_address", "the same of one address, or one /64 of IPv6", 1, 10_000_000, func(c *Config) *int64 { return &c.MaxConnectingPerAddr }),
		number("broker.max_connections_per_address", "most connections of one address; 0: no limit", 0, 10_000_000, func(c *Config) *int64 { return &c.MaxConnectionsPerAddr }),
		span("broker.keep_alive_max", "longest keep alive; MQTT 5 clients that ask for more, or for none, are told this one", func(c *Config) *time.Duration { return &c.KeepAliveMax }),
		span("broker.idle_limit", "how long an MQTT 3.1.1 client without keep alive may say nothing", func(c *Config) *time.Duration { return &c.IdleLimit }),
		span("broker.session_expiry_max", "how long a session may outlive its connection", func(c *Config) *time.Duration { return &c.SessionExpiryMax }),
		span("broker.session_expiry_mqtt3", "how long a session of MQTT 3.1.1 does, which cannot ask", func(c *Config) *time.Duration { return &c.SessionExpiryMQTT3 }),
		number("broker.sessions_per_person", "most sessions that are kept for one person", 1, 1<<20, func(c *Config) *int64 { return &c.SessionsPerPerson }),
		number("broker.receive_maximum", "most publishes of a client that are not acknowledged yet", 1, 65_535, func(c *Config) *int64 { return &c.ReceiveMaximum }),
		number("broker.max_inbound_bytes", "most bytes of one client's publishes that are not acknowledged yet", 1<<10, 1<<30, func(c *Config) *int64 { return &c.MaxInboundBytes }),
		number("broker.publish_rate", "publishes per second of one connection, twice as many at once; 0: no limit", 0, 1_000_000, func(c *Config) *int64 { return &c.PublishRate }),
		number("broker.max_topic_bytes", "longest topic or filter", 16, social.MaxTopicBytes, func(c *Config) *int64 { return &c.MaxTopicBytes }),
		number("broker.max_topic_levels", "most levels of a topic or filter", 4, social.MaxTopicLevels, func(c *Config) *int64 { return &c.MaxTopicLevels }),
		number("broker.topic_alias_max", "topic aliases that an MQTT 5 client may define; 0: none", 0, 65_535, func(c *Config) *int64 { return &c.TopicAliasMax }),
		number("broker.topic_alias_send_max", "topic aliases that are defined to a client which takes so many; 0: none", 0, 65_535, func(c *Config) *int64 { return &c.TopicAliasSendMax }),
		number("broker.max_subscriptions", "most subscriptions of one session", 1, 1<<20, func(c *Config) *int64 { return &c.MaxSubscriptions }),
		number("broker.max_queued", "most messages that wait for one session", 2, 1<<24, func(c *Config) *int64 { return &c.MaxQueued }),
		number("broker.max_queued_bytes", "the same in bytes", 1<<10, 1<<30, func(c *Config) *int64 { return &c.MaxQueuedBytes }),
		list("broker.open_topics", "", "prefixes, such as sensors/, below which everybody who signs in may publish and subscribe", func(c *Config) *[]string { return &c.OpenTopics }),
		number("quota.samples", "most messages kept of a context's data, or below one open prefix; beyond, the oldest are given up", 1, 1<<40, func(c *Config) *int64 { return &c.QuotaSamples }),
		number("quota.sample_bytes", "the same in bytes", 1<<10, 1<<50, func(c *Config) *int64 { return &c.QuotaSampleBytes }),
		number("quota.retained", "most retained messages of a context's data, or below one open prefix; another one is refused", 1, 1<<32, func(c *Config) *int64 { return &c.QuotaRetained }),
		number("quota.retained_bytes", "the same in bytes", 1<<10, 1<<50, func(c *Config) *int64 { return &c.QuotaRetainedBytes }),
		toggle("auth.mqtt_passwords", "let MQTT clients connect with the account's password", func(c *Config) *bool { return &c.MQTTPasswords }),
		toggle("auth.mqtt_end_at_expiry", "end MQTT connections when their access token expires", func(c *Config) *bool { return &c.EndAtExpiry }),
		span("auth.access_ttl", "how long an access token lives", func(c *Config) *time.Duration { return &c.AccessLife }),
		span("auth.refresh_ttl", "how long a refresh token may stay unused", func(c *Config) *time.Duration { return &c.RefreshLife }),
		number("auth.password_min", "least characters of a new password", 1, 128, func(c *Config) *int64 { return &c.PasswordMin }),
		number("auth.account_failures", "wrong passwords in a row after which an account's logins are slowed down", 1, 1_000_000, func(c *Config) *int64 { return &c.AccountFailures }),
		number("auth.address_failures", "the same for one address, or one /64 of IPv6", 1, 1_000_000, func(c *Config) *int64 { return &c.AddressFailures }),
		word("contexts.create", "", "who may create contexts: managers or everyone", []string{"managers", "everyone"}, func(c *Config) *string { return &c.ContextsCreate }),
		number("contexts.live_members", "most members of a context in which members see how far the others have read", 0, 1_000_000, func(c *Config) *int64 { return &c.LiveMembers }),
		secret("admin.password", "", "password of the person admin, made at the first start; empty: generated and printed once", func(c *Config) *social.Secret { return &c.AdminPassword }),
	}
}

func text(key, flag, doc string, at func(*Config) *string) setting {
	return setting{
		key: key, flag: flag, doc: doc,
		set: func(c *Config, v string) error { *at(c) = v; return nil },
		get: func(c *Config) any { return *at(c) },
	}
}

func secret(key, flag, doc string, at func(*Config) *social.Secret) setting {
	return setting{
		key: key, flag: flag, doc: doc, secret: true,
		set: func(c *Config, v string) error { *at(c) = social.Secret(v); return nil },
		get: func(c *Config) any { return at(c).String() },
	}
}

func list(key, flag, doc string, at func(*Config) *[]string) setting {
	return setting{
		key: key, flag: flag, doc: doc,
		set: func(c *Config, v string) error { *at(c) = splitList(v); return nil },
		get: func(c *Config) any { return slices.Concat([]string{}, *at(c)) },
	}
}

func word(key, flag, doc string, words []string, at func(*Config) *string) setting {
	s := text(key, flag, doc, at)
	s.set = func(c *Config, v string) error {
		if !slices.Contains(words, v) {
			return fmt.Errorf("%q is none of %s", v, strings.Join(words, ", "))
		}
		*at(c) = v
		return nil
	}
	return s
}

func toggle(key, doc string, at func(*Config) *bool) setting {
	return setting{
		key: key, doc: doc,
		set: func(c *Config, v string) error {
			b, err := strconv.ParseBool(v)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", v)
			}
			*at(c) = b
			return nil
		},
		get: func(c *Config) any { return *at(c) },
	}
}

func number(key, doc string, least, most int64, at func(*Config) *int64) setting {
	return setting{
		key: key, doc: doc,
		set: func(c *Config, v string) error {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < least || n > most {
				return fmt.Errorf("%q is no number from %d to %d", v, least, most)
			}
			*at(c) = n
			return nil
		},
		get: func(c *Config) any { return *at(c) },
	}
}

func span(key, doc string, at func(*Config) *time.Duration) setting {
	return setting{
		key: key, doc: doc,
		set: func(c *Config, v string) error {
			d, err := time.ParseDuration(v)
			if err != nil || d <= 0 {
				return fmt.Errorf("%q is no duration such as 1h or 30m", v)
			}
			*at(c) = d
			return nil
		},
		get: func(c *Config) any { return at(c).String() },
	}
}

func splitList(v string) []string {
	var out []string
	for _, s := range strings.Split(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// usageError is a mistake in the command line or the configuration: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// loadConfig reads the defaults, then the file, then the environment, then the
// flags; each beats the one before. flags holds only those that were given.
func loadConfig(file string, environ []string, flags map[string]string) (Config, error) {
	c := defaultConfig()
	env := map[string]string{}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, "RAMBLA_") {
			env[name] = value
		}
	}
	if file == "" {
		file = env["RAMBLA_CONFIG"]
	}
	if file != "" {
		if err := readConfigFile(&c, file); err != nil {
			return Config{}, err
		}
	}
	for _, s := range settings() {
		if err := s.fromEnvironment(&c, env); err != nil {
			return Config{}, err
		}
		if v, given := flags[s.flag]; given && s.flag != "" {
			if err := s.set(&c, v); err != nil {
				return Config{}, usagef("--%s: %w", s.flag, err)
			}
		}
	}
	return c, c.check()
}

func (c *Config) check() error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return usagef("tls.cert and tls.key go together")
	case len(c.MQTTListen) == 0:
		return usagef("mqtt.listen: needs at least one address")
	case c.Data == "":
		return usagef("data: needs a directory")
	}
	for _, l := range c.MQTTListen {
		host, secure := mqttAddress(l)
		if secure && c.TLSCert == "" {
			return usagef("mqtt.listen: %s needs tls.cert and tls.key", l)
		}
		if err := checkAddress("mqtt.listen", host); err != nil {
			return err
		}
	}
	if err := cmp.Or(checkAddress("http.listen", c.HTTPListen), checkAddress("admin.listen", c.AdminListen)); err != nil {
		return err
	}
	if u := string(c.DatabaseURL); u != "" && !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
		return usagef("database.url: begins with postgres://")
	}
	_, open := c.openTopics()
	if err := cmp.Or(restConfig(c).Validate(), brokerConfig(c).Validate(), open); err != nil {
		return usageError{err}
	}
	return nil
}

func (c *Config) openTopics() (social.OpenTopics, error) {
	return social.ParseOpenTopics("broker.open_topics", c.OpenTopics)
}

func (c *Config) dataLimits() social.DataLimits {
	return social.DataLimits{
		Messages: c.QuotaSamples, Bytes: c.QuotaSampleBytes, Retained: c.QuotaRetained, RetainedBytes: c.QuotaRetainedBytes,
	}
}

// checkFiles looks into the files that the configuration names. Only the server
// and those who ask about it must be able to read them.
func (c *Config) checkFiles() error {
	if c.TLSCert == "" {
		return nil
	}
	if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
		return usagef("tls.cert, tls.key: %w", err)
	}
	return nil
}

// mqttAddress takes the scheme from an address of mqtt.listen.
func mqttAddress(l string) (hostPort string, secure bool) {
	host, secure := strings.CutPrefix(l, "tls://")
	return strings.TrimPrefix(host, "tcp://"), secure
}

func checkAddress(key, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usagef("%s: %q is no address such as 127.0.0.1:1883", key, address)
	}
	return nil
}

// fromEnvironment applies RAMBLA_KEY and RAMBLA_FLAG, and for a secret also
// their …_FILE forms, which name a file that holds the value. An empty variable
// says nothing, as compose files leave them behind.
func (s setting) fromEnvironment(c *Config, env map[string]string) error {
	names := []string{envName(s.key)}
	if s.flag != "" && envName(s.flag) != names[0] {
		names = append(names, envName(s.flag))
	}
	for _, name := range names {
		v := env[name]
		if path := env[name+"_FILE"]; path != "" && s.secret {
			b, err := os.ReadFile(filepath.Clean(path))
			if err != nil {
				return usagef("%s_FILE: %w", name, err)
			}
			v = strings.TrimRight(string(b), "\r\n")
		}
		if v == "" {
			continue
		}
		if err := s.set(c, v); err != nil {
			return usagef("%s: %w", name, err)
		}
	}
	return nil
}

func envName(key string) string {
	return "RAMBLA_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

func readConfigFile(c *Config, path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return usagef("configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return usagef("configuration: %w", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return usagef("configuration %s: %s", path, yaml.FormatError(err, false, true))
	}
	known := map[string]setting{}
	for _, s := range settings() {
		known[s.key] = s
	}
	return walkKeys("", tree, func(key string, value any) error {
		s, ok := known[key]
		if !ok {
			return usagef("configuration %s: unknown key %q", path, key)
		}
		v, err := scalar(value)
		if err == nil {
			err = s.set(c, v)
		}
		if err != nil {
			return usagef("configuration %s: %s: %w", path, key, err)
		}
		return nil
	})
}

// walkKeys visits the leaves of the tree under their dotted keys, in order.
func walkKeys(prefix string, tree map[string]any, visit func(key string, value any) error) error {
	names := make([]string, 0, len(tree))
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		key := prefix + name
		var err error
		if sub, ok := tree[name].(map[string]any); ok {
			err = walkKeys(key+".", sub, visit)
		} else {
			err = visit(key, tree[name])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scalar is the text form of a leaf; a list becomes what splitList reads.
func scalar(value any) (string, error) {
	switch v := value.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			s, err := scalar(e)
			if err != nil {
				return "", err
			}
			parts[i] = s
		}
		return strings.Join(parts, ","), nil
	case nil:
		return "", errors.New("has no value")
	case string, bool, int64, uint64, float64, int:
		return fmt.Sprint(v), nil
	default:
		return "", fmt.Errorf("is no single value")
	}
}

// printConfig writes the settings in force as a file that could be read again,
// without the secrets.
func printConfig(w io.Writer, c *Config) error {
	tree := yaml.MapSlice{}
	for _, s := range settings() {
		if group, name, nested := strings.Cut(s.key, "."); nested {
			i := slices.IndexFunc(tree, func(e yaml.MapItem) bool { return e.Key == group })
			if i < 0 {
				tree = append(tree, yaml.MapItem{Key: group, Value: yaml.MapSlice{}})
				i = len(tree) - 1
			}
			inner, _ := tree[i].Value.(yaml.MapSlice)
			tree[i].Value = append(inner, yaml.MapItem{Key: name, Value: s.get(c)})
		} else {
			tree = append(tree, yaml.MapItem{Key: s.key, Value: s.get(c)})
		}
	}
	b, err := yaml.Marshal(tree)
	if err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	_, err = w.Write(b)
	return err
}
