package meta

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports is the house: what each package may import of ours. Every import
// runs down; parts of one level never know each other.
var imports = map[string][]string{
	// floor 6
	"cli/batchain": {"cli", "work/exec"},
	"cli":          {"demo", "demo/natlab", "disk", "node", "node/control", "node/labour", "shard"},
	// floor 5
	"demo":        {"demo/natlab", "node", "node/control", "shard", "work", "work/bee", "work/dispatch"},
	"demo/natlab": {},
	// floor 4
	"node":         {"disk", "gossip", "kad", "node/broker", "node/control", "node/devices", "node/labour", "shard", "shard/catalogue", "shard/exchange", "shard/keeper", "shard/store", "shard/transfer", "wire"},
	"node/broker":  {"wire"},
	"node/control": {"shard"},
	"node/devices": {"gossip/replica", "shard", "shard/catalogue", "wire"},
	"node/labour":  {"disk", "node/control", "wire", "work", "work/bee", "work/dispatch", "work/exec", "work/feed", "work/hive", "work/spool", "work/table", "work/validator"},
	// floor 3
	"kad":             {"shard"},
	"work/feed":       {"wire", "work"},
	"work/table":      {"work"},
	"work/spool":      {"work"},
	"work/validator":  {"work", "work/exec"},
	"work/hive":       {"disk", "wire", "work"},
	"work/dispatch":   {"wire", "work"},
	"work/bee":        {"wire", "work"},
	"work":            {"wire"},
	"work/exec":       {"work/exec/meter"},
	"work/exec/meter": {},
	// floor 2
	"shard/transfer":  {"disk", "shard", "shard/exchange", "shard/folder", "wire"},
	"shard/keeper":    {"disk", "shard", "shard/exchange", "shard/transfer", "wire"},
	"shard/catalogue": {"disk", "shard", "shard/exchange", "wire"},
	"shard/folder":    {"wire"},
	"shard/exchange":  {"shard", "wire"},
	"shard/store":     {"disk", "shard", "wire"},
	"shard":           {"wire"},
	"gossip":          {"wire"},
	"gossip/replica":  {"disk", "wire"},
	// floor 1
	"wire": {},
	"disk": {},
	// the tests of the repository
	"meta": {},
}

// together is what the tests of a package may import besides: to show its parts
// together, which do not know each other.
var together = map[string][]string{
	"work":           {"work/bee", "work/dispatch", "work/hive"},
	"work/feed":      {"work/bee", "work/hive"},
	"work/validator": {"work/bee", "work/hive"},
	"cli":            {"work/exec"},
	"demo":           {"work/exec"},
	"node":           {"work/exec"},
}

// rooms says where a dependency or a part of the standard library lives: only
// these packages may import it.
var rooms = map[string][]string{
	"flag":                                {"cli"},
	"github.com/urfave/cli":               {"cli"},
	"github.com/fxamacker/cbor":           {"wire"},
	"github.com/klauspost/reedsolomon":    {"shard"},
	"github.com/tyler-smith/go-bip39":     {"shard"},
	"github.com/libp2p/go-libp2p-kad-dht": {"kad"},
	"github.com/jackc/pgx":                {"work/table"},
	"modernc.org/sqlite":                  {"work/table"},
	"github.com/dgraph-io/badger":         {"gossip", "kad", "node", "shard/store", "work/hive"},
	"work/exec":                           {"work/exec/meter"},
	"work/exec/meter":                     {},
}

// pure packages know neither network nor disk. Addresses as such are values:
// net/netip is no network.
var pure = map[string][]string{
	"wire":  {"net", "os", "github.com/libp2p/go-libp2p"},
	"shard": {"net", "os", "github.com/libp2p/go-libp2p/core/host", "github.com/libp2p/go-libp2p/core/network"},
	"work":  {"net", "os", "github.com/libp2p/go-libp2p/core/host", "github.com/libp2p/go-libp2p/core/network"},
}

func TestImportsRunDown(t *testing.T) {
	for _, f := range files(t) {
		allowed, listed := mayImport(f.folder())
		if !listed {
			t.Errorf("%s: package %s is not in the table of imports", f.path, f.folder())
			continue
		}
		for _, spec := range f.syntax.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: %v", f.path, err)
			}
			ours, isOurs := strings.CutPrefix(name, module+"/")
			switch {
			case isOurs && slices.Contains(allowed, ours):
			case isOurs && f.isTest() && (isHelper(ours) || ours == f.folder()):
			case isOurs && isHelper(f.folder()) && isHelper(ours):
			case isOurs && slices.Contains(shown(f), ours):
			case isOurs:
				t.Errorf("%s:%d: %s must not import %s", f.path, f.line(spec.Pos()), f.folder(), ours)
			case !f.isTest():
				checkForeign(t, f, name, f.line(spec.Pos()))
			}
		}
	}
}

// shown returns what a test or a helper of tests may import besides.
func shown(f file) []string {
	switch {
	case isHelper(f.folder()):
		return together[path.Dir(f.folder())]
	case f.isTest():
		return together[f.folder()]
	}
	return nil
}

// mayImport returns what a package may import. A helper of tests, such as
// node/nodetest, may import what its parent may, and the parent.
func mayImport(folder string) ([]string, bool) {
	allowed, listed := imports[folder]
	if !listed && isHelper(folder) {
		parent := path.Dir(folder)
		allowed, listed = imports[parent]
		allowed = append(slices.Clone(allowed), parent)
	}
	return allowed, listed
}

func checkForeign(t *testing.T, f file, name string, line int) {
	t.Helper()
	for prefix, allowed := range rooms {
		if within(name, prefix) && !slices.Contains(allowed, f.folder()) && !isHelper(f.folder()) {
			t.Errorf("%s:%d: %s belongs in %v only", f.path, line, prefix, allowed)
		}
	}
	for _, prefix := range pure[f.folder()] {
		if within(name, prefix) && name != "net/netip" {
			t.Errorf("%s:%d: %s is pure and must not import %s", f.path, line, f.folder(), name)
		}
	}
}

// within reports whether an import path is prefix or lies below it.
func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

// The table must not promise what is not there.
func TestImportTableIsNotStale(t *testing.T) {
	present := map[string]bool{}
	for _, f := range files(t) {
		present[f.folder()] = true
	}
	for folder, allowed := range imports {
		if !present[folder] {
			t.Errorf("%s is in the table of imports and is no package", folder)
		}
		for _, below := range allowed {
			if _, listed := imports[below]; !listed {
				t.Errorf("%s may import %s, which is not in the table", folder, below)
			}
		}
	}
}

func TestTableHasNoCycle(t *testing.T) {
	var visit func(folder string, above []string)
	visit = func(folder string, above []string) {
		if slices.Contains(above, folder) {
			t.Fatalf("a cycle: %v", append(above, folder))
		}
		for _, below := range imports[folder] {
			visit(below, append(slices.Clone(above), folder))
		}
	}
	for folder := range imports {
		visit(folder, nil)
	}
}

func TestOneMainPackage(t *testing.T) {
	const main = "cli/batchain/main.go"
	for _, f := range files(t) {
		if f.syntax.Name.Name != "main" {
			continue
		}
		if f.path != main {
			t.Errorf("%s is of package main; %s is the only one", f.path, main)
		}
		if lines := strings.Count(f.text, "\n"); lines > 15 {
			t.Errorf("%s has %d lines, at most 15 are allowed: the rest belongs in cli", f.path, lines)
		}
	}
}

// A folder is named for what it holds.
func TestNoGrabBags(t *testing.T) {
	for _, f := range files(t) {
		for element := range strings.SplitSeq(f.folder(), "/") {
			if slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc", "shared"}, element) {
				t.Errorf("%s: %q says nothing of what is in it", f.path, element)
			}
		}
		if strings.HasPrefix(f.path, "internal/") {
			t.Errorf("%s: no internal at the root", f.path)
		}
	}
}
