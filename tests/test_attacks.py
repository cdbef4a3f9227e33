"""The attack suite: hostile source runs against the real sandbox, past the static gate. It runs on every bump of the engine.

Each attack must end with a status that the host foresaw, leave nothing behind, and the next call must work.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from seglam import jail
from seglam.sandbox import HIT, VERIFY, Limits, MontySandbox, Status, call_source

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, fork, and the jail")
STOPPED = {Status.TIMEOUT, Status.MEMORY, Status.CRASH}


@pytest.fixture(scope="module")
def sandbox():
    """One sandbox for all attacks of the module, as an application would have."""
    it = MontySandbox()
    yield it
    it.close()


def after(sandbox):
    """The next call works, and sees nothing of the last one."""
    return sandbox.run("6 * 7", {}, HIT).value


def children(pid=None):
    """The pids of a process's children (zombies, which are dead, left out)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == (pid or os.getpid()) and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def workers_of(sandbox):
    """The pids of this process's workers, of which there is at least one after a call."""
    assert after(sandbox) == 42
    return [pid for pid in children() if b"monty" in Path(f"/proc/{pid}/cmdline").read_bytes()]


LOOPS = {
    "plain": "while True: pass",
    "within except Exception": "while True:\n    try:\n        while True: pass\n    except Exception: pass",
    "within bare except": "while True:\n    try:\n        while True: pass\n    except: pass",
    "within except BaseException": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "within finally": "def f():\n    try:\n        while True: pass\n    finally:\n        while True: pass\nf()",
    "sum of a range": "sum(range(10**10))",
    "factorial": "import math\nmath.factorial(10**6)",
    "binomial": "import math\nmath.comb(10**7, 5 * 10**6)",
    "hash rounds": "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'x', b'y', 10**9)",
    "big decimal to int": "from decimal import Decimal\nint(Decimal('1e9999999'))",
    "squaring": "x = 3\nwhile True: x = x * x",
    "decimal precision": "from decimal import Decimal, getcontext\ngetcontext().prec = 10**6\nDecimal(2).sqrt()",
    "sleep in a loop": "import time\nwhile True: time.sleep(1)",
    "count to the end": "import itertools\nfor i in itertools.count(): pass",
}


@pytest.mark.parametrize("source", LOOPS.values(), ids=LOOPS)
def test_endless_work_is_stopped(sandbox, source):
    """Work without an end is stopped, uncatchably, whether or not the interpreter reaches a checkpoint."""
    outcome = sandbox.run(source, {}, HIT)
    assert outcome.status in STOPPED | {Status.ERROR}, outcome  # an error: some are refused before they begin
    assert not outcome.ok
    assert after(sandbox) == 42


def test_a_loop_is_a_timeout(sandbox):
    """A plain endless loop, also within except, is a TIMEOUT: a strike."""
    for name in ("plain", "within bare except", "within except BaseException"):
        outcome = sandbox.run(LOOPS[name], {}, HIT)
        assert outcome.status is Status.TIMEOUT
        assert outcome.strike


BOMBS = {
    "list growth": "x = [1]\nwhile True: x += x",
    "dict growth": "d = {}\nfor i in range(10**9): d[i] = i",
    "big set": "set(range(10**8))",
    "string": "'x' * 10**10",
    "list": "[0] * 10**9",
    "format width": "f'{1:>1000000000}'",
    "percent width": "'%1000000000d' % 1",
    "zfill": "'1'.zfill(10**10)",
    "ljust": "'1'.ljust(10**10)",
    "replace": "('a' * 10**5).replace('a', 'b' * 10**5)",
    "join": "('x' * 10**5).join(['y'] * 10**5)",
    "product": "import itertools\nlist(itertools.product(range(100), repeat=10))",
    "permutations": "import itertools\nlist(itertools.permutations(range(15)))",
    "nested lists": "x = []\nfor i in range(10**8): x = [x, x]\nstr(x)",
    "power": "10**10**8",
    "tower": "9**9**9**9",
    "shift": "1 << 10**9",
    "bytes": "b'x' * 10**10",
    "exception text": "raise ValueError('x' * 10**10)",
}


@pytest.mark.parametrize("source", BOMBS.values(), ids=BOMBS)
def test_memory_bombs_are_contained(sandbox, source):
    """What would fill the memory ends as MEMORY (or runs out of time), and the worker or its successor answers."""
    outcome = sandbox.run(source, {}, HIT)
    assert outcome.status in {Status.MEMORY, Status.TIMEOUT, Status.CRASH}, outcome
    assert after(sandbox) == 42


DEEP = {
    "recursion": "def f(): return f()\nf()",
    "lambda recursion": "f = lambda: f()\nf()",
    "eval recursion": "def f(): return eval('f()')\nf()",
    "sort key recursion": "def f(x): return sorted([1, 2], key=f)\nf(1)",
    "repr of a deep list": "x = []\nfor i in range(10**5): x = [x]\nrepr(x)",
    "equality of deep lists": "x, y = [], []\nfor i in range(10**5): x, y = [x], [y]\nx == y",
    "deepcopy": "import copy\nx = []\nfor i in range(10**5): x = [x]\ncopy.deepcopy(x)",
    "json": "import json\njson.loads('[' * 10**5)",
    "parentheses": "(" * 5000 + ")" * 5000,
    "unary chain": "-" * 20000 + "1",
    "not chain": "not " * 20000 + "1",
    "attribute chain": "x" + ".a" * 20000,
    "deep value": "x = []\nfor i in range(10**4): x = [x]\nx",
    "nested functions": "".join(" " * i + "def f():\n" for i in range(300)) + " " * 300 + "pass",
    "eval of nested parentheses": "eval('(' * 5000 + ')' * 5000)",
}


@pytest.mark.parametrize("source", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_contained(sandbox, source):
    """Depth exhausts neither the worker's stack nor, in a value, the host's: an error, or a text that was cut."""
    outcome = sandbox.run(source, {}, HIT)
    assert not outcome.ok or (type(outcome.value) is str and len(outcome.value) < 1000)
    assert after(sandbox) == 42


WALKS = {
    "subclasses": "().__class__.__base__.__subclasses__()",
    "mro": "str.__mro__",
    "globals of a function": "def f(): pass\nf.__globals__",
    "code of a function": "def f(): pass\nf.__code__",
    "getattr": "getattr((), '__class__').__base__.__subclasses__()",
    "traceback frames": "try:\n    1 / 0\nexcept Exception as e:\n    e.__traceback__.tb_frame",
    "format attributes": "'{0.__class__.__init__.__globals__}'.format(1)",
    "format items": "def f(): pass\n'{0.__globals__[os]}'.format(f)",
    "builtins": "__builtins__.open",
    "import function": "__import__('os').system('true')",
    "module dict": "import math\nmath.__dict__",
    "loader": "import math\nmath.__loader__",
    "attrgetter": "import operator\noperator.attrgetter('__class__')(1)",
    "string.Formatter": "import string\nstring.Formatter().format('{0.__class__}', 1)",
    "generator frame": "(x for x in [1]).gi_frame",
    "socket": "import socket\nsocket.socket()",
    "subprocess": "import subprocess\nsubprocess.run(['true'])",
    "ctypes": "import ctypes\nctypes.CDLL(None)",
    "importlib": "import importlib\nimportlib.import_module('os')",
    "pickle": "import pickle\npickle.loads(b'')",
    "threads": "import threading\nthreading.Thread()",
    "signals": "import signal\nsignal.alarm(1)",
    "gc": "import gc\ngc.get_objects()",
    "inspect": "import inspect\ninspect.stack()",
    "open": "open('/etc/passwd').read()",
    "open within except": "try:\n    x = open('/etc/passwd').read()\nexcept ImportError:\n    x = None\nx",
    "write": "open('/tmp/seglam_escaped', 'w').write('x')",
    "pathlib": "from pathlib import Path\nPath('/etc/passwd').read_text()",
    "listdir": "import os\nos.listdir('/')",
    "system": "import os\nos.system('true')",
    "kill": "import os\nos.kill(1, 0)",
    "fork": "import os\nos.fork()",
    "exit": "import os\nos._exit(0)",
    "urandom": "import os\nos.urandom(8)",
    "environment": "import os\nos.environ['PATH']",
    "input": "input()",
}


@pytest.mark.parametrize("source", WALKS.values(), ids=WALKS)
def test_there_is_no_way_out(sandbox, source):
    """No walk over attributes and no import reaches objects of the host, files, processes, the network or the environment."""
    outcome = sandbox.run(source, {}, HIT)
    assert outcome.status is Status.ERROR, outcome
    assert not Path("/tmp/seglam_escaped").exists()
    assert after(sandbox) == 42


def test_the_environment_is_empty(sandbox, monkeypatch):
    """Whatever way the environment can be read, a secret of the host is not in it."""
    monkeypatch.setenv("SEGLAM_TEST_SECRET", "swordfish")
    for source in (
        "import os\nstr(os.environ)",
        "import os\nos.getenv('SEGLAM_TEST_SECRET')",
        "import sys\nstr(sys.argv)",
    ):
        outcome = sandbox.run(source, {}, HIT)
        assert "swordfish" not in str(outcome.value)


REGEXES = {
    "nested plus": r"import re" "\n" r"re.match(r'(a+)+$', 'a' * 40 + 'b')",
    "alternation": r"import re" "\n" r"re.match(r'(a|aa)+$', 'a' * 40 + 'b')",
    "back reference": r"import re" "\n" r"re.match(r'(a*)*\1$', 'a' * 40 + 'b')",
    "lookahead": r"import re" "\n" r"re.match(r'(?=(a+)+$)(a+)+\2$', 'a' * 40 + 'b')",
    "counted": r"import re" "\n" r"re.match(r'(?:(?:a{0,100}){0,100}){0,100}$', 'a' * 5000 + 'b')",
    "many groups": "import re\nre.compile('(' * 5000 + ')' * 5000)",
    "huge repetition": "import re\nre.compile('a{1000}{1000}{1000}')",
    "quadratic search": r"import re" "\n" r"re.findall(r'x*y', 'x' * 200000)",
}


@pytest.mark.parametrize("source", REGEXES.values(), ids=REGEXES)
def test_regular_expressions_cannot_hang(sandbox, source):
    """A catastrophic pattern is answered in linear time, refused, or stopped; it never outlives its limits."""
    outcome = sandbox.run(source, {}, HIT)
    assert outcome.ok or outcome.status in STOPPED | {Status.ERROR}
    assert after(sandbox) == 42


def test_a_print_flood_reaches_nobody(sandbox, capfd):
    """What the code prints is dropped, and a flood of it ends the call."""
    assert sandbox.run("print('hello')\n1", {}, HIT).value == 1
    assert not sandbox.run("while True: print('x' * 1000)", {}, HIT).ok
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "source",
    [
        "'x' * 70_000",
        "['x'] * 70_000",
        "'x' * 20_000_000",
        "x = ['a'] * 9\nfor i in range(20): x = [x] * 9\nx",
        "7**8000",
    ],
    ids=["text", "list", "beyond the memory", "shared references", "integer"],
)
def test_a_huge_value_does_not_come_back(sandbox, source):
    """A value beyond Limits.output is no value, however it is made up."""
    outcome = sandbox.run(source, {}, HIT)
    assert not outcome.ok
    assert outcome.value is None
    assert after(sandbox) == 42


def test_no_state_between_calls(sandbox):
    """Globals, modules, random state and decimal context of one call are unknown to the next."""
    assert sandbox.run("secret = 'tenant A'\nsecret", {}, HIT).value == "tenant A"
    assert sandbox.run("secret", {}, HIT).status is Status.ERROR
    draw = "import random\nrandom.random()"
    first = sandbox.run(draw, {}, HIT).value
    sandbox.run("import random\nrandom.seed(5)\nrandom.random()", {}, HIT)
    assert sandbox.run(draw, {}, HIT).value == first
    third = "from decimal import Decimal\nDecimal(1) / 3"
    before = sandbox.run(third, {}, HIT).value
    sandbox.run("from decimal import getcontext\ngetcontext().prec = 3\n1", {}, HIT)
    assert sandbox.run(third, {}, HIT).value == before


@pytest.mark.parametrize(
    ("patch", "probe", "expected"),
    [
        ("import math\nmath.pi = 3", "import math\nmath.pi > 3.1", True),
        ("import json\njson.dumps = lambda x: 'bad'", "import json\njson.dumps(1)", "1"),
        ("import builtins\nbuiltins.len = lambda x: 0", "len('abc')", 3),
        ("str = int\nlen = max", "len(str(12))", 2),
        ("str.upper = lambda s: 'bad'", "'a'.upper()", "A"),
    ],
)
def test_monkeypatching_does_not_last(sandbox, patch, probe, expected):
    """Nothing that one call changes is changed for the next, in any worker."""
    for _ in range(5):
        sandbox.run(patch, {}, HIT)
        assert sandbox.run(probe, {}, HIT).value == expected


def test_clock_and_entropy_are_frozen(sandbox):
    """Equal source gives equal values: no clock, no entropy, and sleeping takes no time."""
    source = (
        "import random, time\nfrom datetime import datetime, date\ntime.sleep(3600)\n"
        "[str(datetime.now()), str(date.today()), time.time(), time.perf_counter(), random.random(),"
        " random.Random().random(), hash('a')]"
    )
    outcomes = [sandbox.run(source, {}, HIT) for _ in range(3)]
    assert all(outcome.ok for outcome in outcomes), outcomes
    assert outcomes[0].value == outcomes[1].value == outcomes[2].value
    with MontySandboxContext() as other:
        assert other.run(source, {}, HIT).value == outcomes[0].value


class MontySandboxContext:
    """A sandbox that is closed at the end of a with block."""

    def __enter__(self):
        self.sandbox = MontySandbox()
        return self.sandbox

    def __exit__(self, *_exc):
        self.sandbox.close()


def test_a_refusal_cannot_be_swallowed(sandbox):
    """Refuse passes through except Exception: code that refuses does not go on with a guess."""
    source = "def run():\n    try:\n        raise Refuse('not mine')\n    except Exception:\n        return 1\n"
    outcome = sandbox.run(call_source(source, "run()"), {}, HIT)
    assert (outcome.status, outcome.detail) == (Status.REFUSED, "not mine")


def test_limits_are_per_call(sandbox):
    """A call with stricter limits leaves those of the next call alone."""
    grow = "len('x' * 4_000_000)"
    assert sandbox.run(grow, {}, Limits(memory=2**20)).status is Status.MEMORY
    assert sandbox.run(grow, {}, VERIFY).value == 4_000_000


@LINUX
def test_a_killed_worker_is_replaced(sandbox):
    """After SIGKILL on every idle worker the next call works, on a new one."""
    for _ in range(3):
        before = workers_of(sandbox)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert after(sandbox) == 42
        assert not set(before) & set(workers_of(sandbox))


@LINUX
def test_a_worker_killed_during_a_call(sandbox):
    """A worker that dies under a call makes it a CRASH; the sandbox goes on."""
    pids = workers_of(sandbox)
    outcomes = []
    source = "import math\nmath.factorial(10**6)"
    thread = threading.Thread(target=lambda: outcomes.append(sandbox.run(source, {}, Limits(seconds=0.7))))
    thread.start()
    time.sleep(0.15)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    thread.join()
    assert outcomes[0].status is Status.CRASH
    assert outcomes[0].strike
    assert after(sandbox) == 42


@LINUX
def test_the_jail_is_closed_around_a_running_worker(sandbox):
    """A worker that answers has no new privileges, a seccomp filter, an empty environment and no descriptor of the host."""
    if jail.levels()[0] not in (jail.Level.LANDLOCK, jail.Level.SECCOMP):
        pytest.skip("this machine has no seccomp for us")
    own, leaked = os.pipe()
    os.set_inheritable(leaked, True)
    with MontySandboxContext() as fresh:
        assert fresh.name.endswith(jail.levels()[0].value)
        pids = workers_of(fresh)
        assert pids
        for pid in pids:
            process = Path(f"/proc/{pid}")
            status = (process / "status").read_text().split()
            assert status[status.index("Seccomp:") + 1] == "2"
            assert status[status.index("NoNewPrivs:") + 1] == "1"
            assert (process / "environ").read_bytes() == b""
            assert (process / "cwd").readlink() == Path("/")
            opened = {fd.readlink() for fd in (process / "fd").iterdir()}
            assert Path(f"/proc/self/fd/{leaked}").readlink() not in opened
            limits = (process / "limits").read_text()
            assert str(jail.MEMORY_BYTES) in limits
            assert f" {jail.CPU_SECONDS} " in limits
    os.close(own)
    os.close(leaked)


PROBE = """
import os, socket, subprocess
def tried(what):
    try:
        what()
    except (OSError, subprocess.SubprocessError):
        return "denied"
    return "done"
print([tried(what) for what in (
    lambda: socket.socket(), lambda: socket.socketpair(), lambda: os.fork(), lambda: os.kill(os.getppid(), 0),
    lambda: os.kill(-1, 0), lambda: open("/tmp/seglam_escaped", "w"), lambda: os.execv("/bin/true", ["true"]),
    lambda: os.mkdir("/tmp/seglam_escaped"), lambda: os.unlink("/tmp/seglam_escaped"), lambda: os.memfd_create("x"),
    lambda: os.posix_spawn("/bin/true", ["true"], {}), lambda: os.setuid(0), lambda: os.chmod("/tmp", 0o777),
)], tried(lambda: open("/etc/passwd")), tried(lambda: os.kill(os.getpid(), 0)))
"""


def jailed(level, *command):
    """Run a program the way a worker is run."""
    line = [sys.executable, "-I", "-S", jail.__file__, level, *command]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env={})


@LINUX
def test_what_the_filter_denies():
    """Under seccomp a program makes no socket, process or file, signals nobody but itself, and may go on reading."""
    if jail.Level.SECCOMP not in jail.levels():
        pytest.skip("this machine has no seccomp for us")
    done = jailed("seccomp", os.path.realpath(sys.executable), "-I", "-S", "-c", PROBE)
    assert done.stdout == f"{['denied'] * 13} done done\n"


@LINUX
def test_what_landlock_denies():
    """Under Landlock a program that only wants to read a file of the host cannot; under seccomp alone it can."""
    if jail.levels()[0] is not jail.Level.LANDLOCK:
        pytest.skip("this kernel has no Landlock")
    cat = os.path.realpath("/bin/cat")
    assert jailed("seccomp", cat, "/etc/passwd").stdout == Path("/etc/passwd").read_text()
    denied = jailed("landlock+seccomp", cat, "/etc/passwd")
    assert denied.returncode == 1
    assert denied.stdout == ""


@LINUX
def test_the_jail_never_starts_in_part():
    """A level that cannot be had ends the launcher; the worker is not started with less."""
    assert jailed("strongest", "/bin/true").returncode != 0
    assert jailed("rlimits", "/nonexistent").returncode != 0
