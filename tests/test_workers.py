"""The pool's life: forks, threads, the interpreter's end, and the host's sudden death."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path

import pytest

from seglam import jail
from seglam.sandbox import HIT, MontySandbox

UNIX = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
ROOTS = os.pathsep.join([str(Path(jail.__file__).parents[1]), *filter(None, sys.path)])


def script(body):
    """Run a program in a new interpreter."""
    prelude = "from seglam.sandbox import HIT, Limits, MontySandbox, Status\n"
    return subprocess.run(
        [sys.executable, "-c", prelude + textwrap.dedent(body)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": ROOTS},
    )  # fmt: skip


@pytest.mark.parametrize(
    "ending", ["", "sandbox.close()", "sandbox.run('while True: pass', {}, HIT)", "del sandbox", "raise SystemExit(0)"]
)
def test_the_interpreter_exits_cleanly(ending):
    """After use the interpreter ends with 0 and silently, whether or not the application closed the sandbox; every time."""
    body = f"sandbox = MontySandbox()\nassert sandbox.run('6*7', {{}}, HIT).value == 42\n{ending}\n"
    for _ in range(2):
        done = script(body)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_interpreter_exits_cleanly_under_a_running_call():
    """A call in a daemon thread does not keep the interpreter from ending with 0."""
    done = script("""
        import threading, time
        sandbox = MontySandbox()
        sandbox.run("1", {}, HIT)
        threading.Thread(target=lambda: sandbox.run("while True: pass", {}, Limits(seconds=0.7)), daemon=True).start()
        time.sleep(0.1)
    """)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_call_searches_for_no_module():
    """Without opentelemetry no call after the first looks for it: neither on the path nor by the import system's own search."""
    done = script("""
        import importlib.util, sys
        if "opentelemetry" in sys.modules or importlib.util.find_spec("opentelemetry"):
            sys.exit(0)
        sandbox = MontySandbox()
        sandbox.run("1", {}, HIT)
        searched = []
        def watch(frame, event, _argument):
            if event == "call" and frame.f_code.co_name == "_find_and_load_unlocked":
                searched.append(frame.f_locals["name"])
        sys.setprofile(watch)
        assert sandbox.run("6 * 7", {}, HIT).value == 42
        sys.setprofile(None)
        sandbox.close()
        assert searched == [], searched
    """)
    assert (done.returncode, done.stderr) == (0, "")


FORK = """
    import os, sys, threading
    sandbox = MontySandbox()
    {before}
    pid = os.fork()
    if pid == 0:
        ok = all(sandbox.run("n + 1", {{"n": n}}, HIT).value == n + 1 for n in range(20))
        ok = ok and sandbox.run("while True: pass", {{}}, HIT).status is Status.TIMEOUT
        inner = os.fork()
        if inner == 0:
            os._exit(0 if sandbox.run("5", {{}}, HIT).value == 5 else 1)
        ok = ok and os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) == 0
        ok = ok and sandbox.run("7", {{}}, HIT).value == 7
        {child_end}
    assert all(sandbox.run("n + 2", {{"n": n}}, HIT).value == n + 2 for n in range(20))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sandbox.run("while True: pass", {{}}, HIT).status is Status.TIMEOUT
    assert sandbox.run("9", {{}}, HIT).value == 9
"""


@UNIX
@pytest.mark.parametrize("child_end", ["os._exit(0 if ok else 1)", "sys.exit(0 if ok else 1)"])
@pytest.mark.parametrize("before", ["pass", "assert sandbox.run('1', {}, HIT).ok", "import pydantic_monty"])
def test_forks_do_not_share_a_pool(before, child_end):
    """After a fork, used before or not, child and grandchild make pools of their own, and the parent's goes on."""
    done = script(FORK.format(before=before, child_end=child_end))
    assert (done.returncode, done.stderr) == (0, "")


@UNIX
def test_a_fork_during_calls():
    """A fork while other threads are inside the sandbox leaves a usable sandbox on both sides."""
    done = script("""
        import os, threading
        sandbox = MontySandbox()
        sandbox.run("1", {}, HIT)
        stop = threading.Event()
        def work():
            while not stop.is_set():
                sandbox.run("sum(range(2000))", {}, HIT)
        threads = [threading.Thread(target=work) for _ in range(3)]
        [t.start() for t in threads]
        codes = []
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if sandbox.run("5", {}, Limits(seconds=0.5)).value == 5 else 1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stop.set()
        [t.join() for t in threads]
        assert codes == [0] * 5, codes
        assert sandbox.run("9", {}, HIT).value == 9
    """)
    assert (done.returncode, done.stderr) == (0, "")


@UNIX
def test_a_child_that_never_asks_leaves_the_parent_alone():
    """A child that ends without a call, even by normal finalisation, ends neither the parent's workers nor their launcher."""
    done = script("""
        import os, signal, sys, pathlib
        sandbox = MontySandbox()
        sandbox.run("1", {}, HIT)
        def workers():
            return pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split() if sys.platform == "linux" else []
        before = workers()
        pid = os.fork()
        if pid == 0:
            sandbox.close()
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert sandbox.run("2", {}, HIT).value == 2
        assert workers() == before
        for worker in before:
            os.kill(int(worker), signal.SIGKILL)
        assert sandbox.run("3", {}, HIT).value == 3
    """)
    assert (done.returncode, done.stderr) == (0, "")


def ended(pid):
    """Whether a process is gone, or dead and not yet collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@LINUX
@pytest.mark.parametrize(
    "source",
    [
        "1",
        "while True: pass",
        "x = 3\\nwhile True: x = x * x",
        "from decimal import Decimal\\nint(Decimal('1e1999999'))",
    ],
)
def test_no_orphans(source):
    """When the host is killed, idle and busy workers end by themselves."""
    program = f"""
import os
from seglam.sandbox import Limits, MontySandbox, HIT
sandbox = MontySandbox()
sandbox.run("1", {{}}, HIT)
print(open(f"/proc/self/task/{{os.getpid()}}/children").read(), flush=True)
while True:
    sandbox.run("{source}", {{}}, Limits(seconds=0.7))
"""
    environment = {**os.environ, "PYTHONPATH": ROOTS}
    host = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    pids = [int(pid) for pid in host.stdout.readline().split()]
    assert pids
    time.sleep(0.2)
    host.send_signal(signal.SIGKILL)
    host.wait()
    host.stdout.close()
    # An operation on a big integer cannot be interrupted, and the machine may be busy.
    deadline = time.monotonic() + 120
    while not all(map(ended, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(map(ended, pids))


@LINUX
def test_a_worker_outlives_the_thread_that_started_it():
    """A pool started by a short-lived thread keeps its workers (which rules out PR_SET_PDEATHSIG)."""
    fresh = MontySandbox()
    thread = threading.Thread(target=lambda: fresh.run("1", {}, HIT))
    thread.start()
    thread.join()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = set(children.read_text().split())
    time.sleep(0.3)
    assert fresh.run("2", {}, HIT).value == 2
    assert before <= set(children.read_text().split())
    fresh.close()


@UNIX
def test_a_launcher_survives_forks(tmp_path, monkeypatch):
    """A child uses the parent's launcher without removing it, and makes its own when it is gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    launcher = jail.Launcher(jail.worker_binary())
    first = launcher.path(jail.Level.RLIMITS)
    assert launcher.path(jail.Level.NONE) == jail.worker_binary()
    pid = os.fork()
    if pid == 0:
        same = launcher.path(jail.Level.RLIMITS) == first
        launcher.close()
        os._exit(0 if same and first.exists() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    launcher.close()
    launcher.close()
    assert list(tmp_path.iterdir()) == []
    second = launcher.path(jail.Level.RLIMITS)
    assert second != first
    assert os.access(second, os.X_OK)
    launcher.close()
