"""The cache behind a wrapped LLM: one open Cache per file and options in a process, found again after a fork or a pickle."""

import atexit
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seglam import Cache, Policy

logger = logging.getLogger("seglam")


@dataclass(frozen=True, slots=True)
class Options:
    """How a cache is opened; two wrappers share one Cache if all of these are equal.

    Attributes:
        path: absolute path of the file; ":memory:" is never shared.
        author: what tells one compiler from another; the compiler itself is made by ``compiler``.
        embedder: an object, the same one.
        policy: equal policies.
    """

    path: str
    author: object
    embedder: Any
    policy: Policy | None

    def shares(self, other: "Options") -> bool:
        """Whether a Cache opened with the one may serve the other."""
        return (
            self.path == other.path != ":memory:"
            and self.author == other.author
            and self.embedder is other.embedder
            and self.policy == other.policy
        )


class _Registry:
    """Every Cache that this process opened by path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._open: list[tuple[Options, Cache]] = []
        atexit.register(self.close)

    def get(self, options: Options, compiler: Callable[[], Any]) -> Cache:
        with self._lock:
            if self._process != os.getpid():  # a fork: the parent's connections and threads are not ours
                self._process = os.getpid()
                self._open = []
            for known, cache in self._open:
                if known.shares(options):
                    return cache
            opened = Cache.open(options.path, policy=options.policy, compiler=compiler(), embedder=options.embedder)
            self._open.append((options, opened))
            return opened

    def close(self) -> None:
        """Write down what waits, at the end of the process."""
        if self._process == os.getpid():
            with self._lock:
                for _, cache in self._open:
                    cache.close()
                self._open = []


_registry = _Registry()


class Handle:
    """A way to the open Cache; it may be shared by copies of a wrapper, and is never pickled itself."""

    def __init__(self, cache: Cache | None, options: Options | None, compiler: Callable[[], Any]) -> None:
        self._given = cache
        self._options = options
        self._compiler = compiler
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._bypasses: dict[str, int] = {}
        self._opened = cache if cache is not None else self._open()
        self.strict = self._opened.policy.on_fault == "raise"

    def _open(self) -> Cache:
        assert self._options is not None
        return _registry.get(self._options, self._compiler)

    @property
    def cache(self) -> Cache:
        """The open Cache of this process.

        Raises:
            StoreError: after a fork, when the file cannot be opened again.
        """
        if self._given is None and self._process != os.getpid():
            self._opened = self._open()
            self._process = os.getpid()
        return self._opened

    @property
    def portable(self) -> bool:
        """Whether another process can open the same cache."""
        return self._options is not None and self._options.path != ":memory:"

    def bypassed(self, error: Exception) -> None:
        """Count a call that cannot be keyed; each reason is logged once."""
        # The reasons are ours and name types, never values; those of others (an unreadable file) are told by their kind.
        reason = str(error) if type(error) is TypeError else type(error).__name__
        with self._lock:
            self._bypasses[reason] = self._bypasses.get(reason, 0) + 1
            first = self._bypasses[reason] == 1
        if first:
            logger.warning("seglam: a call bypasses the cache: %s", reason)

    @property
    def bypasses(self) -> dict[str, int]:
        """Calls that bypassed the cache, by reason."""
        with self._lock:
            return dict(self._bypasses)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Handle":
        return self
