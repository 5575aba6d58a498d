package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rambla/lexis"
	"rambla/social"
)

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
		toggle("log.requests", "a line for every REST request at level info; else at debug", func(c *Config) *bool { return &c.LogRequests }),
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
		number("conversations.participants", "most participants of a conversation", 2, 10_000, func(c *Config) *int64 { return &c.Participants }),
		number("contexts.live_members", "most members of a context in which members see who types, who is there and how far the others have read", 0, 1_000_000, func(c *Config) *int64 { return &c.LiveMembers }),
		toggle("posts.suppress_repeats", "take the same content by the same author in the same context or on its wall, posted over REST again within a minute, for the first one", func(c *Config) *bool { return &c.SuppressRepeats }),
		toggle("search.index", "index what is posted, so that search finds it; off, what was indexed before is found, and what is removed meanwhile is not taken out", func(c *Config) *bool { return &c.SearchIndex }),
		word("search.language", "", "language whose words are found in all their forms: "+strings.Join(lexis.Languages(), ", ")+". Another one has the index made again", lexis.Languages(), func(c *Config) *string { return &c.SearchLanguage }),
		span("presence.grace", "how long a person whose last connection went is still shown as there", func(c *Config) *time.Duration { return &c.PresenceGrace }),
		number("files.max_size", "largest file that may be uploaded, in bytes", 1<<10, 1<<40, func(c *Config) *int64 { return &c.FilesMaxSize }),
		number("files.quota", "most bytes of all files of one person", 1<<10, 1<<50, func(c *Config) *int64 { return &c.FilesQuota }),
		list("files.allow", "", "media types of files that may be uploaded, such as image/* or application/pdf; empty: all", func(c *Config) *[]string { return &c.FilesAllow }),
		list("files.refuse", "", "media types of files that may not", func(c *Config) *[]string { return &c.FilesRefuse }),
		secret("files.link_keys", "", "keys of signed links, id:base64url between commas; the first one signs, all are good; empty: one of the store's own", func(c *Config) *social.Secret { return &c.FilesLinkKeys }),
		number("pictures.max_pixels", "most pixels of a picture that is uploaded", 1<<16, 1<<30, func(c *Config) *int64 { return &c.PicturesMaxPixels }),
		number("pictures.memory", "most bytes of memory that all pictures take which are being decoded; one that would take more is refused", 16<<20, 1<<40, func(c *Config) *int64 { return &c.PicturesMemory }),
		number("avatars.max_bytes", "largest picture of a person, a context or a group that may be uploaded, in bytes", 1<<10, 1<<30, func(c *Config) *int64 { return &c.AvatarsMaxBytes }),
		span("push.hold", "how long a post in a context waits for devices to acknowledge it before it is pushed; in a conversation half as long", func(c *Config) *time.Duration { return &c.PushHold }),
		list("push.apns.apps", "", "apps of Apple's that are pushed to, each as topic:team:key_id:file.p8; the first is for devices that name none. The file is read again when it changes", func(c *Config) *[]string { return &c.PushAPNsApps }),
		text("push.apns.url", "", "address of a proxy or a test server that stands in for Apple's; empty: Apple's own two", func(c *Config) *string { return &c.PushAPNsURL }),
		list("push.fcm.apps", "", "apps that are pushed to through Google's FCM, each as app:service-account.json; likewise", func(c *Config) *[]string { return &c.PushFCMApps }),
		text("push.fcm.url", "", "what stands in for https://fcm.googleapis.com", func(c *Config) *string { return &c.PushFCMURL }),
		text("push.fcm.token_url", "", "what stands in for the address in the service account that access tokens are got from", func(c *Config) *string { return &c.PushFCMTokenURL }),
		list("push.webpush.allow", "", "hosts of browsers' push services beside the known ones, such as *.push.example.org; only with a port, such as 10.0.0.7:8443, also at private addresses", func(c *Config) *[]string { return &c.PushWebAllow }),
		text("push.webpush.subject", "", "whom the operators of push services may write to, a mail address or https address; empty: http.public_url", func(c *Config) *string { return &c.PushSubject }),
		text("push.webpush.key_file", "", "private key (P-256, PEM) that browsers subscribe for; empty: one of the store's own. Another one ends all subscriptions", func(c *Config) *string { return &c.PushVAPIDFile }),
		text("push.ca_file", "", "certificates (PEM) that providers' addresses are checked against instead of the system's", func(c *Config) *string { return &c.PushCAFile }),
		text("push.texts", "", "file (YAML or JSON) of texts by language and name that replace those which devices show", func(c *Config) *string { return &c.PushTexts }),
		text("push.locale", "", "language of whoever said none, such as ca; empty: English", func(c *Config) *string { return &c.PushLocale }),
		span("audit.retention", "how long the audit log keeps what was administered", func(c *Config) *time.Duration { return &c.AuditLife }),
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
