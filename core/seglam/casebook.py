"""Classes and cases: the exchanges from which procedures are made, grouped by what they look like.

A class first gathers cases, then one process compiles it; then it is covered, declined or failed. Requests that are near a
covered class, but that no pattern takes, are kept with it as its near cases, until the class is widened by a pattern for them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from seglam.exchange import Request, Response, Usage
from seglam.index import unpack
from seglam.neighbours import Context, Neighbours
from seglam.procedure import Case
from seglam.schema import cases, classes, procedures
from seglam.similarity import likeness
from seglam.store import Store

OPEN, COMPILING, COVERED, DECLINED, FAILED = "open", "compiling", "covered", "declined", "failed"
LEASE: Final = 900.0
"""Seconds after which a class whose compiler never came back (a killed process) may be claimed again."""
NEAR: Final = "near"
"""The verdict of a case that belongs to a class by its look, but that no pattern of it takes."""
ABSTAINED: Final = "abstained"
"""The verdict of a case that a pattern reads, but whose values guard or code refuse."""
UNANSWERED: Final = "unanswered"
"""The verdict of abstained cases for which better code was asked for in vain."""
_APART: Final = (NEAR, ABSTAINED, UNANSWERED)
MOST_CASES: Final = 32
"""Cases kept for a class that is not covered; more of them teach nothing and cost a longer prompt."""
_MOST_CLASSES: Final = 2_000
"""Classes with a single case kept for one context; one-off requests must not fill the file."""
_MOST_OPEN: Final = 20_000
"""Classes opened since, after which one without a procedure is given up, whatever its context."""
_NEIGHBOURS: Final = 8


@dataclass(frozen=True, slots=True)
class Group:
    """A class with its cases, oldest first.

    Attributes:
        near: cases that no pattern takes yet.
        abstained: cases that a pattern reads, but whose values guard or code refuse.
    """

    id: int
    engine: str
    background: str
    state: str
    tries: int
    retry_at: float
    reason: str
    widenings: int
    cases: tuple[Case, ...]
    near: tuple[Case, ...] = ()
    abstained: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True)
class Kin:
    """The class that a request looks most like.

    Attributes:
        group: the class.
        alike: the words are alike as well, not only the meaning.
    """

    group: Group
    alike: bool


class Casebook:
    """Everything about classes and cases that is on disk.

    Args:
        store: where they are.
        embed: the vector of a request and the fingerprint of its embedder; None where it has none.
        kin: cosine similarity from which a request is near a class although its words differ.
        recurring: the same for requests in words that recur.
    """

    def __init__(
        self,
        store: Store,
        embed: Callable[[Request], tuple[bytes, str] | None],
        kin: float,
        recurring: float,
    ) -> None:
        self._store = store
        self._embed = embed
        self._kin = kin
        self._recurring = recurring
        self._neighbours = Neighbours(store)

    # -- which class --------------------------------------------------------------------------------------------------

    def place(self, request: Request, *, engine: str | None = None) -> Kin | None:
        """The class that the request looks like, by words first, else by meaning; or None.

        By meaning alone a covered class is found first, else one that nobody has tried to compile yet.

        Args:
            request: what was asked.
            engine: only classes of this engine; None: of any.
        """
        embedded = self._embed(request)
        vector = None if embedded is None else unpack(embedded[0])
        with self._neighbours.of(request.context, "" if embedded is None else embedded[1]) as hood:
            scores = hood.scores(vector)
            nearest = sorted(scores, key=lambda i: -scores[i])[:_NEIGHBOURS] if scores else list(hood.texts)[::-1]
            alike = {i: max(likeness(request.text, text) for text in hood.texts[i]) for i in nearest}
        for class_id in sorted(alike, key=lambda i: -alike[i]):
            if alike[class_id] and (group := self._usable(class_id, engine)) is not None:
                return Kin(group, alike=True)
        near = [class_id for class_id in nearest if scores and scores[class_id] >= self._kin]
        groups = [group for class_id in near if (group := self._usable(class_id, engine)) is not None]
        covered = next((group for group in groups if group.state == COVERED), None)
        untried = next((group for group in groups if group.state == OPEN and not group.tries), None)
        kin = covered or untried
        return None if kin is None else Kin(kin, alike=False)

    def reworded(self, request: Request, group: Group, *, engine: str | None = None) -> Group | None:
        """The covered class that an open one, whose words recur, may be another wording of; or None."""
        fingerprint = (self._embed(request) or (b"", ""))[1]
        best: dict[int, float] = {}
        with self._neighbours.of(request.context, fingerprint) as hood:
            for vector in hood.vectors.get(group.id, ()):
                for class_id, score in hood.scores(vector).items():
                    best[class_id] = max(score, best.get(class_id, -1.0))
        for class_id in sorted(best, key=lambda i: -best[i])[:_NEIGHBOURS]:
            if best[class_id] < self._recurring:
                break
            other = self._usable(class_id, engine)
            if other is not None and other.state == COVERED:
                return other
        return None

    def _usable(self, class_id: int, engine: str | None) -> Group | None:
        group = self.group(class_id)
        return group if group is not None and engine in (None, group.engine) else None

    def forget(self) -> None:
        """Look at all cases again: some were erased."""
        self._neighbours.forget()

    # -- reading ------------------------------------------------------------------------------------------------------

    def group(self, class_id: int) -> Group | None:
        """One class."""
        rows = self._store.read(select(classes).where(classes.c.id == class_id))
        found = self._store.read(select(cases).where(cases.c.class_id == class_id).order_by(cases.c.id))
        return _group(rows[0], [_case(row) for row in found]) if rows else None

    def groups(self, context: Context) -> list[Group]:
        """The classes of a context, newest first."""
        rows = self._store.read(
            select(classes.c.id)
            .where(classes.c.namespace == context[0], classes.c.vary == context[1])
            .order_by(classes.c.id.desc())
        )
        return [group for row in rows if (group := self.group(row.id)) is not None]

    def others(self, context: Context, class_id: int, limit: int) -> list[Case]:
        """Cases of the context's other classes, newest first: requests that must not be taken wrongly."""
        query = (
            select(cases)
            .join(classes, classes.c.id == cases.c.class_id)
            .where(classes.c.namespace == context[0], classes.c.vary == context[1], classes.c.id != class_id)
            .order_by(cases.c.id.desc())
            .limit(limit)
        )
        return [_case(row) for row in self._store.read(query)]

    # -- writing ------------------------------------------------------------------------------------------------------

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
                class_id = _open(connection, request, now)
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
            # The same request again brings the newer answer, which is evidence of the same weight, not of more.
            connection.execute(
                insert(cases).values(values).on_conflict_do_update(index_elements=["class_id", "key"], set_=values)
            )
            _crowd_out(connection, class_id, verdict)
        return class_id

    def agreed(self, class_id: int, key: str, procedure_id: int) -> bool:
        """Whether this request was compared with this version before, and agreed."""
        query = select(cases.c.id).where(
            cases.c.class_id == class_id,
            cases.c.key == key,
            cases.c.procedure_id == procedure_id,
            cases.c.verdict == "agree",
        )
        return bool(self._store.read(query))

    def judge(self, class_id: int, keys: Sequence[str], verdict: str) -> None:
        """Give cases of a class another verdict."""
        with self._store.write() as connection:
            connection.execute(
                update(cases).where(cases.c.class_id == class_id, cases.c.key.in_(keys)).values(verdict=verdict)
            )
            _crowd_out(connection, class_id, verdict)

    def drop(self, class_id: int, keys: Sequence[str]) -> None:
        """Erase cases of a class: they say what is not, or no longer, true."""
        with self._store.write() as connection:
            connection.execute(delete(cases).where(cases.c.class_id == class_id, cases.c.key.in_(keys)))
        self._neighbours.forget()

    def detach(self, request: Request, class_id: int, keys: Sequence[str], now: float) -> int:
        """Make a class of its own from cases that turned out to be no kin; returns it.

        It counts as tried, so that no request joins it by meaning alone: that has just gone wrong.
        """
        with self._store.write() as connection:
            new = _open(connection, request, now, tries=1)
            moved = update(cases).where(cases.c.class_id == class_id, cases.c.key.in_(keys))
            connection.execute(moved.values(class_id=new, verdict="seen"))
        self._neighbours.forget()
        return new

    def gather(self, request: Request, class_id: int, *, engine: str | None = None) -> int:
        """Make the cases of open classes that are near a covered one its near cases; returns how many there are.

        They are requests in other words that came before anything was known: one widening may take them all.

        Args:
            request: one of the class, for its context.
            class_id: the covered class.
            engine: only from classes of this engine; None: of any.
        """
        fingerprint = (self._embed(request) or (b"", ""))[1]
        near: set[int] = set()
        with self._neighbours.of(request.context, fingerprint) as hood:
            for vector in hood.vectors.get(class_id, ()):
                near |= {other for other, score in hood.scores(vector).items() if score >= self._kin}
        near.discard(class_id)
        if not near:
            return 0
        free = select(classes.c.id).where(classes.c.id.in_(near), classes.c.state == OPEN)
        if engine is not None:
            free = free.where(classes.c.engine == engine)
        made = select(procedures.c.id).where(procedures.c.class_id == classes.c.id).exists()
        mine = select(cases.c.key).where(cases.c.class_id == class_id)
        with self._store.write() as connection:
            ids = [row.id for row in connection.execute(free.where(~made))]
            newest = select(func.max(cases.c.id)).where(cases.c.class_id.in_(ids)).group_by(cases.c.key)
            connection.execute(delete(cases).where(cases.c.class_id.in_(ids), cases.c.id.not_in(newest)))
            connection.execute(delete(cases).where(cases.c.class_id.in_(ids), cases.c.key.in_(mine)))
            moved = update(cases).where(cases.c.class_id.in_(ids)).values(class_id=class_id, verdict=NEAR)
            count = connection.execute(moved).rowcount
            connection.execute(delete(classes).where(classes.c.id.in_(ids)))
        self._neighbours.forget()
        return count

    def absorb(self, class_id: int, other: int) -> None:
        """Give a class the cases of another whose procedure was merged into its own."""
        mine = select(cases.c.key).where(cases.c.class_id == class_id)
        with self._store.write() as connection:
            connection.execute(delete(cases).where(cases.c.class_id == other, cases.c.key.in_(mine)))
            connection.execute(update(cases).where(cases.c.class_id == other).values(class_id=class_id))
        self._neighbours.forget()

    def adopt(self, class_id: int, other: int) -> None:
        """Make the cases of an open class near cases of a covered one."""
        mine = select(cases.c.key).where(cases.c.class_id == class_id)
        with self._store.write() as connection:
            connection.execute(delete(cases).where(cases.c.class_id == other, cases.c.key.in_(mine)))
            moved = update(cases).where(cases.c.class_id == other)
            connection.execute(moved.values(class_id=class_id, verdict=NEAR))
            connection.execute(delete(classes).where(classes.c.id == other))
        self._neighbours.forget()

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

    def claim_widening(self, class_id: int, now: float) -> bool:
        """Take a covered class for widening; it stays covered, and its procedure answers meanwhile."""
        statement = (
            update(classes)
            .where(classes.c.id == class_id, classes.c.state == COVERED, classes.c.retry_at <= now)
            .values(widenings=classes.c.widenings + 1, retry_at=now + LEASE)
        )
        with self._store.write() as connection:
            return connection.execute(statement).rowcount == 1

    def release(self, class_id: int, state: str | None, *, retry_at: float = 0.0, reason: str = "", **new: int) -> None:
        """End a claim: covered, declined or failed (with the time before which it is not tried again), or open.

        None leaves the state as it is: the class may have been refuted while it was widened.
        """
        values: dict[str, Any] = {"retry_at": retry_at, "reason": reason[:500], **new}
        if state is not None:
            values["state"] = state
        with self._store.write() as connection:
            wanted = classes.c.id == class_id
            if state is None:  # else the lease or the pause of somebody else would end
                wanted &= classes.c.state == COVERED
            connection.execute(update(classes).where(wanted).values(values))

    def uncover(self, class_id: int, *, retry_at: float, reason: str) -> bool:
        """Make a covered class one that failed, because no version of it answers; False when somebody else has done so."""
        values = {"state": FAILED, "retry_at": retry_at, "reason": reason[:500]}
        statement = update(classes).where(classes.c.id == class_id, classes.c.state == COVERED).values(values)
        with self._store.write() as connection:
            return connection.execute(statement).rowcount == 1


def _crowd_out(connection: Any, class_id: int, verdict: str) -> None:
    """Erase the oldest cases of a kind beyond the most that are kept. Counterexamples stay."""
    # Counted apart: a class that is full of cases must still be able to learn another wording.
    kind = cases.c.verdict == verdict if verdict in _APART else cases.c.verdict.not_in((*_APART, "disagree"))
    here = select(cases.c.id).where(cases.c.class_id == class_id, kind).order_by(cases.c.id.desc())
    rows = [row.id for row in connection.execute(here.offset(MOST_CASES))]
    if rows:
        connection.execute(delete(cases).where(cases.c.id.in_(rows)))


def _open(connection: Any, request: Request, now: float, tries: int = 0) -> int:
    row = connection.execute(
        classes.insert().values(
            namespace=request.namespace,
            vary=request.vary,
            engine=request.engine,
            background=request.background,
            state=OPEN,
            tries=tries,
            retry_at=0.0,
            reason="",
            widenings=0,
            created=now,
        )
    ).inserted_primary_key
    assert row is not None
    _prune(connection, request.context)
    return int(row[0])


def _prune(connection: Any, context: Context) -> None:
    here = (classes.c.namespace == context[0], classes.c.vary == context[1], classes.c.state == OPEN)
    single = select(classes.c.id).where(*here).order_by(classes.c.id.desc()).offset(_MOST_CLASSES).limit(1)
    oldest = connection.execute(single).scalar_one_or_none()
    made = select(procedures.c.id).where(procedures.c.class_id == classes.c.id).exists()
    if oldest is not None:
        connection.execute(delete(classes).where(*here, classes.c.id <= oldest, ~made))
    # A system prompt with a name or a day in it makes a context of its own for every request.
    newest = connection.execute(select(func.max(classes.c.id))).scalar_one()
    long_ago = classes.c.id <= newest - _MOST_OPEN
    connection.execute(delete(classes).where(long_ago, classes.c.state != COMPILING, ~made))


def _case(row: Any) -> Case:
    return Case(
        row.key, row.text, row.answer, Usage(row.input_tokens, row.output_tokens), row.verdict, created=row.created
    )


def _group(row: Any, found: Sequence[Case]) -> Group:
    return Group(
        id=row.id,
        engine=row.engine,
        background=row.background,
        state=row.state,
        tries=row.tries,
        retry_at=row.retry_at,
        reason=row.reason,
        widenings=row.widenings,
        cases=tuple(case for case in found if case.verdict not in _APART),
        near=tuple(case for case in found if case.verdict == NEAR),
        abstained=tuple(case for case in found if case.verdict == ABSTAINED),
    )
