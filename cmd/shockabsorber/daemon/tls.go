package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/rzpsarthak13/shock-absorber/cmd/shockabsorber/config"
)

// clientTLS makes the TLS settings towards a server at host; nil when TLS is
// off.
func clientTLS(cfg config.ClientTLS, host string) (*tls.Config, error) {
	if !cfg.Enabled {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cfg.ServerName, InsecureSkipVerify: cfg.SkipVerify}
	if out.ServerName == "" {
		out.ServerName = host
	}
	if cfg.CA != "" {
		pool, err := readCA(cfg.CA)
		if err != nil {
			return nil, err
		}
		out.RootCAs = pool
	}
	if cfg.Cert != "" {
		pair, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
		if err != nil {
			return nil, fmt.Errorf("read certificate %s and key %s: %w", cfg.Cert, cfg.Key, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// serverTLS makes the TLS settings towards applications; nil when there is no
// certificate.
func serverTLS(cfg config.ServerTLS) (*tls.Config, error) {
	if cfg.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s and key %s: %w", cfg.Cert, cfg.Key, err)
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if cfg.CA != "" {
		if out.ClientCAs, err = readCA(cfg.CA); err != nil {
			return nil, err
		}
		out.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return out, nil
}

// readCA reads the certificates of an authority.
func readCA(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read the authority: %s holds no PEM certificate", path)
	}
	return pool, nil
}
