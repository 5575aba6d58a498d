package webpush

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"rambla/social"
)

const (
	maxEndpoint = 2048 // bytes
	httpsPort   = "443"
)

// services are the push services of the browsers there are.
var services = []string{
	"fcm.googleapis.com", "*.push.services.mozilla.com", "*.notify.windows.com", "web.push.apple.com",
}

// Allow is which endpoints may be sent to.
type Allow struct{ entries []entry }

type entry struct {
	host string // lower case; of a wildcard the part behind the *
	wild bool   // any number of labels before host
	port string // empty: 443, and public addresses only
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

// NewAllow is the browsers' services and what more names: hosts, with * for what
// comes before; one with a port is allowed at that port, and there also at an
// address that is not public. The error is KindInvalid.
func NewAllow(more []string) (*Allow, error) {
	a := &Allow{}
	for _, text := range slices.Concat(services, more) {
		e := entry{host: strings.ToLower(text)}
		if host, port, err := net.SplitHostPort(e.host); err == nil {
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return nil, social.Invalid("push.webpush.allow", "%q has no port behind the colon", text)
			}
			e.host, e.port = host, port
		}
		e.host, e.wild = strings.CutPrefix(e.host, "*.")
		if _, err := netip.ParseAddr(e.host); (err != nil || e.wild || e.port == "") && !(hostForm.MatchString(e.host) && !looksLikeAddress(e.host)) {
			return nil, social.Invalid("push.webpush.allow", "%q is no host such as push.example.org, *.example.org or 10.0.0.7:8443", text)
		}
		a.entries = append(a.entries, e)
	}
	return a, nil
}

// looksLikeAddress is for what some resolvers read as one, such as 0x7f.1 or 127.1.
func looksLikeAddress(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last[0] >= '0' && last[0] <= '9'
}

// Check refuses an endpoint that may not be sent to: KindInvalid, and not a word
// of the endpoint but its host, for the rest is a secret.
func (a *Allow) Check(endpoint social.Secret) error {
	_, err := a.parse(endpoint)
	return err
}

func (a *Allow) parse(endpoint social.Secret) (*url.URL, error) {
	const field = "subscription.endpoint"
	if len(endpoint) > maxEndpoint {
		return nil, social.Invalid(field, "is longer than %d bytes", maxEndpoint)
	}
	u, err := url.Parse(string(endpoint))
	switch {
	case err != nil || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.Host == "":
		return nil, social.Invalid(field, "is no address of a push service")
	case u.Scheme != "https":
		return nil, social.Invalid(field, "must begin with https://")
	case !a.permits(u.Hostname(), u.Port()):
		return nil, social.Invalid(field, "names a push service that this site does not use; its operator can allow it in push.webpush.allow")
	}
	return u, nil
}

func (a *Allow) permits(host, port string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(a.entries, func(e entry) bool {
		return e.names(host) && (port == e.port || e.port == "" && port == httpsPort || port == "" && e.port == httpsPort)
	})
}

// private is whether the host may have an address that is not public.
func (a *Allow) private(host, port string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(a.entries, func(e entry) bool { return e.port != "" && e.port == port && e.names(host) })
}

func (e entry) names(host string) bool {
	if e.wild {
		return strings.HasSuffix(host, "."+e.host)
	}
	return host == e.host
}

// unroutable is what [netip.Addr] has no question for: shared, documentation and
// benchmark networks, and IPv6 that carries an IPv4 address inside.
var unroutable = func() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}()

// globalIPv6 is all that is given out.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// public is whether an address is one of the Internet's.
func public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !globalIPv6.Contains(addr) {
		return false
	}
	return !slices.ContainsFunc(unroutable, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// notPublicError is a name that leads inside.
type notPublicError struct{ addr netip.Addr }

func (e *notPublicError) Error() string {
	return fmt.Sprintf("%s is not a public address; push.webpush.allow permits it where it names the host with its port", e.addr)
}
