"""How a file is opened: recognised before anything is written, with connections and errors that say what they mean."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DatabaseError

from seglam import schema
from seglam.errors import NewerSchemaError, NotACacheError, StoreAccessError, StoreError
from seglam.schema import migrations

BUSY_MS: Final = 3_000
"""What a writer waits for another process; the application's answer may wait behind it."""


def engine(path: Path) -> Engine:
    """Connections to a file that leave transactions to us."""
    made = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_MS / 1000},
        pool_size=8,
        max_overflow=16,
    )

    @event.listens_for(made, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own; `begin` below does
        for pragma in (f"busy_timeout = {BUSY_MS}", "synchronous = NORMAL", "foreign_keys = ON"):
            # Closed, because a cursor that a profiler keeps alive is a statement in progress, and no transaction commits.
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        # IMMEDIATE: two deferred readers that both turn into writers would dead-lock and fail at once, busy or not.
        # Reads are single statements and need no transaction; PRAGMA journal_mode may not be in one.
        if connection.get_execution_options().get("seglam_write", False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made


def reachable(path: Path) -> Path:
    """The path, which a file can be made or found at; raises StoreAccessError where it cannot."""
    try:
        taken, there = path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a directory on the way that may not be entered
        raise StoreAccessError(f"path: {str(path)!r} cannot be reached ({error.strerror})") from error
    if taken:
        raise StoreAccessError(f"path: {str(path)!r} is a directory; give the path of a file")
    if not there:
        raise StoreAccessError(f"path: the directory {str(path.parent)!r} does not exist")
    return path


def recognise(path: Path) -> None:
    """Look before anything is written: a foreign or damaged file is refused untouched."""
    if not path.exists():
        return
    probe = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
    try:
        tables = {row[0] for row in probe.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        mark = probe.execute("PRAGMA application_id").fetchone()[0]
    finally:
        probe.close()
    if tables and mark != schema.APPLICATION_ID:
        raise NotACacheError(f"path: {str(path)!r} is an SQLite file of another application; seglam leaves it alone")
    if not os.access(path, os.W_OK):
        raise StoreAccessError(f"path: {str(path)!r} may not be written")


def names(connection: Connection) -> list[str]:
    """The migrations that were applied."""
    return [row[0] for row in connection.execute(select(migrations.c.name).order_by(migrations.c.name))]


def refuse_newer(path: Path, applied: Sequence[str]) -> None:
    """Law 8: raises NewerSchemaError for a migration that this code does not know."""
    unknown = sorted(set(applied) - {name for name, _ in schema.MIGRATIONS})
    if unknown:
        raise NewerSchemaError(
            f"path: {str(path)!r} was written by a newer seglam (migrations {', '.join(unknown)}); upgrade seglam"
        )


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say what an SQLite failure at open means for the user."""
    try:
        yield
    except (DatabaseError, sqlite3.DatabaseError) as error:
        cause = str(getattr(error, "orig", None) or error)
        if any(word in cause for word in ("not a database", "malformed", "corrupt")):
            raise NotACacheError(
                f"path: {str(path)!r} is no SQLite file, or a damaged one ({cause}); it was left as it is"
            ) from error
        if any(word in cause for word in ("readonly", "unable to open", "locked", "full", "I/O", "denied")):
            raise StoreAccessError(f"path: {str(path)!r} cannot be opened for reading and writing ({cause})") from error
        raise StoreError(f"path: {str(path)!r} cannot be used ({cause})") from error
