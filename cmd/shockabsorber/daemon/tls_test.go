package daemon

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// shake connects a client and a server over one socket.
func shake(t *testing.T, client, server *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			err = c.(*tls.Conn).Handshake()
			c.Close()
		}
		done <- err
	}()
	c, err := tls.Dial("tcp", l.Addr().String(), client)
	if err == nil {
		c.Close()
	}
	l.Close()
	if serverErr := <-done; err == nil {
		err = serverErr
	}
	return err
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	server, err := serverTLS(config.ServerTLS{Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg config.ClientTLS
		ok  bool
	}{
		"with the authority":      {config.ClientTLS{Enabled: true, CA: cert}, true},
		"with the system's":       {config.ClientTLS{Enabled: true}, false},
		"another name":            {config.ClientTLS{Enabled: true, CA: cert, ServerName: "db.example"}, false},
		"not looking":             {config.ClientTLS{Enabled: true, SkipVerify: true}, true},
		"with an own certificate": {config.ClientTLS{Enabled: true, CA: cert, Cert: cert, Key: key}, true},
	} {
		client, err := clientTLS(c.cfg, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if err := shake(t, client, server); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	strict, err := serverTLS(config.ServerTLS{Cert: cert, Key: key, CA: cert})
	if err != nil {
		t.Fatal(err)
	}
	if strict.ClientAuth != tls.RequireAndVerifyClientCert || strict.ClientCAs == nil {
		t.Error("a server with ca does not ask for certificates")
	}
	if off, err := clientTLS(config.ClientTLS{}, "x"); off != nil || err != nil {
		t.Errorf("TLS that is off: %v %v", off, err)
	}
	for _, bad := range []config.ClientTLS{
		{Enabled: true, CA: "/nonexistent"}, {Enabled: true, CA: key}, {Enabled: true, Cert: cert, Key: cert},
	} {
		if _, err := clientTLS(bad, "x"); err == nil {
			t.Errorf("%+v was accepted", bad)
		}
	}
}

// A server that takes the connection and says nothing must not hold the
// start up: the dialer ends with its context.
func TestDialerGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := config.Default().Database
	cfg.Port = l.Addr().(*net.TCPAddr).Port
	cfg.Password = config.NewSecret("hushhush")
	dial, err := dialer(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = dial(ctx)
	if err == nil || ctx.Err() == nil || strings.Contains(err.Error(), "hushhush") || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("dial: %v", err)
	}
}

func TestLogger(t *testing.T) {
	var out strings.Builder
	NewLogger(config.Log{Level: "warn", Format: "json"}, &out).Info("no")
	NewLogger(config.Log{Level: "warn", Format: "json"}, &out).Warn("yes")
	NewLogger(config.Log{Level: "debug", Format: "text"}, &out).Debug("also")
	if got := out.String(); strings.Contains(got, `"no"`) || !strings.Contains(got, `"msg":"yes"`) || !strings.Contains(got, "msg=also") {
		t.Errorf("logged:\n%s", got)
	}
	if o := (&Options{}); o.logger().Enabled(t.Context(), slog.LevelError) {
		t.Error("without a logger something is logged")
	}
}
