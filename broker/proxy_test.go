package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"testing"
)

// proxyHeader is a header of version 2.
func proxyHeader(command, family byte, rest string) []byte {
	b := append([]byte(proxySignature), command, family)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(rest))), rest...)
}

const (
	fourAndPorts = "\xc0\x00\x02\x07\x7f\x00\x00\x01\x12\x34\x07\x5b"
	sixAndPorts  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x12\x34\x07\x5b"
)

func TestAProxyHeaderTellsTheClientsAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		header []byte
		want   string // empty: malformed
	}{
		{"IPv4", proxyHeader(0x21, 0x11, fourAndPorts), "192.0.2.7:4660"},
		{"IPv4 and more", proxyHeader(0x21, 0x11, fourAndPorts+"\x03\x00\x04abcd"), "192.0.2.7:4660"},
		{"IPv6", proxyHeader(0x21, 0x21, sixAndPorts), "[2001:db8::7]:4660"},
		{"IPv4 in IPv6", proxyHeader(0x21, 0x21, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x07"+sixAndPorts[16:]), "192.0.2.7:4660"},
		{"the proxy itself", proxyHeader(0x20, 0x00, ""), "invalid AddrPort"},
		{"the proxy itself, with addresses", proxyHeader(0x20, 0x11, fourAndPorts), "invalid AddrPort"},
		{"an unknown family", proxyHeader(0x21, 0x00, "whatever"), "invalid AddrPort"},
		{"a local socket", proxyHeader(0x21, 0x31, string(make([]byte, 216))), "invalid AddrPort"},
		{"datagrams", proxyHeader(0x21, 0x12, fourAndPorts), ""},
		{"another command", proxyHeader(0x22, 0x11, fourAndPorts), ""},
		{"version 1 of it", []byte("PROXY TCP4 192.0.2.7 127.0.0.1 4660 1883\r\n"), ""},
		{"version 3", proxyHeader(0x31, 0x11, fourAndPorts), ""},
		{"a false signature", append([]byte("\r\n\r\n\x00\r\nQUIT\r"), proxyHeader(0x21, 0x11, fourAndPorts)[12:]...), ""},
		{"addresses cut short", proxyHeader(0x21, 0x11, fourAndPorts[:11]), ""},
		{"addresses of the other family", proxyHeader(0x21, 0x21, fourAndPorts), ""},
		{"the largest", proxyHeader(0x21, 0x11, fourAndPorts+string(make([]byte, maxProxyHeader-12))), "192.0.2.7:4660"},
		{"larger than that", proxyHeader(0x21, 0x11, fourAndPorts+string(make([]byte, maxProxyHeader-11))), ""},
		{"less than it says", proxyHeader(0x21, 0x11, fourAndPorts)[:20], ""},
		{"nothing", nil, ""},
	} {
		r := bytes.NewReader(append(bytes.Clone(c.header), "then"...))
		if c.name == "less than it says" || c.name == "nothing" {
			r = bytes.NewReader(c.header)
		}
		got, err := readProxyHeader(r)
		if c.want == "" {
			if !errors.Is(err, errProxyHeader) {
				t.Errorf("%s: %v, %v", c.name, got, err)
			}
			continue
		}
		rest, readErr := io.ReadAll(r)
		if err != nil || got.String() != c.want || readErr != nil || string(rest) != "then" {
			t.Errorf("%s: %v, %v and %q is left; want %v", c.name, got, err, rest, c.want)
		}
	}
}

// FuzzProxyHeader holds that any bytes are a header or an error, and that a
// header ends where it says.
func FuzzProxyHeader(f *testing.F) {
	f.Add(proxyHeader(0x21, 0x11, fourAndPorts))
	f.Add(proxyHeader(0x21, 0x21, sixAndPorts))
	f.Add(proxyHeader(0x20, 0x00, ""))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		addr, err := readProxyHeader(r)
		if err != nil {
			if addr != (netip.AddrPort{}) {
				t.Fatalf("%v beside %v", addr, err)
			}
			return
		}
		if used := len(b) - r.Len(); used != proxyFixedSize+int(binary.BigEndian.Uint16(b[14:])) {
			t.Fatalf("%d bytes of % x were read", used, b)
		}
	})
}
