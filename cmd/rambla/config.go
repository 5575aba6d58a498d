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

	"rambla/lexis"
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
	SuppressRepeats bool
	Participants    int64
	PresenceGrace   time.Duration
	AdminPassword   social.Secret
	AuditLife       time.Duration
	LogRequests     bool

	FilesMaxSize  int64
	FilesQuota    int64
	FilesAllow    []string
	FilesRefuse   []string
	FilesLinkKeys social.Secret

	PicturesMaxPixels int64
	PicturesMemory    int64
	AvatarsMaxBytes   int64

	PushHold        time.Duration
	PushAPNsApps    []string
	PushAPNsURL     string
	PushFCMApps     []string
	PushFCMURL      string
	PushFCMTokenURL string
	PushWebAllow    []string
	PushSubject     string
	PushVAPIDFile   string
	PushCAFile      string
	PushTexts       string
	PushLocale      string

	SearchIndex    bool
	SearchLanguage string
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
		AccessLife: time.Hour, RefreshLife: 30 * 24 * time.Hour, ContextsCreate: "managers", SearchIndex: true, SearchLanguage: lexis.Simple, LiveMembers: 200, Participants: 200,
		PresenceGrace: 8 * time.Second, PushHold: 2 * time.Second,
		AuditLife:    400 * 24 * time.Hour,
		FilesMaxSize: 100 << 20, FilesQuota: 5 << 30,
		PicturesMaxPixels: 50_000_000, PicturesMemory: 384 << 20, AvatarsMaxBytes: 10 << 20,
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
	return cmp.Or(c.checkFilesKeys(), c.checkPush())
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
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			return usagef("tls.cert, tls.key: %w", err)
		}
	}
	if _, err := c.pushTexts(); err != nil {
		return err
	}
	return c.checkPushFiles()
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
