package kafkatest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// The files that an identity is written to, in PEM, in a broker's folder.
const (
	caFile     = "ca.pem"
	serverFile = "server.pem" // key and chain, as Kafka wants them
	clientFile = "client.pem"
	clientKey  = "client-key.pem"
)

// identity is what a broker with TLS shows to clients, and what they show to it: two
// certificates from an authority of this broker alone.
type identity struct {
	ca             *x509.Certificate
	key            *ecdsa.PrivateKey
	server, client pair
}

// pair is a certificate and its key, in PEM.
type pair struct{ cert, key []byte }

func newIdentity() (*identity, error) {
	id := &identity{}
	var err error
	if id.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	template := certificate(1, "kafkatest authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &id.key.PublicKey, id.key)
	if err != nil {
		return nil, err
	}
	if id.ca, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	server := certificate(2, "localhost")
	server.DNSNames, server.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if id.server, err = id.issue(server); err != nil {
		return nil, err
	}
	client := certificate(3, "client")
	client.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	id.client, err = id.issue(client)
	return id, err
}

// certificate is the frame of a certificate, valid for a day.
func certificate(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func (id *identity) issue(template *x509.Certificate) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, id.ca, &key.PublicKey, id.key)
	if err != nil {
		return pair{}, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{cert: block("CERTIFICATE", der), key: block("PRIVATE KEY", pkcs8)}, nil
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write puts the identity's files into the broker's folder.
func (id *identity) write(b *Broker) error {
	ca := block("CERTIFICATE", id.ca.Raw)
	for file, text := range map[string][]byte{
		caFile: ca, clientFile: id.client.cert, clientKey: id.client.key,
		serverFile: bytes.Join([][]byte{id.server.key, id.server.cert, ca}, nil),
	} {
		if err := os.WriteFile(b.path(file), text, 0o600); err != nil {
			return fmt.Errorf("writing certificates: %w", err)
		}
	}
	return nil
}

// CAFile is the file, in PEM, of the authority that a broker with TLS is known by.
func (b *Broker) CAFile() string { return b.path(caFile) }

// ClientFiles are the files, in PEM, of a certificate and its key that a broker with
// ClientCert takes.
func (b *Broker) ClientFiles() (cert, key string) { return b.path(clientFile), b.path(clientKey) }

// TLS is how a client connects to the broker's listeners with TLS, with a certificate of
// its own if the broker asks for one. It is nil if the broker has no such listener.
func (b *Broker) TLS() (*tls.Config, error) {
	if b.identity == nil {
		return nil, nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(b.identity.ca)
	c := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if !b.options.ClientCert {
		return c, nil
	}
	cert, err := tls.X509KeyPair(b.identity.client.cert, b.identity.client.key)
	c.Certificates = []tls.Certificate{cert}
	return c, err
}
