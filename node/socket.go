package node

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/batchain/batchain/disk"
)

// maxSocketHome is the longest path of a home, in bytes, whose socket lies in
// the home itself: a socket's address holds 108 bytes on Linux and 104 on macOS.
const maxSocketHome = 90

// SocketPath tells where the node of a home listens, or would listen, for
// commands. It reads control.path for a home whose path is too long.
func SocketPath(home string) string {
	if len(home) <= maxSocketHome {
		return filepath.Join(home, "control.sock")
	}
	data, err := os.ReadFile(Home(home).ControlPath())
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// listenControl opens the control socket with mode 0600. The caller holds the
// home's lock, so that a socket which is there already is a dead node's.
func (h Home) listenControl() (net.Listener, error) {
	path, err := h.placeSocket()
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return l, nil
}

// closeControl closes the socket, which the control server may have done, and
// removes its folder if that is not the home.
func (h Home) closeControl(l net.Listener) {
	l.Close()
	if dir := filepath.Dir(l.Addr().String()); dir != string(h) {
		os.Remove(dir)
	}
}

// placeSocket chooses the socket's path. For a long home it makes a folder of
// this user's own (0700) and writes the path into the home.
func (h Home) placeSocket() (string, error) {
	if len(h) <= maxSocketHome {
		return SocketPath(string(h)), nil
	}
	dir, err := runFolder(string(h))
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "control.sock")
	return path, disk.WriteFile(h.ControlPath(), []byte(path+"\n"), 0o600)
}

// runFolder makes a short folder for the home's socket below the temporary
// folder. A folder of that name that is not ours alone is refused, for another
// user of the machine may have laid it there.
func runFolder(home string) (string, error) {
	base := os.TempDir()
	if len(base) > maxSocketHome-len("/batchain-0123456789abcdef") {
		base = "/tmp"
	}
	sum := sha256.Sum256([]byte(home))
	dir := filepath.Join(base, "batchain-"+hex.EncodeToString(sum[:8]))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || !ownedByUs(info) || secretMode && info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s is not a folder of ours alone", dir)
	}
	return dir, nil
}
