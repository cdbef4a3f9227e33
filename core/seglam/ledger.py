"""What each tier did and saved: counts, kept in memory and written in batches, so that a hit writes nothing to disk."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from seglam.exchange import Entry, Hit, Miss, Request, TierName, Usage
from seglam.store import Alias, Store
from seglam.trust import upper_bound

_OUTCOMES: Final = ("made", "declined", "widened")
_PURPOSES: Final = ("compile", "widen", "vote", "contrast")


@dataclass(frozen=True, slots=True)
class Stats:
    """What a cache did since its file was made (flushed and pending counts together).

    Attributes:
        requests: lookups.
        hits: by tier.
        misses: by reason.
        stale: hits that were too old and are asked anew; they save waiting, so they are no saved calls.
        saved_calls, saved_input_tokens, saved_output_tokens: model calls that hits made unnecessary; tokens are those that
            the stored answers cost, and for a procedure the mean of its cases.
        compile_calls, vote_calls, contrast_calls: what the compiler's model was asked, to be subtracted: for procedures and
            patterns, to say again what it holds, and for contrast sets.
        compile_input_tokens, compile_output_tokens: what all these calls took.
        contrast_tokens: of them, what contrast sets took.
        contrasts: what came of asking for contrast sets: made, declined, widened (by another language).
        compared, disagreed: comparisons of live procedures with the model (audits and refreshed answers), and how many of
            them the model won.
        faults: by place; each was a miss instead of an exception.
        sizes: rows by table.
        spaces: entries and wordings by the embedder that they belong to; "" waits for one.
        reembedded: of them, how many were taken over from another embedder so far.
        procedures: how many in each state.
        recognition: contrast sets and their cost in vectors: sets, hot_share (of the entries, those with a set),
            wordings_per_set, vectors_per_entry, and wordings by who put them there.
        languages: of the newest stored requests, how many are in which.
    """

    requests: int
    hits: dict[str, int]
    misses: dict[str, int]
    stale: int
    saved_calls: int
    saved_input_tokens: int
    saved_output_tokens: int
    compile_calls: int
    vote_calls: int
    contrast_calls: int
    compile_input_tokens: int
    compile_output_tokens: int
    contrast_tokens: int
    contrasts: dict[str, int]
    compared: int
    disagreed: int
    faults: dict[str, int]
    reembedded: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    spaces: dict[str, int] = field(default_factory=dict)
    procedures: dict[str, int] = field(default_factory=dict)
    recognition: dict[str, float] = field(default_factory=dict)
    languages: dict[str, int] = field(default_factory=dict)

    @property
    def hit_rate(self) -> float:
        """Hits over requests; 0.0 when nothing was asked."""
        return sum(self.hits.values()) / self.requests if self.requests else 0.0

    @property
    def calls_per_set(self) -> float:
        """Model calls for each contrast set that was made; 0.0 before the first."""
        return self.contrast_calls / made if (made := self.contrasts.get("made", 0)) else 0.0

    @property
    def wrong_at_most(self) -> float:
        """Upper 95 % bound of the share of wrong procedure hits, from the audits (Clopper-Pearson); 1.0 without any."""
        return upper_bound(self.disagreed, self.compared)


class Ledger:
    """Counts, uses and aliases that wait to be written. Safe to share between threads.

    Args:
        store, clock: shared with the cache.
        flush_after: seconds after which they are written.
        grace: seconds for which answers are kept after their end.
    """

    def __init__(self, store: Store, clock: Callable[[], float], flush_after: float, grace: float = 0.0) -> None:
        self._store = store
        self._clock = clock
        self._flush_after = flush_after
        self._grace = grace
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._uses: dict[int, tuple[int, float]] = {}
        self._procedure_uses: dict[int, tuple[int, float]] = {}
        self._aliases: dict[str, Alias] = {}
        self._since = clock()
        self._day = (0.0, "")

    def count(self, name: str, namespace: str = "", by: int = 1) -> None:
        """Add to a counter of today."""
        with self._lock:
            self._add(namespace, {name: by})

    def _add(self, namespace: str, amounts: Mapping[str, int]) -> None:
        today = self._today()
        for name, by in amounts.items():
            if by:
                self._counts[today, namespace, name] += by

    def _today(self) -> str:
        now = self._clock()
        start, name = self._day
        if not start <= now < start + 86_400:  # strftime at every count would cost more than the count
            start = now - now % 86_400
            name = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
            self._day = (start, name)
        return name

    def spent(self, purpose: str, namespace: str, usage: Usage) -> None:
        """Count one call of the compiler's model."""
        with self._lock:
            tokens = {
                f"{purpose}.input_tokens": usage.input_tokens,
                f"{purpose}.output_tokens": usage.output_tokens,
            }
            self._add(namespace, {f"{purpose}.calls": 1} | tokens)

    def found(self, request: Request, found: Hit | Miss, saved: Usage) -> None:
        """Count one lookup."""
        space = request.namespace
        with self._lock:
            if isinstance(found, Miss):
                self._add(space, {"requests": 1, f"miss.{found.why}": 1})
                return
            tokens = {"saved.input_tokens": saved.input_tokens, "saved.output_tokens": saved.output_tokens}
            self._add(space, {"requests": 1, f"hit.{found.tier}": 1, "stale": int(found.stale)} | tokens)
            kind, _, row = found.source.partition(":")
            table = self._procedure_uses if kind == "procedure" else self._uses
            count, _last = table.get(int(row), (0, 0.0))
            table[int(row)] = (count + 1, self._clock())

    def alias(self, request: Request, entry: Entry, score: float) -> None:
        """Keep another wording of an entry, to be written with the next flush."""
        with self._lock:
            self._aliases[request.key] = Alias(request.key, entry.id, request.text, score)

    def drop_alias(self, key: str) -> None:
        """Forget a wording that is not written yet."""
        with self._lock:
            self._aliases.pop(key, None)

    def due(self) -> bool:
        """Whether something has waited long enough to be written."""
        waiting = self._counts or self._aliases
        waited = self._clock() - self._since
        return bool(waiting) and not 0 <= waited < self._flush_after  # below 0: the clock was set back

    def flush(self) -> None:
        """Write everything that waits, in one transaction; what could not be written waits on."""
        with self._lock:
            counts, uses, procedure_uses = dict(self._counts), dict(self._uses), dict(self._procedure_uses)
            new_aliases = list(self._aliases.values())
            self._counts.clear()
            self._uses.clear()
            self._procedure_uses.clear()
            self._aliases.clear()
            self._since = self._clock()
        try:
            self._store.flush(
                now=self._clock(),
                grace=self._grace,
                uses=uses,
                procedure_uses=procedure_uses,
                new_aliases=new_aliases,
                counts=counts,
            )
        except BaseException:
            with self._lock:
                self._counts.update(counts)
                for table, old in ((self._uses, uses), (self._procedure_uses, procedure_uses)):
                    for row, (count, last) in old.items():
                        table[row] = (table.get(row, (0, 0.0))[0] + count, max(last, table.get(row, (0, 0.0))[1]))
                for waiting in new_aliases:
                    self._aliases.setdefault(waiting.key, waiting)
            raise

    def stats(self, namespace: str | None = None) -> Stats:
        """Everything counted so far, written or not."""
        totals: Counter[str] = Counter()
        with self._lock:  # before the read: a flush between the two would otherwise count twice
            for (_day, space, name), value in self._counts.items():
                if namespace is None or space == namespace:
                    totals[name] += value
            totals.update(self._store.totals(namespace))

        def under(prefix: str) -> dict[str, int]:
            return {
                name.removeprefix(prefix): value for name, value in sorted(totals.items()) if name.startswith(prefix)
            }

        hits = {tier.value: totals[f"hit.{tier}"] for tier in TierName}
        return Stats(
            requests=totals["requests"],
            hits=hits,
            misses=under("miss."),
            stale=totals["stale"],
            saved_calls=sum(hits.values()) - totals["stale"],
            saved_input_tokens=totals["saved.input_tokens"],
            saved_output_tokens=totals["saved.output_tokens"],
            compile_calls=totals["compile.calls"] + totals["widen.calls"],
            vote_calls=totals["vote.calls"],
            contrast_calls=totals["contrast.calls"],
            compile_input_tokens=sum(totals[f"{purpose}.input_tokens"] for purpose in _PURPOSES),
            compile_output_tokens=sum(totals[f"{purpose}.output_tokens"] for purpose in _PURPOSES),
            contrast_tokens=totals["contrast.input_tokens"] + totals["contrast.output_tokens"],
            contrasts={name: n for name, n in under("contrast.").items() if name in _OUTCOMES},
            compared=totals["audit.agreed"] + totals["audit.disagreed"],
            disagreed=totals["audit.disagreed"],
            faults=under("fault."),
            reembedded=totals["reembedded"],
            sizes=self._store.sizes(),
            spaces=self._store.spaces(),
        )
