"""Labelled pairs as evidence: what somebody knows of a kind of traffic before it has come, kept until its hits speak.

They are kept apart from judged hits, by the digest of what was given: the same file replaces itself, another is another source,
and each can be forgotten. ``thresholds.Evidence`` says how much they count beside hits.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import delete, func, select

from seglam.embed import Embedder
from seglam.errors import ConfigurationError
from seglam.exchange import digest
from seglam.schema import labels
from seglam.store import Store
from seglam.values import effective, mismatch
from seglam.wording import respelt

Pair = tuple[str, str, bool]
"""Two texts, and whether one answer serves both."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A labelled pair as the semantic tier sees it.

    Attributes:
        score: what the cosine counts as for a threshold.
        right: whether one answer serves both.
        refused: whether the value guards let no hit come of it, whatever the threshold.
    """

    score: float
    right: bool
    refused: bool


@dataclass(frozen=True, slots=True)
class Source:
    """What is kept of one file.

    Attributes:
        source: its digest.
        namespace: whose evidence it is.
        fingerprint: of the embedder that scored it; to another its scores say nothing.
        pairs: kept, those that the guards refuse left out.
        wrong: of them.
    """

    source: str
    namespace: str
    fingerprint: str
    pairs: int
    wrong: int


def scored(pairs: Iterable[Pair], embedder: Embedder) -> list[Scored]:
    """The pairs with their scores; what the embedder does not cover is refused, as in the tier."""
    found = []
    for a, b, right in pairs:
        if not (embedder.covers(a) and embedder.covers(b)):
            found.append(Scored(0.0, right, refused=True))
            continue
        one, two = np.asarray(embedder.embed([a, b]), dtype=np.float32)
        score = effective(float(one @ two), misspelt=respelt(b, a))
        found.append(Scored(score, right, refused=mismatch(b, a) is not None))
    return found


class Labels:
    """The labelled pairs of a cache.

    Args:
        store: where they are.
        embedder: scores them.
        clock: seconds since the epoch.
    """

    def __init__(self, store: Store, embedder: Embedder, clock: Callable[[], float]) -> None:
        self._store = store
        self._embedder = embedder
        self._clock = clock

    def add(self, pairs: Sequence[Pair], *, namespace: str = "") -> str:
        """Keep pairs as evidence of a namespace, in place of the same pairs.

        Args:
            pairs: (text, text, whether one answer serves both).
            namespace: of the requests.

        Returns:
            The digest by which they are forgotten.

        Raises:
            ConfigurationError: an item is no such pair.
            EmbedderError: the embedder cannot be used.
        """
        for pair in pairs:
            if [type(part) for part in pair] != [str, str, bool]:
                raise ConfigurationError(f"pairs: expected (text, text, True or False), got {pair!r:.80}")
        source = digest("labels", [list(pair) for pair in pairs])[:16]
        told = [one for one in scored(pairs, self._embedder) if not one.refused]
        common = {
            "namespace": namespace,
            "fingerprint": self._embedder.fingerprint,
            "source": source,
            "created": self._clock(),
        }
        rows = [{**common, "score": one.score, "right": int(one.right)} for one in told]
        with self._store.write() as connection:
            connection.execute(delete(labels).where(labels.c.namespace == namespace, labels.c.source == source))
            if rows:
                connection.execute(labels.insert(), rows)
        return source

    def forget(self, source: str, *, namespace: str | None = None) -> int:
        """Drop the pairs of a source, in one namespace or in all (None); returns how many went."""
        where = [labels.c.source == source] + ([] if namespace is None else [labels.c.namespace == namespace])
        with self._store.write() as connection:
            return connection.execute(delete(labels).where(*where)).rowcount

    def sources(self) -> list[Source]:
        """What is kept, oldest first."""
        home = (labels.c.source, labels.c.namespace, labels.c.fingerprint)
        counts = (func.count(labels.c.id).label("pairs"), func.sum(1 - labels.c.right).label("wrong"))
        query = select(*home, *counts).group_by(*home).order_by(func.min(labels.c.id))
        return [Source(r.source, r.namespace, r.fingerprint, r.pairs, r.wrong) for r in self._store.read(query)]
