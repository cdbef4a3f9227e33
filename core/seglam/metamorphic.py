"""Metamorphic stages: how the answer must, or must not, change when the request is changed in a known way. No model is asked.

A change of dress that leaves the slots' values as they were (5 and five, white space at the ends) needs no run: the guard gives
equal values, and equal values give equal answers (``_steady``).
"""

import ast
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from typing import Final

from seglam.agreement import agree, final_value
from seglam.evidence import (
    MOST_RUNS,
    NUMBERS,
    Evidence,
    Runs,
    Verdict,
    examined,
    kind_of,
    passed,
    refused,
    slots_of,
    varies,
)
from seglam.inputs import written
from seglam.procedure import Draft
from seglam.slots import Slot
from seglam.static import vacuous
from seglam.variation import varied

_SHOWN: Final = 2
"""Cases that are changed; each further one costs as much and shows little more."""
_FRESH: Final = 3
_LETTERS: Final = 3
_PROSE: Final = ("word", "words", "name")
_VALUES: Final = ("integer", "decimal", "money", "fraction", "date", "time")
_FIGURES: Final = re.compile(r"[0-9]+")
_STEPS: Final = (1, 3, 7, 60, -1)
_POINT: Final = re.compile(r"([0-9])(?:\.([0-9]+))?(?![0-9.,])")
_NO_NUMBER: Final = re.compile(
    r"\b(?:nan|inf|infinity)\b|\b(?:None|Decimal\(|Fraction\()|[0-9][eE][+-]?[0-9]", re.IGNORECASE
)
_ROW: Final = re.compile(r"(\|? *)([^\W\d_][^|,;:\t]*?)( *[|,;:\t].*[0-9].*)")
_ROWS: Final = ("table", "block", "text", "list")
_FREE: Final = ("text", "block", "quoted")
_PLACES: Final = 20  # an exact decimal that someone wants has fewer
_CENTS: Final = 2
_BELOW_ZERO: Final = frozenset(
    (  # noqa: SIM905 - words read better so
        "degree degrees point points percent dollar dollars euro euros cent cents won yen pound pounds metre metres meter "
        "meters foot feet floor floors level levels step steps goal goals stroke strokes unit units credit credits c f"
    ).split()
)


def substance(draft: Draft, evidence: Evidence) -> Verdict:
    """check() can fail, every number that the cases do not show to be idle changes the answer, and so does something."""
    if vacuous(draft.source):
        return refused(
            "check() compares the value with no slot and no bound; let it test the value against what the request states"
        )
    runs, moving = Runs(draft, evidence.sandbox, MOST_RUNS), []
    if why := runs.unanswered(evidence.cases):
        return refused(why)
    for name, slot in slots_of(draft.guard).items():
        if kind_of(slot.type) not in NUMBERS or varies(draft, evidence, name):
            continue
        if not any(runs(text).text not in (None, before) for text, before in _changed(draft, evidence, runs, name)):
            return refused(
                f"the number {name!r} never changes the answer, and all requests have the same: it must not be a constant"
            )
        moving.append(name)
    if not moving and not _moves(draft, evidence, runs):
        return refused("the answer is the same whatever the request says")
    return passed(f"numbers that change the answer although no case shows it: {', '.join(moving) or 'none needed'}")


def _changed(draft: Draft, evidence: Evidence, runs: Runs, name: str) -> Iterator[tuple[str, str]]:
    """The cases with another number in one slot, and what the code answers without the change."""
    for case in evidence.cases:
        request = case.text.strip()
        before = runs(request).text
        for span in draft.guard.spans(request):
            if span.name != name or before is None:
                continue
            inside = request[span.start : span.end]
            number = _FIGURES.search(inside)
            for more in _STEPS if number else ():
                other = (
                    inside[: number.start()] + str(int(number[0]) + more) + inside[number.end() :] if number else inside
                )
                yield request[: span.start] + other + request[span.end :], before


def _moves(draft: Draft, evidence: Evidence, runs: Runs) -> bool:
    """Whether any two requests get different answers: of the cases, or of changed ones."""
    texts = [case.text.strip() for case in evidence.cases]
    given = {runs(text).text for text in texts} - {None}
    rng = Random(0)  # noqa: S311 - must come again
    slots = slots_of(draft.guard)
    for text in texts[:_SHOWN]:
        params = draft.guard.match(text) or {}
        for name in params if len(given) == 1 else ():
            for _ in range(_FRESH):
                other = runs(written(draft.guard, text, {name: varied(slots[name], params[name], (), rng)})).text
                if other is not None and other not in given:
                    return True
    return len(given) > 1


def metamorphic(draft: Draft, evidence: Evidence) -> Verdict:
    """Equal requests get equal answers; other names, other dress and extreme numbers change no more than they may."""
    runs = Runs(draft, evidence.sandbox, 2 * MOST_RUNS)
    kept = 0
    for examine in _EXAMINATIONS:
        for why in examine(draft, evidence, runs):
            if why:
                return refused(why)
            kept += 1
    return passed(f"{kept} changed requests answered as they must be, or refused")


def _steady(draft: Draft, evidence: Evidence, runs: Runs) -> Iterator[str]:
    """The same request twice, and the code as it was written against the code as it is sent."""
    for case in evidence.cases[:_SHOWN]:
        first = runs(case.text).text
        for as_written in (False, True):
            again = examined(draft, case.text, evidence.sandbox, as_written=as_written).text
            differs = f"the request {case.text!r} gave {first!r}, and then {again!r}: the code must be deterministic"
            yield differs if again != first else ""


def _renamed(draft: Draft, evidence: Evidence, runs: Runs) -> Iterator[str]:
    """Other names and things: the answer is the same under the renaming, unless the code looks into the words themselves.

    Code that does so may count letters; it may not know the words of the cases and have a default for all others.
    """
    texts = _strings(draft.code)
    slots = slots_of(draft.guard)
    for case in evidence.cases[:_SHOWN]:
        request = case.text.strip()
        before = runs(request).text
        for span in draft.guard.spans(request) if before is not None else ():
            old = request[span.start : span.end]
            known = {old.casefold(), *(word for word in old.casefold().split() if len(word) > _LETTERS)} & texts
            for fresh in _others(slots[span.name], evidence) if kind_of(span.type) in _PROSE else ():
                after = runs(written(draft.guard, request, {span.name: fresh})).text
                if after is None:
                    continue
                expected = _replaced(before or "", old, fresh)
                same = agree(expected, after, draft.answer_kind)
                yield (
                    ""
                    if same or not known
                    else (
                        f"the code knows the word {min(known)!r} and answers {before!r} with it, but {after!r} with {fresh!r}: "
                        "refuse words that it does not know, or make the slot a oneof"
                    )
                )


def _strings(code: str) -> frozenset[str]:
    """The texts that stand in the code, in small letters."""
    parts = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant))
    return frozenset(part.casefold() for part in parts if isinstance(part, str) and part)


def _others(slot: Slot, evidence: Evidence) -> Iterator[str]:
    """Texts of a slot that stand in no case."""
    said = " ".join(case.text for case in evidence.cases).casefold()
    rng, given = Random(1), 0  # noqa: S311 - must come again
    for _ in range(3 * _FRESH):
        text = slot.sample(rng)
        if text.casefold() not in said and given < _FRESH:
            given += 1
            yield text


def _replaced(text: str, old: str, new: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text)


def _dressed(draft: Draft, evidence: Evidence, runs: Runs) -> Iterator[str]:
    """The same numbers with more or fewer zeros behind the point: the answer is the same."""
    for case in evidence.cases[:_SHOWN]:
        request = case.text.strip()
        before = runs(request).text
        for span in draft.guard.spans(request) if before is not None else ():
            inside = request[span.start : span.end]
            found = _POINT.search(inside) if kind_of(span.type) in ("decimal", "money", "percent") else None
            for ending in _endings(found[2] or "") if found else ():
                assert found is not None
                other = f"{inside[: found.end(1)]}{ending}{inside[found.end() :]}"
                text = request[: span.start] + other + request[span.end :]
                if not draft.guard.match(text):
                    continue
                after = runs(text).text
                same = (
                    after is None or draft.answer_kind not in _VALUES or agree(before or "", after, draft.answer_kind)
                )
                yield "" if same else f"with {other!r} for {inside!r} the answer {before!r} becomes {after!r}"


def _endings(decimals: str) -> Iterator[str]:
    """What may stand behind a number's digits for the same value."""
    short = decimals.rstrip("0")
    for places in range(len(short), _CENTS + 1):
        ending = short.ljust(places, "0")
        if ending != decimals:
            yield f".{ending}" if ending else ""


def _extremes(draft: Draft, evidence: Evidence, runs: Runs) -> Iterator[str]:
    """Nothing, one, less than nothing, and a hundred times as much: an answer is still one that a person could give."""
    said = " ".join(f"{case.text} {case.answer}" for case in evidence.cases)
    slots = slots_of(draft.guard)
    counting = _counting(draft, evidence)
    for case in evidence.cases[:_SHOWN]:
        request = case.text.strip()
        for name, value in (draft.guard.match(request) or {}).items():
            if not isinstance(value, int | Decimal):
                continue
            for other in (0, 1, value * 100, value * 10_000, -value):
                same_type = type(value)(other)
                text = written(draft.guard, request, {name: slots[name].format(same_type)})
                given = runs(text).text if draft.guard.match(text) is not None else None
                if given is not None:
                    below = counting and other >= 0 and "-" not in case.text
                    why = _implausible(given, draft.answer_kind, said, counting=below)
                    yield f"the request {text!r} was answered {given!r}: {why}; raise Refuse, or mend it" if why else ""


def _implausible(given: str, kind: str, said: str, *, counting: bool) -> str:
    """Why nobody would give this answer; "" when somebody might."""
    odd = _NO_NUMBER.search(given)
    # Replies in scientific notation may go on so, with other digits.
    usual = odd is not None and (odd[0] in said or ("e" in odd[0].lower() and _NO_NUMBER.search(said) is not None))
    if odd is not None and kind in _VALUES and not usual:
        return f"{odd[0]!r} is no number"
    stated = final_value(given, "decimal") if kind in ("integer", "decimal", "money") else None
    if stated is None:
        return ""
    value = Decimal(0) if stated.value == 0 else stated.value
    if kind == "integer" and getattr(value, "denominator", 1) != 1:
        return "it is not whole, but answer_kind is integer"
    if stated.places > (_CENTS if stated.unit in ("USD", "EUR", "GBP") else _PLACES):
        return "it has more decimals than such an answer has"
    return "fewer than none" if counting and not isinstance(value, str | tuple) and value < 0 else ""


def _counting(draft: Draft, evidence: Evidence) -> bool:
    """Whether the answers count things that the requests count: the word behind the number follows a number there as well."""
    if draft.answer_kind != "integer":
        return False
    for case in evidence.cases:
        counted = re.findall(r"[0-9] ([^\W\d_]+)", case.text.casefold())
        told = re.findall(r"[0-9] ([^\W\d_]+)", case.answer.casefold())
        if {*counted} & {*told} - _BELOW_ZERO:
            return True
    return False


def _totalled(draft: Draft, evidence: Evidence, runs: Runs) -> Iterator[str]:
    """A row that sums up the others is no item: with one more such row nothing is counted twice."""
    for case in evidence.cases[:_SHOWN] if draft.answer_kind in _VALUES else ():
        request = case.text.strip()
        before = runs(request).text
        for span in draft.guard.spans(request) if before is not None else ():
            inside = request[span.start : span.end]
            cells = _ROW.fullmatch(inside.rpartition("\n")[2]) if kind_of(span.type) in _ROWS else None
            for label in ("Total", "subtotal", "Sum") if cells and "\n" in inside else ():
                assert cells is not None
                text = f"{request[: span.end]}\n{cells[1]}{label}{cells[3]}{request[span.end :]}"
                after = runs(text).text
                same = after is None or agree(before or "", after, draft.answer_kind)
                yield (
                    ""
                    if same
                    else (
                        f"a row {label!r} below the others turns the answer {before!r} into {after!r}: raise Refuse for such rows"
                    )
                )


def _nonsense(draft: Draft, evidence: Evidence, runs: Runs) -> Iterator[str]:
    """Free data unlike the cases' are refused, or looked at: not all answered with one phrase of the code's own."""
    slots = slots_of(draft.guard)
    said = {_plain(case.answer) for case in evidence.cases} | {"0"}
    for case in evidence.cases[:1]:
        request = case.text.strip()
        for span in draft.guard.spans(request):
            if kind_of(span.type) not in _FREE:
                continue
            rng = Random(2)  # noqa: S311 - must come again
            texts = [
                written(draft.guard, request, {span.name: slots[span.name].sample(rng)}) for _ in range(2 * _FRESH)
            ]
            given = [text for text in (runs(text).text for text in dict.fromkeys(texts)) if text is not None]
            alike = len(given) >= _FRESH and len({*given}) == 1 and _plain(given[0]) not in said
            yield (
                ""
                if not alike
                else (
                    f"{given[0]!r} is the answer whatever stands in {span.name!r}, also to {texts[0]!r}: check the data "
                    "completely and raise Refuse for what the code does not understand"
                )
            )


def _plain(text: str) -> str:
    return text.strip().rstrip(".").casefold()


_EXAMINATIONS: Final[tuple[Callable[[Draft, Evidence, Runs], Iterator[str]], ...]] = (
    *(_steady, _renamed, _dressed, _extremes, _totalled, _nonsense),
)
