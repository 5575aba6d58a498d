package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"rambla/social"
)

const asyncAPIPath = "/v1/asyncapi.json"

// The parts of an AsyncAPI 3.0 document that this one has.
type asyncDocument struct {
	AsyncAPI           string                    `json:"asyncapi"`
	Info               asyncInfo                 `json:"info"`
	DefaultContentType string                    `json:"defaultContentType"`
	Servers            map[string]asyncServer    `json:"servers,omitempty"`
	Channels           map[string]asyncChannel   `json:"channels"`
	Operations         map[string]asyncOperation `json:"operations"`
	Components         asyncComponents           `json:"components"`
}

type asyncInfo struct {
	Title       string       `json:"title"`
	Version     string       `json:"version"`
	Description string       `json:"description"`
	License     asyncLicense `json:"license"`
}

type asyncLicense struct {
	Name string `json:"name"`
}

type asyncServer struct {
	Host            string     `json:"host"`
	Pathname        string     `json:"pathname,omitempty"`
	Protocol        string     `json:"protocol"`
	ProtocolVersion string     `json:"protocolVersion"`
	Security        []asyncRef `json:"security"`
}

type asyncRef struct {
	Ref string `json:"$ref"`
}

type asyncChannel struct {
	Address     string                    `json:"address"`
	Description string                    `json:"description"`
	Parameters  map[string]asyncParameter `json:"parameters,omitempty"`
	Messages    map[string]asyncRef       `json:"messages"`
}

type asyncParameter struct {
	Description string `json:"description"`
}

type asyncOperation struct {
	Action   string        `json:"action"`
	Channel  asyncRef      `json:"channel"`
	Summary  string        `json:"summary"`
	Messages []asyncRef    `json:"messages"`
	Bindings asyncBindings `json:"bindings"`
}

type asyncBindings struct {
	MQTT asyncMQTT `json:"mqtt"`
}

type asyncMQTT struct {
	QoS    int  `json:"qos"`
	Retain bool `json:"retain"`
}

type asyncMessage struct {
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	Payload     any    `json:"payload"`
}

type asyncComponents struct {
	Messages        map[string]asyncMessage `json:"messages"`
	Schemas         map[string]*huma.Schema `json:"schemas"`
	SecuritySchemes map[string]asyncScheme  `json:"securitySchemes"`
}

type asyncScheme struct {
	Type        string `json:"type"`
	Description string `json:"description"`
}

// asyncAPI describes the topics, as the server is to them: it receives what
// clients publish, and sends what they subscribe to. All of it is made from the
// grammar of topics and the types of payloads.
func asyncAPI(version string, servers []string) ([]byte, error) {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	d := asyncDocument{
		AsyncAPI: "3.0.0",
		Info: asyncInfo{
			Title: "Rambla", Version: version, License: asyncLicense{"Apache-2.0"},
			Description: "The topics of MQTT 3.1.1 and 5.0. The same posts are there over REST, see " + openAPIPath + ".json.",
		},
		DefaultContentType: mediaJSON,
		Servers:            map[string]asyncServer{},
		Channels:           map[string]asyncChannel{},
		Operations:         map[string]asyncOperation{},
		Components: asyncComponents{
			Messages:        map[string]asyncMessage{},
			SecuritySchemes: map[string]asyncScheme{"password": {"userPassword", "The name of a person, and its password or a token."}},
		},
	}
	for _, address := range servers {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("render the AsyncAPI document: %w", err)
		}
		d.Servers[u.Scheme] = asyncServer{
			Host: u.Host, Pathname: u.Path, Protocol: u.Scheme, ProtocolVersion: "5.0",
			Security: []asyncRef{{"#/components/securitySchemes/password"}},
		}
	}
	for _, f := range social.Forms() {
		d.add(f, schemas)
	}
	d.Components.Schemas = schemas.Map()
	d.openTold(schemas)
	out, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		return nil, fmt.Errorf("render the AsyncAPI document: %w", err)
	}
	return out, nil
}

// add describes the topics of a form, and what is done there.
func (d *asyncDocument) add(f social.Form, schemas huma.Registry) {
	name := channelName(f.Topic())
	channel := asyncChannel{
		Address: f.Topic(), Description: describeForm(f),
		Parameters: parametersOf(f), Messages: map[string]asyncRef{},
	}
	operate := func(action, verb string, value any, qos byte, retain bool) {
		message := d.message(value, schemas)
		channel.Messages[message] = asyncRef{"#/components/messages/" + message}
		d.Operations[action+capital(name)] = asyncOperation{
			Action: action, Channel: asyncRef{"#/channels/" + name}, Summary: verb + " on " + f.Topic(),
			Messages: []asyncRef{{"#/channels/" + name + "/messages/" + message}},
			Bindings: asyncBindings{asyncMQTT{QoS: int(qos), Retain: retain}},
		}
	}
	if f.Said {
		operate("receive", "Publish", saidOn(f.Channel), f.Channel.MostQoS(), false)
	}
	if f.Told {
		operate("send", "Subscribe", toldOn(f), f.Channel.MostQoS(), f.Channel.Retains())
	}
	d.Channels[name] = channel
}

// message describes a payload once, and returns its name.
func (d *asyncDocument) message(value any, schemas huma.Registry) string {
	if value == nil {
		d.Components.Messages["Bytes"] = asyncMessage{Name: "Bytes", ContentType: "application/octet-stream", Payload: struct{}{}}
		return "Bytes"
	}
	t := reflect.TypeOf(value)
	d.Components.Messages[t.Name()] = asyncMessage{Name: t.Name(), ContentType: mediaJSON, Payload: schemas.Schema(t, true, "")}
	return t.Name()
}

// openTold lets what the server says have members that are not named, as
// [openAnswers] does; what clients say stays closed.
func (d *asyncDocument) openTold(schemas huma.Registry) {
	said := map[string]bool{}
	for _, f := range social.Forms() {
		if v := saidOn(f.Channel); f.Said && v != nil {
			reach(schemas.Schema(reflect.TypeOf(v), true, ""), schemas.Map(), said)
		}
	}
	for name, s := range d.Components.Schemas {
		if !said[name] {
			s.AdditionalProperties = nil
		}
	}
}

func describeForm(f social.Form) string {
	switch c := f.Channel; {
	case f.Kind == social.ScopeOpen:
		return "What managers tell everybody. One that stands for a time is what whoever subscribes gets first."
	case c.Log():
		return "A stream of posts, in the order of seq, each once in the store."
	case c.Durable():
		return "Any bytes, delivered as they were published."
	case c.Retains():
		return "The present state, which whoever subscribes gets first."
	default:
		return "For whoever is connected; not stored."
	}
}

func parametersOf(f social.Form) map[string]asyncParameter {
	out := map[string]asyncParameter{}
	for level := range strings.SplitSeq(f.Topic(), "/") {
		switch level {
		case "{id}":
			out["id"] = asyncParameter{"The id of the context or conversation"}
		case "{name}":
			out["name"] = asyncParameter{"The name of the person"}
		case "{topic}":
			out["topic"] = asyncParameter{"One or more levels, such as kitchen/temperature"}
		}
	}
	return out
}

// channelName makes ctxReceiptsName out of /ctx/{id}/receipts/{name}.
func channelName(topic string) string {
	var out strings.Builder
	for i, level := range strings.Split(strings.Trim(topic, "/"), "/") {
		word := strings.Trim(level, "{}")
		switch {
		case i == 0:
			out.WriteString(word)
		case i > 1: // the owner is in every one
			out.WriteString(capital(word))
		}
	}
	return out.String()
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
