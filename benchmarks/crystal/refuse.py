"""Near misses: requests that look like a class and ask for something else, so that no stored procedure may answer them.

Six kinds: a clause inserted, a negation, another unit, a relative quantity, a sentence that changes what is asked, a second
question. They change the instruction, never free data. Each one's true answer differs from the plain request's.
"""

import random
import re
from itertools import count
from string import Formatter

from benchmarks.crystal import families, office
from benchmarks.crystal.items import Item, Kind
from benchmarks.crystal.office_kit import REGISTER, Template, Values, fill
from benchmarks.crystal.refuse_families import EDITS, settled

KINDS = ("inserted", "negated", "unit", "relative", "extra", "two")
# For each kind of answer, sentences that fit before the request and after it.
EXTRA: dict[Kind, tuple[str, ...]] = {
    "numbers": (
        "Add {k} to the result and tell me only that sum.",
        "I want the result less {k}, not the result itself.",
        "Take {k} off the result before you tell me.",
        "The figure I am after is the result with {k} more on top.",
        "Please report what is {k} above the result.",
    ),
    "text": (
        "Put the word DRAFT{k} in front of the result.",
        "Write the result twice with a slash in between.",
        "Behind the result, add (copy {k}).",
        "Replace the first character of the result by #{k}.",
        "Tell me only how many characters the result has.",
    ),
    "yesno": (
        "Use 1 for yes and 0 for no.",
        "Say the opposite of what is true, it is for a quiz.",
        "Name the figure that decides it instead of a yes or no.",
    ),
    "json": (
        'Add a field "vat" with the value {k}.',
        "Wrap the object in a list.",
        "Put all keys in capitals.",
        "Return only the key names, no values.",
        "Raise the quantity by {k} first.",
    ),
}
EXTRA["final"] = EXTRA["numbers"]
SECOND = (
    "what is {a} plus {b}?",
    "how many minutes are {a} hours?",
    "is {b} a prime number?",
    "which letter comes {a} places before Z?",
    "how many days do {a} weeks have?",
    "what is the largest divisor of {b} below {b}?",
    "how is {a} written in Roman numerals?",
    "what is {a}% of {b}?",
)
MULTIPLES = ("twice {x}", "half of {x}", "three times {x}", "one quarter of {x}")
SUMS = ("{k} more than {x}", "{k} above {x}")


def refuse(klass: str, seed: int, n: int) -> list[Item]:
    """Near misses of a class, kinds in turn, no two alike; their answers are empty.

    Raises:
        KeyError: There is no such class.
    """
    rng = random.Random(f"near/{klass}/{seed}")
    plain = office.sequence(klass, seed) if klass in REGISTER else families.sequence(klass, seed)
    found: dict[str, Item] = {}
    for turn, item in zip(count(), plain, strict=False):
        if len(found) == n:
            break
        if item.source == "family" and not settled(item):
            continue
        kind = KINDS[turn % len(KINDS)]
        text = near_miss(item, kind, seed, rng)
        if text is not None and text != item.text:
            found.setdefault(text, Item(text, "", klass, item.phrasing, len(found), item.source))
    return list(found.values())


def near_miss(item: Item, kind: str, seed: int, rng: random.Random) -> str | None:
    """A near miss of one request, of one kind; None where the wording has no room for that kind."""
    if kind == "two":
        return _second(item, rng)
    if kind == "extra":
        return _extra(item, rng)
    if item.source == "family":
        edits = [edit for edit in EDITS[item.klass] if edit[0] == kind and re.search(edit[1], item.text)]
        if not edits:
            return None
        _, piece, instead = rng.choice(edits)
        return re.sub(piece, instead.replace("{k}", str(rng.randint(2, 9))), item.text, count=1)
    values = office.values(item, seed)
    return None if "idle" in values else _edited(REGISTER[item.klass], item.phrasing, values, kind, rng)


def _edited(made: Template, at: int, values: Values, kind: str, rng: random.Random) -> str | None:
    """An office request with one piece of its wording replaced, or one quantity made relative."""
    phrasing = made.phrasings[at]
    options = [
        fill(phrasing.replace(piece, instead), values)
        for k, piece, instead in made.edits
        if k == kind and piece in phrasing
    ]
    if kind == "relative":
        for name in _slots(phrasing) & {name.removeprefix("*") for name in made.relative}:
            sign = values[name][0] if values[name][0] in "$€£" else ""
            for shape in MULTIPLES if f"*{name}" in made.relative else (*MULTIPLES, *SUMS):
                related = shape.format(x=values[name], k=f"{sign}{rng.randint(2, 9)}")
                options.append(fill(phrasing, values | {name: related}))
    return rng.choice(sorted(options)) if options else None


def _slots(phrasing: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrasing) if name}


def _extra(item: Item, rng: random.Random) -> str:
    sentence = rng.choice(EXTRA[_kind(item)]).replace("{k}", str(rng.randint(3, 99)))
    return _joined(item, sentence, sentence, rng)


def _second(item: Item, rng: random.Random) -> str:
    """The request and an unrelated question, which may be a request of another class."""
    if rng.random() < 0.3:
        other = rng.choice([name for name in REGISTER if name != item.klass])
        request = next(office.sequence(other, rng.randrange(1000))).text
        return (
            f"Two things. First: {item.text}\n\nSecond: {request}"
            if rng.random() < 0.5
            else f"{request}\n\nAnd then: {item.text}"
        )
    question = rng.choice(SECOND).format(a=rng.randint(3, 25), b=rng.randint(30, 900))
    after = rng.choice(["And {}", "Also, {}", "One more question: {}", "By the way, {}"]).format(question)
    before = rng.choice(["{} And then this:", "First of all, {} Second:", "Two questions: {} And:"]).format(question)
    return _joined(item, before[0].upper() + before[1:], after, rng)


def _joined(item: Item, before: str, after: str, rng: random.Random) -> str:
    """A sentence put before or after, on the side where no data stands that would swallow it."""
    wording = REGISTER[item.klass].phrasings[item.phrasing] if item.source == "office" else item.text
    if wording[-1] not in ".?!" or (wording[0] != "{" and rng.random() < 0.3):
        return f"{before} {item.text}"
    return f"{item.text} {after}"


def _kind(item: Item) -> Kind:
    if item.source == "office":
        return REGISTER[item.klass].kind
    return "numbers" if re.fullmatch(r"-?\d+(\.\d+)?", item.answer) else "text"
