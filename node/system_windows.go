package node

import "os"

// secretMode is false: on Windows a file's mode says nothing of who may read it.
const secretMode = false

// ownedByUs is true: a user's temporary folder is the user's own on Windows.
func ownedByUs(os.FileInfo) bool { return true }
