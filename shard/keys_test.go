package shard

import (
	"bytes"
	"encoding/hex"
	"log/slog"
	"strings"
	"testing"
)

func TestKeysAreAllDifferent(t *testing.T) {
	seen := map[string]string{}
	note := func(name string, key []byte) {
		if other, ok := seen[string(key)]; ok {
			t.Errorf("%s equals %s", name, other)
		}
		seen[string(key)] = name
	}
	seed, file := fixedSeed(), fixedFile()
	for _, s := range []Seed{seed, {}} {
		for _, mesh := range []string{"main", "test"} {
			devices := s.DevicesKey(mesh)
			note("devices key of "+mesh, devices[:])
		}
		for _, f := range []FileID{file, {}} {
			name := f.String()
			key := s.FileKey(f)
			private := key.privateKey()
			note("seed of "+name, append(s[:], f[:]...))
			note("file key of "+name, key[:])
			note("private key of "+name, private[:])
			note("admin key of "+name, s.AdminKey(f).Seed())
			note("repair key of "+name, key.RepairKey().Seed())
		}
	}
	if fixedFile().Locator() == (FileID{}).Locator() {
		t.Error("two files share a locator")
	}
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	seed, key, devices := fixedSeed(), fixedSeed().FileKey(fixedFile()), fixedSeed().DevicesKey("main")
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("text", "seed", seed, "key", key, "pointer", &key, "devices", devices)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "seed", seed, "key", key, "pointer", &key, "devices", devices)
	for _, secret := range []string{hex.EncodeToString(key[:4]), hex.EncodeToString(devices[:4]), "0 1 2 3", "0,1,2,3", "189 254 193", "189,254,193"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is in %s", secret, out.String())
		}
	}
}
