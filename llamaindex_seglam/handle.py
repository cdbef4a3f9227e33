"""The cache behind a wrapped LLM, found again after a fork or a pickle."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from seglam import Cache
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
