"""Where learning happens: one thread beside the application, so that no answer waits for it."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor


class Background:
    """Runs work on an executor and knows what is under way. Safe to share between threads and to use after a fork.

    Args:
        executor: the caller's own, left open at close; None: one thread of our own.
        failed: called with whatever work raises.
    """

    def __init__(self, executor: Executor | None, failed: Callable[[Exception], None]) -> None:
        self._given = executor
        self._failed = failed
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._pending: set[Future[None]] = set()
        self._executor = self._given or ThreadPoolExecutor(1, thread_name_prefix="seglam")

    def submit(self, work: Callable[[], None]) -> None:
        """Have the work done soon; dropped when executor or interpreter are shutting down (learnt another day)."""
        if os.getpid() != self._pid:
            self._fresh()  # a forked child inherits the executor without its thread: work would wait for ever
        try:
            future: Future[None] = self._executor.submit(self._perform, work)
        except RuntimeError:
            return
        with self._lock:
            self._pending.add(future)
        future.add_done_callback(self._done)

    def _perform(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._failed(error)

    def _done(self, future: "Future[None]") -> None:
        with self._lock:
            self._pending.discard(future)

    def drain(self) -> None:
        """Wait until nothing is under way.

        Raises:
            Exception: what ``failed`` raised for some of the work.
        """
        if os.getpid() != self._pid:
            self._fresh()
        while True:
            with self._lock:
                waiting = list(self._pending)
            if not waiting:
                return
            for future in waiting:
                future.result()

    def close(self) -> None:
        """Let running work end and drop what has not begun; a given executor stays open."""
        if os.getpid() == self._pid and self._given is None:
            self._executor.shutdown(wait=True, cancel_futures=True)
