"""Making procedures: a hot class is compiled, a covered one widened, what answers the same merged. Off the request path."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import combinations

from seglam.casebook import COMPILING, COVERED, DECLINED, FAILED, MOST_CASES, OPEN, UNANSWERED, Group
from seglam.compiler import Compilation
from seglam.errors import PatternError, SupersededError
from seglam.exchange import Request, Response
from seglam.jury import same
from seglam.library import Birth, Context
from seglam.merging import Merger
from seglam.procedure import Case, Draft, Finding, Procedure, State
from seglam.resources import Bound, Resources
from seglam.similarity import similar
from seglam.trust import Record, trusted
from seglam.values import conflict
from seglam.verifier import Evidence, gate

logger = logging.getLogger("seglam")

_OTHERS = 200
_NEAR_SHOWN = 6
_REFUSED = 2  # requests that the code of a class does not answer, before it is written anew; doubles with every failure
_REFUSED_SHOWN = 3
_OUTAGE = 300.0  # seconds: a model that cannot be reached says nothing about a class
_SHOWN = 6
_WRONG_SHOWN = 3
_EXAMPLES_SHOWN = 3
_DECLINED_LONGER = 24  # a reason that was thought about is not gone in an hour, as a slip may be
_AGAIN = frozenset({"versions"})
_EXTENSION = "extension"


class Author(Bound):
    """Makes versions of procedures, and lets them answer when they are trusted."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._merger = Merger(resources)
        self._not_before: dict[int, float] = {}  # extensions by class; after a restart it may be tried once sooner

    def promote(self, record: Record, agreed: int, disagreed: int) -> bool:
        """Whether a version may answer after so many comparisons, given the record of all others."""
        policy = self._policy
        return agreed >= policy.shadow and trusted(record, agreed, disagreed, target=policy.trust, strict=policy.strict)

    # -- compiling ---------------------------------------------------------------------------------------------------

    def hot(self, group: Group) -> bool:
        """Whether a class recurs, and its time to be compiled has come."""
        if group.state == COVERED:
            return False
        since = self._clock() - self._policy.window
        distinct = {case.text for case in group.cases if case.created >= since}
        if len(distinct) < self._policy.heat:
            return False
        if group.state == COMPILING:
            return group.retry_at <= self._clock()  # whoever had it never came back
        # Each failure asks for twice as many, but never for more than a class keeps.
        wanted = min(self._policy.heat * 2**group.tries, MOST_CASES)
        if group.state != OPEN and (group.retry_at > self._clock() or len(distinct) < wanted):
            return False
        # One answer to different requests, or other words for the same values: several wordings of one question. Exact and
        # semantic tiers serve those; a procedure from them would be a constant.
        return len({case.answer for case in group.cases}) > 1 and _varied(distinct)

    def later(self, tries: int, *, declined: bool = False) -> float:
        """When to try again after so many tries."""
        wait = self._policy.retry_after * (_DECLINED_LONGER if declined else 1)
        return self._clock() + wait * 2.0 ** min(tries, 10)

    def compile(
        self, request: Request, group: Group, *, origin: str = "compiled", further: Sequence[Case] = ()
    ) -> Compilation | None:
        """Have a class compiled and keep what came of it; None when it is not its time, or the model failed.

        Args:
            request: the request that made the class hot.
            group: the class; its cases are shown to the compiler.
            origin: why.
            further: cases that are not shown, but must be reproduced as well.
        """
        compiler = self._compiler
        if compiler is None or not compiler.affordable() or not self._casebook.claim(group.id, self._clock()):
            return None
        paid = compiler.paid
        skip = self._policy.skip | (_AGAIN if origin == "first" else frozenset())
        try:
            result = self._compiled(request, group, skip, further)
        except BaseException as error:
            self._failed(request, group, FAILED, error, paid=compiler.paid > paid)
            return None
        self._keep(request, group, result, origin)
        return result

    def _compiled(
        self, request: Request, group: Group, skip: frozenset[str], further: Sequence[Case] = ()
    ) -> Compilation:
        """What the compiler makes of a group's cases; the gate holds it against ``further`` cases as well."""
        compiler = self._compiler
        assert compiler is not None
        background = request.background or group.background

        @cache
        def again() -> Draft | None:
            try:
                return compiler.again(_with_counterexamples(group.cases), background, request.namespace)
            except (
                Exception
            ) as error:  # a model that fails now must not cost a draft that is there: shadow still follows
                logger.warning("a second version could not be had: %s", type(error).__name__)
                self._ledger.count("fault.compiler", request.namespace)
                return None

        known = {case.key for case in group.cases}
        cases = (*group.cases, *(case for case in further if case.key not in known))
        evidence = replace(self._evidence(request, group.id, cases, background), rewrite=again)
        shown = _with_counterexamples(group.cases)
        return compiler.compile(*(shown, background, request.namespace), lambda draft: gate(draft, evidence, skip))

    def first(self, request: Request, case: Case, class_id: int | None) -> Procedure | None:
        """Have a class compiled from its first request, whose answer nobody knows yet; the version, if it passed the gate."""
        if self._compiler is None:
            return None
        class_id = self._casebook.file(request, Response(""), now=self._clock(), class_id=class_id)
        group = self._casebook.group(class_id)
        if group is None:
            return None
        known = [other for other in group.cases if other.answer]
        result = self.compile(request, replace(group, cases=(case,)), origin="first", further=known)
        if result is None or not result.passed:
            return None
        return self._library.versions(class_id)[-1]

    def examine(
        self, class_id: int, context: Context, draft: Draft, examples: Sequence[Case], *, engine: str = ""
    ) -> tuple[Finding, ...]:
        """Put a draft that did not come from the compiler through the gate: a person's edit, a bundle's procedure."""
        request = Request("", namespace=context[0], vary=context[1], engine=engine)
        try:
            _ = draft.guard
        except PatternError as error:
            return (Finding("patterns", passed=False, detail=str(error)),)
        evidence = self._evidence(request, class_id, examples, "")
        return gate(draft, evidence, self._policy.skip | _AGAIN)

    def _evidence(self, request: Request, class_id: int, cases: Sequence[Case], background: str) -> Evidence:
        compiler = self._compiler
        ask = None
        if compiler is not None and self._policy.compile != "off":
            ask = partial(compiler.vote, background=background, space=request.namespace)
        working = self._library.working(request.context)
        return Evidence(
            cases=cases,
            others=self._casebook.others(request.context, class_id, _OTHERS),
            rivals=[
                p
                for p in working
                if p.class_id != class_id and self._standing.may(p, replace(request, engine=request.engine or p.engine))
            ],
            sandbox=self._sandbox,
            ask=ask,
            judge=lambda question, expected, actual, kind: same(
                *(self._policy.judge, kind, question, expected, actual),
            ),
        )

    def _failed(
        self, request: Request, group: Group, state: str | None, error: BaseException, *, paid: bool = False
    ) -> None:
        # A class left claimed would wait for its lease. The error itself may quote the prompt: its kind is enough.
        logger.warning("compiling class %d failed: %s", group.id, type(error).__name__)
        self._ledger.count("fault.compiler", request.namespace)
        # A model that could not be reached has tried nothing: the claim's try is given back. What failed after a reply that
        # was paid for will fail again.
        soon = self._clock() + min(_OUTAGE, self._policy.retry_after)
        tries = {} if paid else {"tries": group.tries, "widenings": group.widenings}
        later = self.later(max(group.tries, group.widenings)) if paid else soon
        self._casebook.release(group.id, state, retry_at=later, reason=type(error).__name__, **tries)
        if self._policy.on_fault == "raise" or not isinstance(error, Exception):
            raise error

    def _birth(self, group: Group, result: Compilation, origin: str) -> Birth:
        assert self._compiler is not None
        return Birth(
            model=self._compiler.model.name,
            prompt_digest=result.prompt_digest,
            now=self._clock(),
            engine=group.engine,
            origin=origin,
            evidence=result.findings,
        )

    def _keep(self, request: Request, group: Group, result: Compilation, origin: str) -> None:
        outcome = COVERED if result.passed else DECLINED if result.declined else FAILED
        self._ledger.count(f"compile.{outcome}", request.namespace)
        if result.draft is not None:
            kept = self._without_outvoted(group, result) if result.passed else group.cases
            live = State.LIVE if self._policy.shadow == 0 else State.SHADOW
            state = live if result.passed else State.DRAFT
            birth = replace(self._birth(group, result, origin), proven=self._proven(result, kept))
            new = self._library.save(group.id, request.context, result.draft, kept, birth, state)
            if state is State.LIVE and (procedure := self._library.get(new)) is not None:
                self._merger.went_live(procedure)
        strangers = [case for case in group.cases if not similar(case.text, group.cases[0].text)]
        if strangers and not result.passed and not group.tries:
            # Wordings that were compiled together in vain go their own ways.
            self._casebook.release(group.id, OPEN, reason=result.reason, tries=1)
            self._part(request, group, strangers)
            return
        tries = {"tries": 0, "widenings": 0} if result.passed else {}
        later = 0.0 if result.passed else self.later(group.tries, declined=result.declined is not None)
        self._casebook.release(group.id, outcome, retry_at=later, reason=result.reason, **tries)
        engine = group.engine if self._policy.bind_engine else None
        if result.passed and self._casebook.gather(request, group.id, engine=engine):
            self.widen(request, group.id)

    def _proven(self, result: Compilation, examples: Sequence[Case], parent: Procedure | None = None) -> frozenset[str]:
        known = frozenset() if parent is None else parent.proven
        return self.proved(result.draft, examples, known) if result.passed and result.draft is not None else frozenset()

    def _without_outvoted(self, group: Group, result: Compilation) -> list[Case]:
        """The cases that hold; those whose reply the model has taken back are dropped, and their stored answers with them."""
        out = frozenset(result.outvoted)
        if out:
            self._casebook.drop(group.id, sorted(out))
            self._store.drop_entries(sorted(out))
        return [case for case in group.cases if case.key not in out]

    # -- widening ----------------------------------------------------------------------------------------------------

    def parent(self, group: Group) -> Procedure | None:
        """The newest version of a class that may be widened."""
        working = [p for p in self._library.versions(group.id) if p.state in (State.LIVE, State.SHADOW)]
        return working[-1] if working else None

    def wanted(self, group: Group) -> int:
        """How many near requests a class must have before it is widened."""
        return min(self._policy.widen << group.widenings, max(_NEAR_SHOWN, self._policy.widen))

    def widen(self, request: Request, class_id: int) -> None:
        """Have a covered class widened by a pattern for its near cases, when there are enough of them."""
        group = self._casebook.group(class_id)
        parent = None if group is None else self.parent(group)
        compiler = self._compiler
        if group is None or parent is None or compiler is None or not compiler.affordable():
            return
        near = [case for case in group.near if parent.draft.guard.match(case.text) is None]
        if len({case.text for case in near}) < self.wanted(group):
            return
        if not self._casebook.claim_widening(group.id, self._clock()):
            return
        background = request.background or group.background
        evidence = self._evidence(request, group.id, parent.examples, background)
        known = {case.key for case in parent.examples}
        further = [case for case in (*near, *group.cases) if case.answer and case.key not in known]
        shown = near[-_NEAR_SHOWN:]
        paid = compiler.paid
        try:
            result = compiler.widen(
                *(parent.draft, shown, background, request.namespace),
                self._wide_gate(evidence, shown, further),
                [p.template for p in parent.draft.guard.patterns if any(p.match(c.text) for c in parent.examples)],
            )
        except BaseException as error:
            self._failed(request, group, None, error, paid=compiler.paid > paid)
            return
        self._keep_wider(request, group, parent, near, result)

    def _wide_gate(
        self, evidence: Evidence, shown: Sequence[Case], further: Sequence[Case]
    ) -> Callable[[Draft], tuple[Finding, ...]]:
        """The gate for a wider draft: it must take one at least of the requests shown, and reproduce all that it takes."""

        def check(draft: Draft) -> tuple[Finding, ...]:
            guard = draft.guard
            if not any(guard.match(case.text) for case in shown):
                return (Finding("replay", passed=False, detail=f"no template takes the request {shown[0].text!r}"),)
            taken = [case for case in further if guard.match(case.text) is not None]
            return gate(draft, replace(evidence, cases=(*taken, *evidence.cases)), self._policy.skip | _AGAIN)

        return check

    def _keep_wider(
        self, request: Request, group: Group, parent: Procedure, near: Sequence[Case], result: Compilation
    ) -> None:
        self._ledger.count(f"widen.{'covered' if result.passed else 'failed'}", request.namespace)
        if not result.passed or result.draft is None:
            self._casebook.release(group.id, None, reason=result.reason)
            self._part(request, group, near)
            return
        self._without_outvoted(group, result)
        out = frozenset(result.outvoted)
        taken = [c for c in near if c.key not in out and result.draft.guard.match(c.text) is not None]
        # The same code, whose replies to requests that it had never seen were just found right: that is what shadow asks for.
        compared = [case for case in taken if case.answer]
        agreed = parent.agreements + len(compared)
        birth = replace(self._birth(group, result, "widened"), parent=parent.id, agreements=agreed)
        good = bool(compared) and (parent.state is State.LIVE or self.promote(self._library.record(), len(compared), 0))
        state = State.LIVE if good and self._standing.may(parent, request) else State.SHADOW
        examples = [*(case for case in parent.examples if case.key not in out), *taken]
        new = self._save_derived(request, group, result, examples, birth, state)
        if new is None:
            return
        self._casebook.judge(group.id, [case.key for case in taken], "agree")
        self._casebook.release(group.id, None, widenings=0)
        self._part(request, group, [c for c in near if c not in taken and c.key not in out])
        if (procedure := self._library.get(new)) is not None and procedure.state is State.LIVE:
            self._merger.went_live(procedure)

    def _save_derived(
        self, request: Request, group: Group, result: Compilation, examples: Sequence[Case], birth: Birth, state: State
    ) -> int | None:
        """Keep a version that was made from another; None when that one was refuted while the model wrote."""
        assert result.draft is not None
        try:
            parent = self._library.get(birth.parent) if birth.parent is not None and birth.origin == "widened" else None
            birth = replace(birth, proven=self._proven(result, examples, parent))
            return self._library.save(group.id, request.context, result.draft, examples, birth, state)
        except SupersededError as error:
            self._casebook.release(group.id, None, reason=str(error))
            return None

    def extend(self, request: Request, class_id: int) -> None:
        """Have a covered class compiled anew when its code keeps refusing requests that its patterns take.

        The version that answers goes on answering until the new one, which reproduces all its examples, has proved itself.
        """
        group = self._casebook.group(class_id)
        parent = None if group is None else self.parent(group)
        if group is None or parent is None or self._compiler is None or not self._compiler.affordable():
            return
        refused = group.abstained[-_REFUSED_SHOWN:]
        if self._clock() < self._not_before.get(group.id, 0.0):
            return
        if len({case.text for case in group.abstained}) < min(_REFUSED * 2 ** self._in_vain(group), MOST_CASES):
            return
        if not self._casebook.claim_widening(group.id, self._clock()):
            return
        shown = replace(group, cases=(*parent.examples[:_EXAMPLES_SHOWN], *refused))
        paid = self._compiler.paid
        try:
            taken = [case for case in group.cases if case.answer and parent.draft.guard.match(case.text) is not None]
            result = self._compiled(request, shown, self._policy.skip, (*parent.examples, *taken))
        except BaseException as error:
            self._failed(request, group, None, error, paid=self._compiler.paid > paid)
            return
        self._keep_extended(request, group, parent, refused, result)

    def _in_vain(self, group: Group) -> int:
        """How often better code was asked for in vain."""
        return sum(f.stage == _EXTENSION for p in self._library.versions(group.id) for f in p.evidence)

    def _keep_extended(
        self, request: Request, group: Group, parent: Procedure, refused: Sequence[Case], result: Compilation
    ) -> None:
        passed = result.passed and result.draft is not None
        self._ledger.count(f"extend.{'covered' if passed else 'failed'}", request.namespace)
        if not passed:
            self._casebook.release(group.id, None, reason=result.reason, widenings=group.widenings)
            self._not_before[group.id] = self.later(self._in_vain(group))
            self._library.note(parent.id, Finding(_EXTENSION, passed=False, detail=result.reason), self._clock())
            # They count no more: what the code rightly refuses must not ask for better code for ever.
            self._casebook.judge(group.id, [case.key for case in group.abstained], UNANSWERED)
            return
        kept = [c for c in (*parent.examples, *refused) if c.key not in result.outvoted]
        birth = replace(self._birth(group, result, "extended"), parent=parent.id)
        if self._save_derived(request, group, result, kept, birth, State.SHADOW) is not None:
            self._casebook.judge(group.id, [case.key for case in refused], "seen")
            self._casebook.release(group.id, None, widenings=0)

    def _part(self, request: Request, group: Group, strangers: Sequence[Case]) -> None:
        """No kin after all: what is alike among them is a class of its own, and may become a procedure of its own."""
        left = list(strangers)
        while left:
            alike = [case for case in left if case is left[0] or similar(case.text, left[0].text)]
            left = [case for case in left if case not in alike]
            new = self._casebook.detach(request, group.id, [case.key for case in alike], self._clock())
            apart = self._casebook.group(new)
            if apart is not None and self.hot(apart):
                self.compile(request, apart)


def _varied(texts: Collection[str]) -> bool:
    """Whether requests are of one kind with other values: alike in their words, or stating different values."""
    pairs = combinations(sorted(texts)[:_SHOWN], 2)
    return any(similar(one, other) or conflict(one, other) is not None for one, other in pairs)


def _with_counterexamples(cases: Sequence[Case]) -> list[Case]:
    """The cases in the order in which a prompt shows them: what an earlier version got wrong is among the first."""
    wrong = [case for case in cases if case.verdict == "disagree"][-_WRONG_SHOWN:]
    return [*(case for case in cases if case not in wrong)][: _SHOWN - len(wrong)] + wrong
