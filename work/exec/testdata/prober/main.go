// Command prober is a module that tries what no module may, and tells what
// came of it: "" for what succeeded.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var line struct {
			Type  string
			Input string
		}
		if err := json.Unmarshal(text, &line); err != nil {
			panic(err)
		}
		if line.Type != "work" {
			continue
		}
		if line.Input == "panic" {
			panic("with\na trace")
		}
		data, _ := json.Marshal(probe(line.Input))
		fmt.Printf(`{"type":"result","id":1,"data":%s}`+"\n", data)
	}
}

func probe(secret string) map[string]string {
	came := map[string]string{}
	try := func(what string, err error) {
		came[what] = ""
		if err != nil {
			came[what] = err.Error()
		}
	}
	read := func(path string) error { _, err := os.ReadFile(path); return err }
	given, err := os.ReadFile("/in/given")
	try("read its file", err)
	came["its file"] = string(given)
	try("read the secret", read(secret))
	try("read it from below", read("/in/../../../../../../../.."+secret))
	try("read by a link", read("/in/link"))
	try("write its file", os.WriteFile("/in/given", nil, 0o600))
	try("write beside it", os.WriteFile("/in/new", nil, 0o600))
	try("write the root", os.WriteFile("/new", nil, 0o600))
	try("remove its file", os.Remove("/in/given"))
	try("rename its file", os.Rename("/in/given", "/in/taken"))
	try("link out", os.Symlink(secret, "/in/out"))
	_, err = net.Dial("tcp", "127.0.0.1:80")
	try("tcp", err)

	var random [8]byte
	rand.Read(random[:])
	info, err := os.Stat("/in/given")
	if err != nil {
		panic(err)
	}
	entries, err := os.ReadDir("/in")
	if err != nil {
		panic(err)
	}
	came["world"] = fmt.Sprint(len(os.Args), os.Environ(), hex.EncodeToString(random[:]), time.Now().Unix(),
		info.ModTime().Unix(), info.Mode(), entries, os.Getpid())
	return came
}
