"""Contrast sets on disk: the questions that have one, and the wordings on either side of the line.

A set belongs to a question, not to an entry: answers expire and are renewed, what the question means stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, func, literal, select, update
from sqlalchemy.dialects.sqlite import insert

from seglam.contrast import MOST_OF_A_SENSE, Sense
from seglam.exchange import Request
from seglam.index import Vector, unpack
from seglam.schema import contrasts, entries, wordings
from seglam.segments import Scope
from seglam.store import Store

WANTED: Final = "wanted"
ASKING: Final = "asking"
MADE: Final = "made"
DECLINED: Final = "declined"
FAILED: Final = "failed"

IMPORTED: Final = "imported"
"""Why a question has its set, and who put a wording there: a file."""
NEIGHBOUR: Final = "neighbour"
"""Who put a look-alike there: another stored question, whose answer is another."""
_WEAK: Final = ("model", NEIGHBOUR, IMPORTED)
"""What a file may move to the other side; what people and traffic have said here, it may not."""

_MOST_QUESTIONS: Final = 20_000
"""Kept; the oldest go first, and are asked about again should they recur."""
_LEASE: Final = 900.0  # seconds after which a question that is being asked about may be asked about by somebody else
_BATCH: Final = 1_000
_WORDING: Final = (
    wordings.c.id,
    wordings.c.contrast_id,
    wordings.c.sense,
    wordings.c.text,
    wordings.c.origin,
    contrasts.c.key,
)
_BY_ID: Final = (
    select(*_WORDING)
    .join(contrasts, contrasts.c.id == wordings.c.contrast_id)
    .where(wordings.c.id.in_(bindparam("ids", expanding=True)))
)
_OF_KEY: Final = (
    select(*_WORDING, wordings.c.vector, wordings.c.fingerprint)
    .join(contrasts, contrasts.c.id == wordings.c.contrast_id)
    .where(contrasts.c.key == bindparam("key"))
)
_VECTOR: Final = select(
    wordings.c.id, contrasts.c.namespace, contrasts.c.vary, contrasts.c.engine, wordings.c.vector
).join(contrasts, contrasts.c.id == wordings.c.contrast_id)
_VECTORS: Final = (
    _VECTOR.where(
        wordings.c.id > bindparam("last"),
        wordings.c.fingerprint == bindparam("fingerprint"),
        func.length(wordings.c.vector) > 0,
    )
    .order_by(wordings.c.id)
    .limit(_BATCH)
)


def index_id(wording: int) -> int:
    """The id of a wording in the index, where entries have positive ones, and FAISS says -1 for none."""
    return -1 - wording


def wording_id(row: int) -> int:
    """The wording behind a negative id of the index."""
    return -1 - row


@dataclass(frozen=True, slots=True)
class Wording:
    """One text on one side of a question's line.

    Attributes:
        key: of the question's request.
        origin: who put it there: "model", "traffic" (an answer was compared), "feedback", "person", "imported" (from a file),
            "neighbour" (another stored question, with another answer).
        vector: shape (dimension,), unit length; None where it was not asked for.
    """

    id: int
    contrast_id: int
    key: str
    sense: Sense
    text: str
    origin: str
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question that has, or is to have, a contrast set.

    Attributes:
        state: wanted, asking, made, declined (the model wrote none) or failed.
        retry_at: seconds since the epoch before which it is not asked about (again).
        model, prompt_digest: who wrote the set, and from which prompt; "" where nobody has yet.
    """

    id: int
    key: str
    scope: Scope
    text: str
    state: str
    tries: int
    retry_at: float
    reason: str
    model: str
    prompt_digest: str
    created: float


class WordingVectors:
    """Wordings as a source of the catalogue: ids in the index are negative, positions are row ids."""

    name = "wordings"

    def __init__(self, wordbook: "Wordbook", fingerprint: str) -> None:
        self._wordbook = wordbook
        self._fingerprint = fingerprint

    def rows(self, last: int) -> Iterator[list[tuple[int, int, Scope, bytes]]]:
        """See catalogue.Source."""
        for rows in self._wordbook.vectors(last, self._fingerprint):
            yield [(row[0], index_id(row[0]), (row[1], row[2], row[3]), row[4]) for row in rows]

    def read(self, ids: Sequence[int]) -> dict[int, tuple[Scope, bytes]]:
        """See catalogue.Source."""
        found = self._wordbook.vectors_of([wording_id(number) for number in ids if number < 0], self._fingerprint)
        return {index_id(row[0]): ((row[1], row[2], row[3]), row[4]) for row in found}

    def ids(self) -> Iterable[int]:
        """See catalogue.Source."""
        return [index_id(number) for number in self._wordbook.ids()]


class Wordbook:
    """Everything about contrast sets that is on disk.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    # -- reading ------------------------------------------------------------------------------------------------------

    def empty(self) -> bool:
        """Whether no question has, or is to have, a set."""
        return not self._store.read(select(contrasts.c.id).limit(1))

    def question(self, key: str) -> Question | None:
        """The question with this request key."""
        rows = self._store.read(select(contrasts).where(contrasts.c.key == key))
        return _question(rows[0]) if rows else None

    def made(self, keys: Sequence[str]) -> dict[str, Question]:
        """Those of the questions (at most 1,000) that have their set, by request key."""
        query = select(contrasts).where(contrasts.c.key.in_(keys), contrasts.c.state == MADE)
        return {row.key: _question(row) for row in self._store.read(query)}

    def text(self, key: str) -> str | None:
        """The text of the question with this request key."""
        rows = self._store.read(select(contrasts.c.text).where(contrasts.c.key == key))
        return str(rows[0].text) if rows else None

    def questions(self, namespace: str | None = None) -> list[Question]:
        """All questions, oldest first."""
        query = select(contrasts).order_by(contrasts.c.id)
        if namespace is not None:
            query = query.where(contrasts.c.namespace == namespace)
        return [_question(row) for row in self._store.read(query)]

    def written(self, request: Request) -> Question | None:
        """A question with the same text, in another scope of the namespace, that has its set: what it means is the same."""
        query = select(contrasts).where(
            contrasts.c.namespace == request.namespace,
            contrasts.c.text == request.text,
            contrasts.c.state == MADE,
            contrasts.c.key != request.key,
        )
        rows = self._store.read(query.limit(1))
        return _question(rows[0]) if rows else None

    def waiting(self, request: Request) -> Question | None:
        """The set that a file gave to this text before any question of the namespace had it."""
        query = select(contrasts).where(
            contrasts.c.namespace == request.namespace,
            contrasts.c.text == request.text,
            contrasts.c.vary == "",
            contrasts.c.engine == "",
            contrasts.c.reason == IMPORTED,
            contrasts.c.key != request.key,
        )
        rows = self._store.read(query)
        return _question(rows[0]) if rows else None

    def stored(self, namespace: str, texts: Sequence[str]) -> dict[str, list[Request]]:
        """By text: the requests of a namespace that have an answer, or a contrast set."""
        found: dict[str, list[Request]] = {}
        for table in (entries, contrasts):
            columns = (table.c.text, table.c.vary, table.c.engine)
            for first in range(0, len(texts), _BATCH):
                some = texts[first : first + _BATCH]
                query = select(*columns).where(table.c.namespace == namespace, table.c.text.in_(some)).distinct()
                for row in self._store.read(query):
                    found.setdefault(row.text, []).append(Request(row.text, row.vary, row.engine, namespace))
        return {text: list(dict.fromkeys(requests)) for text, requests in found.items()}

    def wordings(self, ids: Sequence[int]) -> dict[int, Wording]:
        """The wordings with these ids, without vectors; ids that are gone are left out."""
        return {row.id: _wording(row) for row in self._store.read(_BY_ID, {"ids": list(ids)})} if ids else {}

    def of(self, key: str, fingerprint: str) -> list[Wording]:
        """A question's wordings with their vectors; none at all unless this embedder made the vectors of all of them.

        Without some of its look-alikes a line would let them through.
        """
        rows = self._store.read(_OF_KEY, {"key": key})
        if any(row.fingerprint != fingerprint or not row.vector for row in rows):
            return []
        return [_wording(row, unpack(row.vector)) for row in rows]

    def wordings_of(self, key: str) -> list[Wording]:
        """A question's wordings, whichever embedder made their vectors; oldest first."""
        query = (
            select(*_WORDING).join(contrasts, contrasts.c.id == wordings.c.contrast_id).where(contrasts.c.key == key)
        )
        return [_wording(row) for row in self._store.read(query.order_by(wordings.c.id))]

    def vectors(self, last: int, fingerprint: str) -> Iterator[list[Any]]:
        """Rows (id, namespace, vary, engine, vector) after id ``last`` whose vector this embedder made, some at a time."""
        while rows := self._store.read(_VECTORS, {"last": last, "fingerprint": fingerprint}):
            yield rows
            last = rows[-1].id

    def vectors_of(self, ids: Sequence[int], fingerprint: str) -> list[Any]:
        """Rows as of ``vectors`` for those of the ids that are there and whose vector this embedder made."""
        if not ids:
            return []
        query = _VECTOR.where(wordings.c.id.in_(ids), wordings.c.fingerprint == fingerprint)
        return [row for row in self._store.read(query) if row.vector]

    def ids(self) -> list[int]:
        """The ids of all wordings."""
        return [row.id for row in self._store.read(select(wordings.c.id))]

    # -- writing ------------------------------------------------------------------------------------------------------

    def claim(self, request: Request, now: float, *, made: bool = False) -> int | None:
        """Take a question to ask about it; its id, or None where it is not its time, or another has it.

        Args:
            request: the question.
            now: seconds since the epoch.
            made: True takes one that has its set, False one that has not.
        """
        values = _blank(request, now)
        states = (MADE,) if made else (WANTED, FAILED, DECLINED, ASKING)
        free = contrasts.c.state.in_(states) & (contrasts.c.retry_at <= now)
        with self._store.write() as connection:
            connection.execute(insert(contrasts).values(values).on_conflict_do_nothing(index_elements=["key"]))
            taken = connection.execute(
                update(contrasts)
                .where(contrasts.c.key == request.key, free)
                .values(state=ASKING, tries=contrasts.c.tries + 1, retry_at=now + _LEASE)
            )
            if taken.rowcount != 1:
                return None
            _make_room(connection)
            return int(connection.execute(select(contrasts.c.id).where(contrasts.c.key == request.key)).scalar_one())

    def release(self, contrast_id: int, state: str, *, retry_at: float = 0.0, reason: str = "", **new: Any) -> None:
        """End a claim."""
        values = {"state": state, "retry_at": retry_at, "reason": reason[:500], **new}
        with self._store.write() as connection:
            connection.execute(update(contrasts).where(contrasts.c.id == contrast_id).values(values))

    def add(
        self,
        contrast_id: int,
        texts: Sequence[tuple[str, Sense, bytes]],
        *,
        fingerprint: str,
        origin: str,
        now: float,
    ) -> None:
        """Put wordings, with their packed vectors, on their sides; one that stands on the other side changes over.

        The oldest of the model go where a side would hold more than it may.
        """
        with self._store.write() as connection:
            for text, sense, vector in texts:
                _write(connection, contrast_id, text, sense, vector, fingerprint, origin, now)
            _trim(connection, contrast_id)

    def neighbour(self, question: Question, other: Request, vector: bytes, *, fingerprint: str, now: float) -> bool:
        """Put another stored question on the far side of a line, while it is stored; whether it was put there now.

        Where its words stand there already, whoever else than the model put them there knows better.
        """
        with self._store.write() as connection:
            if connection.execute(select(entries.c.id).where(entries.c.key == other.key)).first() is None:
                return False  # it went meanwhile, and the trigger that would take it off the line has run
            here = (wordings.c.contrast_id == question.id, wordings.c.text == other.text)
            known = connection.execute(select(wordings.c.sense, wordings.c.origin).where(*here)).first()
            if known is not None and (known.origin != "model" or known.sense == Sense.OTHER):
                return False
            _write(connection, question.id, other.text, Sense.OTHER, vector, fingerprint, NEIGHBOUR, now)
            _trim(connection, question.id)
        return True

    def part(self, question: Question, text: str) -> None:
        """A stored question is no other one after all: it goes from the far side, if it stands there as a neighbour."""
        here = (wordings.c.contrast_id == question.id, wordings.c.text == text, wordings.c.origin == NEIGHBOUR)
        self.remove([row.id for row in self._store.read(select(wordings.c.id).where(*here))])

    def take(
        self,
        sets: Sequence[tuple[Request, str, Sequence[tuple[str, Sense, bytes]]]],
        *,
        fingerprint: str,
        now: float,
    ) -> tuple[int, int]:
        """Give questions the wordings of a file, as (question, who wrote them, wordings): all of it or nothing.

        Returns:
            How many wordings are new, and how many stood there already or were left where somebody here had put them.
        """
        new = kept = 0
        with self._store.write() as connection:
            for request, model, texts in sets:
                blank = _blank(request, now) | {"state": WANTED}
                connection.execute(insert(contrasts).values(blank).on_conflict_do_nothing(index_elements=["key"]))
                contrast_id = connection.execute(
                    select(contrasts.c.id).where(contrasts.c.key == request.key)
                ).scalar_one()
                for text, sense, vector in texts:
                    if _known(connection, contrast_id, text, sense):
                        kept += 1
                        continue
                    _write(connection, contrast_id, text, sense, vector, fingerprint, IMPORTED, now)
                    new += 1
                _trim(connection, contrast_id)
                sides = select(wordings.c.sense).where(wordings.c.contrast_id == contrast_id).distinct()
                if len(connection.execute(sides).all()) == len(Sense):
                    unmade = (contrasts.c.id == contrast_id, contrasts.c.state != MADE)
                    made = {"state": MADE, "retry_at": 0.0, "reason": IMPORTED, "model": model}
                    connection.execute(update(contrasts).where(*unmade).values(made))
            _make_room(connection)
        return new, kept

    def copy(self, source: int, target: int) -> None:
        """Give one question the wordings of another, with their vectors and whoever put them there."""
        kept = [column for column in wordings.c if column.name not in ("id", "contrast_id")]
        rows = select(literal(target), *kept).where(wordings.c.contrast_id == source)
        with self._store.write() as connection:
            connection.execute(wordings.insert().from_select(["contrast_id", *(c.name for c in kept)], rows))

    def remove(self, wording_ids: Sequence[int]) -> int:
        """Erase wordings; returns how many went."""
        if not wording_ids:
            return 0
        with self._store.write() as connection:
            return connection.execute(delete(wordings).where(wordings.c.id.in_(wording_ids))).rowcount


def _blank(request: Request, now: float) -> dict[str, Any]:
    told = {"key": request.key, "namespace": request.namespace, "vary": request.vary, "engine": request.engine}
    state = {"state": WANTED, "tries": 0, "retry_at": 0.0, "reason": "", "model": "", "prompt_digest": ""}
    return {**told, "text": request.text, **state, "created": now}


def _known(connection: Connection, contrast_id: int, text: str, sense: Sense) -> bool:
    """Whether a file has nothing to add to a wording, or nothing to say against it."""
    query = select(wordings.c.sense, wordings.c.origin)
    row = connection.execute(query.where(wordings.c.contrast_id == contrast_id, wordings.c.text == text)).first()
    return row is not None and (row.sense == sense or row.origin not in _WEAK)


def _make_room(connection: Connection) -> None:
    newest = select(contrasts.c.id).order_by(contrasts.c.id.desc()).offset(_MOST_QUESTIONS).limit(1)
    if (oldest := connection.execute(newest).scalar_one_or_none()) is not None:
        connection.execute(delete(contrasts).where(contrasts.c.id <= oldest))


def _write(
    connection: Connection,
    contrast_id: int,
    text: str,
    sense: Sense,
    vector: bytes,
    fingerprint: str,
    origin: str,
    now: float,
) -> None:
    """A new row with a new id, so that readers who ask for `id > last` see it."""
    connection.execute(delete(wordings).where(wordings.c.contrast_id == contrast_id, wordings.c.text == text))
    row = {"contrast_id": contrast_id, "sense": str(sense), "text": text, "vector": vector}
    connection.execute(wordings.insert().values(**row, fingerprint=fingerprint, origin=origin, created=now))


def _trim(connection: Connection, contrast_id: int) -> None:
    """The oldest of the model go where a side would hold more than it may."""
    for sense in Sense:
        side = (wordings.c.contrast_id == contrast_id, wordings.c.sense == str(sense))
        order = (wordings.c.origin == "model", wordings.c.id.desc())
        surplus = select(wordings.c.id).where(*side).order_by(*order).offset(MOST_OF_A_SENSE)
        gone = [row.id for row in connection.execute(surplus)]
        if gone:
            connection.execute(delete(wordings).where(wordings.c.id.in_(gone)))


def _wording(row: Any, vector: Vector | None = None) -> Wording:
    return Wording(row.id, row.contrast_id, row.key, Sense(row.sense), row.text, row.origin, vector)


def _question(row: Any) -> Question:
    return Question(
        id=row.id,
        key=row.key,
        scope=(row.namespace, row.vary, row.engine),
        text=row.text,
        state=row.state,
        tries=row.tries,
        retry_at=row.retry_at,
        reason=row.reason,
        model=row.model,
        prompt_digest=row.prompt_digest,
        created=row.created,
    )
