"""The Linux launcher around the sandbox's worker process; imported by the host, and run as a script inside every new worker.

The worker is a language interpreter that was never meant to see the machine: it reads requests on stdin and answers on
stdout. So before it starts, the launcher takes everything else away: resource limits, no new privileges, Landlock (only the
worker's own binary and the system libraries can be opened, for reading), a seccomp filter (no sockets, no other process, no
writing, no new executable memory), an empty environment, no inherited descriptors. Each level includes the ones below it;
a level that cannot be had completely does not start, and the host then asks for the next one.

As a script it runs with ``python -I -S``, so it imports the standard library only, and nothing of seglam.
"""

import contextlib
import ctypes
import os
import shlex
import shutil
import struct
import sys
import sysconfig
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Final


class Level(StrEnum):
    """How far a worker is shut in, strongest first."""

    LANDLOCK = "landlock+seccomp"
    SECCOMP = "seccomp"
    RLIMITS = "rlimits"
    NONE = "none"


MAX_CHECKOUTS: Final = 1000
"""Calls after which a worker is replaced. Together with CPU_SECONDS it bounds an orphan without ever ending an honest worker:
1000 calls at the hit path's 0.1 s stay below 120 s."""
CPU_SECONDS: Final = 120
"""Processor seconds in a worker's life. It stands in for PR_SET_PDEATHSIG, which fires when the *thread* that started the worker
ends: under a thread pool that would end healthy workers in the middle of another thread's call."""
MEMORY_BYTES: Final = 2**30
OPEN_FILES: Final = 64

# Name -> (x86_64, aarch64); None where the architecture does not have the call. The aarch64 column follows the kernel's
# asm-generic/unistd.h and is untested on hardware.
_DENIED: Final[dict[str, tuple[int | None, int | None]]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242),
    "bind": (49, 200), "listen": (50, 201), "sendto": (44, 206), "sendmsg": (46, 211), "sendmmsg": (307, 269),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "process_madvise": (440, 440),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "fork": (57, None), "vfork": (58, None), "execveat": (322, 281), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "fanotify_init": (300, 262),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "io_setup": (206, 0), "io_submit": (209, 2),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "swapon": (167, 224), "swapoff": (168, 225),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "iopl": (172, None), "ioperm": (173, None),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "personality": (135, 92),
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143), "setresuid": (117, 147),
    "setresgid": (119, 149), "setgroups": (116, 159), "setfsuid": (122, 151), "setfsgid": (123, 152), "capset": (126, 91),
    "creat": (85, None), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "unlink": (87, None),
    "unlinkat": (263, 35), "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "mknod": (133, None), "mknodat": (259, 33),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "truncate": (76, 45), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "shmget": (29, 194), "shmat": (30, 196), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180), "inotify_init1": (294, 26), "sched_setaffinity": (203, 122), "setpriority": (141, 140),
}  # fmt: skip
_UNKNOWN: Final[dict[str, tuple[int | None, int | None]]] = {"clone3": (435, 435), "openat2": (437, 437)}
"""Answered with ENOSYS: their arguments lie where a filter cannot look, and the C library falls back to the older call."""
_CHECKED: Final[dict[str, tuple[int | None, int | None]]] = {
    "clone": (56, 220), "execve": (59, 221), "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261),
    "open": (2, None), "openat": (257, 56), "mmap": (9, 222), "mprotect": (10, 226), "pkey_mprotect": (329, 288),
    "ioctl": (16, 29), "prctl": (157, 167),
}  # fmt: skip
_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_LD_W_ABS, _JEQ, _JSET, _JGE, _AND, _RET = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_CLONE_THREAD = 0x00010000
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND if sys.platform == "linux" else 0
_PROT_WRITE, _PROT_EXEC = 2, 4
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_FS_EXECUTE, _FS_READ_FILE, _FS_READ_DIR = 1, 4, 8
_FS_RIGHTS = (
    (1, (1 << 13) - 1),
    (2, 1 << 13),
    (3, 1 << 14),
    (5, 1 << 15),
)  # (since ABI, bits): all that can be forbidden
_RULESET_BYTES = ((1, 8), (4, 16), (6, 24))  # (since ABI, size of the structure)
_NO_TCP, _NO_SIGNALS = 3, 3
_LIBRARY_PATHS = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/ld-musl-x86_64.path")


class Launcher:
    """Makes the one executable file that a worker pool wants: a shell line that runs this module, which runs the worker.

    It lives in a private temporary directory, because an installed package may have lost its execute bits and a shebang can
    hold neither a long interpreter path nor one with spaces. ``close`` removes it; workers that run do not need it any more.
    """

    def __init__(self, worker: Path) -> None:
        self.worker = worker
        self._directory: str | None = None
        self._owner = os.getpid()

    def path(self, level: Level) -> Path:
        """The executable to start for this level; the worker itself for NONE.

        Raises:
            OSError: the file cannot be written.
        """
        if level is Level.NONE:
            return self.worker
        # A forked child goes on with the parent's file while it is there, so that children that end abruptly leave none behind.
        if self._directory is None or not Path(self._directory).is_dir():
            self._directory, self._owner = tempfile.mkdtemp(prefix="seglam-"), os.getpid()
        script = Path(self._directory, level.name.lower())
        if script.exists():
            return script
        python = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), level.value, str(self.worker)]
        script.write_text(f'#!/bin/sh\nexec {shlex.join(python)} "$@"\n', encoding="utf-8")
        script.chmod(0o700)
        return script

    def close(self) -> None:
        """Remove the file; a second time, or in a forked child (whose parent still needs it), this does nothing."""
        directory, self._directory = self._directory, None
        if directory is not None and self._owner == os.getpid():
            shutil.rmtree(directory, ignore_errors=True)


def worker_binary() -> Path:
    """The ``monty`` binary of this environment, from its scripts directories only: neither PATH nor MONTY_BIN is asked.

    Raises:
        FileNotFoundError: it is not installed.
    """
    name = "monty.exe" if sys.platform == "win32" else "monty"
    schemes = [sysconfig.get_default_scheme()]
    with contextlib.suppress(KeyError, AttributeError):
        schemes.append(sysconfig.get_preferred_scheme("user"))
    for scheme in schemes:
        binary = Path(sysconfig.get_path("scripts", scheme), name)
        if binary.is_file():
            return binary
    raise FileNotFoundError(f"no {name} in {sysconfig.get_path('scripts')}; install pydantic-monty")


def levels() -> list[Level]:
    """The levels worth trying on this machine, strongest first; NONE is always the last."""
    if sys.platform != "linux" or not sys.executable or not Path(__file__).is_file():
        return [Level.NONE]
    if os.uname().machine not in _AUDIT_ARCH or sys.maxsize < 2**32:
        return [Level.RLIMITS, Level.NONE]
    return list(Level) if _landlock_abi(_libc()) > 0 else [Level.SECCOMP, Level.RLIMITS, Level.NONE]


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _syscall(libc: ctypes.CDLL, number: int, *arguments: object) -> int:
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"syscall {number}")
    return result


def _prctl(libc: ctypes.CDLL, option: int, *arguments: object) -> None:
    padded = [*arguments, *[ctypes.c_ulong(0)] * (4 - len(arguments))]
    if libc.prctl(ctypes.c_int(option), *padded) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), f"prctl {option}")


def _landlock_abi(libc: ctypes.CDLL) -> int:
    version_flag = ctypes.c_uint32(1)
    try:
        return _syscall(libc, _LANDLOCK_CREATE, ctypes.c_void_p(None), ctypes.c_size_t(0), version_flag)
    except OSError:
        return 0


def _limit_resources() -> None:
    import resource

    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        ceiling = resource.getrlimit(what)[1]
        value = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        resource.setrlimit(what, (value, value))


def _restrict_files(libc: ctypes.CDLL, worker: str) -> None:
    """Landlock: open nothing but the worker and the libraries; no TCP; no signal and no abstract socket to the outside."""
    abi = _landlock_abi(libc)
    if abi < 1:
        raise OSError("this kernel has no Landlock")
    rights = sum(bits for since, bits in _FS_RIGHTS if abi >= since)
    length = max(size for since, size in _RULESET_BYTES if abi >= since)
    attributes = struct.pack("=QQQ", rights, _NO_TCP, _NO_SIGNALS)[:length]
    size = ctypes.c_size_t(len(attributes))
    ruleset = _syscall(libc, _LANDLOCK_CREATE, ctypes.c_char_p(attributes), size, ctypes.c_uint32(0))
    for path in (worker, *_LIBRARY_PATHS):
        try:
            beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        access = _FS_EXECUTE | _FS_READ_FILE | (_FS_READ_DIR if os.path.isdir(path) else 0)  # noqa: PTH112 - a str from here on
        rule = ctypes.c_char_p(struct.pack("=Qi", access, beneath))
        _syscall(libc, _LANDLOCK_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), rule, ctypes.c_uint32(0))
        os.close(beneath)
    _syscall(libc, _LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def _argument(index: int, *, high: bool = False) -> tuple[int, int, int, int]:
    return (_LD_W_ABS, 0, 0, 16 + 8 * index + (4 if high else 0))


def _rules(pid: int, executable: int) -> dict[str, list[tuple[int, int, int, int]]]:
    """For each checked call the instructions that decide about it; they end in a return."""
    deny, allow = (_RET, 0, 0, _EPERM), (_RET, 0, 0, _ALLOW)

    def unless_set(index: int, bits: int) -> list[tuple[int, int, int, int]]:
        return [_argument(index), (_JSET, 0, 1, bits), deny, allow]

    def only(index: int, *values: int) -> list[tuple[int, int, int, int]]:
        tests = [step for value in values for step in ((_JEQ, 0, 1, value), allow)]
        return [_argument(index), *tests, deny]

    def never(index: int, *values: int) -> list[tuple[int, int, int, int]]:
        tests = [step for value in values for step in ((_JEQ, 0, 1, value), deny)]
        return [_argument(index), *tests, allow]

    low, high = executable & 0xFFFFFFFF, executable >> 32
    writable_code = _PROT_WRITE | _PROT_EXEC
    return {
        # A new thread, never a new process: an escaped worker cannot outlive its own end.
        "clone": [_argument(0), (_JSET, 0, 1, _CLONE_THREAD), allow, deny],
        # The filter is in force before the worker starts, so one execve must pass: the one whose path lies at this address.
        "execve": [_argument(0), (_JEQ, 0, 3, low), _argument(0, high=True), (_JEQ, 0, 1, high), allow, deny],
        "kill": only(0, pid),
        "tgkill": only(0, pid),
        "prlimit64": only(0, 0, pid),
        "open": unless_set(1, _WRITING),
        "openat": unless_set(2, _WRITING),
        "mmap": [_argument(2), (_AND, 0, 0, writable_code), (_JEQ, 0, 1, writable_code), deny, allow],
        "mprotect": unless_set(2, _PROT_EXEC),
        "pkey_mprotect": unless_set(2, _PROT_EXEC),
        "ioctl": never(1, _TIOCSTI, _TIOCLINUX),  # stdin or stderr may be the user's terminal
        "prctl": never(0, _PR_SET_SECCOMP),
    }


def seccomp_program(machine: str, pid: int, executable: int) -> bytes:
    """The filter as BPF. ``executable``: address of the path that execve may still be called with once."""
    column = list(_AUDIT_ARCH).index(machine)
    program = [(_LD_W_ABS, 0, 0, 4), (_JEQ, 1, 0, _AUDIT_ARCH[machine]), (_RET, 0, 0, _KILL), (_LD_W_ABS, 0, 0, 0)]
    if machine == "x86_64":  # the x32 calls have other numbers and would pass every test below
        program += [(_JGE, 0, 1, 0x40000000), (_RET, 0, 0, _KILL)]
    for table, verdict in ((_DENIED, _EPERM), (_UNKNOWN, _ENOSYS)):
        for numbers in table.values():
            if (number := numbers[column]) is not None:
                program += [(_JEQ, 0, 1, number), (_RET, 0, 0, verdict)]
    for name, steps in _rules(pid, executable).items():
        if (number := _CHECKED[name][column]) is not None:
            program += [(_JEQ, 0, len(steps), number), *steps]
    program.append((_RET, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def _filter_calls(libc: ctypes.CDLL, executable: int) -> None:
    program = seccomp_program(os.uname().machine, os.getpid(), executable)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    _prctl(libc, _PR_SET_SECCOMP, ctypes.c_ulong(2), ctypes.c_char_p(header))


def main(arguments: list[str]) -> None:
    """``LEVEL WORKER [ARGUMENT ...]``: shut this process in and become the worker. Raises if any part of the level fails."""
    level, worker = Level(arguments[0]), arguments[1]
    libc = _libc()
    path = ctypes.create_string_buffer(os.fsencode(worker))
    argv = (ctypes.c_char_p * len(arguments))(*[os.fsencode(word) for word in arguments[1:]], None)
    environment = (ctypes.c_char_p * 1)(None)
    os.chdir("/")
    os.closerange(3, 65536)  # whatever the application opened without close-on-exec
    _limit_resources()
    if level in (Level.LANDLOCK, Level.SECCOMP):
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))
        null = os.open(os.devnull, os.O_WRONLY)
        if level is Level.LANDLOCK:
            _restrict_files(libc, worker)
        # The worker tells of refused allocations there: no news for the application's terminal.
        os.dup2(null, 2)
        os.close(null)
        _filter_calls(libc, ctypes.addressof(path))
    libc.execve(path, argv, environment)
    raise OSError(ctypes.get_errno(), "execve failed", worker)


if __name__ == "__main__":
    main(sys.argv[1:])
