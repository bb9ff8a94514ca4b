package meta

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// licences are those that may be linked, by words that only their text, or what
// refers to it, has; blanks are normal here, see [classify].
var licences = []struct{ name, has, hasNot string }{
	{"Apache-2.0", "apache license version 2.0", ""},
	{"Apache-2.0", "licensed under the apache license, version 2.0", ""},
	{"Apache-2.0", "www.apache.org licenses license-2.0", ""},
	{"BSD-2-Clause", "redistribution and use in source and binary forms", "neither the name"},
	{"BSD-3-Clause", "neither the name", ""},
	{"CC0-1.0", "cc0 1.0 universal", ""},
	{"ISC", "permission to use, copy, modify, and or distribute this software for any purpose with or without fee is hereby granted", ""},
	{"ISC", "permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted", ""},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy", ""},
	{"MIT", "opensource.org licenses mit", ""},
	{"MPL-2.0", "mozilla public license version 2.0", ""},
	{"public domain", "sqlite is public domain", ""},
	{"Unlicense", "this is free and unencumbered software released into the public domain", ""},
}

// refused are words of licences that must not be linked, whatever else the
// file says. The MPL names the GPL as one that may be combined with it.
var refused = regexp.MustCompile(`gnu (affero |lesser |library )?general public license|server side public license|business source license|commons clause|creative commons attribution|non-?commercial (use|purposes?) only`)

// blanks are what lies between words, the marks of comments included.
var blanks = regexp.MustCompile(`[\s#*/]+`)

// classify names the licences that a file's text grants, or says why it is
// none that we link.
func classify(text string) ([]string, error) {
	text = blanks.ReplaceAllString(strings.ToLower(text), " ")
	text = strings.ReplaceAll(text, "version 2.0, january 2004", "version 2.0")
	text = strings.ReplaceAll(text, "mozilla public license, version 2.0", "mozilla public license version 2.0")
	var names []string
	for _, l := range licences {
		if strings.Contains(text, l.has) && (l.hasNot == "" || !strings.Contains(text, l.hasNot)) && !slices.Contains(names, l.name) {
			names = append(names, l.name)
		}
	}
	if word := refused.FindString(text); word != "" && !slices.Contains(names, "MPL-2.0") {
		return nil, fmt.Errorf("it names the %s", word)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("unknown licence %.60q", text)
	}
	return names, nil
}

// A copyright line tells who and when; lines of the licences' own text that
// only speak of copyright do not.
var copyright = regexp.MustCompile(`(?i)^\W*(copyright (\(c\)|©|\d{4}|[a-z]+ \d{4}|the )|(\(c\)|©) ?\d{4}).*`)

// copyrights returns the copyright lines of a licence's text, each once.
func copyrights(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(strings.TrimLeft(line, "/*#> \t"), "*/. \t\r\n")
		line = strings.TrimRight(strings.TrimSuffix(line, "All rights reserved"), "., ")
		if copyright.MatchString(line) && !strings.Contains(line, "<year>") && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[sc]e|copying|copyright)([-_.].*)?$`)

// licensing is what one module says about itself.
type licensing struct {
	names, holders []string
	notice         string // of a NOTICE file, which Apache-2.0 asks to pass on
}

// readLicensing reads the licence files in the root of a module.
func readLicensing(folder string) (licensing, error) {
	var l licensing
	entries, err := os.ReadDir(folder)
	if err != nil {
		return l, err
	}
	for _, entry := range entries {
		isNotice := strings.HasPrefix(strings.ToUpper(entry.Name()), "NOTICE")
		if strings.HasSuffix(strings.ToUpper(entry.Name()), "-LOGO") {
			continue // of a picture, which is not linked
		}
		if entry.IsDir() || (!isNotice && !licenceFile.MatchString(entry.Name())) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return l, err
		}
		if isNotice {
			l.notice = strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n"))
			continue
		}
		l.holders = append(l.holders, copyrights(string(data))...)
		if strings.HasPrefix(strings.ToUpper(entry.Name()), "COPYRIGHT") {
			continue // who holds it; on what terms, another file says
		}
		names, err := classify(string(data))
		if err != nil {
			return l, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		l.names = append(l.names, names...)
	}
	if len(l.names) == 0 {
		return l, fmt.Errorf("no licence file in %s", folder)
	}
	slices.Sort(l.names)
	l.names = slices.Compact(l.names)
	slices.Sort(l.holders)
	l.holders = slices.Compact(l.holders)
	return l, nil
}

func TestCopyrights(t *testing.T) {
	got := copyrights(`MIT License
// Copyright (c) 2020, Ada Lovelace <ada@example.org>. All rights reserved.
 * Copyright 2009 The Go Authors.
Copyright (c) 2020, Ada Lovelace <ada@example.org>
(C) 1999 Somebody
Copyright (c) <year> <copyright holders>
Copyright [yyyy] [name of copyright owner]
"Copyright License" means
The above copyright notice and this permission notice shall be included
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM`)
	want := []string{"Copyright (c) 2020, Ada Lovelace <ada@example.org>", "Copyright 2009 The Go Authors", "(C) 1999 Somebody"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClassify(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"MIT":         {"MIT License\n\nCopyright (c) 2020 A\n\nPermission is hereby granted, free of charge, to any\nperson obtaining a copy of", "MIT"},
		"BSD-2":       {"Redistribution and use in source and binary forms, with or without", "BSD-2-Clause"},
		"BSD-3":       {"// Redistribution and use in source and\n// binary forms\n//    * Neither the name of", "BSD-3-Clause"},
		"Apache":      {"  Apache License\n   Version 2.0, January 2004", "Apache-2.0"},
		"by links":    {"either of:\n- https://www.apache.org/licenses/LICENSE-2.0\n- https://opensource.org/licenses/MIT", "Apache-2.0 MIT"},
		"dual":        {"Licensed under the Apache License, Version 2.0\nor\nPermission is hereby granted, free of charge, to any person obtaining a copy", "Apache-2.0 MIT"},
		"MPL":         {"Mozilla Public License, version 2.0\n … GNU General Public License, Version 2.0", "MPL-2.0"},
		"GPL":         {"GNU GENERAL PUBLIC LICENSE Version 3", ""},
		"AGPL":        {"GNU AFFERO\nGENERAL PUBLIC LICENSE", ""},
		"LGPL":        {"GNU Lesser General Public License", ""},
		"MIT and GPL": {"Permission is hereby granted, free of charge, to any person obtaining a copy … GNU General Public License", ""},
		"ISC":         {"Permission to use, copy, modify, and/or distribute this software for any\npurpose with or without fee is hereby granted", "ISC"},
		"BUSL":        {"Business Source License 1.1", ""},
		"something":   {"Do what you like", ""},
		"nothing":     {"", ""},
	}
	for name, test := range tests {
		got, err := classify(test.text)
		if strings.Join(got, " ") != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %v, %v; want %q", name, got, err, test.want)
		}
	}
}
