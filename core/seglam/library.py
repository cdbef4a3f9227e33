"""Procedures, classes and cases in the store: what the procedure tier remembers, as small transactions.

A class is a group of similar requests that no live procedure takes: first it gathers cases, then it is compiled once, by one
process, and then it is covered, declined or failed.
"""

import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from seglam.exchange import Request, Response, Usage
from seglam.procedure import Case, Draft, Finding, Procedure, State, mean_usage
from seglam.schema import cases, classes, procedures
from seglam.store import Store

logger = logging.getLogger("seglam")

OPEN, COMPILING, COVERED, DECLINED, FAILED = "open", "compiling", "covered", "declined", "failed"
LEASE: Final = 900.0
"""Seconds after which a class whose compiler never came back (a killed process) may be claimed again."""
_MOST_CASES: Final = 32
"""Cases kept for a class that is not covered; more of them teach nothing and cost a longer prompt."""
_MOST_CONTEXTS: Final = 1_000
_MOST_CLASSES: Final = 2_000
"""Classes with a single case kept for one context; one-off requests must not fill the file."""

Context = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """A class with its cases, oldest first."""

    id: int
    engine: str
    background: str
    state: str
    tries: int
    retry_at: float
    reason: str
    cases: tuple[Case, ...]


class Library:
    """Everything about procedures that is on disk."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._generation = -1
        self._procedures: dict[Context, tuple[Procedure, ...]] = {}

    # -- procedures ---------------------------------------------------------------------------------------------------

    def working(self, context: Context) -> tuple[Procedure, ...]:
        """Live and shadow procedures of a context; from memory while nobody changed any."""
        generation = self._store.generation().procedures
        with self._lock:
            if generation != self._generation:
                self._procedures.clear()
                self._generation = generation
            known = self._procedures.get(context)
            if known is None:
                if len(self._procedures) >= _MOST_CONTEXTS:  # chats with one context each; those in use come back
                    self._procedures.clear()
                known = self._procedures[context] = tuple(self._load(context, (State.LIVE, State.SHADOW)))
            return known

    def all(self, context: Context | None = None) -> list[Procedure]:
        """Every version in every state, oldest first."""
        return self._load(context, tuple(State))

    def _load(self, context: Context | None, states: Sequence[State]) -> list[Procedure]:
        query = select(procedures).where(procedures.c.state.in_([s.value for s in states])).order_by(procedures.c.id)
        if context is not None:
            query = query.where(procedures.c.namespace == context[0], procedures.c.vary == context[1])
        return [procedure for row in self._store.read(query) if (procedure := self._sound(row)) is not None]

    def _sound(self, row: Any) -> Procedure | None:
        """The procedure of a row; None for a damaged one, which must not take the others with it."""
        try:
            procedure = _procedure(row)
            if procedure.state in (State.LIVE, State.SHADOW):
                _ = procedure.draft.guard
        except Exception as error:  # whatever is wrong with it
            logger.warning("procedure %d is damaged and not used: %s", row.id, type(error).__name__)
            return None
        return procedure

    def save(self, group: Group, context: Context, draft: Draft, *, state: State, facts: dict[str, Any]) -> int:
        """Keep a new version of a class's procedure, in the given state; returns its id.

        Args:
            group: the class; its cases become the version's examples.
            context: where it belongs.
            draft: what the compiler wrote.
            state: SHADOW, LIVE or DRAFT.
            facts: model, prompt_digest, evidence (Findings) and now.
        """
        evidence: Sequence[Finding] = facts["evidence"]
        version = select(func.coalesce(func.max(procedures.c.version), 0) + 1).where(procedures.c.class_id == group.id)
        examples = [[c.key, c.text, c.answer, c.usage.input_tokens, c.usage.output_tokens] for c in group.cases]
        with self._store.write() as connection:
            row = connection.execute(
                procedures.insert().values(
                    class_id=group.id,
                    version=version.scalar_subquery(),
                    namespace=context[0],
                    vary=context[1],
                    engine=group.engine,
                    state=state.value,
                    intent=draft.intent,
                    answer_kind=draft.answer_kind,
                    staticity=draft.staticity,
                    patterns=json.dumps(draft.patterns),
                    examples=json.dumps(examples),
                    near_misses=json.dumps(draft.near_misses),
                    source=draft.source,
                    model=facts["model"],
                    prompt_digest=facts["prompt_digest"],
                    evidence=json.dumps([finding.as_json() for finding in evidence]),
                    agreements=0,
                    disagreements=0,
                    hits=0,
                    created=facts["now"],
                    used=facts["now"],
                )
            ).inserted_primary_key
        assert row is not None
        return int(row[0])

    def settle(self, procedure_id: int, finding: Finding, *, shadow: int | None = None) -> State | None:
        """Add a comparison with the model, or the reason of a suspension, to a version.

        What follows is decided from the row as it is now, not as somebody read it: a shadow with its ``shadow``-th agreement
        becomes live, a disagreement suspends what works, and what is suspended stays so.

        Returns:
            The new state, or None when it did not change.
        """
        wanted = select(procedures.c.state, procedures.c.agreements, procedures.c.evidence)
        with self._store.write() as connection:
            row = connection.execute(wanted.where(procedures.c.id == procedure_id)).first()
            if row is None:
                return None
            new: dict[str, Any] = {"evidence": json.dumps([*json.loads(row.evidence), finding.as_json()])}
            column = procedures.c.agreements if finding.passed else procedures.c.disagreements
            new[column.name] = column + 1
            state = None
            if not finding.passed and row.state in (State.LIVE, State.SHADOW):
                state = State.SUSPENDED
            elif finding.passed and row.state == State.SHADOW and shadow is not None and row.agreements + 1 >= shadow:
                state = State.LIVE
            if state is not None:
                new["state"] = state.value
            connection.execute(update(procedures).where(procedures.c.id == procedure_id).values(new))
        return state

    def states(self) -> dict[str, int]:
        """How many versions are in each state."""
        query = select(procedures.c.state, func.count()).group_by(procedures.c.state)
        return {row[0]: int(row[1]) for row in self._store.read(query)}

    # -- classes and cases --------------------------------------------------------------------------------------------

    def groups(self, context: Context) -> list[Group]:
        """The classes of a context that are not covered, newest first."""
        query = (
            select(classes)
            .where(classes.c.namespace == context[0], classes.c.vary == context[1], classes.c.state != COVERED)
            .order_by(classes.c.id.desc())
        )
        rows = self._store.read(query)
        kept: dict[int, list[Case]] = {row.id: [] for row in rows}
        wanted = select(cases).join(classes, classes.c.id == cases.c.class_id).order_by(cases.c.id)
        wanted = wanted.where(
            classes.c.namespace == context[0], classes.c.vary == context[1], classes.c.state != COVERED
        )
        for row in self._store.read(wanted):
            if row.class_id in kept:
                kept[row.class_id].append(_case(row))
        return [_group(row, tuple(kept[row.id])) for row in rows]

    def group(self, class_id: int) -> Group | None:
        """One class."""
        rows = self._store.read(select(classes).where(classes.c.id == class_id))
        found = self._store.read(select(cases).where(cases.c.class_id == class_id).order_by(cases.c.id))
        return _group(rows[0], tuple(_case(row) for row in found)) if rows else None

    def other_cases(self, context: Context, class_id: int, limit: int) -> list[tuple[Case, int]]:
        """Cases of the context's other classes with their class, newest first: requests that must not be taken wrongly."""
        query = (
            select(cases)
            .join(classes, classes.c.id == cases.c.class_id)
            .where(classes.c.namespace == context[0], classes.c.vary == context[1], classes.c.id != class_id)
            .order_by(cases.c.id.desc())
            .limit(limit)
        )
        return [(_case(row), row.class_id) for row in self._store.read(query)]

    def file(
        self,
        request: Request,
        response: Response,
        *,
        now: float,
        class_id: int | None = None,
        verdict: str = "seen",
        procedure_id: int | None = None,
    ) -> int:
        """Keep an exchange as a case of a class (of a new one where none is given); returns the class."""
        usage = response.usage
        with self._store.write() as connection:
            if class_id is None:
                row = connection.execute(
                    classes.insert().values(
                        namespace=request.namespace,
                        vary=request.vary,
                        engine=request.engine,
                        background=request.background,
                        state=OPEN,
                        tries=0,
                        retry_at=0.0,
                        reason="",
                        created=now,
                    )
                ).inserted_primary_key
                assert row is not None
                class_id = int(row[0])
                self._prune(connection, request.context)
            values = {
                "class_id": class_id,
                "key": request.key,
                "text": request.text,
                "answer": response.text,
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "verdict": verdict,
                "procedure_id": procedure_id,
                "created": now,
            }
            count = select(func.count()).where(cases.c.class_id == class_id)
            if connection.execute(count).scalar_one() < _MOST_CASES or verdict == "disagree":
                # The same request again brings the newer answer, which is evidence of the same weight, not of more.
                connection.execute(
                    insert(cases).values(values).on_conflict_do_update(index_elements=["class_id", "key"], set_=values)
                )
        return class_id

    def _prune(self, connection: Any, context: Context) -> None:
        single = (
            select(classes.c.id)
            .where(classes.c.namespace == context[0], classes.c.vary == context[1], classes.c.state == OPEN)
            .order_by(classes.c.id.desc())
            .offset(_MOST_CLASSES)
            .limit(1)
        )
        oldest = connection.execute(single).scalar_one_or_none()
        if oldest is not None:
            connection.execute(
                delete(classes).where(
                    classes.c.namespace == context[0],
                    classes.c.vary == context[1],
                    classes.c.state == OPEN,
                    classes.c.id <= oldest,
                    ~select(procedures.c.id).where(procedures.c.class_id == classes.c.id).exists(),
                )
            )

    def claim(self, class_id: int, now: float) -> bool:
        """Take a class for compiling; False when another process has it, or its time has not come."""
        allowed = classes.c.state.in_((OPEN, DECLINED, FAILED)) & (classes.c.retry_at <= now)
        lapsed = (classes.c.state == COMPILING) & (classes.c.retry_at <= now)
        statement = (
            update(classes)
            .where(classes.c.id == class_id, allowed | lapsed)
            .values(state=COMPILING, tries=classes.c.tries + 1, retry_at=now + LEASE)
        )
        with self._store.write() as connection:
            return connection.execute(statement).rowcount == 1

    def release(self, class_id: int, state: str, *, retry_at: float = 0.0, reason: str = "") -> None:
        """End a claim: covered, declined or failed (with the time before which it is not tried again), or open."""
        statement = update(classes).where(classes.c.id == class_id)
        with self._store.write() as connection:
            connection.execute(statement.values(state=state, retry_at=retry_at, reason=reason[:500]))


def _case(row: Any) -> Case:
    return Case(row.key, row.text, row.answer, Usage(row.input_tokens, row.output_tokens))


def _group(row: Any, found: tuple[Case, ...]) -> Group:
    return Group(row.id, row.engine, row.background, row.state, row.tries, row.retry_at, row.reason, found)


def _procedure(row: Any) -> Procedure:
    examples = tuple(Case(k, t, a, Usage(i, o)) for k, t, a, i, o in json.loads(row.examples))
    draft = Draft(
        intent=row.intent,
        answer_kind=row.answer_kind,
        staticity=row.staticity,
        patterns=tuple(json.loads(row.patterns)),
        source=row.source,
        near_misses=tuple(json.loads(row.near_misses)),
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
        evidence=tuple(Finding(**found) for found in json.loads(row.evidence)),
        agreements=row.agreements,
        disagreements=row.disagreements,
        hits=row.hits,
        created=row.created,
        typical=mean_usage(examples),
    )
