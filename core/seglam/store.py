"""The only truth: SQL tables behind SQLAlchemy Core. Everything held in memory elsewhere is a view that can be rebuilt.

Reads take a connection of the pool; writes are one BEGIN IMMEDIATE transaction each; one connection is kept to ask
``PRAGMA data_version``, which tells in microseconds whether anybody committed since.
"""

import contextlib
import hashlib
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError

from seglam import forks, schema
from seglam.errors import ConfigurationError
from seglam.exchange import Entry, Request, Response, Usage
from seglam.opening import engine, explained, names, reachable, recognise, refuse_newer
from seglam.readers import Generation, Readers, Watch
from seglam.schema import (
    aliases,
    cases,
    classes,
    contrasts,
    counters,
    entries,
    findings,
    judgements,
    labels,
    migrations,
    procedures,
    wordings,
)

_BATCH: Final = 1_000  # vectors read at a time: a hundred thousand at once would be a peak of memory for ever
_EVICT_SHARE: Final = 0.05  # evicting one by one would raise the generation, and empty the memory tier, at every write
_ENTRY: Final = (
    entries.c.id,
    entries.c.key,
    entries.c.namespace,
    entries.c.vary,
    entries.c.engine,
    entries.c.kind,
    entries.c.text,
    entries.c.answer,
    entries.c.payload,
    entries.c.input_tokens,
    entries.c.output_tokens,
    entries.c.created,
    entries.c.expires,
)
_COLUMNS: Final = ", ".join(f"e.{column.name}" for column in _ENTRY)
# The first part alone where it finds a row: the parts of a UNION ALL are run in their order.
_BY_KEY: Final = (
    f"SELECT {_COLUMNS} FROM entries e WHERE e.key = ? UNION ALL SELECT {_COLUMNS} FROM aliases a "  # noqa: S608 - names of ours
    "JOIN entries e ON e.id = a.entry_id WHERE a.key = ? AND a.score >= ? LIMIT 1"
)
_BY_ID: Final = f"SELECT {_COLUMNS} FROM entries e WHERE e.id = ?"  # noqa: S608 - names of ours
_VECTORS: Final = (
    # By row: the index on fingerprints would have every row looked up.
    "SELECT id, namespace, vary, engine, vector FROM entries NOT INDEXED "
    "WHERE id > ? AND fingerprint = ? AND vector IS NOT NULL ORDER BY id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Alias:
    """Another wording that a semantic hit accepted for an entry."""

    key: str
    entry_id: int
    text: str
    score: float


class Store:
    """One SQLite file (":memory:": a private temporary one, gone at close).

    Raises:
        NotACacheError: the file is no SQLite database, damaged, or another application's.
        NewerSchemaError: it was written by a newer seglam.
        StoreAccessError: it cannot be opened for reading and writing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.path = self._resolve(path)
        self._watch = Watch(self.path)
        self._readers = Readers(self.path)
        self._engine = engine(self.path)
        forks.watch(self)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def _resolve(self, path: str | os.PathLike[str]) -> Path:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ConfigurationError(f'path: expected the path of a file or ":memory:", got {path!r}')
        if os.fspath(path) == ":memory:":
            self._temporary = tempfile.TemporaryDirectory(prefix="seglam-", ignore_cleanup_errors=True)
            return Path(self._temporary.name) / "memory.db"
        return reachable(Path(path).expanduser())

    @property
    def temporary(self) -> bool:
        """Whether the file is gone when this is closed."""
        return self._temporary is not None

    # -- opening ------------------------------------------------------------------------------------------------------

    def _migrate(self) -> None:
        with explained(self.path):
            recognise(self.path)
            with self._connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL").close()
            if self._applied() == [name for name, _ in schema.MIGRATIONS]:
                return
            with self.write() as connection:
                connection.exec_driver_sql(
                    "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied REAL)"
                )
                done = names(connection)  # read again: another process may have migrated while we waited for the lock
                refuse_newer(self.path, done)
                for name, statements in schema.MIGRATIONS:
                    if name not in done:
                        for statement in statements:
                            connection.exec_driver_sql(statement)
                        connection.execute(migrations.insert().values(name=name, applied=time.time()))
                connection.exec_driver_sql(f"PRAGMA application_id = {schema.APPLICATION_ID}")

    def _applied(self) -> list[str]:
        with self._connect() as connection:
            if not connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").first():
                return []
            applied = names(connection)
        refuse_newer(self.path, applied)
        return applied

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Connection]:
        with forks.using(), self._engine.connect() as connection:
            yield connection

    def let_go(self) -> None:
        """Close every connection; they are opened again on demand."""
        self._engine.dispose()
        self._readers.close()
        self._watch.close()

    def after_fork(self) -> None:
        """Start anew in a forked child, with locks and connections of its own."""
        self._engine = engine(self.path)
        self._readers = Readers(self.path)
        self._watch = Watch(self.path, self._watch.epoch)
        if self._temporary is not None:
            self._temporary._finalizer.detach()  # type: ignore[attr-defined] # noqa: SLF001 - the parent still uses the file
            self._temporary = None

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One BEGIN IMMEDIATE transaction: all of it or nothing."""
        with self._connect() as connection:
            writing = connection.execution_options(seglam_write=True)
            with writing.begin():
                yield writing

    def read(self, statement: Any, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """All rows of a query."""
        with self._connect() as connection:
            return list(connection.execute(statement, parameters or {}))

    def generation(self) -> Generation:
        """The present generation; about ten microseconds while nobody commits."""
        return self._watch.generation()

    # -- entries ------------------------------------------------------------------------------------------------------

    def entry(self, key: str, threshold: float = 0.0) -> Entry | None:
        """The entry with this exact key, or the one that an alias of this key points to with at least this score."""
        rows = self._readers.read(_BY_KEY, (key, key, threshold))
        return _entry(_Raw(rows[0])) if rows else None

    def entry_by_id(self, entry_id: int) -> Entry | None:
        """The entry with this id."""
        rows = self._readers.read(_BY_ID, (entry_id,))
        return _entry(_Raw(rows[0])) if rows else None

    def entries_by_id(self, ids: Sequence[int]) -> dict[int, Entry]:
        """The entries with these ids (at most 1,000); without those that are gone, or whose payload is damaged."""
        found = {}
        marks = ", ".join("?" * len(ids))
        query = f"SELECT {_COLUMNS} FROM entries e WHERE e.id IN ({marks})"  # noqa: S608 - question marks
        for row in self._readers.read(query, [int(number) for number in ids]) if ids else ():
            with contextlib.suppress(ValueError):  # a damaged payload costs this row's hits and no other's
                found[row[0]] = _entry(_Raw(row))
        return found

    def put(
        self,
        request: Request,
        response: Response,
        *,
        kind: str,
        now: float,
        lifetime: float,
        limit: int,
        vector: bytes | None = None,
        fingerprint: str | None = None,
    ) -> Entry:
        """Store an exchange in place of an older one with the same key, and keep the number of entries within limit.

        ``fingerprint`` is of the embedder that made the vector, or did not read the text; None: it is never to have one.
        """
        expires = None if math.isinf(lifetime) else now + lifetime
        values = {
            "key": request.key,
            "namespace": request.namespace,
            "vary": request.vary,
            "engine": request.engine,
            "kind": kind,
            "text": request.text,
            "answer": response.text,
            "payload": None if response.payload is None else json.dumps(response.payload, ensure_ascii=True),
            "input_tokens": response.usage.input_tokens,
            "output_tokens": response.usage.output_tokens,
            "created": now,
            "expires": expires,
            "used": now,
            "uses": 0,
            "vector": vector,
            "fingerprint": fingerprint,
        }
        with self.write() as connection:
            # Never before the newest: with a clock that was set back new answers would be the first to be evicted.
            newest = connection.execute(select(func.max(entries.c.used))).scalar_one_or_none()
            values["used"] = max(now, newest or now)
            # Not an upsert: a new answer is a new row with a new id, so that readers who ask for `id > last` see it.
            connection.execute(delete(entries).where(entries.c.key == request.key))
            connection.execute(delete(aliases).where(aliases.c.key == request.key))
            new = connection.execute(entries.insert().values(values)).inserted_primary_key
            assert new is not None
            _evict(connection, limit)
        return Entry(new[0], request.key, request, response, now, math.inf if expires is None else expires)

    def vectors(self, last: int, fingerprint: str) -> Iterator[list[Any]]:
        """Rows (id, namespace, vary, engine, vector) after id ``last`` whose vector this embedder made, some at a time."""
        while rows := self._readers.read(_VECTORS, (last, fingerprint, _BATCH)):
            yield rows
            last = rows[-1][0]

    def vectors_of(self, ids: Sequence[int], fingerprint: str) -> list[Any]:
        """Rows as of ``vectors`` for those of the ids (at most 1,000) that are there and whose vector this embedder made."""
        wanted = list(map(int, ids))
        marks = ", ".join("?" * len(wanted))
        query = f"SELECT id, namespace, vary, engine, vector, fingerprint FROM entries WHERE id IN ({marks})"  # noqa: S608 - question marks
        return [row for row in self._readers.read(query, wanted) if row[5] == fingerprint and row[4] is not None]

    def more_entries_than(self, count: int) -> bool:
        """Whether there are more entries; costs no more than counting so many."""
        return bool(self.read(select(entries.c.id).limit(1).offset(count)))

    def identity(self) -> str:
        """What tells this file from another one that was made at its path; a copy keeps it."""
        rows = self.read(select(migrations.c.name, migrations.c.applied).order_by(migrations.c.name))
        return hashlib.blake2b(repr([tuple(row) for row in rows]).encode(), digest_size=16).hexdigest()

    def spaces(self) -> dict[str, int]:
        """How many entries and wordings belong to each embedder, by its fingerprint; vectors of two are never compared."""
        parts = (f"SELECT fingerprint FROM {t} WHERE fingerprint IS NOT NULL" for t in ("entries", "wordings"))  # noqa: S608 - ours
        query = f"SELECT fingerprint, count(*) FROM ({' UNION ALL '.join(parts)}) GROUP BY fingerprint"  # noqa: S608 - ours
        return dict(self._readers.read(query))

    def entry_ids(self) -> list[int]:
        """The ids of all entries, ascending."""
        return sorted(row[0] for row in self._readers.read("SELECT id FROM entries", ()))  # unordered: from an index

    def forget_key(self, key: str) -> int:
        """Erase the entry, aliases and cases of one exact key, in procedures' examples too; returns how many rows went."""
        examples = func.json_each(procedures.c.examples).table_valued("value", name="example")
        holding = select(procedures.c.id, procedures.c.examples).where(
            select(examples.c.value).where(func.json_extract(examples.c.value, "$[0]") == key).exists()
        )
        with self.write() as connection:
            for row in connection.execute(holding).all():
                kept = [example for example in json.loads(row.examples) if example[0] != key]
                connection.execute(
                    update(procedures).where(procedures.c.id == row.id).values(examples=json.dumps(kept))
                )
                connection.execute(delete(findings).where(findings.c.procedure_id == row.id))  # they may quote it
            return sum(
                connection.execute(delete(t).where(t.c.key == key)).rowcount
                for t in (entries, aliases, cases, contrasts, judgements)
            )

    def drop_entries(self, keys: Sequence[str]) -> None:
        """Erase stored answers that turned out to be wrong."""
        with self.write() as connection:
            connection.execute(delete(entries).where(entries.c.key.in_(keys)))

    def drop_alias(self, key: str) -> None:
        """Forget that a wording was accepted for an entry."""
        with self.write() as connection:
            connection.execute(delete(aliases).where(aliases.c.key == key))

    def drop_taken(self, context: tuple[str, str], taken: Callable[[str], bool]) -> None:
        """Erase the stored answers of a context to requests that a procedure takes: their rule has changed."""
        here = select(entries.c.key, entries.c.text).where(
            entries.c.namespace == context[0], entries.c.vary == context[1]
        )
        keys = [row.key for row in self.read(here) if taken(row.text)]
        for first in range(0, len(keys), _BATCH):
            self.drop_entries(keys[first : first + _BATCH])

    def clear(self, namespace: str | None = None) -> int:
        """Erase everything that was learnt (counters stay), in one namespace or in all; returns how many entries went."""
        with self.write() as connection:
            gone = 0
            for table in (procedures, classes, contrasts, judgements, labels, schema.pairs, entries):
                statement = delete(table)
                if namespace is not None:
                    statement = statement.where(table.c.namespace == namespace)
                gone = connection.execute(statement).rowcount
            return gone

    # -- batches ------------------------------------------------------------------------------------------------------

    def flush(
        self,
        *,
        now: float,
        grace: float,
        uses: Mapping[int, tuple[int, float]],
        procedure_uses: Mapping[int, tuple[int, float]],
        new_aliases: Iterable[Alias],
        counts: Mapping[tuple[str, str, str], int],
    ) -> None:
        """Write what hits left in memory (uses as id -> (count, last)), and drop what ended ``grace`` seconds ago, at once."""
        with self.write() as connection:
            for table, table_uses, column in (
                (entries, uses, entries.c.uses),
                (procedures, procedure_uses, procedures.c.hits),
            ):
                if table_uses:
                    statement = (
                        update(table)
                        .where(table.c.id == bindparam("row"))
                        .values({column: column + bindparam("count"), table.c.used: bindparam("last")})
                    )
                    connection.execute(
                        statement, [{"row": i, "count": n, "last": t} for i, (n, t) in table_uses.items()]
                    )
            for alias in new_aliases:
                target = select(entries.c.id).where(entries.c.id == alias.entry_id)
                if connection.execute(target).first() is not None:
                    row = {
                        "key": alias.key,
                        "entry_id": alias.entry_id,
                        "text": alias.text,
                        "score": alias.score,
                        "created": now,
                    }
                    connection.execute(
                        insert(aliases).values(row).on_conflict_do_update(index_elements=["key"], set_=row)
                    )
            if counts:
                new = insert(counters)
                upsert = new.on_conflict_do_update(
                    index_elements=["day", "namespace", "name"], set_={"value": counters.c.value + new.excluded.value}
                )
                connection.execute(
                    upsert, [{"day": d, "namespace": s, "name": n, "value": v} for (d, s, n), v in counts.items()]
                )
            ended = entries.c.expires <= now - grace
            connection.execute(delete(entries).where(entries.c.expires.is_not(None), ended))

    def totals(self, namespace: str | None = None) -> dict[str, int]:
        """Counters summed over all days, by name."""
        query = select(counters.c.name, func.sum(counters.c.value)).group_by(counters.c.name)
        if namespace is not None:
            query = query.where(counters.c.namespace == namespace)
        return {row[0]: int(row[1]) for row in self.read(query)}

    def sizes(self) -> dict[str, int]:
        """Rows by table."""
        tables = (entries, aliases, classes, cases, procedures, contrasts, wordings, judgements, labels)
        return {table.name: int(self.read(select(func.count()).select_from(table))[0][0]) for table in tables}

    # -- health -------------------------------------------------------------------------------------------------------

    def check(self) -> list[str]:
        """What is wrong with the file; an empty list is good."""
        problems: list[str] = []
        try:
            with self._connect() as connection:
                rows = connection.exec_driver_sql("PRAGMA integrity_check")
                problems += [f"integrity: {row[0]}" for row in rows if row[0] != "ok"]
                rows = connection.exec_driver_sql("PRAGMA foreign_key_check")
                problems += [f"{row[0]} row {row[1]} points to a missing row of {row[2]}" for row in rows]
        except DatabaseError as error:
            problems.append(f"integrity: {error.orig}")
        return problems

    def close(self) -> None:
        """Close every connection; a temporary file is deleted. May be called twice."""
        self.let_go()
        if self._temporary is not None:
            self._temporary.cleanup()


def _evict(connection: Connection, limit: int) -> None:
    count = connection.execute(select(func.count()).select_from(entries)).scalar_one()
    if count > limit:
        surplus = count - limit + int(limit * _EVICT_SHARE)
        oldest = select(entries.c.id).order_by(entries.c.used, entries.c.id).limit(min(surplus, count - 1))
        connection.execute(delete(entries).where(entries.c.id.in_(oldest)))


class _Raw:
    """A row of the driver with the names of its columns, like SQLAlchemy's."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.__dict__.update(zip((column.name for column in _ENTRY), values, strict=True))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _entry(row: Any) -> Entry:
    request = Request(text=row.text, vary=row.vary, engine=row.engine, namespace=row.namespace, kind=row.kind)
    payload = None if row.payload is None else json.loads(row.payload)
    response = Response(row.answer, payload, Usage(row.input_tokens, row.output_tokens))
    return Entry(row.id, row.key, request, response, row.created, math.inf if row.expires is None else row.expires)
