package webpush

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"rambla/social"
)

func TestOnlyListedHostsAreSentTo(t *testing.T) {
	t.Parallel()
	allow, err := NewAllow([]string{"push.example.org", "*.ntfy.example", "10.0.0.7:8443", "[::1]:9000", "Inside.Example:443"})
	if err != nil {
		t.Fatal(err)
	}
	for endpoint, ok := range map[social.Secret]bool{
		"https://fcm.googleapis.com/fcm/send/abc":              true,
		"https://FCM.googleapis.com:443/fcm/send/abc":          true,
		"https://updates.push.services.mozilla.com/wpush/v2/a": true,
		"https://wns2-par02p.notify.windows.com/w/?token=a":    true,
		"https://web.push.apple.com/a":                         true,
		"https://push.example.org/a":                           true,
		"https://a.b.ntfy.example/a":                           true,
		"https://10.0.0.7:8443/a":                              true,
		"https://[::1]:9000/a":                                 true,
		"https://inside.example/a":                             true,
		"https://inside.example:443/a":                         true,

		"http://fcm.googleapis.com/a":             false,
		"https://fcm.googleapis.com:8443/a":       false,
		"https://fcm.googleapis.com.evil.test/a":  false,
		"https://evilpush.services.mozilla.com/a": false,
		"https://push.services.mozilla.com/a":     false,
		"https://ntfy.example/a":                  false,
		"https://x@fcm.googleapis.com/a":          false,
		"https://fcm.googleapis.com@evil.test/a":  false,
		"https://fcm.googleapis.com\\@evil.test/": false,
		"https://fcm.googleapis.com./a":           false,
		"https://evil.test/#fcm.googleapis.com":   false,
		"https://10.0.0.7/a":                      false,
		"https://10.0.0.7:8444/a":                 false,
		"https://[::ffff:10.0.0.7]:8443/a":        false,
		"https://127.0.0.1/a":                     false,
		"https://0x7f.1/a":                        false,
		"https://169.254.169.254/latest":          false,
		"https:fcm.googleapis.com/a":              false,
		"https:///a":                              false,
		"//fcm.googleapis.com/a":                  false,
		"":                                        false,
		social.Secret("https://fcm.googleapis.com/" + strings.Repeat("a", maxEndpoint)): false,
	} {
		err := allow.Check(endpoint)
		if (err == nil) != ok {
			t.Errorf("%s: %v", string(endpoint), err)
		}
		if err != nil && (social.KindOf(err) != social.KindInvalid || strings.Contains(err.Error(), "evil")) {
			t.Errorf("%s: error %v", string(endpoint), err)
		}
	}
}

func TestAListThatNamesNoHostsIsRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "*", "*.", ":443", "host:0", "host:65536", "host:https", "https://host", "host/path", "127.0.0.1", "0x7f.1:80", "a b", "*.10.0.0.1:80"} {
		if _, err := NewAllow([]string{text}); err == nil || social.KindOf(err) != social.KindInvalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestOnlyAddressesOfTheInternetArePublic(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"142.250.184.10": true, "17.0.0.1": true, "2a00:1450:4003:800::200a": true, "2606:4700::1111": true,
		"127.0.0.1": false, "127.255.0.3": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "0.1.2.3": false, "192.0.0.8": false, "192.0.2.1": false,
		"198.18.0.1": false, "198.51.100.7": false, "203.0.113.9": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false,
		"fd12:3456::1": false, "ff02::1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false, "2002:a00:1::": false, "2001:0:1::": false,
		"2001:db8::1": false, "fec0::1": false, "::10.0.0.1": false, "100::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestOnlyThePortOfAnEntryOpensPrivateAddresses(t *testing.T) {
	t.Parallel()
	allow, err := NewAllow([]string{"localhost:1", "*.localhost:1"})
	if err != nil {
		t.Fatal(err)
	}
	dial := guardedDial(allow)
	for address, guarded := range map[string]bool{
		"localhost:1": false, "LOCALHOST:1": false, "localhost:2": true, "127.0.0.1:1": true, "fcm.googleapis.com:1": true, "[::1]:1": true,
	} {
		if strings.HasPrefix(address, "fcm") { // would ask a name server
			if allow.private("fcm.googleapis.com", "1") {
				t.Error("a host without a port in the list is open")
			}
			continue
		}
		conn, err := dial(context.Background(), "tcp", address)
		if err == nil {
			t.Fatalf("%s: somebody listens on port 1", conn.Close())
		}
		if refused := strings.Contains(err.Error(), "not a public address"); refused != guarded {
			t.Errorf("%s: %v", address, err)
		}
	}
}
