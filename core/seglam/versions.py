"""The second version: the same class, written again from another prompt, and both run on requests that cost nothing.

Where two independently written programs differ at least one is wrong, and the model is asked which. This is the stage with
the most evidence for a token: one call buys the comparison of a hundred inputs.
"""

from typing import Final, NamedTuple

from seglam.agreement import agree
from seglam.evidence import Evidence, Runs, Verdict, passed, refused
from seglam.inputs import requests
from seglam.procedure import Draft
from seglam.static import violations

MOST_COMPARED: Final = 140
FEWEST: Final = 10
"""Comparisons below which the finding calls itself weak. It passes all the same: a second version whose patterns are narrower
would otherwise block a good draft, and shadow, posterior and audits follow."""
_ASKED: Final = 3
_ALONE: Final = 0.1
"""Share of the answered requests that the second version refuses, from which the model is asked about one of them."""


class Difference(NamedTuple):
    """A request that two versions answer differently, or that the second one (None) refuses although its guard accepts it."""

    text: str
    ours: str
    theirs: str | None


def versions(draft: Draft, evidence: Evidence) -> Verdict:
    """A second version gives the same answers on generated requests, or the model sides with this one where it does not."""
    other = evidence.rewrite() if evidence.rewrite is not None else None
    if other is None:
        return passed("no second version")
    if why := _unfit(draft, other, evidence):
        return passed(f"no second version: {why}")
    found, alone, count = _compared(draft, other, evidence)
    doubtful = [*found[:_ASKED]]
    if len(found) < _ASKED and len(alone) > _ALONE * (count + len(alone)):
        doubtful.append(alone[0])
    asked = 0
    for difference in doubtful:
        why, told = _settled(difference, draft.answer_kind, evidence)
        asked += told
        if why:
            return refused(why)
    parts = [f"{count - len(found)} of {count} generated requests answered alike by a second version"]
    parts += [f"weak: fewer than {FEWEST}"] if count < FEWEST else []
    parts += [f"{len(alone)} answered by this one only"] if alone else []
    parts += [f"asked about {asked}, the model sided with this one"] if asked else []
    return passed("; ".join(parts))


def _unfit(draft: Draft, other: Draft, evidence: Evidence) -> str:
    """Why a second version is no witness; "" when it is one."""
    if violations(other.source) or evidence.sandbox.check(other.source):
        return "it does not keep to the language"
    ours, theirs = Runs(draft, evidence.sandbox), Runs(other, evidence.sandbox)
    for case in evidence.cases:
        given = theirs(case.text).text
        if not case.answer or given is None or evidence.same(case.text, case.answer, given, draft.answer_kind):
            continue
        if not evidence.same(
            case.text, ours(case.text).text or "", given, draft.answer_kind
        ):  # else the case was outvoted in replay
            return f"it answers the request {case.text!r} with {given!r} instead of {case.answer!r}"
    return ""


def _compared(draft: Draft, other: Draft, evidence: Evidence) -> tuple[list[Difference], list[Difference], int]:
    """Where the two differ, what only the draft answers, and how many requests both answered."""
    ours, theirs = (Runs(version, evidence.sandbox, MOST_COMPARED) for version in (draft, other))
    found: list[Difference] = []
    alone: list[Difference] = []
    count = 0
    texts = [case.text.strip() for case in evidence.cases if not case.answer]
    for text in (*texts, *requests((draft, other), evidence.cases, evidence.sandbox)):
        if ours.spent or theirs.spent:
            break
        one = ours(text).text
        if one is None:
            continue
        two = theirs(text).text
        if two is None:
            alone.append(Difference(text, one, two))
        else:
            count += 1
            if not agree(one, two, draft.answer_kind):
                found.append(Difference(text, one, two))
    return found, alone, count


def _settled(difference: Difference, kind: str, evidence: Evidence) -> tuple[str, bool]:
    """Ask the model which of two answers is right: "" when it is ours, and whether it replied.

    Where it says a third thing it is asked once more, because it errs as well. What nobody can settle counts against us where
    the other version has another answer, but not where it only refuses: its patterns and bounds may just be narrower.
    """
    text, ours, theirs = difference
    rival = "refuses it" if theirs is None else f"gives {theirs!r}"
    both = f"for the request {text!r} the code gives {ours!r}, but an independently written version {rival}"
    reply = None
    for _ in range(2):
        reply = evidence.ask(text) if evidence.ask is not None else None
        if reply is None:
            return f"{both}, and nobody could say which is right" if theirs is not None else "", False
        if evidence.same(text, reply, ours, kind):
            return "", True
        if theirs is not None and evidence.same(text, reply, theirs, kind):
            return f"{both}, and so does the model: {reply!r}", True
    return f"{both}, and the model says {reply!r}: answer such requests rightly, or refuse them", True
