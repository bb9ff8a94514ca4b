package node_test

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"os"
)

// writeNoise writes a file of size bytes that no compressor could shrink, the
// same for each size.
func writeNoise(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(file, 1<<20)
	_, err = io.CopyN(out, rand.NewChaCha8([32]byte{byte(size), byte(size >> 8), byte(size >> 16), byte(size >> 24)}), size)
	return errors.Join(err, out.Flush(), file.Close())
}
