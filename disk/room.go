package disk

// Free returns how many bytes the file system with path can still take from this
// user.
func Free(path string) (int64, error) {
	free, _, err := room(path)
	return free, err
}

// Size returns how many bytes the file system with path has, in use or not.
func Size(path string) (int64, error) {
	_, size, err := room(path)
	return size, err
}

// most bounds what a file system says of itself, in bytes: some have as much room
// as a number can say, and others add to it.
const most = 1 << 62
