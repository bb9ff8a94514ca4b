package natlab

import "strings"

// rules are the nftables rules of a gate whose outside is "wan" and whose inside
// is "lan". As a home's router does, it drops what comes unasked, for itself as
// well: a gate that answers would note the packet's addresses as a connection of
// its own, and take another port for the machine that calls there next.
func rules(k Kind) string {
	masquerade, udp := "masquerade", ""
	switch k {
	case Symmetric:
		masquerade = "masquerade random,fully-random"
	case NoUDP:
		udp = "meta l4proto udp drop"
	}
	return strings.NewReplacer("MASQUERADE", masquerade, "UDP", udp).Replace(`
table inet gate {
	chain upnp_forward { }
	chain upnp_pre { }
	chain upnp_post { }
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
		iifname "wan" meta l4proto { tcp, udp } drop
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		UDP
		ct state established,related accept
		iifname "lan" accept
		jump upnp_forward
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		jump upnp_pre
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		jump upnp_post
		oifname "wan" MASQUERADE
	}
}`)
}
