// Package config reads lazaret.yaml: what the process needs to start. Streams,
// schemas and rules are not here; they are resources, changed through the admin API.
//
// The file is read strictly: an unknown key is an error with its line and column.
// ${VAR} and ${VAR:-default} are replaced from the environment, see Expand. Every key
// has a default, so that an empty file, or none, is a whole configuration.
package config

import (
	"fmt"
	"os"
	"time"

	"github.com/lazaret/lazaret/internal/auth"
	"github.com/lazaret/lazaret/internal/jsonread"
	"github.com/lazaret/lazaret/internal/yamlread"
)

// Config is all of lazaret.yaml.
type Config struct {
	Listen    Listen    `yaml:"listen"`
	TLS       TLS       `yaml:"tls"`
	Store     Store     `yaml:"store"`
	Sinks     Sinks     `yaml:"sinks"`
	Kafka     Kafka     `yaml:"kafka"`
	Limits    Limits    `yaml:"limits"`
	Tokens    []Token   `yaml:"tokens"`
	Log       Log       `yaml:"log"`
	Reprocess Reprocess `yaml:"reprocess"`
	// ShutdownTimeout is how long a stop waits for what was taken to be finished.
	// Default 20s.
	ShutdownTimeout Duration `yaml:"shutdown_timeout"`
}

// Listen says where HTTP is served. Addresses are host:port; port 0 takes any.
type Listen struct {
	// HTTP serves ingest, health and metrics. Default 127.0.0.1:8080.
	HTTP string `yaml:"http"`
	// Admin serves the admin API. Default "": the same listener as HTTP.
	Admin string `yaml:"admin"`
}

// TLS makes every listener speak HTTPS. Default: both empty, plain HTTP.
type TLS struct {
	Cert string `yaml:"cert"` // path of a PEM file: the certificate and its chain
	Key  string `yaml:"key"`  // path of a PEM file: its private key
}

// Enabled says whether listeners speak HTTPS.
func (t TLS) Enabled() bool { return t.Cert != "" }

// Store is the embedded store.
type Store struct {
	// Path of the SQLite file, on a local disk. Default ./lazaret-data/lazaret.db.
	Path string `yaml:"path"`
	// MinFree is the free disk space under which ingest answers 503. Default 64MiB.
	MinFree Size `yaml:"min_free"`
}

// Sinks bounds what a stream's sink may name.
type Sinks struct {
	File FileSinks `yaml:"file"`
	HTTP HTTPSinks `yaml:"http"`
	// SecretsDir is the directory of the files that streams name as headers_file.
	// Default "": no stream may name one.
	SecretsDir string `yaml:"secrets_dir"`
}

// FileSinks bounds the file sinks.
type FileSinks struct {
	// Root is the directory below which file sinks write. Default ./lazaret-data/sink.
	Root string `yaml:"root"`
}

// HTTPSinks bounds the http sinks.
type HTTPSinks struct {
	// Hosts are those that http sinks may post to: "host" for any port, "host:port" for
	// that one. Default: none.
	Hosts []string `yaml:"hosts"`
}

// Limits bounds what clients can make the process do.
type Limits struct {
	Body         Size     `yaml:"body"`          // a request's body as sent; default 16MiB
	Decoded      Size     `yaml:"decoded"`       // a request's body after decompression; default 64MiB
	Event        Size     `yaml:"event"`         // one event; default 1MiB
	BatchEvents  int      `yaml:"batch_events"`  // events in one request; default 10000
	InFlight     Size     `yaml:"in_flight"`     // bytes of events taken and not yet answered; above it 429; default 256MiB
	JSONDepth    int      `yaml:"json_depth"`    // arrays and objects within each other; default 200
	JSONKeys     int      `yaml:"json_keys"`     // keys and items of one event in all; default 1000000
	AdminBody    Size     `yaml:"admin_body"`    // an admin request's body; default 4MiB
	ReadTimeout  Duration `yaml:"read_timeout"`  // for a whole request to arrive; default 30s
	WriteTimeout Duration `yaml:"write_timeout"` // for an answer to be taken; default 60s
	IdleTimeout  Duration `yaml:"idle_timeout"`  // between requests on a connection; default 120s
}

// Token is a static token: one that is not in the store. The token itself is never in
// lazaret.yaml: either its hash is, or the path of a file that holds it.
type Token struct {
	Name    string   `yaml:"name"`
	Scopes  []string `yaml:"scopes"`  // ingest read payload reprocess rules admin
	Streams []string `yaml:"streams"` // the only streams that it is for; default: all
	SHA256  string   `yaml:"sha256"`  // 64 hexadecimal digits: the SHA-256 of the token
	File    string   `yaml:"file"`    // path of a file that holds the token, in place of sha256
}

// Log says what is logged, to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error; default info
	Format string `yaml:"format"` // text or json; default text
}

// Reprocess bounds reprocess jobs.
type Reprocess struct {
	// Concurrency is how many batches a job works on at once, unless its request says
	// otherwise. Default 2.
	Concurrency int `yaml:"concurrency"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Listen: Listen{HTTP: "127.0.0.1:8080"},
		Store:  Store{Path: "./lazaret-data/lazaret.db", MinFree: 64 << 20},
		Sinks:  Sinks{File: FileSinks{Root: "./lazaret-data/sink"}},
		Kafka:  Kafka{ClientID: "lazaret", Topics: KafkaTopics{Produce: []string{".*"}, Consume: []string{".*"}}},
		Limits: Limits{
			Body: 16 << 20, Decoded: 64 << 20, Event: 1 << 20, BatchEvents: 10_000, InFlight: 256 << 20,
			JSONDepth: 200, JSONKeys: 1_000_000, AdminBody: 4 << 20,
			ReadTimeout: Duration(30 * time.Second), WriteTimeout: Duration(60 * time.Second), IdleTimeout: Duration(120 * time.Second),
		},
		Log:             Log{Level: "info", Format: "text"},
		Reprocess:       Reprocess{Concurrency: 2},
		ShutdownTimeout: Duration(20 * time.Second),
	}
}

// Load reads the file of that path, with the environment of the process.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data, os.LookupEnv)
}

// Parse reads a configuration and validates it. The name is what errors call it;
// lookup finds variables, as os.LookupEnv does.
func Parse(name string, data []byte, lookup func(string) (string, bool)) (Config, error) {
	data, err := Expand(name, data, lookup)
	if err != nil {
		return Config{}, err
	}
	c := Default()
	if err := yamlread.Decode(name, data, &c); err != nil {
		return Config{}, err
	}
	if err := c.Validate(); err != nil {
		return Config{}, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// JSONLimits are the limits on one event, for whoever judges it.
func (c Config) JSONLimits() jsonread.Limits {
	l := jsonread.DefaultLimits
	l.Depth, l.Values, l.Size = c.Limits.JSONDepth, c.Limits.JSONKeys, int(c.Limits.Event)
	return l
}

// StaticTokens returns the tokens for auth.NewGuard, reading the files that hold them.
// The configuration must be valid.
func (c Config) StaticTokens() ([]auth.Static, error) {
	var list []auth.Static
	for i, t := range c.Tokens {
		scopes, err := auth.ParseScopes(t.Scopes)
		if err != nil {
			return nil, fmt.Errorf("tokens[%d].scopes: %w", i, err)
		}
		sum, err := t.sum()
		if err != nil {
			return nil, fmt.Errorf("tokens[%d]: %w", i, err)
		}
		list = append(list, auth.Static{Name: t.Name, Scopes: scopes, Streams: t.Streams, Sum: sum})
	}
	return list, nil
}
