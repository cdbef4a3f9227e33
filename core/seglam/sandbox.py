"""Where procedures run: a language of its own, in a process of its own, in a fresh session for every call.

The boundary is pydantic-monty's worker process (and, on Linux, the jail around it), not the static gate. What a call may
use is in Limits; what came of it is an Outcome, never an exception. Three facts shape this file: only the synchronous pool is
sound at interpreter exit, a pool must never be used on both sides of a fork, and a dead worker may raise any exception at all.
"""

import ast
import atexit
import contextlib
import datetime as dt
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, Protocol

from seglam import workers
from seglam.errors import ConfigurationError
from seglam.jail import Launcher, Level, worker_binary
from seglam.workers import CHECKOUT_SECONDS, GRACE_SECONDS, REQUEST_SECONDS, Pool

MAX_ARGUMENTS: Final = 256 * 2**10
"""Size of all arguments together, counted like Limits.output."""
MAX_DEPTH: Final = 16
MAX_BITS: Final = 13_000  # of an integer: str() of more than 4300 digits raises in the host
MAX_DIGITS: Final = 4_000  # of a Decimal, written out: Decimal("1e999999999") is a bomb
MAX_DETAIL: Final = 500
RESTART_SECONDS: Final = 10.0
"""After a pool could not start, how long until it is tried again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use.

    Attributes:
        seconds: of running; at most REQUEST_SECONDS - GRACE_SECONDS. A call that cannot be interrupted ends GRACE_SECONDS later.
        memory: bytes of the sandbox's heap.
        recursion: depth of calls.
        output: size of the value that comes back, in characters, digits and elements.
    """

    seconds: float = 0.1
    memory: int = 32 * 2**20
    recursion: int = 200
    output: int = 64 * 2**10

    def __post_init__(self) -> None:
        longest = REQUEST_SECONDS - GRACE_SECONDS
        if not 0 < self.seconds <= longest:
            raise ConfigurationError(
                f"Limits.seconds: expected more than 0 and at most {longest}, got {self.seconds!r}"
            )
        for name in ("memory", "recursion", "output"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"Limits.{name}: expected at least 1, got {getattr(self, name)!r}")


HIT: Final = Limits()
"""On the request path."""
VERIFY: Final = Limits(seconds=0.25)
"""While a candidate is examined: a slow machine must not fail it, the hit path's limits still decide when it is live."""


class Status(StrEnum):
    """How a call ended."""

    OK = "ok"
    REFUSED = "refused"  # the code raised Refuse
    ERROR = "error"  # the code raised something else, its value is not plain data, or the sandbox cannot start
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"  # the worker died
    BUSY = "busy"  # no worker was free


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call gave.

    Attributes:
        status: how it ended.
        value: of the last expression, when OK.
        detail: for people and for the compiler's repair: error, message, line. It may quote parameters; do not log it.
        micros: microseconds that the call took, waiting included.
    """

    status: Status
    value: Any = None
    detail: str = ""
    micros: int = 0

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return self.status is Status.OK

    @property
    def strike(self) -> bool:
        """Whether the code broke its limits, as opposed to having no answer."""
        return self.status in (Status.TIMEOUT, Status.MEMORY, Status.CRASH)


class Sandbox(Protocol):
    """Runs untrusted source. Implementations are safe to share between threads."""

    @property
    def name(self) -> str:
        """Engine, version and isolation level, such as ``monty-1.4.0/landlock+seccomp``."""
        ...

    def run(self, source: str, arguments: Mapping[str, Any], limits: Limits) -> Outcome:
        """The value of the source's last expression, with ``arguments`` as its global names. Never raises, never retries."""
        ...

    def check(self, source: str) -> list[str]:
        """What keeps the module from loading, one sentence each; empty when it loads."""
        ...

    def close(self) -> None:
        """Let go of every process; may be called twice, and by use afterwards it opens again."""
        ...


# Behind the source, so that line numbers stay those of the source and nothing in it can redefine it. SystemExit, because
# ``except Exception`` in the source must not swallow a refusal.
_REFUSE: Final = '\nRefuse = lambda why="": SystemExit(str(why))\n'
_NEWLINE: Final = "\n"


def call_source(source: str, call: str) -> str:
    """The module with ``Refuse`` defined where it is used, followed by an expression whose value ``run`` is to return."""
    return f"{source}{_REFUSE if 'Refuse' in source else _NEWLINE}{call}"


@lru_cache(maxsize=256)
def compact(source: str, keep: tuple[str, ...] = ("run", "check", "render")) -> str:
    """The same module without what the functions named in ``keep`` never reach, and without comments, docstrings, annotations.

    What is sent is parsed again on every call, so this is time on the request path. Line numbers change: for sources that
    have been verified. A source that does not parse, or has other statements than the static gate allows, comes back as it is.
    """
    try:
        module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    defined = [_defines(statement) for statement in module.body]
    needed, known = set(keep), len(keep) - 1
    while known < len(needed):
        known = len(needed)
        for statement, names in zip(module.body, defined, strict=True):
            if names is None or names & needed:
                needed |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    module.body = [
        statement for statement, names in zip(module.body, defined, strict=True) if names is None or names & needed
    ]
    for node in ast.walk(module):
        _shorten(node, needed)
    return ast.unparse(module)


def _shorten(node: ast.AST, needed: set[str]) -> None:
    if isinstance(node, ast.FunctionDef):
        node.returns = None
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    elif isinstance(node, ast.arg):
        node.annotation = None
    elif isinstance(node, ast.Call) and _refuses(node):
        node.func = ast.Name("SystemExit", ast.Load())  # what Refuse makes; one definition less to parse
    elif isinstance(node, ast.Import | ast.ImportFrom):
        node.names = [a for a in node.names if (a.asname or a.name) in needed] or node.names


def _refuses(call: ast.Call) -> bool:
    """Whether it is ``Refuse`` called with one text, written out or formatted."""
    texts = all(
        isinstance(given, ast.JoinedStr) or (isinstance(given, ast.Constant) and type(given.value) is str)
        for given in call.args
    )
    return (
        isinstance(call.func, ast.Name)
        and call.func.id == "Refuse"
        and len(call.args) == 1
        and texts
        and not call.keywords
    )


def _defines(statement: ast.stmt) -> set[str] | None:
    """The names that a statement of the module defines and does nothing else; None: keep it whatever it is."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
        case ast.Assign(targets=[ast.Name(id=name)]):
            return {name}
        case ast.Expr(value=ast.Constant()):
            return set()
    return None


class MontySandbox:
    """pydantic-monty: one pool of worker processes for each process of the application, started by the first call.

    Clock frozen, randomness seeded, sleeping skipped, nothing mounted, no function of the host passed in, output dropped.

    Args:
        floor: the weakest isolation to accept; where it cannot be had, every call is an ERROR.
    """

    def __init__(self, floor: Level = Level.NONE) -> None:
        self._floor = floor
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._failed = ("", -math.inf)
        self._launcher: Launcher | None = None
        _sandboxes.add(self)

    @property
    def name(self) -> str:
        """Engine, version and isolation level; starts the pool. ``monty/unavailable`` when it cannot start."""
        pool = self._started()
        return pool.name if isinstance(pool, Pool) else "monty/unavailable"

    def run(self, source: str, arguments: Mapping[str, Any], limits: Limits) -> Outcome:
        """See Sandbox.run."""
        begun = time.perf_counter()
        try:
            given = dict(arguments)
            # Anything but plain data would become a handle through which the sandbox calls methods of the host's object.
            if (unfit := _unfit(given, MAX_ARGUMENTS)) is not None:
                status, value, detail = Status.ERROR, None, f"the arguments are {unfit}"
            else:
                status, value, detail = self._run(source, given, limits)
        except Exception as error:  # a worker may die at any point, and then anything may be raised
            status, value, detail = Status.CRASH, None, f"{type(error).__name__}: {error}"
        return Outcome(status, value, detail[:MAX_DETAIL], int((time.perf_counter() - begun) * 1e6))

    def check(self, source: str) -> list[str]:
        """See Sandbox.check. Loads the module (imports, definitions, constants) without calling anything."""
        for _attempt in range(40):
            outcome = self.run(f"{source}{_REFUSE}None", {}, VERIFY)
            if outcome.status is not Status.BUSY:
                break
        return [] if outcome.ok else [f"the sandbox cannot load it: {outcome.detail or outcome.status}"]

    def close(self) -> None:
        """Stop the workers. Idempotent; a later call starts them again."""
        with self._lock:
            pool, self._pool = self._pool, None
            launcher, self._launcher = self._launcher, None
        if pool is not None:
            pool.close()
        if launcher is not None:
            launcher.close()

    def _run(self, source: str, arguments: dict[str, Any], limits: Limits) -> tuple[Status, Any, str]:
        pool = self._started()
        if not isinstance(pool, Pool):
            return Status.ERROR, None, pool
        try:
            session = pool.session(_engine_limits(limits))
        except TimeoutError:
            return Status.BUSY, None, f"no worker was free within {CHECKOUT_SECONDS} s"
        except Exception as error:  # no worker can be started any more: the next call begins anew
            self._discard(pool)
            return Status.ERROR, None, f"no worker: {error}"
        try:
            value = pool.feed(session, source, arguments)
        except Exception as error:  # of the engine, or RuntimeError from a worker that is gone
            return _failure(pool.engine, error)
        finally:
            with contextlib.suppress(Exception):
                session.__exit__(None, None, None)
        unfit = _unfit(value, limits.output)
        return (Status.OK, value, "") if unfit is None else (Status.ERROR, None, f"the value is {unfit}")

    def _started(self) -> "Pool | str":
        pool = self._pool
        if pool is not None and pool.pid == os.getpid():
            return pool
        with self._lock:
            pool = self._pool
            if pool is not None and pool.pid == os.getpid():
                return pool
            why, when = self._failed
            if time.monotonic() - when < RESTART_SECONDS:
                return why
            try:
                if self._launcher is None:
                    self._launcher = Launcher(worker_binary())
                self._pool = workers.start(self._launcher, self._floor, _engine_limits(VERIFY))
            except Exception as error:
                why = f"the sandbox cannot start: {error}"
                workers.log_once(logging.ERROR, why)
                self._failed = (why, time.monotonic())
                return why
            return self._pool

    def _discard(self, pool: "Pool") -> None:
        with self._lock:
            if self._pool is not pool:
                return
            self._pool = None
            launcher, self._launcher = self._launcher, None
        if launcher is not None:
            launcher.close()

    def forget(self) -> None:
        """After a fork, in the child: the pool is the parent's. It is neither used nor finalised here; a call starts another."""
        self._lock = threading.Lock()
        pool, self._pool = self._pool, None
        self._failed = ("", -math.inf)
        if pool is not None:
            pool.abandon()


@lru_cache(maxsize=16)
def _engine_limits(limits: Limits) -> dict[str, Any]:
    return {
        "max_feed_duration_secs": limits.seconds,
        "max_memory": limits.memory,
        "max_recursion_depth": limits.recursion,
        # Nothing of the host can be called; a few lookups may be asked for, so that an unknown name is a NameError.
        "max_suspensions": 10,
    }


def _failure(engine: Any, error: Exception) -> tuple[Status, None, str]:
    if isinstance(error, engine.MontyCrashedError):
        return (Status.TIMEOUT if error.timed_out else Status.CRASH), None, str(error)
    if not isinstance(error, engine.MontyRuntimeError | engine.MontySyntaxError):
        return (Status.ERROR if isinstance(error, engine.MontyError) else Status.CRASH), None, str(error)
    inner = error.exception()
    if isinstance(inner, SystemExit):
        return Status.REFUSED, None, error.display("msg")
    status = Status.TIMEOUT if isinstance(inner, TimeoutError) else Status.ERROR
    if isinstance(inner, MemoryError):
        status = Status.MEMORY
    detail = error.display("type-msg")
    if frames := error.traceback():
        last = frames[-1]
        where = f", in {last.function_name}" if last.function_name not in (None, "<module>") else ""
        code = f": `{last.source_line.strip()[:120]}`" if last.source_line else ""
        detail = f"{detail[: MAX_DETAIL - 200]} (line {last.line}{where}{code})"
    return status, None, detail


def _unfit(value: Any, size: int) -> str | None:
    """Why a value may not cross the boundary, or None. Exact types only: a subclass could bring behaviour along."""
    level, depth, seen = [value], 0, 0
    while level:
        below: list[Any] = []
        for item in level:
            kind = type(item)
            measure = _MEASURES.get(kind)
            if measure is None:
                return f"not plain data: {kind.__name__}"
            if isinstance(cost := measure(item), str):
                return cost
            seen += cost + 1
            if seen > size:
                return "too large"
            if kind is list or kind is tuple or kind is dict:
                if depth == MAX_DEPTH:
                    return "nested too deeply"
                below += item
                if kind is dict:
                    below += item.values()
        level, depth = below, depth + 1
    return None


def _of_int(value: int) -> int | str:
    return value.bit_length() // 3 if value.bit_length() <= MAX_BITS else "an integer of too many digits"


def _of_float(value: float) -> int | str:
    return 8 if math.isfinite(value) else "not a finite number"


def _of_decimal(value: Decimal) -> int | str:
    if not value.is_finite():
        return "not a finite number"
    digits = value.as_tuple().digits
    written_out = len(digits) + abs(int(value.as_tuple().exponent))
    return len(digits) if written_out <= MAX_DIGITS else "a Decimal of too many digits"


def _of_time(value: dt.time | dt.datetime) -> int | str:
    foreign = value.tzinfo is not None and type(value.tzinfo) is not dt.timezone
    return "a time with a foreign time zone" if foreign else 8


def _eight(_value: Any) -> int:
    return 8


_MEASURES: Final[dict[type, Callable[[Any], int | str]]] = {
    type(None): _eight,
    bool: _eight,
    int: _of_int,
    float: _of_float,
    str: len,
    Decimal: _of_decimal,
    dt.date: _eight,
    dt.time: _of_time,
    dt.datetime: _of_time,
    list: len,
    tuple: len,
    dict: len,
}
"""The types that may cross the boundary, and how much one of them counts; or what is wrong with it."""

_sandboxes: "weakref.WeakSet[MontySandbox]" = weakref.WeakSet()


def _after_fork() -> None:
    workers.after_fork()
    for sandbox in list(_sandboxes):
        sandbox.forget()


def _at_exit() -> None:
    for sandbox in list(_sandboxes):
        sandbox.close()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
