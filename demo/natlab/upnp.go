package natlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mapper runs miniupnpd on a gate until the lab closes. It answers UPnP, NAT-PMP
// and PCP, and keeps its mappings in the chains of the gate's rules.
func (s *Site) mapper(gate string) error {
	if _, err := exec.LookPath("miniupnpd"); err != nil {
		return fmt.Errorf("miniupnpd is not installed: %w", err)
	}
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return err
	}
	conf := filepath.Join(dir, "miniupnpd.conf")
	if err := os.WriteFile(conf, []byte(strings.Join([]string{
		"ext_ifname=wan", "listening_ip=lan", "http_port=5000",
		"enable_upnp=yes", "enable_natpmp=yes", "secure_mode=yes", "system_uptime=yes",
		"upnp_table_name=gate", "upnp_nat_table_name=gate",
		"upnp_forward_chain=upnp_forward", "upnp_nat_chain=upnp_pre", "upnp_nat_postrouting_chain=upnp_post",
		fmt.Sprintf("uuid=00000000-0000-0000-0000-%012d", s.number),
		"allow 1024-65535 0.0.0.0/0 1024-65535", "deny 0-65535 0.0.0.0/0 0-65535", "",
	}, "\n")), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(s.lab.ctx, "ip", "netns", "exec", s.lab.full(gate),
		"miniupnpd", "-d", "-f", conf, "-P", filepath.Join(dir, "pid"))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("miniupnpd: %w", err)
	}
	s.lab.jobs.Go(func() {
		_ = cmd.Wait() // it is killed in the end
		_ = os.RemoveAll(dir)
	})
	return nil
}
