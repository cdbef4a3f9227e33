"""Who works with the vectors of which embedder: a lock on a file beside the database, held by every process that does.

The operating system lets go of a lock with its process, however that ends, so nothing is left behind that would have to lapse.
SQLite's log already ties all users of a file to one machine. Where there are no such locks nobody is ever known to have gone.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_TRIES: Final = 10


class Space:
    """One embedder's vectors in a file.

    Args:
        path: of the database.
        fingerprint: of the embedder.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        name = hashlib.blake2b(fingerprint.encode(), digest_size=8).hexdigest()
        self._path = path.with_name(f"{path.name}.space-{name}")
        self._held: int | None = None

    def enter(self) -> bool:
        """Say that this process works with it, until ``leave``; False while it is taken over, or where that cannot be said."""
        if self._held is None:
            self._held = self._lock(exclusive=False)
        return self._held is not None

    def leave(self) -> None:
        """Not any more. The last one takes the file along. May be called twice."""
        held, self._held = self._held, None
        if held is None or fcntl is None:
            return
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink()
        except OSError:
            pass  # others work with it
        finally:
            os.close(held)

    @contextlib.contextmanager
    def vacated(self) -> Iterator[bool]:
        """Whether no process works with it; none begins to while the block runs."""
        lock = self._lock(exclusive=True)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                with contextlib.suppress(OSError):
                    self._path.unlink()
                os.close(lock)

    def _lock(self, *, exclusive: bool) -> int | None:
        if fcntl is None:
            return None
        for _ in range(_TRIES):
            try:
                file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            except OSError:
                return None
            try:
                fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file), self._path.stat()):
                    return file
            except FileNotFoundError:
                pass  # its last user took it along after it was opened
            except OSError:
                os.close(file)
                return None
            os.close(file)
        return None
