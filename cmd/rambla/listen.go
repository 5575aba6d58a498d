package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// listen binds every address of the configuration.
func (s *server) listen() (_ *listeners, err error) {
	bound := &listeners{}
	defer func() {
		if err != nil {
			bound.close()
		}
	}()
	var config *tls.Config
	if s.config.TLSCert != "" {
		keys := &keyPair{cert: s.config.TLSCert, key: s.config.TLSKey}
		if _, err := keys.get(nil); err != nil {
			return nil, usagef("tls.cert, tls.key: %w", err)
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: keys.get}
	}
	for _, addr := range s.config.MQTTListen {
		host, secure := mqttAddress(addr)
		ln, err := net.Listen("tcp", host)
		if err != nil {
			return nil, fmt.Errorf("mqtt.listen %s: %w", addr, err)
		}
		if secure {
			ln = tls.NewListener(ln, config)
		}
		bound.mqtt = append(bound.mqtt, ln)
	}
	if bound.http, err = net.Listen("tcp", s.config.HTTPListen); err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	if config != nil {
		web := config.Clone()
		// HTTP/1.1 only: browsers open WebSockets on it, and nothing here needs more.
		web.NextProtos = []string{"http/1.1"}
		bound.http, bound.tls = tls.NewListener(bound.http, web), true
	}
	if bound.admin, err = net.Listen("tcp", s.config.AdminListen); err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	return bound, nil
}

func (l *listeners) names() string {
	names := make([]string, len(l.mqtt))
	for i, ln := range l.mqtt {
		names[i] = ln.Addr().String()
	}
	return strings.Join(names, ",")
}

func (l *listeners) httpURL() string {
	scheme := "http://"
	if l.tls {
		scheme = "https://"
	}
	return scheme + l.http.Addr().String()
}

// reachable tells whether any listener for clients is to be on an address that
// others can reach.
func (s *server) reachable() bool {
	for _, addr := range append([]string{s.config.HTTPListen}, s.config.MQTTListen...) {
		_, hostPort, scheme := strings.Cut(addr, "://")
		if !scheme {
			hostPort = addr
		}
		host, _, err := net.SplitHostPort(hostPort)
		if err != nil {
			return true
		}
		if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
			return true
		}
	}
	return false
}

// keyPair is a certificate that is read again when its files change.
type keyPair struct {
	cert, key string

	mu     sync.Mutex // guards the rest
	loaded *tls.Certificate
	looked time.Time
	stamp  [2]time.Time
}

// lookEvery is how often the files are looked at.
const lookEvery = time.Second

// get is for tls.Config. Where new files cannot be read the old certificate
// stays, as half-written ones are usual while they are replaced.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loaded != nil && time.Since(k.looked) < lookEvery {
		return k.loaded, nil
	}
	k.looked = time.Now()
	stamp := [2]time.Time{modified(k.cert), modified(k.key)}
	if k.loaded != nil && stamp == k.stamp {
		return k.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		if k.loaded != nil {
			return k.loaded, nil
		}
		return nil, err
	}
	k.loaded, k.stamp = &pair, stamp
	return k.loaded, nil
}

func modified(path string) time.Time {
	if info, err := os.Stat(path); err == nil {
		return info.ModTime()
	}
	return time.Time{}
}
