package broker

import (
	"net/netip"
	"testing"
)

func TestAnIPv6SubscriberCountsOnceWhateverAddressItTakes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"2001:db8:1:2::9":      "2001:db8:1:2::",
		"fe80::1%eth0":         "fe80::",
	} {
		if got := countedAs(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s counts as %s, want %s", in, got, want)
		}
	}
	if got := countedAs(netip.Addr{}); got.IsValid() {
		t.Errorf("no address counts as %s", got)
	}
}

func TestAddressesAreReadWithAPortAndWithout(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"192.0.2.7:80": "192.0.2.7:80", "192.0.2.7": "192.0.2.7:0", "[2001:db8::1]:5": "[2001:db8::1]:5",
		"::ffff:192.0.2.7": "192.0.2.7:0", "@": "invalid AddrPort", "": "invalid AddrPort",
	} {
		if got := parseAddrPort(in); got.String() != want {
			t.Errorf("%q is read as %s, want %s", in, got, want)
		}
	}
}
