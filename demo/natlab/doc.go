// Package natlab builds a small internet of network namespaces on one Linux
// machine: sites behind real NATs of the kernel, each with machines on which
// programs run. It needs root, iproute2 and nftables, and miniupnpd for [UPnP];
// [Available] says what is missing.
//
//	    ┌──────────── net: a router, 11.0.0.0/8 ────────────┐
//	    │ 11.1.0.1           │ 11.2.0.1           │ 11.3.0.1
//	    │                ┌───┴────┐           ┌───┴─────┐
//	    │                │  gate  │ NAT       │ carrier │ NAT
//	    │                └───┬────┘           └───┬─────┘
//	    │                    │ 192.168.1.1    ┌───┴────┐ 100.64.0.2
//	    │                    │                │  gate  │ NAT
//	    │                    │                └───┬────┘
//	 machine              machine              machine
//	11.1.0.10          192.168.1.10          192.168.1.10
//	  None              Preserving              Double
//
// Every box is a namespace. None of them has a way out of the machine: they are
// joined to each other and to nothing else. Outside addresses come from 11/8
// since programs treat ranges that are private or kept for documentation in
// their own way. Homes all use 192.168.1.0/24, as homes do.
//
// The namespaces of a lab are called natlab-PID-NAME. [Lab.Close] ends what
// still runs in them and removes them; what a crash left is removed when the
// next lab is made.
package natlab
