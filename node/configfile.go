package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/pelletier/go-toml/v2"

	"github.com/batchain/batchain/disk"
)

// configVersion is the version of the configuration file.
const configVersion = 1

// fileConfig is config.toml. Its keys are the flags of `batchain node`, and
// per-peer, per-network, relay-bytes and [hive], which few need.
type fileConfig struct {
	Version    int       `toml:"version,omitempty"`
	Mesh       string    `toml:"mesh,omitempty"`
	Listen     []string  `toml:"listen,omitempty"`
	Bootstrap  []string  `toml:"bootstrap,omitempty"`
	Capacity   *byteSize `toml:"capacity,omitempty"`
	PerPeer    byteSize  `toml:"per-peer,omitempty"`
	PerNetwork byteSize  `toml:"per-network,omitempty"`
	NoStorage  bool      `toml:"no-storage,omitempty"`
	NoMDNS     bool      `toml:"no-mdns,omitempty"`
	Relay      string    `toml:"relay,omitempty"`
	RelayBytes byteSize  `toml:"relay-bytes,omitempty"`
	Metrics    string    `toml:"metrics,omitempty"`
	Hive       hiveFile  `toml:"hive,omitempty"`
}

// hiveFile is the table [hive]; see [Admission].
type hiveFile struct {
	Closed bool     `toml:"closed,omitempty"`
	Allow  []string `toml:"allow,omitempty"`
	Deny   []string `toml:"deny,omitempty"`
	Proof  int      `toml:"proof,omitempty"`
}

// byteSize is a number of bytes, written 50GB or 64MiB.
type byteSize int64

// UnmarshalText parses a size. A number without a unit is bytes.
func (s *byteSize) UnmarshalText(text []byte) error {
	n, err := ParseSize(string(text))
	*s = byteSize(n)
	return err
}

// MarshalText writes the bytes as a number, so that nothing is rounded.
func (s byteSize) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", int64(s)), nil }

// ParseSize reads a size as people write it: 50GB (10⁹), 64MiB (2²⁰), 1000.
func ParseSize(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return 0, fmt.Errorf("%q is no size such as 50GB or 64MiB", text)
	}
	return int64(n), nil
}

// FileError is a configuration file that cannot be used. Its text shows the
// line, with a caret where it is known.
type FileError struct {
	Path    string
	Line    int    // from 1; 0 when unknown
	Excerpt string // the lines around the place and a caret below it; may be empty
	Err     error
}

// Error names file, line and what is wrong there, and shows the place.
func (e *FileError) Error() string {
	var b strings.Builder
	b.WriteString(e.Path)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Excerpt != "" {
		fmt.Fprintf(&b, "\n%s", e.Excerpt)
	}
	return b.String()
}

// Unwrap makes every FileError an [ErrConfig] too.
func (e *FileError) Unwrap() []error { return []error{ErrConfig, e.Err} }

// LoadConfig reads a configuration file. A file that is not there is an empty
// one; a capacity of 0 is a node without storage. An unknown key, a value of the wrong kind and a newer version are a
// [*FileError]; the settings themselves are judged by [Config.Validate]. Home
// is not set: the file lies in it.
func LoadConfig(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Config{}, nil
	}
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var f fileConfig
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Config{}, locate(path, err)
	}
	if f.Version > configVersion {
		return Config{}, &FileError{Path: path, Err: fmt.Errorf("version %d is newer than %d", f.Version, configVersion)}
	}
	c := Config{
		Mesh: f.Mesh, Listen: f.Listen, Bootstrap: f.Bootstrap, PerPeer: int64(f.PerPeer), PerNetwork: int64(f.PerNetwork),
		NoStorage: f.NoStorage, NoMDNS: f.NoMDNS, Relay: f.Relay, RelayBytes: int64(f.RelayBytes), Metrics: f.Metrics,
		Hive: Admission(f.Hive),
	}
	if f.Capacity != nil {
		c.Capacity = int64(*f.Capacity)
		c.NoStorage = c.NoStorage || c.Capacity == 0
	}
	return c, nil
}

// SaveConfig writes the settings that a file can hold, as a whole or not at
// all. What is zero is left out.
func SaveConfig(path string, c Config) error {
	f := fileConfig{
		Version: configVersion, Mesh: c.Mesh, Listen: c.Listen, Bootstrap: c.Bootstrap,
		PerPeer: byteSize(c.PerPeer), PerNetwork: byteSize(c.PerNetwork), NoStorage: c.NoStorage, NoMDNS: c.NoMDNS, Relay: c.Relay, RelayBytes: byteSize(c.RelayBytes), Metrics: c.Metrics,
		Hive: hiveFile(c.Hive),
	}
	if c.Capacity > 0 {
		f.Capacity = (*byteSize)(&c.Capacity)
	}
	data, err := toml.Marshal(f)
	if err != nil {
		return fmt.Errorf("save configuration: %w", err)
	}
	if err := disk.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("save configuration: %w", err)
	}
	return nil
}

// locate turns what the parser says into a [FileError] with the place.
func locate(path string, err error) error {
	at := &FileError{Path: path, Err: err}
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		wrong = &unknown.Errors[0]
		at.Err = fmt.Errorf("unknown key %q", strings.Join(wrong.Key(), "."))
	case errors.As(err, &wrong):
	default:
		return at
	}
	at.Line, _ = wrong.Position()
	at.Excerpt = wrong.String()
	return at
}
