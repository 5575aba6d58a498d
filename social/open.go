package social

import (
	"slices"
	"strings"
)

// OpenTopics are the prefixes below which every authenticated person may publish
// and subscribe, with the meaning of a context's data: one stream per prefix.
// It is a value and does not change once made; the zero value has only the one
// on which the site itself speaks.
type OpenTopics struct {
	prefixes []string // whole levels, each with its slash at the end; none begins another
}

// The limits of open topics. Every topic and filter is compared with all of
// them; and a prefix leaves room for what follows it.
const (
	maxOpenTopics = 32
	maxOpenBytes  = 128
	maxOpenLevels = 8
)

// reservedRoots are what the server's own topics begin with.
var reservedRoots = [...]string{"/ctx/", "/user/", "/conv/", sitePrefix, "$"}

// ParseOpenTopics reads a list of prefixes: one or more whole levels, "sensors"
// as well as "sensors/". The error is KindInvalid and names field.
func ParseOpenTopics(field string, list []string) (OpenTopics, error) {
	var o OpenTopics
	if len(list) > maxOpenTopics {
		return o, Invalid(field, "are more than %d", maxOpenTopics)
	}
	for _, given := range list {
		prefix := strings.TrimSuffix(given, "/") + "/"
		if err := checkOpenPrefix(field, given, prefix); err != nil {
			return OpenTopics{}, err
		}
		for _, other := range o.prefixes {
			if strings.HasPrefix(prefix, other) || strings.HasPrefix(other, prefix) {
				return OpenTopics{}, Invalid(field, "%q and %q cover the same topics", clip(other), clip(prefix))
			}
		}
		o.prefixes = append(o.prefixes, prefix)
	}
	slices.Sort(o.prefixes)
	return o, nil
}

func checkOpenPrefix(field, given, prefix string) error {
	switch {
	case strings.Trim(given, "/") == "":
		return Invalid(field, "%q names no level", clip(given))
	case strings.ContainsAny(given, "+#"):
		return Invalid(field, "%q has a wildcard; it covers all below it without one", clip(given))
	case checkTopicText(prefix) != nil:
		return Invalid(field, "%q is no beginning of a topic", clip(given))
	case len(prefix) > maxOpenBytes || strings.Count(prefix, "/") > maxOpenLevels:
		return Invalid(field, "%q has more than %d bytes or %d levels", clip(given), maxOpenBytes, maxOpenLevels)
	}
	for _, root := range reservedRoots {
		if strings.HasPrefix(prefix, root) || strings.HasPrefix(root, prefix) {
			return Invalid(field, "%q belongs to the server's own topics", clip(given))
		}
	}
	return nil
}

// Prefixes are those of the list in order, each with a slash at its end. They are
// the callee's.
func (o OpenTopics) Prefixes() []string { return o.prefixes }

// cut finds the prefix that a topic or filter is below. Nothing is allocated. Of
// what is below the site's there is one topic, for filters too.
func (o OpenTopics) cut(topic string) (prefix, rest string, ok bool) {
	if topic == BroadcastTopic {
		return sitePrefix, siteBroadcast, true
	}
	for _, p := range o.prefixes {
		if len(topic) > len(p) && topic[:len(p)] == p {
			return p, topic[len(p):], true
		}
	}
	return "", "", false
}

// OpenStream is the stream of a prefix, as the store keeps it.
type OpenStream struct {
	Prefix string
	Stream StreamKey
	Head   uint64
}

// SetOpenTopics says what is open; the streams of the prefixes are made where
// they are missing. Only before Load.
func (d *Directory) SetOpenTopics(o OpenTopics) { d.topics = o }

// OpenTopics are those of the site: the grammar that its topics have.
func (d *Directory) OpenTopics() OpenTopics { return d.topics }

// OnOpen adds a listener that is called for the stream of each prefix, by Load,
// before anything else can see it. Only before Load.
func (d *Directory) OnOpen(f func(OpenStream)) { d.onOpen = append(d.onOpen, f) }

func (d *Directory) putOpenLocked(s OpenStream) {
	for _, f := range d.onOpen {
		f(s)
	}
	d.open[s.Prefix] = s.Stream
	d.streams[s.Stream] = StreamID{Open: s.Prefix, Channel: ChannelData}
}

// Open finds the scope of the open topics with that prefix.
func (d *Directory) Open(prefix string) (Scope, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	key, ok := d.open[prefix]
	return key.openScope(), ok
}

// requireOpen is KindForbidden for whom open topics are closed: a credential
// that is narrowed to contexts or lacks the ability.
func (d *Directory) requireOpen(a Actor, write bool) error {
	if p, ok := d.PersonByKey(a.Person); !ok || p.Suspended {
		return Errorf(KindForbidden, "There is no such topic here, or you may not use it.")
	}
	return a.RequireSelf(write)
}

// ReceivesOpen tells whether the actor may receive open topics now.
func (d *Directory) ReceivesOpen(a Actor) bool { return d.requireOpen(a, false) == nil }
