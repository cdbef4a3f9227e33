"""What happens after the model has answered, in the background.

Shadows and audits are settled, a disagreement is put to the vote, and the exchange is filed as a case, from which the author
makes procedures.
"""

import logging
import math
from dataclasses import replace
from functools import partial

from seglam.authoring import Author
from seglam.casebook import ABSTAINED, COVERED, NEAR, OPEN, Group
from seglam.exchange import Request, Response
from seglam.jury import Verdict, blame
from seglam.lifetimes import DAY
from seglam.merging import Merger
from seglam.procedure import Case, Finding, Procedure, State, answer
from seglam.resources import Bound, Resources
from seglam.sandbox import HIT, Status

logger = logging.getLogger("seglam")

_REFUSING = frozenset({Status.OK, Status.REFUSED, Status.ERROR})  # OK: check() said no; a busy machine says nothing
_RECHECKED = 2  # old cases that are asked again to tell a counterexample from a change of the world


class Learner(Bound):
    """Keeps procedures honest, and gathers what new ones are made from."""

    def __init__(self, resources: Resources, author: Author) -> None:
        super().__init__(resources)
        self._author = author
        self._merger = Merger(resources)
        self._inspected = -math.inf

    def stop(self) -> None:
        """No further calls: the cache is closing, and waits for the one that is under way."""
        if self._compiler is not None:
            self._compiler.stopped = True

    def learn(self, request: Request, response: Response) -> None:
        """Learn from one exchange. The answer does not wait for this."""
        self._retire_unused()
        taken, abstained = self._settle(request, response)
        if taken or self._compiler is None or not self._policy.compilable(request):
            return
        if request.fits is not None and not request.fits(response.text):
            return  # not of the form that was asked for: evidence against a procedure, but nothing to make one from
        if abstained is not None:
            self._abstained(request, response, abstained.class_id)
            return
        engine = request.engine if self._policy.bind_engine else None
        kin = self._casebook.place(request, engine=engine)
        covered = kin is not None and kin.group.state == COVERED
        parent = self._author.parent(kin.group) if kin is not None and covered else None
        if kin is not None and covered and parent is None:
            self._uncover(kin.group, "no version of it answers")
        if parent is not None and parent.draft.guard.reads(request.text):
            self._abstained(request, response, parent.class_id)
            return
        if parent is not None:
            self._casebook.file(request, response, now=self._clock(), class_id=parent.class_id, verdict=NEAR)
            self._author.widen(request, parent.class_id)
            return
        class_id = kin.group.id if kin is not None and (kin.alike or kin.group.state == OPEN) else None
        class_id = self._casebook.file(request, response, now=self._clock(), class_id=class_id)
        group = self._casebook.group(class_id)
        if group is not None and self._author.hot(group) and not self._reworded(request, group, engine):
            self._author.compile(request, group)

    def _reworded(self, request: Request, group: Group, engine: str | None) -> bool:
        """Try a class in recurring words as another wording of a covered one; False where none is near."""
        if group.state != OPEN or group.tries:
            return False
        other = self._casebook.reworded(request, group, engine=engine)
        if other is None or self._author.parent(other) is None or self._author.wanted(other) > len(group.cases):
            return False
        self._casebook.adopt(other.id, group.id)
        self._author.widen(request, other.id)
        return True

    def _abstained(self, request: Request, response: Response, class_id: int) -> None:
        """A pattern reads the request, but guard or code refuse what stands in it: no further pattern would help."""
        self._casebook.file(request, response, now=self._clock(), class_id=class_id, verdict=ABSTAINED)
        self._author.extend(request, class_id)

    # -- shadows and audits -------------------------------------------------------------------------------------------

    def _settle(self, request: Request, response: Response) -> tuple[bool, Procedure | None]:
        """Compare the working procedures that answer this request with what the model said.

        Returns:
            Whether there were any; and one that accepts the request but does not answer it.
        """
        taken, abstained = False, None
        for procedure in self._library.working(request.context):
            if not self._standing.may(procedure, request) or procedure.draft.guard.match(request.text) is None:
                continue
            given = answer(procedure.draft, request.text, self._sandbox, HIT)
            if given.text is not None and (request.fits is None or request.fits(given.text)):
                taken = True
                self._compare(procedure, request, response, given.text)
            elif given.outcome is not None and given.outcome.status in _REFUSING:
                abstained = procedure
        return taken, abstained

    def _compare(self, procedure: Procedure, request: Request, response: Response, given: str) -> None:
        agrees = self.same(procedure, request.text, response.text, given)
        known = any(case.answer and case.text == request.text for case in procedure.examples)
        if agrees and (known or self._casebook.agreed(procedure.class_id, request.key, procedure.id)):
            return  # it was made from this very exchange, or has been compared by it: agreeing again shows nothing
        if agrees:
            self._agreed(procedure, request, response)
            return
        self._standing.accuse(procedure)  # it answers nothing while the model is asked
        try:
            verdict = self._vote(procedure, request, response.text, given)
            if verdict.blamed:
                self._refuted(procedure, request, replace(response, text=verdict.answer), verdict.reason)
                return
        except BaseException:
            self._standing.distrust(procedure, "it was contradicted, and nobody could be asked again", "disagreed")
            raise
        finally:
            self._standing.clear(procedure)
        # The model was outvoted by itself: what it said first must not be served again for the same request.
        self._store.drop_entries([request.key])
        self._agreed(procedure, request, replace(response, text=verdict.answer), verdict.reason)

    def _agreed(self, procedure: Procedure, request: Request, response: Response, detail: str = "") -> None:
        stage = "audit" if procedure.state is State.LIVE else "shadow"
        self._ledger.count(f"{stage}.agreed", procedure.namespace)
        finding = Finding(stage, passed=True, detail=detail)
        now = self._clock()
        self._prove(procedure, request, response)
        if self._library.settle(procedure.id, finding, now, promote=self._author.promote) is State.LIVE:
            self._merger.went_live(procedure)
        self._casebook.file(
            *(request, response),
            now=now,
            class_id=procedure.class_id,
            verdict="agree",
            procedure_id=procedure.id,
        )

    def _prove(self, procedure: Procedure, request: Request, response: Response) -> None:
        """Keep the first agreement in each wording: from now on its template answers."""
        read = procedure.draft.guard.read(request.text)
        if read is None or read[1].template in procedure.proven:
            return
        case = Case(request.key, request.text, response.text, response.usage)
        current = self._library.get(procedure.id) or procedure
        # Only templates that take this request can be proved by it.
        others = [p.template for p in procedure.draft.guard.patterns if p.match(request.text) is None]
        proven = self.proved(procedure.draft, (*current.examples, case), others)
        self._library.prove(procedure.id, [case], proven.difference(others))

    # -- disagreement -------------------------------------------------------------------------------------------------

    def _vote(self, procedure: Procedure, request: Request, said: str, given: str) -> Verdict:
        """Ask the model again before the procedure is blamed."""
        return blame(partial(self._author.same, procedure, request.text), given, said, self._votes(request))

    def _votes(self, request: Request) -> list[str]:
        if self._compiler is None or self._policy.compile == "off":
            return []
        about = (request.text, request.background, request.namespace)
        asked = (self._compiler.vote(*about) for _ in range(self._policy.votes))
        return [vote for vote in asked if vote is not None]

    def _refuted(self, procedure: Procedure, request: Request, response: Response, reason: str) -> None:
        """Suspend it, keep the counterexample, find out whether the world has changed, and have the class compiled again."""
        was_live = procedure.state is State.LIVE
        self._ledger.count("audit.disagreed" if was_live else "shadow.disagreed", procedure.namespace)
        self._standing.distrust(procedure, reason, "disagreed")  # at once, whatever fails while more is asked
        # A rule that has changed says nothing against the gate that let the procedure through.
        drifted = was_live and self._drifted(procedure, request)
        self._standing.suspend((procedure,), reason, stage="drifted" if drifted else "disagreed")
        self._casebook.file(
            *(request, response),
            now=self._clock(),
            class_id=procedure.class_id,
            verdict="disagree",
            procedure_id=procedure.id,
        )
        group = self._casebook.group(procedure.class_id)
        if group is None or self._author.parent(group) is not None:
            return  # another version of the class still answers
        later = self._uncover(group, "disagreed with the model")
        if later == 0.0 and self._compiler is not None and self._policy.compilable(request):
            self._recompile(request, group)

    def _uncover(self, group: Group, reason: str) -> float:
        """Let a class without a working version be compiled again; returns when: 0.0 for now, never if somebody else has it."""
        blamed = sum(p.state is State.SUSPENDED for p in self._library.versions(group.id))
        later = 0.0 if blamed <= 1 else self._author.later(blamed - 1)
        return later if self._casebook.uncover(group.id, retry_at=later, reason=reason) else math.inf

    def _recompile(self, request: Request, group: Group) -> None:
        distinct = {case.text for case in group.cases}
        if len(distinct) >= self._policy.heat:
            self._author.compile(request, group, origin="recompiled")

    def _drifted(self, procedure: Procedure, request: Request) -> bool:
        """Ask some old cases again: where the model says otherwise now, the rule has changed.

        What was learnt under the old one, cases and stored answers, goes.
        """
        group = self._casebook.group(procedure.class_id)
        if group is None or self._compiler is None or self._policy.compile == "off":
            return False
        asked = []
        for case in [case for case in group.cases if case.answer and case.text != request.text][-_RECHECKED:]:
            background = request.background or group.background
            now_said = self._compiler.vote(case.text, background, request.namespace)
            if now_said is None or self.same(procedure, case.text, case.answer, now_said):
                return False
            asked.append(replace(case, answer=now_said))
        if not asked:
            return False
        self._ledger.count("procedures.drifted", procedure.namespace)
        logger.warning("the answers of the class of procedure %d have changed; what it taught is dropped", procedure.id)
        self._casebook.drop(group.id, [case.key for case in group.cases])
        guard = procedure.draft.guard
        self._store.drop_taken(request.context, lambda text: guard.match(text) is not None)
        for case in asked:
            old = replace(request, text=case.text)
            self._casebook.file(old, Response(case.answer, usage=case.usage), now=self._clock(), class_id=group.id)
        return True

    # -- retirement ---------------------------------------------------------------------------------------------------

    def _retire_unused(self) -> None:
        """Once a day: what nobody asked for in a long time only costs every lookup."""
        now = self._clock()
        if 0 <= now - self._inspected < DAY:
            return
        self._inspected = now
        for procedure in self._library.unused(now - self._policy.retire_after):
            siblings = [p for p in self._library.versions(procedure.class_id) if p.id != procedure.id]
            if procedure.state is State.SHADOW and any(p.state is State.LIVE for p in siblings):
                continue  # the version that answers is used; this one waits for what only it takes
            self._library.move(procedure.id, State.RETIRED, Finding("retired", passed=True, detail="not used"), now)
            if not any(p.state in (State.LIVE, State.SHADOW) for p in siblings):
                self._casebook.release(procedure.class_id, OPEN, tries=0)
            self._ledger.count("procedures.retired", procedure.namespace)
