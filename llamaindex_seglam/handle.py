"""The cache behind a wrapped LLM, found again after a fork or a pickle."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from seglam import Cache, ConfigurationError, Policy
from seglam.sharing import Options, shared

logger = logging.getLogger("seglam")


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
        return shared(self._options, self._compiler)

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

    def fault(self, place: str, error: Exception) -> None:
        """Law 2: whatever fails in this adapter is logged and counted, and the application goes on.

        Raises:
            Exception: the error itself, under ``Policy(on_fault="raise")``.
        """
        if self.strict:
            raise error
        try:
            self.cache.fault(place, error)
        except Exception as opening:  # the cache itself cannot be opened, as in another process
            logger.warning("seglam: the cache cannot be used: %s", type(opening).__name__)

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


def opened(
    cache: Any,
    author: object = None,
    compiler: Callable[[], Any] = lambda: None,
    embedder: Any = None,
    policy: Policy | None = None,
) -> Handle:
    """A handle on an open Cache, or on the file at a path.

    Raises:
        ConfigurationError: neither of them.
        StoreError: the file cannot be used; it is left as it was.
    """
    if isinstance(cache, Cache):
        return Handle(cache, None, compiler)
    if not isinstance(cache, str | os.PathLike):
        raise ConfigurationError(f"cache: expected a path or an open Cache, got {type(cache).__name__}")
    path = os.fspath(cache)
    if not isinstance(path, str):
        raise ConfigurationError("cache: expected a path of str, got one of bytes")
    if path != ":memory:":
        path = os.path.realpath(path)
    return Handle(None, Options(path, author, embedder, policy), compiler)
