"""What a fork must find: no SQLite connection open, in use or idle, and nobody about to open one.

SQLite keeps locks by process and file. A child that inherits an open connection believes to hold locks that only the parent has;
then the parent's close may delete the log that the child is writing to, and a mutex that some thread held at the fork is held
in the child for ever. So connections are closed before the fork, and each side opens its own.
"""

import contextlib
import os
import threading
from typing import Final, Protocol
from weakref import WeakSet

_PATIENCE: Final = 5.0
"""Seconds that a fork waits for queries under way; a writer may itself wait for another process."""


class Forkable(Protocol):
    """Holds connections."""

    def let_go(self) -> None:
        """Close every connection; they are opened again on demand."""
        ...

    def after_fork(self) -> None:
        """Start anew in a forked child."""
        ...


class _Gate:
    """Counts who uses a connection, and can be shut. One for all, because a fork concerns all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Condition(self._lock)
        self._inside = 0
        self._shut = False

    # Not contextlib's, and the lock itself instead of the condition around it: both would cost more than all the rest.

    def __enter__(self) -> None:
        with self._lock:
            if self._shut:
                self._turn.wait_for(lambda: not self._shut, _PATIENCE)
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._shut:
                self._turn.notify_all()

    def shut(self) -> None:
        with self._turn:
            self._shut = True
            self._turn.wait_for(lambda: self._inside == 0, _PATIENCE)

    def open(self) -> None:
        with self._turn:
            self._shut = False
            self._turn.notify_all()


_gate = _Gate()
_holders: "WeakSet[Forkable]" = WeakSet()


def using() -> contextlib.AbstractContextManager[None]:
    """Around every use of a connection."""
    return _gate


def watch(holder: Forkable) -> None:
    """Have a holder of connections told about forks, as long as it lives."""
    _holders.add(holder)


def _before() -> None:
    if _holders:
        _gate.shut()
        for holder in list(_holders):
            holder.let_go()


def _in_parent() -> None:
    _gate.open()


def _in_child() -> None:
    global _gate  # noqa: PLW0603 - the old one may count threads that the child does not have
    _gate = _Gate()
    for holder in list(_holders):
        holder.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
