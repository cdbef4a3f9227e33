"""Contrast sets on disk: the questions that have one, and the wordings on either side of the line.

A set belongs to a question, not to an entry: answers expire and are renewed, what the question means stays.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, literal, select, update
from sqlalchemy.dialects.sqlite import insert

from seglam.contrast import MOST_OF_A_SENSE, Sense
from seglam.exchange import Request
from seglam.index import Vector, unpack
from seglam.schema import contrasts, wordings
from seglam.segments import Scope
from seglam.store import Store

WANTED: Final = "wanted"
ASKING: Final = "asking"
MADE: Final = "made"
DECLINED: Final = "declined"
FAILED: Final = "failed"

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
        origin: who put it there: "model", "traffic" (an answer was compared), "feedback", "person", "import".
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

    def question(self, key: str) -> Question | None:
        """The question with this request key."""
        rows = self._store.read(select(contrasts).where(contrasts.c.key == key))
        return _question(rows[0]) if rows else None

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

    def claim(self, request: Request, now: float) -> int | None:
        """Take a question to ask about it; its id, or None where it has its set, or it is not its time, or another has it."""
        values = {
            "key": request.key,
            "namespace": request.namespace,
            "vary": request.vary,
            "engine": request.engine,
            "text": request.text,
            "state": WANTED,
            "tries": 0,
            "retry_at": 0.0,
            "reason": "",
            "model": "",
            "prompt_digest": "",
            "created": now,
        }
        free = contrasts.c.state.in_((WANTED, FAILED, DECLINED, ASKING)) & (contrasts.c.retry_at <= now)
        with self._store.write() as connection:
            connection.execute(insert(contrasts).values(values).on_conflict_do_nothing(index_elements=["key"]))
            taken = connection.execute(
                update(contrasts)
                .where(contrasts.c.key == request.key, free)
                .values(state=ASKING, tries=contrasts.c.tries + 1, retry_at=now + _LEASE)
            )
            if taken.rowcount != 1:
                return None
            newest = select(contrasts.c.id).order_by(contrasts.c.id.desc()).offset(_MOST_QUESTIONS).limit(1)
            if (oldest := connection.execute(newest).scalar_one_or_none()) is not None:
                connection.execute(delete(contrasts).where(contrasts.c.id <= oldest))
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
                # A new row with a new id, so that readers who ask for `id > last` see it.
                here = (wordings.c.contrast_id == contrast_id, wordings.c.text == text)
                connection.execute(delete(wordings).where(*here))
                connection.execute(
                    wordings.insert().values(
                        contrast_id=contrast_id,
                        sense=str(sense),
                        text=text,
                        vector=vector,
                        fingerprint=fingerprint,
                        origin=origin,
                        created=now,
                    )
                )
            for sense in Sense:
                side = (wordings.c.contrast_id == contrast_id, wordings.c.sense == str(sense))
                surplus = (
                    select(wordings.c.id)
                    .where(*side)
                    .order_by(wordings.c.origin == "model", wordings.c.id.desc())
                    .offset(MOST_OF_A_SENSE)
                )
                gone = [row.id for row in connection.execute(surplus)]
                if gone:
                    connection.execute(delete(wordings).where(wordings.c.id.in_(gone)))

    def copy(self, source: int, target: int) -> None:
        """Give one question the wordings of another, with their vectors and whoever put them there."""
        kept = [column for column in wordings.c if column.name not in ("id", "contrast_id")]
        rows = select(literal(target), *kept).where(wordings.c.contrast_id == source)
        with self._store.write() as connection:
            connection.execute(wordings.insert().from_select(["contrast_id", *(c.name for c in kept)], rows))

    def remove(self, wording_ids: Sequence[int]) -> int:
        """Erase wordings; returns how many went."""
        with self._store.write() as connection:
            return connection.execute(delete(wordings).where(wordings.c.id.in_(wording_ids))).rowcount


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
