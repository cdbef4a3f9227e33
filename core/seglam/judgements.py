"""The semantic tier's evidence: hits that were compared with the model, or that somebody judged."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select

from seglam.readers import Generation
from seglam.schema import judgements, labels
from seglam.store import Store
from seglam.thresholds import Evidence, Judged
from seglam.trust import upper_bound, wilson_lower

_MOST: Final = 20_000  # kept of each namespace; the oldest go first
_MOST_VIEWS: Final = 64

_Stamp = tuple[int, int, int]  # newest judgement, newest label, labels

READING: Final = "reading"
CONTRAST: Final = "contrast"
CONSENSUS: Final = "consensus"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer that was served, or would have been, and whether it was right.

    Attributes:
        namespace: of the request.
        fingerprint: of the embedder, whose scores mean nothing to another's.
        key: of the stored question.
        text: what was asked.
        wording: what it was taken for.
        rule: "reading", "contrast" or "consensus".
        score: cosine similarity.
        right: None: nobody could tell.
        arm: of an A/B test, or "".
        origin: "audit" (compared with the model), "feedback" (somebody said so), "file".
    """

    namespace: str
    fingerprint: str
    key: str
    text: str
    wording: str
    rule: str
    score: float
    right: bool | None
    arm: str = ""
    origin: str = "audit"


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often the hits of a rule were wrong, of those that were judged.

    Attributes:
        rule, arm: which hits.
        judged: how many were.
        wrong: of them.
        undecided: answers of which nobody could tell whether they say the same; in no other number.
        low, high: 95 % interval of the share of wrong hits (Wilson).
        upper: its one-sided 95 % bound (Clopper-Pearson); 1.0 without any.
    """

    rule: str
    arm: str
    judged: int
    wrong: int
    undecided: int
    low: float
    high: float
    upper: float


class Judgements:
    """Everything about judged hits that is on disk. Safe to share between threads.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._views: dict[tuple[str, str, str], tuple[_Stamp, Evidence]] = {}
        self._newest: tuple[int, _Stamp] = (-1, (0, 0, 0))  # version of the store, what was there then
        self._refuted: tuple[_Stamp, frozenset[tuple[str, str, str]]] = ((0, 0, 0), frozenset())

    def add(self, judgement: Judgement, now: float) -> None:
        """Keep one."""
        values = {name: getattr(judgement, name) for name in judgement.__slots__}
        values |= {"right": None if judgement.right is None else int(judgement.right), "created": now}
        here = judgements.c.namespace == judgement.namespace
        with self._store.write() as connection:
            connection.execute(judgements.insert().values(values))
            oldest = select(judgements.c.id).where(here).order_by(judgements.c.id.desc()).offset(_MOST).limit(1)
            if (last := connection.execute(oldest).scalar_one_or_none()) is not None:
                connection.execute(delete(judgements).where(here, judgements.c.id <= last))

    def evidence(self, namespace: str, fingerprint: str, rule: str, generation: Generation) -> Evidence:
        """What was judged of a rule's hits, as of a generation of the store; remembered until something is added."""
        which = (namespace, fingerprint, rule)
        with self._lock:
            newest = self._look(generation)
            known = self._views.get(which)
            if known is None or known[0] != newest:
                if len(self._views) >= _MOST_VIEWS:
                    self._views.clear()
                known = self._views[which] = (newest, self._read(which))
            return known[1]

    def _look(self, generation: Generation) -> _Stamp:
        if self._newest[0] != generation.version:
            newest = select(func.max(judgements.c.id)).scalar_subquery()
            row = self._store.read(select(newest, func.max(labels.c.id), func.count(labels.c.id)))[0]
            self._newest = (generation.version, (row[0] or 0, row[1] or 0, row[2]))
        return self._newest[1]

    def _read(self, which: tuple[str, str, str]) -> Evidence:
        query = select(judgements.c.score, judgements.c.right, judgements.c.key, judgements.c.arm).where(
            judgements.c.namespace == which[0],
            judgements.c.fingerprint == which[1],
            judgements.c.rule == which[2],
            judgements.c.right.is_not(None),
        )
        hits = [Judged(row.score, bool(row.right), row.key, row.arm) for row in self._store.read(query)]
        if which[2] != READING:  # the two texts of a pair are read, and nothing else is known of them
            return Evidence(hits)
        pairs = select(labels.c.score, labels.c.right).where(
            labels.c.namespace == which[0], labels.c.fingerprint == which[1]
        )
        return Evidence(
            [*hits, *(Judged(row.score, bool(row.right), labelled=True) for row in self._store.read(pairs))]
        )

    def refuted(self, namespace: str, key: str, text: str, generation: Generation) -> bool:
        """Whether the answer to a question was found wrong for this very text, by whatever rule it had been served."""
        with self._lock:
            newest = self._look(generation)
            if self._refuted[0] != newest:
                wrong = select(judgements.c.namespace, judgements.c.key, judgements.c.text).where(
                    judgements.c.right == 0
                )
                self._refuted = (newest, frozenset(tuple(row) for row in self._store.read(wrong)))
            return (namespace, key, text) in self._refuted[1]

    def all(self, namespace: str | None = None) -> Sequence[Judgement]:
        """All of them, oldest first."""
        query = select(judgements).order_by(judgements.c.id)
        if namespace is not None:
            query = query.where(judgements.c.namespace == namespace)
        return [
            Judgement(
                *(row.namespace, row.fingerprint, row.key, row.text, row.wording, row.rule, row.score),
                right=None if row.right is None else bool(row.right),
                arm=row.arm,
                origin=row.origin,
            )
            for row in self._store.read(query)
        ]

    def reliability(self, namespace: str | None = None) -> list[Reliability]:
        """The share of wrong hits of each rule (and arm), with intervals."""
        groups: dict[tuple[str, str], list[bool | None]] = {}
        for one in self.all(namespace):
            if one.origin == "audit":  # what people complain about, and what a file lists, is no sample of the hits
                groups.setdefault((one.rule, one.arm), []).append(one.right)
        found = []
        for (rule, arm), rights in sorted(groups.items()):
            wrong, n = rights.count(False), len(rights) - rights.count(None)
            interval = (wilson_lower(wrong, n), 1.0 - wilson_lower(n - wrong, n))
            found.append(Reliability(rule, arm, n, wrong, rights.count(None), *interval, upper_bound(wrong, n)))
        return found
