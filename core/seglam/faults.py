"""What went wrong inside: every fault becomes a logged, counted miss (law 2)."""

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Callable

logger = logging.getLogger("seglam")


class Faults:
    """Faults of this process, by place. Safe to share between threads.

    Args:
        raises: whether they are raised now, for tests.
        count: called with the name of a counter and a namespace, for each.
    """

    def __init__(self, *, raises: Callable[[], bool], count: Callable[[str, str], None]) -> None:
        self._raises = raises
        self._count = count
        self._lock = threading.Lock()
        self._places: Counter[str] = Counter()

    def turn(self, place: str, error: Exception, namespace: str = "") -> None:
        """Log and count a fault.

        Raises:
            Exception: the error itself, where faults are raised.
        """
        if self._raises():
            raise error
        # Where and of what kind, never its text: that may quote the request, or a key (law 7).
        where = " < ".join(
            f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__))
        )
        logger.warning("seglam: a fault in %s was turned into a miss: %s in %s", place, type(error).__name__, where)
        with self._lock:
            self._places[place] += 1
        self._count(f"fault.{place}", namespace)

    def places(self) -> dict[str, int]:
        """How many, by place."""
        with self._lock:
            return dict(self._places)
