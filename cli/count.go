package cli

import "github.com/dustin/go-humanize/english"

// count is a number of things in words: 1 host, 2 hosts.
func count(n int, thing string) string { return english.Plural(n, thing, "") }
