"""Reading the file past SQLAlchemy, whose machinery took most of what a lookup spent on the store: the driver's connections."""

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seglam import forks
from seglam.opening import BUSY_MS

_MOST: Final = 8  # connections kept open; more threads than that open some for a single row


@dataclass(frozen=True, slots=True)
class Generation:
    """What a process must compare before it trusts its memory; ``version`` changes with every commit of anybody."""

    version: int
    entries: int
    procedures: int


class Readers:
    """Connections that are kept for reading. Safe to share between threads; not across a fork.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Cursor] = []

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        with forks.using():
            idle = self._idle
            try:
                reader = idle.pop()
            except IndexError:
                reader = _cursor(self._path)
            try:  # fetchall: a statement that is not at its end would keep its view of the file
                rows: list[Any] = reader.execute(query, parameters).fetchall()
            except BaseException:
                _close([reader])
                raise
            if len(idle) >= _MOST:
                _close([reader])
            else:
                idle.append(reader)
                if idle is not self._idle:  # closed meanwhile
                    _close(idle)
        return rows

    def close(self) -> None:
        """Close them; they are opened again on demand."""
        idle, self._idle = self._idle, []
        _close(idle)


class Watch:
    """One connection that tells in microseconds whether anybody committed. Safe to share between threads; not across a fork.

    Args:
        path: the SQLite file.
        epoch: where its versions begin; later watches of one process must begin higher.
    """

    def __init__(self, path: Path, epoch: int = 0) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._cursor: sqlite3.Cursor | None = None
        self._seen: Generation | None = None
        self.epoch = epoch

    def generation(self) -> Generation:
        """The present generation; about ten microseconds while nobody commits."""
        with self._lock:
            if self._cursor is not None:
                return self._look(self._cursor)
        with forks.using(), self._lock:  # the gate only where a connection is opened: this is asked at every hit
            if self._cursor is None:
                self._cursor = _cursor(self._path)
                self.epoch += 2**32  # every connection counts from the start
            return self._look(self._cursor)

    def _look(self, cursor: sqlite3.Cursor) -> Generation:
        version = self.epoch + cursor.execute("PRAGMA data_version").fetchall()[0][0]
        if self._seen is None or self._seen.version != version:
            values = dict(cursor.execute("SELECT name, value FROM meta").fetchall())
            self._seen = Generation(version, values["entries"], values["procedures"])
        return self._seen

    def close(self) -> None:
        """Close the connection; it is opened again on demand."""
        with self._lock:
            if self._cursor is not None:
                self._cursor.connection.close()
            self._cursor = None


def _cursor(path: Path) -> sqlite3.Cursor:
    # isolation_level None: a transaction left open would freeze the connection's view of the file.
    return sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=BUSY_MS / 1000).cursor()


def _close(readers: list[sqlite3.Cursor]) -> None:
    """Close the connections of a list that others may be taking from at the same time."""
    while readers:
        with contextlib.suppress(IndexError):
            readers.pop().connection.close()
