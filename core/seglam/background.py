"""Where learning happens: one thread beside the application, so that no answer waits for it."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Final

MOST_WAITING: Final = 1000


class Background:
    """Runs work on an executor and knows what is under way. Safe to share between threads.

    Args:
        executor: the caller's own, left open at close; None: one thread of our own.
        failed: called with whatever work raises.
    """

    def __init__(self, executor: Executor | None, failed: Callable[[Exception], None]) -> None:
        self._given = executor
        self._failed = failed
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._running: list[int] = []  # the thread of each
        self._closed = False
        self._pending: set[Future[None]] = set()
        self._pid = os.getpid()
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="seglam")

    def submit(self, work: Callable[[], None]) -> bool:
        """Have the work done soon; False when it was dropped.

        Dropped, to be learnt another day: when too much is waiting already (a model that hangs), and when this, the
        executor or the interpreter are shutting down.
        """
        with self._lock:
            if self._closed or len(self._pending) >= MOST_WAITING:
                return False
        try:
            future: Future[None] = self._executor.submit(self._perform, work)
        except Exception:  # a given executor may refuse in ways of its own
            return False
        with self._lock:
            self._pending.add(future)
        future.add_done_callback(self._done)
        return True

    def _perform(self, work: Callable[[], None]) -> None:
        me = threading.get_ident()
        with self._lock:
            if self._closed:  # a given executor may come to it long after the model and the file were let go
                return
            self._running.append(me)
        try:
            self._attempt(work)
        finally:
            with self._ended:
                self._running.remove(me)
                self._ended.notify_all()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._failed(error)
        except BaseException as error:  # KeyboardInterrupt of a model's client: this thread has nobody to tell
            self._failed(RuntimeError(type(error).__name__))

    def _done(self, future: "Future[None]") -> None:
        with self._lock:
            self._pending.discard(future)

    def busy(self) -> bool:
        """Whether something is under way or waiting."""
        return bool(self._pending)

    def drain(self) -> None:
        """Wait until nothing is under way.

        Raises:
            Exception: what ``failed`` raised for some of the work.
        """
        while True:
            with self._lock:
                waiting = list(self._pending)
            if not waiting:
                return
            for future in waiting:
                future.result()

    def close(self) -> None:
        """Let running work end and drop what has not begun; a given executor stays open."""
        if os.getpid() != self._pid:  # the threads are the parent's
            return
        me = threading.get_ident()
        with self._ended:
            self._closed = True
            # What waits in a given executor does nothing when its turn comes. Work that closes its own cache has no end to
            # wait for.
            self._ended.wait_for(lambda: all(thread == me for thread in self._running))
            self._pending.clear()
        if self._given is None:
            self._executor.shutdown(wait=me not in self._running, cancel_futures=True)
