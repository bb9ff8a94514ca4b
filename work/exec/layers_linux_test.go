package exec

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// The words that make the test binary something else: see the tests.
const (
	lackingWord = "machine-that-lacks"
	parentWord  = "parent-to-kill"
	oldWord     = "kernel-without-landlock"
)

// become is what the test binary does as something else; it reports whether it
// was called as that.
func become(word, dir string) bool {
	switch word {
	case lackingWord:
		lacking(dir)
	case oldWord:
		old(dir)
	case parentWord:
		parent(dir)
	case boxWord:
		boxed(dir)
	default:
		return false
	}
	return true
}

func TestLayers(t *testing.T) {
	names := map[string]bool{}
	for _, layer := range Layers() {
		t.Logf("%s %v: %s", layer.Name, layer.Holds, layer.Detail)
		names[layer.Name] = true
		if layer.Detail == "" {
			t.Errorf("%s says nothing of itself", layer.Name)
		}
	}
	for _, name := range []string{"process", "limits", "namespaces", "landlock", "seccomp"} {
		if !names[name] {
			t.Errorf("nothing is said of %s", name)
		}
	}
}

// Where a layer is lacking, modules run all the same, and native commands do not.
func TestFailsClosed(t *testing.T) {
	needLayers(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(self, lackingWord, t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if strings.HasPrefix(string(out), untestable) {
		t.Skipf("skipped: %s", out)
	}
	if err != nil || string(out) != "holds\n" {
		t.Errorf("%s, %v", out, err)
	}
}

// untestable is what it says when it cannot take them.
const untestable = "the namespaces stay:"

// lacking takes the namespaces from the machine that it is root of.
func lacking(dir string) {
	if err := os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0); err != nil {
		fmt.Println(untestable, err)
		return
	}
	p, err := New(Config{Dir: dir, Eager: true, Commands: []Command{{Name: "true", Argv: []string{"/bin/true"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if _, err := p.Run(bg, Program{Command: "true"}, Unit{Input: []byte("0")}); !errors.Is(err, ErrSandbox) {
		fmt.Println("a command:", err)
	}
	id, err := p.Load(bg, printer(answer), true)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := p.Run(bg, Program{Module: id}, Unit{Input: []byte("0"), Limits: Limits{Fuel: 1e6}}); err != nil {
		fmt.Println("a module:", err)
	}
	for _, layer := range Layers() {
		if layer.Holds == (layer.Name == "namespaces") {
			fmt.Printf("%+v\n", layer)
		}
	}
	fmt.Println("holds")
}

// A kernel that knows nothing of Landlock runs no command.
func TestOldKernel(t *testing.T) {
	needLayers(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := osexec.Command(self, oldWord, t.TempDir()).CombinedOutput()
	if err != nil || string(out) != "holds\n" {
		t.Errorf("%s, %v", out, err)
	}
}

// old takes Landlock from the kernel, for this process and its children.
func old(dir string) {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offsetCall},
		{Code: unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ, K: unix.SYS_LANDLOCK_CREATE_RULESET, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		fmt.Println(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))); errno != 0 {
		fmt.Println(errno)
	}
	p, err := New(Config{Dir: dir, Eager: true, Commands: []Command{{Name: "true", Argv: []string{"/bin/true"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	if _, err := p.Run(bg, Program{Command: "true"}, Unit{Input: []byte("0")}); !errors.Is(err, ErrSandbox) {
		fmt.Println("a command:", err)
	}
	for _, layer := range Layers() {
		if layer.Holds == (layer.Name == "landlock") {
			fmt.Printf("%+v\n", layer)
		}
	}
	fmt.Println("holds")
}

func TestLayersThatLackAreErrors(t *testing.T) {
	if _, err := syscallFilter("riscv64"); err == nil {
		t.Error("a filter for an architecture that is not known")
	}
	for _, arch := range []string{"amd64", "arm64"} {
		if filter, err := syscallFilter(arch); err != nil || len(filter) < 2*len(forbidden) {
			t.Errorf("%s: %d instructions, %v", arch, len(filter), err)
		}
	}
	if attr := handledBy(1); attr.Handled_access_net != 0 || attr.Scoped != 0 || attr.Handled_access_fs != 1<<13-1 {
		t.Errorf("version 1 handles %+v", attr)
	}
	if attr := handledBy(7); attr.Handled_access_net != 3 || attr.Scoped != 3 || attr.Handled_access_fs != 1<<16-1 {
		t.Errorf("version 7 handles %+v", attr)
	}
}

// When the node is killed, its children go with it, also one that computes.
func TestNoOrphans(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(self, parentWord, t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(child, 0) == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("child %d lives", child)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// parent has a child compute for ever, and says its number.
func parent(dir string) {
	p, err := New(Config{Dir: dir, Eager: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	const lines = `{"type":"log","message":"at it"}` + "\n"
	id, err := p.Load(bg, printer(lines, mt.Print(60000, 0, len(lines)), mt.Loop, mt.Void, mt.Br, byte(0), mt.End), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := p.startFor(bg, Program{Module: id}, Limits{}.withDefaults())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = p.do(bg, w, Unit{Input: []byte("0"), Limits: Limits{Wall: time.Hour}.withDefaults(), Log: func(string) {
		fmt.Println(w.cmd.Process.Pid)
	}})
	fmt.Println(err)
}
