package disk

// SyncFolder does nothing: NTFS writes names with its journal, and Windows opens
// no folder for syncing.
func SyncFolder(string) error { return nil }
