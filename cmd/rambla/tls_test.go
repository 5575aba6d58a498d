package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes a new self-signed certificate for 127.0.0.1 into dir.
func certificate(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "rambla"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		// Renamed into place, as certificate managers do.
		path := filepath.Join(dir, name)
		writeFile(t, path+".new", string(pem.EncodeToMemory(block)))
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

// serial is that of the certificate that a listener shows.
func serial(t *testing.T, address string) int64 {
	t.Helper()
	//nolint:gosec // the certificate is looked at, not trusted
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tlsConn, ok := conn.(*tls.Conn)
	if !ok {
		t.Fatalf("%T", conn)
	}
	return tlsConn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestANewCertificateIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate(t, dir, 1)
	s := serve(t, "--data", t.TempDir(), "--mqtt", "tls://127.0.0.1:0", "--tls-cert", dir+"/cert.pem", "--tls-key", dir+"/key.pem")
	https := strings.TrimPrefix(s.http, "https://")
	// The flags of serve add up: the second address is the one with TLS.
	_, mqtts, _ := strings.Cut(s.mqtt, ",")
	for what, address := range map[string]string{"HTTPS": https, "MQTT": mqtts} {
		if got := serial(t, address); got != 1 {
			t.Fatalf("%s shows certificate %d", what, got)
		}
		if _, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}}).DialContext(t.Context(), "tcp", address); err == nil { //nolint:gosec // the point
			t.Errorf("%s speaks TLS 1.1", what)
		}
	}
	certificate(t, dir, 2)
	deadline := time.Now().Add(patience)
	for serial(t, https) != 2 {
		if time.Now().After(deadline) {
			t.Fatalf("HTTPS still shows the old certificate after %v", patience)
		}
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // polls another process
	}
	// A broken pair does not replace a good one.
	writeFile(t, dir+"/key.pem", "half a ke")
	time.Sleep(1500 * time.Millisecond) //nolint:forbidigo // longer than the server waits between looks
	if got := serial(t, https); got != 2 {
		t.Errorf("HTTPS shows certificate %d", got)
	}
}
