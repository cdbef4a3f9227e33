"""The procedure tier: requests whose class has verified code are answered by running it; the others teach it.

find() runs on the request path and writes nothing. learn() runs after the model has answered, in the background: it settles
what runs in shadow, files the exchange as a case, and has a class compiled when it is hot.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from seglam.compiler import Compilation, Compiler
from seglam.exchange import Hit, Miss, Request, Response, TierName, Usage, Why
from seglam.flow import Flow, call, quick
from seglam.ledger import Ledger
from seglam.library import COMPILING, COVERED, DECLINED, FAILED, OPEN, Group, Library
from seglam.policy import Policy
from seglam.procedure import Answer, Case, Draft, Finding, Procedure, State, answer
from seglam.sandbox import HIT, Sandbox
from seglam.similarity import similar
from seglam.verifier import Evidence, gate

logger = logging.getLogger("seglam")

_OTHERS = 200
_STRIKES = 3


class ProceduralTier:
    """Answers by live procedures of the request's context, and makes new ones.

    Args:
        library, sandbox, policy, ledger, clock: shared with the cache.
        compiler: None: procedures that exist are used, no new ones are made.
    """

    name = TierName.PROCEDURE

    def __init__(
        self,
        library: Library,
        sandbox: Sandbox,
        policy: Policy,
        ledger: Ledger,
        compiler: Compiler | None,
        clock: Callable[[], float],
    ) -> None:
        self._library = library
        self._sandbox = sandbox
        self._policy = policy
        self._ledger = ledger
        self._compiler = compiler
        self._clock = clock
        self._strikes: dict[int, int] = {}
        self._distrusted: dict[int, Finding] = {}

    # -- the request path ---------------------------------------------------------------------------------------------

    def find(self, request: Request) -> Flow[Hit | Miss | None]:
        """The answer of the live procedures that accept the whole text; Miss(DISAGREE) when two differ."""
        if not self._policy.answerable(request):
            return None
        working = yield from quick(self._library.working, request.context)
        live = [p for p in working if p.state is State.LIVE and self._may(p, request)]
        taking = [p for p in live if p.draft.guard.match(request.text) is not None]
        if not taking:
            return None
        return (yield from call(self._run, request, taking))

    def _may(self, procedure: Procedure, request: Request) -> bool:
        if procedure.id in self._distrusted:
            return False
        return not self._policy.bind_engine or procedure.engine == request.engine

    def _run(self, request: Request, taking: Sequence[Procedure]) -> Hit | Miss | None:
        answers = [(p, given) for p in taking if (given := self._answer(p, request)).text is not None]
        if not answers:
            return None
        first, given = answers[0]
        assert given.text is not None
        for other, theirs in answers[1:]:
            if not first.agrees(request.text, given.text, theirs.text or ""):
                self._suspend((first, other), f"they gave {given.text!r} and {theirs.text!r} for one request")
                return Miss(Why.DISAGREE, f"procedures {first.id} and {other.id}")
        notes = {"intent": first.draft.intent, "version": first.version, "model": first.model}
        return Hit(Response(given.text), self.name, f"procedure:{first.id}", notes=notes)  # computed now: its age is 0

    def _answer(self, procedure: Procedure, request: Request) -> Answer:
        given = answer(procedure.draft, request.text, self._sandbox, HIT)
        if given.outcome is not None and given.outcome.strike:
            self._ledger.count(f"fault.sandbox.{given.outcome.status}", request.namespace)
            strikes = self._strikes[procedure.id] = self._strikes.get(procedure.id, 0) + 1
            if strikes >= _STRIKES:
                self._suspend((procedure,), f"broke its limits {strikes} times: {given.outcome.status}")
        elif given.text is not None and self._strikes:
            self._strikes.pop(procedure.id, None)  # in a row: one time-out in a thousand runs is the machine's
        return given

    def _suspend(self, which: Sequence[Procedure], why: str) -> None:
        for procedure in which:
            logger.warning("procedure %d is suspended", procedure.id)
            self._ledger.count("procedures.suspended", procedure.namespace)
            # In memory first: it must not answer again although the file is locked just now.
            self._distrusted[procedure.id] = Finding("suspended", passed=False, detail=why[:2000])
        self.persist()

    def persist(self) -> None:
        """Write down suspensions that are only in memory yet; what cannot be written now is tried at the next flush."""
        for procedure_id, finding in list(self._distrusted.items()):
            self._library.settle(procedure_id, finding)
            self._distrusted.pop(procedure_id, None)

    def stop(self) -> None:
        """No further repairs: the cache is closing, and waits for the call that is under way."""
        if self._compiler is not None:
            self._compiler.stopped = True

    def saved(self, hit: Hit, context: tuple[str, str]) -> Usage:
        """What the model would have taken for a hit of this tier: the mean of the cases."""
        wanted = int(hit.source.partition(":")[2])
        return next((p.typical for p in self._library.working(context) if p.id == wanted), Usage())

    # -- learning, off the request path -------------------------------------------------------------------------------

    def learn(self, request: Request, response: Response) -> None:
        """Settle shadows, file the case, compile the class when it is hot. The answer does not wait for this."""
        taken = self._settle(request, response)
        if taken or self._compiler is None or not self._policy.compilable(request):
            return
        group = self._place(request)
        class_id = self._library.file(request, response, now=self._clock(), class_id=group.id if group else None)
        group = self._library.group(class_id)
        if group is not None and self._hot(group):
            self._compile(request, group)

    def _settle(self, request: Request, response: Response) -> bool:
        """Compare the working procedures that accept this request with what the model said; whether there were any."""
        taken = False
        for procedure in self._library.working(request.context):
            if not self._may(procedure, request):
                continue
            given = answer(procedure.draft, request.text, self._sandbox, HIT)
            if given.text is not None:
                taken = True
                self._compare(procedure, request, response, given.text)
        return taken

    def _compare(self, procedure: Procedure, request: Request, response: Response, given: str) -> None:
        agrees = procedure.agrees(request.text, response.text, given)
        if agrees and any(case.answer and case.text == request.text for case in procedure.examples):
            return  # it was made from this very exchange: agreeing again shows nothing
        if agrees:
            stage = "audit" if procedure.state is State.LIVE else "shadow"
            if (
                self._library.settle(procedure.id, Finding(stage, passed=True), shadow=self._policy.shadow)
                is State.LIVE
            ):
                self._ledger.count("procedures.live", procedure.namespace)
        else:
            self._suspend((procedure,), f"for {request.text!r} the model said {response.text!r}, the code {given!r}")
            self._reopen(procedure)
        self._library.file(
            request,
            response,
            now=self._clock(),
            class_id=procedure.class_id,
            verdict="agree" if agrees else "disagree",
            procedure_id=procedure.id,
        )

    def _reopen(self, procedure: Procedure) -> None:
        """Let the class be compiled again, later: its cases now hold the counterexample."""
        group = self._library.group(procedure.class_id)
        if group is not None:
            self._library.release(group.id, FAILED, retry_at=self._later(group), reason="disagreed with the model")

    def _place(self, request: Request) -> Group | None:
        """The class that this request looks like: one that holds a similar case."""
        for group in self._library.groups(request.context):
            if self._policy.bind_engine and group.engine != request.engine:
                continue
            if any(similar(request.text, case.text) for case in group.cases[-8:]):
                return group
        return None

    def _hot(self, group: Group) -> bool:
        distinct = {case.text for case in group.cases}
        if len(distinct) < self._policy.heat or group.state == COVERED:
            return False
        if group.state == COMPILING:
            return group.retry_at <= self._clock()  # whoever had it never came back
        if group.state != OPEN and (
            group.retry_at > self._clock() or len(distinct) < self._policy.heat * 2**group.tries
        ):
            return False
        # One answer to different requests: several wordings of one question. Exact and semantic tiers serve those; a
        # procedure from them would be a constant.
        return len({case.answer for case in group.cases}) > 1

    def _later(self, group: Group) -> float:
        return self._clock() + self._policy.retry_after * 2.0 ** min(group.tries, 10)

    def _compile(self, request: Request, group: Group) -> Compilation | None:
        compiler = self._compiler
        if compiler is None or not compiler.affordable() or not self._library.claim(group.id, self._clock()):
            return None
        try:
            result = compiler.compile(group.cases, request.background or group.background, self._gate(request, group))
        except BaseException as error:
            # A class left claimed would wait for its lease. The error itself may quote the prompt: its kind is enough.
            logger.warning("compiling class %d failed: %s", group.id, type(error).__name__)
            self._ledger.count("fault.compiler", request.namespace)
            self._library.release(group.id, FAILED, retry_at=self._later(group), reason=type(error).__name__)
            if self._policy.on_fault == "raise" or not isinstance(error, Exception):
                raise
            return None
        self._keep(request, group, result)
        return result

    def _gate(self, request: Request, group: Group) -> Callable[[Draft], tuple[Finding, ...]]:
        others = [case for case, _ in self._library.other_cases(request.context, group.id, _OTHERS)]
        rivals = [p for p in self._library.working(request.context) if self._may(p, request)]
        evidence = Evidence(group.cases, others, rivals, self._sandbox)
        return lambda draft: gate(draft, evidence)

    def _keep(self, request: Request, group: Group, result: Compilation) -> None:
        space = request.namespace
        self._ledger.count("compile.calls", space, result.calls)
        self._ledger.count("compile.input_tokens", space, result.usage.input_tokens)
        self._ledger.count("compile.output_tokens", space, result.usage.output_tokens)
        if result.draft is not None:
            assert self._compiler is not None
            live = State.LIVE if self._policy.shadow == 0 else State.SHADOW
            facts = {
                "model": self._compiler.model.name,
                "prompt_digest": result.prompt_digest,
                "evidence": result.findings,
                "now": self._clock(),
            }
            state = live if result.passed else State.DRAFT
            self._library.save(group, request.context, result.draft, state=state, facts=facts)
        outcome = COVERED if result.passed else DECLINED if result.declined else FAILED
        self._ledger.count(f"compile.{outcome}", space)
        later = 0.0 if result.passed else self._later(group)
        self._library.release(group.id, outcome, retry_at=later, reason=result.reason)

    # -- compile="first" ----------------------------------------------------------------------------------------------

    def author(self, request: Request) -> Flow[Hit | None]:
        """Ask the model for code instead of an answer, and answer with what the code gives (compile="first").

        The code has passed every stage that needs no known answer, and enters shadow: this one answer is the model's own
        work by another road, the next one needs an agreement first.
        """
        wanted = self._compiler is not None and self._policy.compile == "first" and not request.control.only_if_cached
        if not wanted or not self._policy.compilable(request):
            return None
        return (yield from call(self._author, request))

    def _author(self, request: Request) -> Hit | None:
        known = self._place(request)
        taken = any(p.draft.guard.match(request.text) for p in self._library.working(request.context))
        if taken or (known is not None and known.state != OPEN):
            return None
        class_id = self._library.file(request, Response(""), now=self._clock(), class_id=known.id if known else None)
        group = self._library.group(class_id)
        if group is None:
            return None
        only = replace(group, cases=(Case(request.key, request.text, ""),))
        result = self._compile(request, only)
        if result is None or result.draft is None or not result.passed:
            return None
        given = answer(result.draft, request.text, self._sandbox, HIT)
        if given.text is None:
            return None
        newest = max((p.id for p in self._library.all(request.context) if p.class_id == class_id), default=0)
        notes = {"intent": result.draft.intent, "first": True}
        return Hit(Response(given.text), self.name, f"procedure:{newest}", notes=notes)
