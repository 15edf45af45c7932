package wire

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
)

// Authentication plugins.
const (
	PluginNative      = "mysql_native_password"
	PluginCachingSHA2 = "caching_sha2_password"
	PluginSHA256      = "sha256_password"
	PluginClear       = "mysql_clear_password"
)

// First bytes of the extra packets of caching_sha2_password.
const (
	AuthMore     byte = 0x01 // a packet of the plugin
	AuthFastOK   byte = 0x03 // after AuthMore: the scramble was right
	AuthFull     byte = 0x04 // after AuthMore: send the password itself
	AuthKey      byte = 0x02 // the client asks for the RSA key
	AuthKeySHA   byte = 0x01 // the same for sha256_password
	AuthOK       byte = 0x00
	AuthSwitched byte = 0xfe
)

// NewSalt makes a scramble: random, without zero bytes and '$', which some
// clients cut at.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	rand.Read(salt) // never fails
	for i, b := range salt {
		if b = b%94 + 33; b == '$' {
			b = ' '
		}
		salt[i] = b
	}
	return salt
}

// xor combines two digests.
func xor(a, b []byte) []byte {
	out := make([]byte, len(a))
	subtle.XORBytes(out, a, b)
	return out
}

// NativeScramble is the answer of mysql_native_password to a salt:
// SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))).
func NativeScramble(password string, salt []byte) []byte {
	if password == "" {
		return nil
	}
	once := sha1.Sum([]byte(password))
	twice := sha1.Sum(once[:])
	h := sha1.New()
	h.Write(salt)
	h.Write(twice[:])
	return xor(once[:], h.Sum(nil))
}

// CachingScramble is the answer of caching_sha2_password to a salt:
// SHA256(password) XOR SHA256(SHA256(SHA256(password)) + salt).
func CachingScramble(password string, salt []byte) []byte {
	if password == "" {
		return nil
	}
	once := sha256.Sum256([]byte(password))
	twice := sha256.Sum256(once[:])
	h := sha256.New()
	h.Write(twice[:])
	h.Write(salt)
	return xor(once[:], h.Sum(nil))
}

// EncryptPassword is what a client sends without TLS when the server wants the
// password itself: XORed with the salt, encrypted with the server's key in PEM.
func EncryptPassword(password string, salt, key []byte) ([]byte, error) {
	block, _ := pem.Decode(key)
	if block == nil || len(salt) == 0 {
		return nil, ErrMalformed
	}
	pub, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := pub.(*rsa.PublicKey)
	if !ok {
		return nil, ErrMalformed
	}
	plain := append([]byte(password), 0)
	for i := range plain {
		plain[i] ^= salt[i%len(salt)]
	}
	return rsa.EncryptOAEP(sha1.New(), rand.Reader, rsaKey, plain, nil)
}
