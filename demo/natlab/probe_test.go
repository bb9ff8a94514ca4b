package natlab

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is also the program that the tests run on machines of the lab: with
// "observe" it tells whoever asks how it sees them, with "ask" it asks.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "observe":
		observe()
	case "ask":
		ask(os.Args[2:])
	default:
		os.Exit(m.Run())
	}
}

// observe answers datagrams and connections on port 9000 with the address they
// come from.
func observe() {
	datagrams, err := net.ListenPacket("udp4", ":9000")
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp4", ":9000")
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			fmt.Fprintln(c, c.RemoteAddr())
			c.Close()
		}
	}()
	buf := make([]byte, 64)
	for {
		_, from, err := datagrams.ReadFrom(buf)
		if err != nil {
			panic(err)
		}
		if _, err := datagrams.WriteTo([]byte(from.String()), from); err != nil {
			panic(err)
		}
	}
}

// ask prints, for each observer, how it sees UDP from port 4000 and TCP.
func ask(observers []string) {
	socket, err := net.ListenPacket("udp4", ":4000")
	if err != nil {
		panic(err)
	}
	for _, o := range observers {
		fmt.Println("udp", askUDP(socket, o))
		fmt.Println("tcp", askTCP(o))
	}
}

func askUDP(socket net.PacketConn, observer string) string {
	to, err := net.ResolveUDPAddr("udp4", observer)
	if err != nil {
		return err.Error()
	}
	if _, err := socket.WriteTo([]byte("?"), to); err != nil {
		return err.Error()
	}
	buf := make([]byte, 64)
	_ = socket.SetReadDeadline(time.Now().Add(time.Second))
	n, _, err := socket.ReadFrom(buf)
	if err != nil {
		return "nothing"
	}
	return string(buf[:n])
}

func askTCP(observer string) string {
	c, err := net.DialTimeout("tcp4", observer, time.Second)
	if err != nil {
		return "nothing"
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// observer starts observe on a machine and returns where it listens.
func (m *Machine) observer(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := m.Command(ctx, os.Args[0], "observe")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("observer: %q, %v", line, err)
	}
	return m.Addr.String() + ":9000"
}

// seen asks observers from a machine and returns what they see.
func (m *Machine) seen(t *testing.T, observers ...string) (lines []string) {
	t.Helper()
	out, err := m.Command(t.Context(), os.Args[0], append([]string{"ask"}, observers...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ask: %v: %s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
