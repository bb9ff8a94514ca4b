package shard

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
)

// Seed is the person: 256 random bits from which every key of every file
// derives. Whoever holds it owns the files.
type Seed [32]byte

// FileKey seals one file (AES-256). Whoever holds it can read the file, find
// its shards and repair it, and cannot delete it.
type FileKey [32]byte

// DevicesKey is what the machines of one owner know each other by in a mesh.
// Whoever holds it is given the list of files and every read manifest.
type DevicesKey [32]byte

// LogValue keeps the seed out of logs.
func (s Seed) LogValue() slog.Value { return slog.StringValue("(secret)") }

// LogValue keeps the key out of logs.
func (k FileKey) LogValue() slog.Value { return slog.StringValue("(secret)") }

// LogValue keeps the key out of logs.
func (k DevicesKey) LogValue() slog.Value { return slog.StringValue("(secret)") }

// NewSeed returns a random seed.
func NewSeed() Seed {
	var s Seed
	rand.Read(s[:])
	return s
}

// NewFileID returns a random file id.
func NewFileID() FileID {
	var id FileID
	rand.Read(id[:])
	return id
}

// FileKey derives the key that seals the file.
func (s Seed) FileKey(id FileID) FileKey {
	return FileKey(derive(s[:], id[:], "batchain/file/1"))
}

// AdminKey derives the Ed25519 key that signs the file's core, grant and
// deletion. Its public half is who the owner is to a host: another one for
// every file.
func (s Seed) AdminKey(id FileID) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derive(s[:], id[:], "batchain/admin/1"))
}

// DevicesKey derives the key that the owner's machines share in a mesh. It
// authenticates (HMAC-SHA256) and seals nothing.
func (s Seed) DevicesKey(mesh string) DevicesKey {
	return DevicesKey(derive(s[:], []byte(mesh), "batchain/devices/1"))
}

// RepairKey derives the Ed25519 key that signs what keeps a file alive: OFFER,
// RENEW, LIST, AUDIT. Nothing leads back from it to the file key.
func (k FileKey) RepairKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derive(k[:], nil, "batchain/repair/1"))
}

// privateKey derives the key of the manifest's private part, so that it never
// shares a nonce space with segments.
func (k FileKey) privateKey() FileKey {
	return FileKey(derive(k[:], nil, "batchain/private/1"))
}

// derive is HKDF-SHA256 (RFC 5869) to 32 bytes.
func derive(secret, salt []byte, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, purpose, 32)
	if err != nil {
		panic("shard: internal error: " + err.Error())
	}
	return key
}
