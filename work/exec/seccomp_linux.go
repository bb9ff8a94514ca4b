package exec

import (
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The offsets of what a filter sees of a system call: struct seccomp_data.
const (
	offsetCall = 0
	offsetArch = 4
	offsetArgs = 16
)

// forbidden are the system calls that a confined process has no use for: those
// that reach other processes, the network, the kernel's rarer parts, take
// memory that no limit counts, have others wait for the disk, or do to files what Landlock
// does not see: change their modes, owners, times and attributes, watch them, and list
// what is mounted.
var forbidden = []uint32{
	unix.SYS_SOCKET, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
	unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_FANOTIFY_INIT,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_MSGGET, unix.SYS_SEMGET, unix.SYS_MQ_OPEN,
	unix.SYS_KEXEC_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_SYSLOG, unix.SYS_PERSONALITY,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_UTIMENSAT, unix.SYS_INOTIFY_INIT1,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_SETXATTRAT,
	unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_REMOVEXATTRAT, unix.SYS_FILE_SETATTR,
	unix.SYS_SETSOCKOPT, unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_LANDLOCK_ADD_RULE, unix.SYS_LANDLOCK_RESTRICT_SELF,
	unix.SYS_SYNC, unix.SYS_SYNCFS, unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT,
}

// oldCalls are those that only amd64 has: fork, vfork, chmod, chown, lchown, utime, utimes,
// modify_ldt, inotify_init, futimesat.
var oldCalls = []uint32{57, 58, 90, 92, 94, 132, 154, 235, 253, 261}

// amd64X32 is where the numbers of amd64's other interface begin.
const amd64X32 = 1 << 30

// restrictSyscalls installs the filter for this thread and what it executes.
func restrictSyscalls() error {
	program, err := syscallFilter(runtime.GOARCH)
	if err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// syscallFilter writes the filter for an architecture. A process may have
// threads and no other processes.
func syscallFilter(arch string) ([]unix.SockFilter, error) {
	deny := func(errno unix.Errno) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	allow := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	kill := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_PROCESS}
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	// unless skips the next n instructions but when the comparison holds.
	unless := func(comparison uint16, k uint32, n uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | comparison, K: k, Jf: n}
	}
	calls := forbidden
	var filter []unix.SockFilter
	switch arch {
	case "amd64":
		filter = []unix.SockFilter{
			load(offsetArch), {Code: unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ, K: unix.AUDIT_ARCH_X86_64, Jt: 1}, kill,
			load(offsetCall), unless(unix.BPF_JGE, amd64X32, 1), kill,
		}
		calls = append(slices.Clone(oldCalls), calls...)
	case "arm64":
		filter = []unix.SockFilter{
			load(offsetArch), {Code: unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ, K: unix.AUDIT_ARCH_AARCH64, Jt: 1}, kill,
			load(offsetCall),
		}
	default:
		return nil, fmt.Errorf("no filter for %s", arch)
	}
	for _, call := range calls {
		filter = append(filter, unless(unix.BPF_JEQ, call, 1), deny(unix.EPERM))
	}
	const sharedAnonymous = unix.MAP_SHARED | unix.MAP_ANONYMOUS
	return append(filter,
		unless(unix.BPF_JEQ, unix.SYS_CLONE3, 1), deny(unix.ENOSYS), // libraries fall back to clone
		unless(unix.BPF_JEQ, unix.SYS_CLONE, 4),
		load(offsetArgs), unless(unix.BPF_JSET, unix.CLONE_THREAD, 1), allow, deny(unix.EPERM),
		unless(unix.BPF_JEQ, unix.SYS_PRCTL, 4), // who is not killed with its parent goes on for ever
		load(offsetArgs), unless(unix.BPF_JEQ, unix.PR_SET_PDEATHSIG, 1), deny(unix.EPERM), allow,
		unless(unix.BPF_JEQ, unix.SYS_FALLOCATE, 1), deny(unix.EOPNOTSUPP), // libraries fall back to writing
		unless(unix.BPF_JEQ, unix.SYS_FCNTL, 6),
		load(offsetArgs+8), unless(unix.BPF_JEQ, unix.F_SETPIPE_SZ, 1), deny(unix.EPERM),
		unless(unix.BPF_JEQ, unix.F_NOTIFY, 1), deny(unix.EPERM), allow,
		unless(unix.BPF_JEQ, unix.SYS_MMAP, 6),
		load(offsetArgs+3*8), unless(unix.BPF_JSET, unix.MAP_GROWSDOWN, 1), deny(unix.ENOMEM), // a stack, to RLIMIT_DATA
		unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: sharedAnonymous},
		unless(unix.BPF_JEQ, sharedAnonymous, 1), deny(unix.ENOMEM),
		allow,
	), nil
}
