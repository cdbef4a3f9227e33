"""The procedure tier: requests whose class has verified code are answered by running it.

find() runs on the request path and writes nothing. What is learnt from the model's answers is learning.py's work.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from seglam.authoring import Author
from seglam.casebook import OPEN, Casebook
from seglam.dispatch import Dispatch
from seglam.exchange import Hit, Miss, Request, Response, TierName, Usage, Why
from seglam.flow import Flow, call, quick
from seglam.guard import Params, Pattern
from seglam.library import Context, Library
from seglam.policy import Policy
from seglam.procedure import Answer, Case, Procedure, State, answer
from seglam.sandbox import HIT, Sandbox
from seglam.standing import Standing

_MOST_CONTEXTS: Final = 1_000


class _Live(NamedTuple):
    """What was derived from the working procedures of a context, as long as they are the same."""

    working: tuple[Procedure, ...]
    live: dict[int, Procedure]
    dispatch: Dispatch
    typical: dict[int, Usage]


class ProceduralTier:
    """Answers by live procedures of the request's context.

    Args:
        library, casebook, standing, sandbox, policy: shared with the cache.
        author: makes procedures; asked here for code instead of an answer (compile="first").
    """

    name = TierName.PROCEDURE

    def __init__(
        self,
        library: Library,
        casebook: Casebook,
        standing: Standing,
        sandbox: Sandbox,
        policy: Policy,
        author: Author,
    ) -> None:
        self._library = library
        self._casebook = casebook
        self._standing = standing
        self._sandbox = sandbox
        self._policy = policy
        self._author = author
        self._lock = threading.Lock()
        self._live: dict[Context, _Live] = {}

    def find(self, request: Request) -> Flow[Hit | Miss | None]:
        """The answer of the live procedures that accept the whole text.

        Miss(DISAGREE) when two differ, Miss(AUDIT) when the model is to be asked all the same: a sample, and the first
        request in each wording.
        """
        if not self._policy.answerable(request):
            return None
        known = yield from quick(self._known, request.context)
        if known is None:
            known = yield from call(self._made, request.context)
        taking = yield from quick(self._taking, request, known)
        if not taking:
            return None
        if any(self._standing.audit(p, request.key) for p, _, _ in taking) and self._auditable(request):
            return _audited(p for p, _, _ in taking)
        return (yield from call(self._run, request, taking))

    def _taking(self, request: Request, known: _Live) -> list[tuple[Procedure, Params, Pattern]]:
        """The live procedures that accept the text, with what they read from it, and by which of their patterns."""
        found = (known.live[number] for number in known.dispatch.candidates(request.text)) if known.live else ()
        may = ((p, p.draft.guard.read(request.text)) for p in found if self._standing.may(p, request))
        return [(p, *read) for p, read in may if read is not None]

    def prepare(self, context: Context) -> None:
        """Do now what the next request of a context would have to do first."""
        if self._known(context) is None:
            self._made(context)

    def _known(self, context: Context) -> _Live | None:
        """The live procedures of a context and the way to those that may take a text; None when they have changed."""
        known = self._live.get(context)
        return known if known is not None and self._library.held(context) is known.working else None

    def _made(self, context: Context) -> _Live:
        """The same, with what has changed made again. Reads and files: an event loop must not wait for it."""
        working = self._library.working(context)
        known = self._live.get(context)
        if known is None or known.working is not working:
            live = {p.id: p for p in working if p.state is State.LIVE}
            dispatch = Dispatch() if known is None else known.dispatch
            dispatch = dispatch.changed({p.id: p.draft.guard for p in live.values()})
            known = _Live(working, live, dispatch, {p.id: p.typical for p in working})
            with self._lock:
                if len(self._live) >= _MOST_CONTEXTS:
                    self._live.clear()
                self._live[context] = known
        return known

    def _auditable(self, request: Request) -> bool:
        """Whether asking the model instead would teach anything: its answer must be recordable."""
        control = request.control
        return not (control.only_if_cached or control.no_store) and self._policy.lifetime(request) > 0

    def _run(self, request: Request, taking: Sequence[tuple[Procedure, Params, Pattern]]) -> Hit | Miss | None:
        asked = ((p, self._answer(p, request, params), pattern) for p, params, pattern in taking)
        said = [(p, given, pattern) for p, given, pattern in asked if given.text is not None]
        # A wording that the compiler has only foreseen is in shadow, whatever the code has shown: its slots may be crossed.
        unproven = [p for p, _, pattern in said if pattern.template not in p.proven]
        if unproven and self._policy.prove:
            return _audited(unproven) if self._auditable(request) else None
        answers = [(p, given) for p, given, _ in said]
        if not answers:
            return None
        first, given = answers[0]
        assert given.text is not None
        for other, theirs in answers[1:]:
            if not self._author.same(first, request.text, given.text, theirs.text or ""):
                why = f"they gave {given.text!r} and {theirs.text!r} for one request"
                self._standing.suspend((first, other), why)
                return Miss(Why.DISAGREE, f"procedures {first.id} and {other.id}")
        notes = {"intent": first.draft.intent, "version": first.version, "model": first.model}
        return Hit(
            Response(given.text), self.name, f"procedure:{first.id}", notes=notes, request=request
        )  # computed now: its age is 0

    def _answer(self, procedure: Procedure, request: Request, params: Params | None = None) -> Answer:
        given = answer(procedure.draft, request.text, self._sandbox, HIT, params=params)
        if given.outcome is not None and given.outcome.strike:
            self._standing.strike(procedure, str(given.outcome.status))
        elif given.text is not None:
            self._standing.answered(procedure)
            if request.fits is not None and not request.fits(given.text):
                return Answer(None, given.params, given.outcome)  # no legal reply to this request: the model is asked
        return given

    def saved(self, hit: Hit, context: Context) -> Usage:
        """What the model would have taken for a hit of this tier: the mean of the cases."""
        # From memory without asking the store: the lookup has just done so.
        known = self._live.get(context)
        return Usage() if known is None else known.typical.get(int(hit.source.partition(":")[2]), Usage())

    def author(self, request: Request) -> Flow[Hit | None]:
        """Ask the model for code instead of an answer, and answer with what the code gives (compile="first").

        The code has passed every stage that needs no known answer, and enters shadow: this one answer is the model's own
        work by another road, the next one needs an agreement first.
        """
        wanted = self._policy.compile == "first" and not request.control.only_if_cached
        if not wanted or not self._policy.compilable(request):
            return None
        return (yield from call(self._written, request))

    def _written(self, request: Request) -> Hit | None:
        kin = self._casebook.place(request, engine=request.engine if self._policy.bind_engine else None)
        taken = any(p.draft.guard.match(request.text) for p in self._library.working(request.context))
        if taken or (kin is not None and kin.group.state != OPEN):
            return None
        class_id = kin.group.id if kin is not None and kin.alike else None
        procedure = self._author.first(request, Case(request.key, request.text, ""), class_id)
        if procedure is None:
            return None
        given = self._answer(procedure, request)
        if given.text is None:
            return None
        notes = {
            "intent": procedure.draft.intent,
            "version": procedure.version,
            "model": procedure.model,
            "first": True,
        }
        return Hit(Response(given.text), self.name, f"procedure:{procedure.id}", notes=notes, request=request)


def _audited(by: Iterable[Procedure]) -> Miss:
    """The model is asked, and its answer compared with theirs."""
    return Miss(Why.AUDIT, ", ".join(f"procedure:{p.id}" for p in by))
