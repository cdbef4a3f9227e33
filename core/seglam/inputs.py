"""Requests made for free, on which two versions of a procedure can be compared: no model is asked for them.

Four sources, the most lifelike first: the cases with other values, what the drafts' own gen() draws, values around the
constants that stand in their code (a threshold that no case straddles is straddled here), and random texts of their patterns.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import combinations, islice, zip_longest
from random import Random
from typing import Any, Final

from seglam.errors import ConfigurationError, PatternError
from seglam.evidence import kind_of, slots_of
from seglam.guard import Guard, Pattern
from seglam.procedure import Case, Draft
from seglam.sandbox import VERIFY, Sandbox, call_source, compact
from seglam.slots import Slot
from seglam.variation import varied

_VARIED: Final = 48
_DRAWN: Final = 24
_BOUNDED: Final = 48
_SAMPLED: Final = 16
_CONSTANTS: Final = 12
_PATTERNS: Final = 2
"""Wordings of one draft that the same values are told in."""
_MIDDLE: Final = 2


def requests(drafts: Sequence[Draft], cases: Sequence[Case], sandbox: Sandbox) -> Iterator[str]:
    """Texts that every draft's guard accepts, each once, the most lifelike first; the same for equal drafts and cases."""
    guards = [draft.guard for draft in drafts]
    made = (
        (_of_cases(guards[0], cases, Random(0)), _VARIED),  # noqa: S311 - must come again
        (_mixed(_drawn(draft, sandbox) for draft in drafts), _DRAWN),
        (_bounds(guards[0], constants(drafts), cases), _BOUNDED),
        (_mixed(_sampled(pattern) for guard in guards for pattern in guard.patterns[:_PATTERNS]), _SAMPLED),
    )
    seen: set[str] = set()
    for stream, most in made:
        fresh = (text for text in stream if text not in seen and all(guard.match(text) is not None for guard in guards))
        for text in islice(fresh, most):
            seen.add(text)
            yield text


def _mixed(streams: Iterator[Iterator[str]]) -> Iterator[str]:
    """One of each stream in turn."""
    return (text for row in zip_longest(*streams) for text in row if text is not None)


def _of_cases(guard: Guard, cases: Sequence[Case], rng: Random) -> Iterator[str]:
    """The cases with one, two or all of their values changed."""
    known = [(case.text.strip(), guard.match(case.text)) for case in cases]
    own = [(text, params) for text, params in known if params is not None]
    for number in range(2 * _VARIED if own else 0):
        text, params = own[number % len(own)]
        names = rng.sample(sorted(params), min(len(params), (1, 2, len(params))[number // len(own) % 3]))
        slots = slots_of(guard)
        pools = {name: [other[name] for _, other in own if name in other] for name in names}
        yield written(guard, text, {name: varied(slots[name], params[name], pools[name], rng) for name in names})


def written(guard: Guard, text: str, values: Mapping[str, str]) -> str:
    """A request that the guard accepts, with other texts in some of its slots."""
    pieces, end = [], 0
    for span in guard.spans(text):
        if span.name in values:
            pieces += [text[end : span.start], values[span.name]]
            end = span.end
    return "".join([*pieces, text[end:]])


def _drawn(draft: Draft, sandbox: Sandbox) -> Iterator[str]:
    """What gen() draws. It belongs to the draft, so it runs in the sandbox and may give anything at all."""
    code = compact(draft.source, ("gen",))
    together = sandbox.run(call_source(code, f"[gen(seed) for seed in range({_DRAWN})]"), {}, VERIFY)
    drawn = together.value if together.ok and isinstance(together.value, list) else []
    for number, values in enumerate(drawn):
        if isinstance(values, dict):
            yield from islice(_told(draft.guard, values, start=number), _PATTERNS)


def _told(guard: Guard, values: Mapping[str, Any], start: int = 0) -> Iterator[str]:
    """The texts of the patterns that have these slots, beginning with another pattern each time."""
    count = len(guard.patterns)
    for number in range(count):
        pattern = guard.patterns[(start + number) % count]
        if pattern.slots.keys() <= values.keys():
            fitting = {name: _as(slot, values[name]) for name, slot in pattern.slots.items()}
            try:
                yield pattern.fill(fitting)
            except (ConfigurationError, ValueError, TypeError):
                continue  # a value that its slot cannot have


def _as(slot: Slot, value: Any) -> Any:
    """A value in the type that its slot gives: models write 5 for Decimal(5)."""
    kind = kind_of(slot.type)
    if kind in ("decimal", "money", "percent") and isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(str(value))
    if kind == "fraction" and isinstance(value, list):
        return tuple(value)
    if kind == "date" and isinstance(value, datetime):
        return value.date()
    return value


def constants(drafts: Sequence[Draft]) -> list[Decimal]:
    """The numbers that stand in the drafts' code outside gen(), without 0, 1 and 2; those of comparisons first."""
    found: dict[Decimal, bool] = {}
    for draft in drafts:
        for statement in ast.parse(draft.source).body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "gen":
                continue
            compared = {
                id(part) for node in ast.walk(statement) if isinstance(node, ast.Compare) for part in ast.walk(node)
            }
            for node in ast.walk(statement):
                value = _number(node)
                if value is not None and value > _MIDDLE:
                    found[value] = found.get(value, False) or id(node) in compared or isinstance(statement, ast.Assign)
    return sorted(found, key=lambda value: (not found[value], value))[:_CONSTANTS]


def _number(node: ast.AST) -> Decimal | None:
    match node:
        case ast.Constant(value=int() | float() as plain) if not isinstance(plain, bool):
            number = Decimal(str(plain))
        case ast.Call(func=ast.Name(id="Decimal"), args=[ast.Constant(value=str(text))]):
            try:
                number = Decimal(text)
            except ArithmeticError:
                return None
        case _:
            return None
    return number if number.is_finite() else None


def _bounds(guard: Guard, values: Sequence[Decimal], cases: Sequence[Case]) -> Iterator[str]:
    """A case with numbers that hit a constant of the code or each other, or just miss it: alone, as a sum, and as a product."""
    own = next((case.text.strip() for case in cases if guard.match(case.text) is not None), None)
    if own is None:
        return
    spans = {span.name: span.type for span in guard.spans(own)}
    whole = [name for name, slot_type in spans.items() if slot_type == "integer"]
    split = {
        name: slot_type for name, slot_type in spans.items() if kind_of(slot_type) in ("money", "decimal", "percent")
    }
    slots = slots_of(guard)
    texts = {span.name: own[span.start : span.end] for span in guard.spans(own)}
    for one, two in combinations(spans, 2):
        if spans[one] == spans[two]:  # where two values are equal, a comparison between them turns
            yield written(guard, own, {one: texts[two]})
    for constant in values:
        for total in (constant, constant / 100) if split else ():
            for count in (1, 10):
                each = (total / (len(split) * count)).quantize(Decimal("0.01"))
                amounts = {name: slots[name].format(each) for name in split}
                yield written(guard, own, {**dict.fromkeys(whole, str(count)), **amounts})
        for near in (constant, constant - 1, constant + 1):
            if near == int(near):
                yield from (written(guard, own, {name: str(int(near))}) for name in whole)
            yield from (written(guard, own, {name: slots[name].format(near)}) for name in split)


def _sampled(pattern: Pattern) -> Iterator[str]:
    for seed in range(_SAMPLED):
        try:
            yield pattern.sample(seed)
        except PatternError:
            return
