"""One open Cache per file and options in a process, for whoever names a cache by its path."""

import atexit
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seglam.cache import Cache
from seglam.policy import Policy


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


def shared(options: Options, compiler: Callable[[], Any]) -> Cache:
    """The Cache of this process with these options, opened at the first call and closed at the end of the process.

    Args:
        options: what must be equal for two to share.
        compiler: makes what writes procedures; called only where a Cache is opened.

    Raises:
        ConfigurationError: an option is wrong.
        StoreError: the file cannot be used; it is left as it was.
    """
    return _registry.get(options, compiler)
