//go:build unix

package spool

// sync makes renames in a folder last.
func (s *Spool) sync(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
