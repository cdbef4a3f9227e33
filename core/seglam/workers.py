"""The pool of worker processes behind the sandbox: how it starts, and how it lives with forks.

The engine's library keeps one runtime (threads, an epoll descriptor) for the whole process, and that runtime does not survive
a fork: in a forked child any use of it hangs, and disturbs the parent's. So no pool is used on both sides of a fork, and
a child loads a second copy of the library, which has a runtime of its own.
"""

import contextlib
import ctypes
import datetime as dt
import logging
import os
import shutil
import sys
import tempfile
import threading
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final

from seglam.jail import MAX_CHECKOUTS, Launcher, Level, levels

_log = logging.getLogger(__name__)

CHECKOUT_SECONDS: Final = 0.05
"""How long a call waits for a free worker."""
GRACE_SECONDS: Final = 0.25
"""How far beyond its seconds a call may go before its worker is killed: operations on big integers cannot be interrupted."""
REQUEST_SECONDS: Final = 1.0
"""After this the worker is killed whatever the call's limits say."""
PRINT_BYTES: Final = 4096

_OS_POLICY: Final = {
    "datetime": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
    "timezone": "utc",
    "sleep": "zero",
    "process_time": "zero",
    "random_start": {"seed": 0},
}


class Pool:
    """A running pool of workers, usable in the process that started it only.

    Args:
        engine: the module that ``engine()`` returned in this process.
        executable: what to start for a worker.
        level: the isolation that the executable brings.
    """

    def __init__(self, engine: Any, executable: Path, level: Level) -> None:
        self.engine = engine
        self.pid = os.getpid()
        self.name = f"monty-{engine.__version__}/{level}"
        self._handle = engine.Monty(
            binary_path=executable,
            min_processes=1,
            max_processes=min(4, os.cpu_count() or 1),
            checkout_timeout=CHECKOUT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            feed_duration_limit_grace=GRACE_SECONDS,
            max_checkouts_per_worker=MAX_CHECKOUTS,
        )
        self._handle.__enter__()

    def session(self, limits: dict[str, Any]) -> Any:
        """A fresh session on a free worker, to be given back by its ``__exit__``.

        Raises:
            TimeoutError: no worker is free within CHECKOUT_SECONDS.
            Exception: no worker can be started; RuntimeError as a rule.
        """
        session = self._handle.checkout(limits=limits, os_policy=_OS_POLICY)
        try:
            session.__enter__()
        except self.engine.MontyError:  # the idle worker had died; nothing has run yet, so another may take its place
            session = self._handle.checkout(limits=limits, os_policy=_OS_POLICY)
            session.__enter__()
        return session

    def feed(self, session: Any, source: str, inputs: dict[str, Any]) -> Any:
        """Run source in a session; what it prints is dropped, and more than PRINT_BYTES of it ends the call."""
        return session.feed_run(source, inputs=inputs, print_callback=self.engine.CollectString(max_bytes=PRINT_BYTES))

    def close(self) -> None:
        """Stop the workers. In a forked child this does nothing: they are the parent's."""
        if self.pid == os.getpid():
            with contextlib.suppress(Exception):
                self._handle.__exit__(None, None, None)

    def abandon(self) -> None:
        """In a forked child: keep the parent's pool from ever being finalised here, which would end the parent's workers."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._handle))


def start(launcher: Launcher, floor: Level, limits: dict[str, Any]) -> Pool:
    """A pool at the strongest level that this machine has, proved by a first call under ``limits``.

    Raises:
        ImportError: the engine cannot be loaded.
        RuntimeError: no level from ``floor`` upwards works; the message has each one's reason.
    """
    module, reasons, strength = engine(), [], list(Level)
    for level in levels():
        if strength.index(level) > strength.index(floor):
            break
        try:
            pool = Pool(module, launcher.path(level), level)
            _prove(pool, limits)
        except Exception as error:  # a jail that fails in part does not start at all
            reasons.append(f"{level}: {error}")
            continue
        if reasons:
            log_once(logging.WARNING, f"sandbox isolation is {level} only ({'; '.join(reasons)})")
        else:
            log_once(logging.INFO, f"sandbox isolation is {level}")
        return pool
    raise RuntimeError("; ".join(reasons) or f"this machine has no isolation of level {floor}")


def _prove(pool: Pool, limits: dict[str, Any]) -> None:
    try:
        session = pool.session(limits)
        try:
            if pool.feed(session, "6 * 7", {}) != 42:  # noqa: PLR2004 - the answer
                raise RuntimeError("the worker cannot calculate")
        finally:
            session.__exit__(None, None, None)
    except BaseException:
        pool.close()
        raise


_engine_lock = threading.Lock()
_engine: Any = None
_inherited = False
_logged: set[str] = set()


def engine() -> Any:
    """The engine's module, sound in this process.

    Raises:
        ImportError: it is not installed, or its second copy cannot be loaded.
        OSError: its second copy cannot be written.
    """
    global _engine  # noqa: PLW0603 - one per process, like the library itself
    with _engine_lock:
        if _engine is None:
            from pydantic_monty import _monty

            _settle_telemetry()
            _engine = _second_copy(_monty) if _inherited else _monty
        return _engine


def _settle_telemetry() -> None:
    """Answer once and for all the question that the engine asks on every call: is there an opentelemetry?

    Where it is not installed, that import searches the whole path each time: half of a small call's time. Worse, a fork meanwhile
    leaves the import's lock taken for ever in the child, whose first call then hangs. None is Python's own way to say no. It is
    the submodule that is asked for: a no to the package alone is found only after a search of its own.
    """
    if "opentelemetry" not in sys.modules and find_spec("opentelemetry") is None:
        for name in ("opentelemetry", "opentelemetry.context"):
            sys.modules[name] = None  # type: ignore[assignment]  # typeshed leaves out this documented value


def _second_copy(original: Any) -> Any:
    directory = tempfile.mkdtemp(prefix="seglam-")
    try:
        copied = shutil.copy(original.__file__, directory)
        spec = spec_from_file_location(original.__name__, copied)
        if spec is None or spec.loader is None:
            raise ImportError(f"cannot load a second copy of {original.__file__}")
        try:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
        finally:
            sys.modules[original.__name__] = original  # initialising an extension module registers it
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return module


def after_fork() -> None:
    """To be called in a forked child, before anything else of this module."""
    global _engine, _engine_lock, _inherited  # noqa: PLW0603 - the parent's are of no use here
    _engine, _engine_lock = None, threading.Lock()
    _inherited = _inherited or "pydantic_monty" in sys.modules


def log_once(level: int, message: str) -> None:
    """Log a message that this process has not logged before."""
    if message not in _logged:
        _logged.add(message)
        _log.log(level, "%s", message)
