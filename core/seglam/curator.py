"""What a person may do with procedures: ask why, compare, approve, edit, pin, retire, roll back, export and import.

Nothing here is on the request path.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from seglam.authoring import Author
from seglam.bundle import Signer, Verifier, pack, unpack
from seglam.casebook import COVERED, OPEN, Casebook, Group
from seglam.errors import ConfigurationError, PatternError, ProcedureError
from seglam.exchange import Request, Response
from seglam.export import module
from seglam.library import Birth, Library
from seglam.procedure import Case, Draft, Finding, Procedure, State
from seglam.sandbox import Sandbox
from seglam.verifier import STAGES

_GATE: Final = frozenset({"reply", "patterns", *(name for name, _ in STAGES)})
"""Stages whose refusal no person overrules: what failed there was never shown to do what it says."""


@dataclass(frozen=True, slots=True)
class Account:
    """Why a version is what it is.

    Attributes:
        procedure: the version, with the evidence of every stage, shadow and audit in its order.
        cases: the exchanges of its class: what it was made from, what agreed, what disagreed, what no pattern takes yet.
        versions: all versions of its class, oldest first.
        difference: from its parent or its predecessor to it, as a unified diff; "" for the first.
    """

    procedure: Procedure
    cases: tuple[Case, ...]
    versions: tuple[Procedure, ...]
    difference: str


class Curator:
    """The procedures of one cache, for those who look after them.

    Args:
        library, casebook, author, sandbox, clock: the cache's.
        drain: waits for what is being learnt.
    """

    def __init__(
        self,
        library: Library,
        casebook: Casebook,
        author: Author,
        sandbox: Sandbox,
        clock: Callable[[], float],
        drain: Callable[[], None],
    ) -> None:
        self._library = library
        self._casebook = casebook
        self._author = author
        self._sandbox = sandbox
        self._clock = clock
        self._drain = drain

    # -- asking -------------------------------------------------------------------------------------------------------

    def why(self, procedure_id: int) -> Account:
        """Why this version was made, what it was held against, and what came of it.

        Raises:
            ConfigurationError: there is no such version.
        """
        self._drain()
        procedure = self._version(procedure_id)
        versions = self._library.versions(procedure.class_id)
        group = self._casebook.group(procedure.class_id)
        cases = () if group is None else (*group.cases, *group.near)
        earlier = [v for v in versions if v.id == procedure.parent] or [v for v in versions if v.id < procedure.id]
        return Account(procedure, cases, tuple(versions), _difference(earlier[-1], procedure) if earlier else "")

    def difference(self, old: int, new: int) -> str:
        """A unified diff of two versions' patterns and code.

        Raises:
            ConfigurationError: there is no such version.
        """
        return _difference(self._version(old), self._version(new))

    def uncovered(self, *, namespace: str = "", vary: str = "") -> list[Group]:
        """The classes of a context that no procedure covers, newest first: what they wait for, or why they were declined."""
        self._drain()
        return [group for group in self._casebook.groups((namespace, vary)) if group.state != COVERED]

    # -- deciding -----------------------------------------------------------------------------------------------------

    def approve(self, procedure_id: int, *, by: str = "") -> None:
        """Let a version answer, on a person's word: one in shadow, a suspended or a retired one.

        Raises:
            ConfigurationError: there is no such version, or the gate refused it (edit it instead).
        """
        self._drain()
        procedure = self._approvable(procedure_id)
        self._move(procedure, State.LIVE, "approved", by)
        self._casebook.release(procedure.class_id, COVERED)

    def roll_back(self, procedure_id: int, *, by: str = "") -> None:
        """Let an earlier version answer in the place of the present one, which is retired, and unpinned if it was pinned.

        Raises:
            ConfigurationError: as for ``approve``.
        """
        self._drain()
        procedure = self._approvable(procedure_id)
        # A pin keeps a version from what happens by itself, and this is somebody's decision.
        for present in self._library.versions(procedure.class_id):
            if present.id != procedure_id and present.pinned and present.state is State.LIVE:
                self._library.pin(present.id, pinned=False)
        self.approve(procedure_id, by=by)

    def retire(self, procedure_id: int, *, by: str = "") -> None:
        """Stop a version from answering; its class may be compiled again when requests recur.

        Raises:
            ConfigurationError: there is no such version.
        """
        self._drain()
        procedure = self._version(procedure_id)
        self._library.pin(procedure_id, pinned=False)
        self._move(procedure, State.RETIRED, "retired", by)
        if not any(v.state in (State.LIVE, State.SHADOW) for v in self._library.versions(procedure.class_id)):
            self._casebook.release(procedure.class_id, OPEN)

    def pin(self, procedure_id: int, *, pinned: bool = True) -> None:
        """Keep a version from being replaced, merged or retired by itself (or no longer). A disagreement still suspends it.

        Raises:
            ConfigurationError: there is no such version.
        """
        self._version(procedure_id)
        self._library.pin(procedure_id, pinned=pinned)

    def edit(
        self,
        procedure_id: int,
        *,
        source: str | None = None,
        patterns: Sequence[str] | None = None,
        intent: str | None = None,
        near_misses: Sequence[str] | None = None,
        by: str = "",
    ) -> int:
        """A new version from a person's hand. It goes through the same gate, and then runs in shadow.

        Returns:
            The id of the new version.

        Raises:
            ConfigurationError: there is no such version.
            ProcedureError: the gate refuses it; it is kept as a draft, and the message says which stage and why.
        """
        self._drain()
        old = self._version(procedure_id)
        draft = replace(
            old.draft,
            source=old.draft.source if source is None else source,
            patterns=old.draft.patterns if patterns is None else tuple(patterns),
            intent=old.draft.intent if intent is None else intent,
            near_misses=old.draft.near_misses if near_misses is None else tuple(near_misses),
        )
        birth = Birth(f"a person{f' ({by})' if by else ''}", "", self._clock(), old.engine, "edited", old.id)
        new, findings = self._enter(old.class_id, (old.namespace, old.vary), draft, old.examples, birth)
        _explain(new, findings)
        return new

    # -- exchange -----------------------------------------------------------------------------------------------------

    def module(self, procedure_id: int, *, examples: bool = True) -> str:
        """The version as a Python file that runs without seglam, with its provenance and its tests.

        Args:
            procedure_id: the version.
            examples: False leaves the real requests out that it was made from.

        Raises:
            ConfigurationError: there is no such version.
            ProcedureError: nothing was found that it answers.
        """
        return module(self._version(procedure_id), self._sandbox, examples=examples)

    def pack(
        self, procedure_ids: Sequence[int] | None = None, *, sign: Signer | None = None, examples: bool = True
    ) -> str:
        """A bundle of these versions, or of all live ones (None), as JSON text for ``unpack`` elsewhere.

        Raises:
            ConfigurationError: there is no such version.
        """
        self._drain()
        if procedure_ids is None:
            chosen = [p for p in self._library.all() if p.state is State.LIVE]
        else:
            chosen = [self._version(procedure_id) for procedure_id in procedure_ids]
        return pack(chosen, sign=sign, examples=examples)

    def unpack(
        self,
        bundle: str | Path,
        *,
        namespace: str = "",
        vary: str = "",
        engine: str = "",
        verify: Verifier | None = None,
    ) -> list[Procedure]:
        """Take over the procedures of a bundle into one context. Each goes through the gate here, and then runs in shadow.

        Args:
            bundle: the text, or the path of a file that holds it.
            namespace: with ``vary``, the context in which they may answer.
            vary: see ``Request``.
            engine: of the requests that they may answer under ``Policy(bind_engine=True)``, where without it none is compared
                with them or answered; any engine's otherwise. A bundle does not tell it: it belongs to an installation.
            verify: checks the signature; without one, whoever wrote the bundle is trusted only as far as the gate reaches.

        Returns:
            The new versions: SHADOW, or DRAFT with the reason in the evidence for those that the gate refuses.

        Raises:
            ProcedureError: the bundle is damaged, poisoned or not signed; nothing is taken over.
        """
        self._drain()
        text = bundle.read_text(encoding="utf-8") if isinstance(bundle, Path) else bundle
        where = Request("", namespace=namespace, vary=vary, engine=engine)
        taken = []
        for packed in unpack(text, verify=verify):
            origin = packed.provenance
            birth = Birth(origin.model, origin.prompt_digest, self._clock(), engine, "imported")
            class_id = self._shelve(packed.cases, packed.draft, where)
            new, _ = self._enter(class_id, where.context, packed.draft, packed.cases, birth)
            taken.append(self._version(new))
        return taken

    # -- inside -------------------------------------------------------------------------------------------------------

    def _version(self, procedure_id: int) -> Procedure:
        procedure = self._library.get(procedure_id)
        if procedure is None:
            raise ConfigurationError(f"procedure_id: there is no procedure {procedure_id!r}")
        return procedure

    def _approvable(self, procedure_id: int) -> Procedure:
        """The version, unless the gate refused it, in whatever state it is now."""
        procedure = self._version(procedure_id)
        refused = next((f"{f.stage}: {f.detail}" for f in procedure.evidence if not f.passed and f.stage in _GATE), "")
        if refused or procedure.state is State.DRAFT:
            why = refused or "it never passed"
            raise ConfigurationError(f"procedure {procedure_id}: the gate refused it ({why}); edit it instead")
        return procedure

    def _move(self, procedure: Procedure, state: State, what: str, by: str) -> None:
        finding = Finding(what, passed=True, detail=f"by {by}" if by else "by a person")
        self._library.move(procedure.id, state, finding, self._clock())

    def _shelve(self, examples: Sequence[Case], draft: Draft, where: Request) -> int:
        """A class for what came from elsewhere, so that near requests can widen it."""
        class_id: int | None = None
        for case in examples or (Case("", draft.intent, ""),):
            request = replace(where, text=case.text)
            response = Response(case.answer, usage=case.usage)
            class_id = self._casebook.file(request, response, now=self._clock(), class_id=class_id, verdict="imported")
        assert class_id is not None
        self._casebook.release(class_id, COVERED)
        return class_id

    def _enter(
        self, class_id: int, context: tuple[str, str], draft: Draft, examples: Sequence[Case], birth: Birth
    ) -> tuple[int, tuple[Finding, ...]]:
        wider = self._known(class_id, draft, examples)
        findings = self._author.examine(class_id, context, draft, wider, engine=birth.engine)
        passed = all(finding.passed for finding in findings)
        state = State.SHADOW if passed else State.DRAFT
        birth = replace(birth, evidence=findings)
        if passed:
            birth = replace(birth, proven=self._author.proved(draft, examples))
        return self._library.save(class_id, context, draft, examples, birth, state), findings

    def _known(self, class_id: int, draft: Draft, examples: Sequence[Case]) -> list[Case]:
        """The examples, and whatever else the class knows the answer to: above all where an earlier version was wrong.

        What the draft no longer takes is left out: narrower templates are a good answer to a counterexample.
        """
        group = self._casebook.group(class_id)
        try:
            guard = draft.guard
        except PatternError:  # the gate says so
            return [*examples]
        known = {case.key: case for case in examples}
        told = {(case.text, case.answer) for case in examples}
        for case in group.cases if group is not None else ():
            if case.answer and (case.text, case.answer) not in told and guard.match(case.text) is not None:
                known[case.key] = case  # the same request again brought a newer answer
        return [*known.values()]


def _explain(procedure_id: int, findings: Sequence[Finding]) -> None:
    for finding in findings:
        if not finding.passed:
            raise ProcedureError(
                f"procedure {procedure_id} is kept as a draft: the stage {finding.stage} refuses it: {finding.detail}"
            )


def _difference(old: Procedure, new: Procedure) -> str:
    names = (f"version {old.version} (procedure {old.id})", f"version {new.version} (procedure {new.id})")
    return "\n".join(difflib.unified_diff(_text(old), _text(new), *names, lineterm=""))


def _text(procedure: Procedure) -> list[str]:
    draft = procedure.draft
    return [f"intent: {draft.intent}", *(f"pattern: {p}" for p in draft.patterns), *draft.source.strip().splitlines()]
