"""What the classes of a context look like: a few exemplars of each, as texts and as vectors, in memory."""

import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from sqlalchemy import select

from seglam.index import Vector, unpack
from seglam.schema import cases, classes, entries
from seglam.store import Store

_MOST_CONTEXTS: Final = 64
_EXEMPLARS: Final = 8

Context = tuple[str, str]


@dataclass(slots=True)
class Neighbourhood:
    """The exemplars of a context's classes. Rows of the store tell what is new.

    Attributes:
        last: the newest case that was read.
        texts, vectors: exemplars by class, the newest last.
        matrix: all vectors, one a row, and whose they are; None until they are asked for.
    """

    last: int = 0
    texts: dict[int, deque[str]] = field(default_factory=dict)
    vectors: dict[int, deque[Vector]] = field(default_factory=dict)
    matrix: tuple[Vector, list[int]] | None = None

    def scores(self, vector: Vector | None) -> dict[int, float]:
        """The best cosine similarity of each class to a unit vector; empty where there is none."""
        if vector is None or not self.vectors:
            return {}
        if self.matrix is None:
            rows = [(class_id, v) for class_id, known in self.vectors.items() for v in known]
            self.matrix = (np.stack([v for _, v in rows]), [class_id for class_id, _ in rows])
        matrix, owners = self.matrix
        best: dict[int, float] = {}
        for class_id, score in zip(owners, (matrix @ vector).tolist(), strict=True):
            best[class_id] = max(score, best.get(class_id, -1.0))
        return best


class Neighbours:
    """The neighbourhoods of the contexts in use. Safe to share between threads.

    Args:
        store: where the cases are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: OrderedDict[Context, Neighbourhood] = OrderedDict()

    def forget(self) -> None:
        """Read all exemplars again at the next look: cases were moved or erased."""
        with self._lock:
            self._known.clear()

    @contextlib.contextmanager
    def of(self, context: Context, fingerprint: str) -> Iterator[Neighbourhood]:
        """A context's neighbourhood as the store has it now, held until the block ends.

        Args:
            context: whose classes.
            fingerprint: of the embedder; vectors of another are left out.
        """
        with self._lock:
            yield self._current(context, fingerprint)

    def _current(self, context: Context, fingerprint: str) -> Neighbourhood:
        hood = self._known.setdefault(context, Neighbourhood())
        self._known.move_to_end(context)
        if len(self._known) > _MOST_CONTEXTS:
            self._known.popitem(last=False)
        query = (
            select(cases.c.id, cases.c.class_id, cases.c.text, entries.c.vector, entries.c.fingerprint)
            .join(classes, classes.c.id == cases.c.class_id)
            .outerjoin(entries, entries.c.key == cases.c.key)
            .where(classes.c.namespace == context[0], classes.c.vary == context[1], cases.c.id > hood.last)
            .order_by(cases.c.id)
        )
        for row in self._store.read(query):
            hood.last = row.id
            hood.texts.setdefault(row.class_id, deque(maxlen=_EXEMPLARS)).append(row.text)
            if row.vector is not None and row.fingerprint == fingerprint:
                hood.vectors.setdefault(row.class_id, deque(maxlen=_EXEMPLARS)).append(unpack(row.vector))
                hood.matrix = None
        return hood
