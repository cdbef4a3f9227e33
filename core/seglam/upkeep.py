"""Work that a view of the store needs from time to time, beside the application."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

logger = logging.getLogger("seglam")

_PATIENCE: Final = 30.0  # seconds of rest after work that failed: the next request would have it fail again


class Upkeep:
    """One thread that runs while there is work, and ends by itself.

    Not a daemon: killed inside FAISS at the interpreter's end it would abort the process. So it is told when to stop.

    Args:
        work: what is to be done.
        name: of the thread.
        failed: what is logged when the work raises.
    """

    def __init__(
        self,
        work: Callable[[], None],
        name: str = "seglam-index",
        failed: str = "the index could not be brought up to date",
    ) -> None:
        self._work = work
        self._name = name
        self._failed = failed
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = self._stopped = False
        self._rest_until = 0.0

    def wake(self) -> None:
        """Have the work done once more from its beginning."""
        with self._lock:
            if self.stopped() or time.monotonic() < self._rest_until:
                return
            self._again = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is shutting down, or there are too many threads
                    self._thread = None

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._again or self.stopped():
                    self._thread = None
                    return
                self._again = False
            try:
                self._work()
            except Exception as error:
                self._rest_until = time.monotonic() + _PATIENCE
                if not self.stopped():
                    logger.warning("%s: %s", self._failed, type(error).__name__)

    def stopped(self) -> bool:
        """Whether to end as soon as possible."""
        return self._stopped or not threading.main_thread().is_alive()

    def join(self) -> None:
        """Wait until there is nothing to do."""
        while (thread := self._thread) is not None and thread is not threading.current_thread():
            thread.join()

    def stop(self) -> None:
        """End what is under way, and do nothing more."""
        self._stopped = True
        self.join()
