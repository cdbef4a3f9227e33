"""Procedures in the store: their versions, evidence and states, as small transactions."""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from seglam.errors import SupersededError
from seglam.exchange import Usage
from seglam.procedure import Case, Draft, Finding, Procedure, State, mean_usage
from seglam.schema import findings, procedures
from seglam.store import Store
from seglam.trust import Record

logger = logging.getLogger("seglam")

_MOST_CONTEXTS: Final = 1_000
_MOST_EXAMPLES: Final = 128
_MOST_NAMED: Final = 500  # procedures whose findings are asked for by number, and not all findings read
WORKING: Final = (State.LIVE, State.SHADOW)
_WORKING: Final = [state.value for state in WORKING]
_DERIVED: Final = ("widened", "extended")

Context = tuple[str, str]
Promotion = Callable[[Record, int, int], bool]
"""Whether a version may answer, from the record of all others and its own agreements and disagreements."""


@dataclass(frozen=True, slots=True)
class Birth:
    """How a version came to be.

    Attributes:
        model, prompt_digest: who wrote it, and what it was asked.
        now: seconds since the epoch.
        engine: whose answers its cases are.
        origin: compiled, recompiled, widened, edited, imported or first.
        parent: the version that it was made from.
        evidence: what the gate found.
        proven: the templates that may answer at once, when the version may.
        agreements: comparisons that its parent's unchanged code has passed already.
    """

    model: str
    prompt_digest: str
    now: float
    engine: str = ""
    origin: str = "compiled"
    parent: int | None = None
    evidence: tuple[Finding, ...] = ()
    agreements: int = 0
    proven: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The working procedures of one context as they were at a generation of the file.

    Attributes:
        stamps: the generation at which each was changed last, damaged ones included.
    """

    generation: int
    stamps: Mapping[int, int]
    by_id: Mapping[int, Procedure]
    working: tuple[Procedure, ...]


class Library:
    """Every version of every procedure."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._working: dict[Context, _Shelf] = {}

    # -- reading ------------------------------------------------------------------------------------------------------

    def held(self, context: Context) -> tuple[Procedure, ...] | None:
        """What ``working`` would give, from memory; None when somebody has changed a procedure since."""
        known = self._working.get(context)
        return known.working if known is not None and known.generation == self._store.generation().procedures else None

    def working(self, context: Context) -> tuple[Procedure, ...]:
        """Live and shadow procedures of a context, without their evidence; from memory while nobody changed any.

        The same tuple as long as nothing changed, so that what was derived from it can be kept beside it.
        """
        generation = self._store.generation().procedures
        with self._lock:
            known = self._working.get(context)
            if known is None or known.generation != generation:
                if (
                    known is None and len(self._working) >= _MOST_CONTEXTS
                ):  # chats with one context each; those in use come back
                    self._working.clear()
                known = self._working[context] = self._stocked(context, known, generation)
            return known.working

    def _stocked(self, context: Context, known: "_Shelf | None", generation: int) -> "_Shelf":
        """A context's working procedures; only those that have changed are read and parsed."""
        query = select(procedures.c.id, procedures.c.stamp).where(
            procedures.c.namespace == context[0], procedures.c.vary == context[1], procedures.c.state.in_(_WORKING)
        )
        stamps: dict[int, int] = {row.id: row.stamp for row in self._store.read(query)}
        if known is not None and known.stamps == stamps:
            return replace(known, generation=generation)
        old = {} if known is None else known.by_id
        read = [i for i, stamp in stamps.items() if known is None or known.stamps.get(i) != stamp]
        fresh: dict[int, Procedure] = {}
        for start in range(0, len(read), _MOST_NAMED):
            wanted = select(procedures).where(
                procedures.c.id.in_(read[start : start + _MOST_NAMED]), procedures.c.state.in_(_WORKING)
            )
            fresh.update((p.id, p) for p in self._sound_rows(self._store.read(wanted)))
        found = {
            i: fresh[i] if i in fresh else old[i] for i in sorted(stamps) if i in fresh or (i in old and i not in read)
        }
        return _Shelf(generation, stamps, found, tuple(found.values()))

    def all(self, context: Context | None = None) -> list[Procedure]:
        """Every version in every state with its evidence, oldest first."""
        return self._with_evidence(self._load(context, tuple(State)))

    def versions(self, class_id: int) -> list[Procedure]:
        """Every version of one class with its evidence, oldest first."""
        query = select(procedures).where(procedures.c.class_id == class_id).order_by(procedures.c.id)
        return self._with_evidence(self._sound_rows(self._store.read(query)))

    def get(self, procedure_id: int) -> Procedure | None:
        """One version with its evidence."""
        rows = self._store.read(select(procedures).where(procedures.c.id == procedure_id))
        found = self._with_evidence(self._sound_rows(rows))
        return found[0] if found else None

    def _load(self, context: Context | None, states: Sequence[State]) -> list[Procedure]:
        query = select(procedures).where(procedures.c.state.in_([s.value for s in states])).order_by(procedures.c.id)
        if context is not None:
            query = query.where(procedures.c.namespace == context[0], procedures.c.vary == context[1])
        return self._sound_rows(self._store.read(query))

    def _sound_rows(self, rows: Iterable[Any]) -> list[Procedure]:
        return [procedure for row in rows if (procedure := self._sound(row)) is not None]

    def _sound(self, row: Any) -> Procedure | None:
        """The procedure of a row; None for a damaged one, which must not take the others with it."""
        try:
            procedure = _procedure(row)
            if procedure.state in WORKING:
                _ = procedure.draft.guard
        except Exception as error:  # whatever is wrong with it
            logger.warning("procedure %d is damaged and not used: %s", row.id, type(error).__name__)
            return None
        return procedure

    def _with_evidence(self, found: Sequence[Procedure]) -> list[Procedure]:
        kept: dict[int, list[Finding]] = {procedure.id: [] for procedure in found}
        query = select(findings).order_by(findings.c.id)
        if len(kept) <= _MOST_NAMED:
            query = query.where(findings.c.procedure_id.in_(kept))
        for row in self._store.read(query) if kept else ():
            if row.procedure_id in kept and (finding := _finding(row)) is not None:
                kept[row.procedure_id].append(finding)
        return [replace(procedure, evidence=tuple(kept[procedure.id])) for procedure in found]

    def states(self) -> dict[str, int]:
        """How many versions are in each state."""
        query = select(procedures.c.state, func.count()).group_by(procedures.c.state)
        return {row[0]: int(row[1]) for row in self._store.read(query)}

    # -- writing ------------------------------------------------------------------------------------------------------

    def save(
        self, class_id: int, context: Context, draft: Draft, examples: Sequence[Case], birth: Birth, state: State
    ) -> int:
        """Keep a new version of a class's procedure; returns its id.

        Args:
            class_id: the class.
            context: where it belongs.
            draft: what the compiler, a person or a bundle says.
            examples: the exchanges that it must reproduce for ever.
            birth: who made it, how, and what the gate found.
            state: SHADOW, LIVE or DRAFT.

        Raises:
            SupersededError: the parent was suspended or retired meanwhile; nothing is kept.
        """
        version = select(func.coalesce(func.max(procedures.c.version), 0) + 1).where(procedures.c.class_id == class_id)
        with self._store.write() as connection:
            _still_works(connection, birth)
            row = connection.execute(
                procedures.insert().values(
                    class_id=class_id,
                    version=version.scalar_subquery(),
                    namespace=context[0],
                    vary=context[1],
                    engine=birth.engine,
                    state=state.value,
                    intent=draft.intent,
                    answer_kind=draft.answer_kind,
                    staticity=draft.staticity,
                    patterns=json.dumps(draft.patterns),
                    examples=_examples(examples),
                    near_misses=json.dumps(draft.near_misses),
                    source=draft.source,
                    model=birth.model,
                    prompt_digest=birth.prompt_digest,
                    parent=birth.parent,
                    origin=birth.origin,
                    pinned=0,
                    proven=json.dumps(sorted(birth.proven)),
                    agreements=birth.agreements,
                    disagreements=0,
                    hits=0,
                    created=birth.now,
                    used=birth.now,
                )
            ).inserted_primary_key
            assert row is not None
            _add(connection, row[0], birth.evidence, birth.now)
            if state is State.LIVE:
                _supersede(connection, row[0], class_id, birth.now)
        return int(row[0])

    def settle(
        self, procedure_id: int, finding: Finding, now: float, *, promote: Promotion | None = None
    ) -> State | None:
        """Add a comparison with the model, or the reason of a suspension, to a version.

        What follows is decided from the row as it is now, not as somebody read it: a shadow that ``promote`` trusts becomes
        live in the place of its class's other versions, a disagreement suspends what works, and what is suspended stays so.

        Returns:
            The new state, or None when it did not change.
        """
        with self._store.write() as connection:
            row = connection.execute(select(procedures).where(procedures.c.id == procedure_id)).first()
            if row is None or (row.state == State.SUSPENDED and _told(connection, procedure_id, finding)):
                return None
            counts = {"agreements": row.agreements, "disagreements": row.disagreements}
            counts["agreements" if finding.passed else "disagreements"] += 1
            state = None
            if not finding.passed and row.state in WORKING:
                state = State.SUSPENDED
            elif finding.passed and row.state == State.SHADOW and promote is not None:
                agreed, compared = connection.execute(_compared(procedure_id)).one()
                record = Record(int(agreed), int(compared) - int(agreed))
                state = State.LIVE if promote(record, counts["agreements"], counts["disagreements"]) else None
            _add(connection, procedure_id, (finding,), now)
            values: dict[str, Any] = {**counts, **({} if state is None else {"state": state.value})}
            connection.execute(update(procedures).where(procedures.c.id == procedure_id).values(values))
            if state is State.LIVE:
                _supersede(connection, procedure_id, row.class_id, now)
        return state

    def move(self, procedure_id: int, state: State, finding: Finding, now: float) -> None:
        """Put a version into a state, and say why. A pinned one is not retired, whatever the caller had read about it."""
        with self._store.write() as connection:
            row = connection.execute(select(procedures).where(procedures.c.id == procedure_id)).first()
            if row is None or (row.pinned and state is State.RETIRED):
                return
            _move(connection, [procedure_id], state, finding, now)
            if state is State.LIVE:
                _supersede(connection, procedure_id, row.class_id, now)

    def note(self, procedure_id: int, finding: Finding, now: float) -> None:
        """Add a finding that moves nothing to a version's evidence."""
        with self._store.write() as connection:
            _add(connection, procedure_id, (finding,), now)

    def prove(self, procedure_id: int, new: Sequence[Case], templates: Collection[str]) -> None:
        """Add requests with right answers to what a version must reproduce, and the templates that are proved now."""
        with self._store.write() as connection:
            wanted = select(procedures.c.examples, procedures.c.proven).where(procedures.c.id == procedure_id)
            row = connection.execute(wanted).first()
            if row is None:
                return
            known = json.loads(row.examples)
            keys = {example[0] for example in known}
            room = max(0, _MOST_EXAMPLES - len(known))
            known += json.loads(_examples([case for case in new if case.key not in keys][:room]))
            values = {"examples": json.dumps(known)}
            proven = set(json.loads(row.proven))
            if not proven.issuperset(templates):
                values["proven"] = json.dumps(sorted(proven.union(templates)))
            connection.execute(update(procedures).where(procedures.c.id == procedure_id).values(values))

    def merge(self, less: Procedure, more: Procedure, now: float) -> bool:
        """Retire a procedure for another one, if both still answer and nobody has pinned it."""
        with self._store.write() as connection:
            query = select(procedures.c.id).where(
                procedures.c.state == State.LIVE.value,
                (procedures.c.id == more.id) | ((procedures.c.id == less.id) & (procedures.c.pinned == 0)),
            )
            if len(connection.execute(query).all()) != 2:  # noqa: PLR2004 - both of them
                return False
            detail = f"procedure {more.id} answers all of its cases as well"
            _move(connection, [less.id], State.RETIRED, Finding("merged", passed=True, detail=detail), now)
            return True

    def pin(self, procedure_id: int, *, pinned: bool) -> None:
        """Keep a version from being replaced, merged or retired by itself, or no longer."""
        with self._store.write() as connection:
            connection.execute(
                update(procedures).where(procedures.c.id == procedure_id).values(pinned=1 if pinned else 0)
            )

    def unused(self, before: float) -> list[Procedure]:
        """Working versions without a hit since then that nobody pinned."""
        query = select(procedures).where(
            procedures.c.state.in_([s.value for s in WORKING]), procedures.c.used < before, procedures.c.pinned == 0
        )
        return self._sound_rows(self._store.read(query))

    def record(self) -> Record:
        """All comparisons with the model, of every version that the gate let through."""
        agreed, compared = self._store.read(_compared(0))[0]
        return Record(int(agreed), int(compared) - int(agreed))


def _still_works(connection: Connection, birth: Birth) -> None:
    """A parent may have been refuted while the model wrote: its code must not come back under another number."""
    if birth.parent is None or birth.origin not in _DERIVED:
        return
    query = select(procedures.c.state).where(procedures.c.id == birth.parent)
    if connection.execute(query).scalar_one_or_none() not in WORKING:
        raise SupersededError(f"version {birth.parent} answers no more, and nothing may be made from it")


def _told(connection: Connection, procedure_id: int, finding: Finding) -> bool:
    """Whether this very disagreement suspended the version: it counts once, under the stage that is known last (drifted)."""
    query = select(findings).where(findings.c.procedure_id == procedure_id, findings.c.passed == 0)
    last = connection.execute(query.order_by(findings.c.id.desc()).limit(1)).first()
    if finding.passed or last is None or last.detail != finding.detail:
        return False
    connection.execute(update(findings).where(findings.c.id == last.id).values(stage=finding.stage))
    return True


def _compared(but: int) -> Any:
    """How many comparisons agreed, and how many there were.

    By findings, not by the versions' counts: a widened version starts from its parent's agreements.
    """
    own = (findings.c.stage.in_(("shadow", "audit", "disagreed"))) & (findings.c.procedure_id != but)
    return select(func.coalesce(func.sum(findings.c.passed), 0), func.count()).where(own)


def _supersede(connection: Connection, procedure_id: int, class_id: int, now: float) -> None:
    """One version of a class answers. A newer one in shadow stays there: it may be the wider."""
    older = (procedures.c.state == State.LIVE.value) | (
        (procedures.c.state == State.SHADOW.value) & (procedures.c.id < procedure_id)
    )
    wanted = select(procedures.c.id).where(
        procedures.c.class_id == class_id, procedures.c.id != procedure_id, procedures.c.pinned == 0, older
    )
    ids = [row.id for row in connection.execute(wanted)]
    finding = Finding("retired", passed=True, detail=f"version {procedure_id} took its place")
    _move(connection, ids, State.RETIRED, finding, now)


def _move(connection: Connection, ids: Sequence[int], state: State, finding: Finding, now: float) -> None:
    for procedure_id in ids:
        connection.execute(update(procedures).where(procedures.c.id == procedure_id).values(state=state.value))
        _add(connection, procedure_id, (finding,), now)


def _add(connection: Connection, procedure_id: int, new: Sequence[Finding], now: float) -> None:
    rows = [
        {
            "procedure_id": procedure_id,
            "stage": finding.stage,
            "passed": int(finding.passed),
            "detail": finding.detail,
            "outvoted": json.dumps(finding.outvoted),
            "created": now,
        }
        for finding in new
    ]
    if rows:
        connection.execute(insert(findings), rows)


def _finding(row: Any) -> Finding | None:
    try:
        return Finding(row.stage, bool(row.passed), row.detail, tuple(json.loads(row.outvoted)))
    except (ValueError, TypeError):
        logger.warning("finding %d is damaged and left out", row.id)
        return None


def _examples(cases: Sequence[Case]) -> str:
    return json.dumps([[c.key, c.text, c.answer, c.usage.input_tokens, c.usage.output_tokens] for c in cases])


def _procedure(row: Any) -> Procedure:
    examples = tuple(Case(k, t, a, Usage(i, o)) for k, t, a, i, o in json.loads(row.examples))
    draft = Draft(
        intent=row.intent,
        answer_kind=row.answer_kind,
        staticity=row.staticity,
        patterns=tuple(json.loads(row.patterns)),
        source=row.source,
        near_misses=tuple(json.loads(row.near_misses)),
        proven=State(row.state) in WORKING,
    )
    return Procedure(
        id=row.id,
        class_id=row.class_id,
        version=row.version,
        namespace=row.namespace,
        vary=row.vary,
        engine=row.engine,
        state=State(row.state),
        draft=draft,
        examples=examples,
        model=row.model,
        prompt_digest=row.prompt_digest,
        agreements=row.agreements,
        disagreements=row.disagreements,
        hits=row.hits,
        created=row.created,
        typical=mean_usage(examples),
        parent=row.parent,
        origin=row.origin,
        pinned=bool(row.pinned),
        proven=frozenset(json.loads(row.proven)),
        used=row.used,
    )
