"""What a question states apart from its ordinary words: values, polarity, quantifiers, names, persons, roles."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from seglam import hangul, idioms
from seglam.lexicon import AUXILIARIES, NAMES, OPERATORS, QUESTIONS, word_set
from seglam.polarity import AFTER_BOUNDS, BOUNDS, HALF_NEGATORS, NEGATORS, OPPOSITES, PREFIXES_APART, QUANTIFIERS
from seglam.quantities import measure
from seglam.stems import Word, words
from seglam.units import UNITS

_PERSONS: Final = {
    **dict.fromkeys(("i", "me", "my", "mine", "we", "us", "our", "ours"), 1),
    **dict.fromkeys(("you", "your", "yours", "u"), 2),
    **dict.fromkeys(("he", "him", "his"), 3),
    **dict.fromkeys(("she", "her", "hers"), 4),
    **dict.fromkeys(("they", "them", "their"), 5),
}
_POSSESSIVE: Final = word_set("my our your his her their")
_SUBJECT: Final = word_set("i we you he she they")
_ROLES: Final = word_set("from to into onto than by before after against of for")
_SKIPPED: Final = frozenset(
    ("a", "an", "the", "this", "that", "these", "those", "my", "your", "our", "his", "her", "their", "any", "some")
)
_FORMAL: Final = frozenset("=<>^|&\\{}[]~+*")
"""Signs that prose has not."""
_OPERATION: Final = frozenset(("plus", "minus", "times"))
_ROMAN: Final = {
    "I": 1,
    "II": 2,
    "III": 3,
    "IV": 4,
    "V": 5,
    "VI": 6,
    "VII": 7,
    "VIII": 8,
    "IX": 9,
    "X": 10,
    "XI": 11,
    "XII": 12,
}
_IDLE_ALL: Final = re.compile(r"\b(?:at all|all right|first of all|after all|all in all)\b")
_IDLE_NOT: Final = re.compile(r"\b(?:or not|or no|not only|no problem|no matter|not to mention|no idea)\b")
_EVENING: Final = re.compile(
    r"\bat (\w+)(?::(\d\d))? (?:o'clock )?(?:(in the |this |tomorrow )(morning|afternoon|evening)|(tonight))\b",
    re.IGNORECASE,
)
_NUMERIC: Final = word_set("number code time date")
_HOURS: Final = {
    w: n
    for n, w in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], 1
    )
}
_INFINITIVE: Final = word_set("how need want wish like able possible allow try have has step")
"""After these "to" begins a verb."""
_NO_NAMES: Final = word_set("ok okay i'd i'll i've i'm")
_TWICE: Final = {"once": "1 times", "twice": "2 times", "thrice": "3 times"}


class Stated(NamedTuple):
    """A value: what it is compared by, on which side of it, of what, as written, and whether it may stay unsaid."""

    key: tuple[object, ...]
    bound: str
    noun: str
    text: str
    free: bool


class Name(NamedTuple):
    """A name: its stem, as written, and the word before it."""

    stem: str
    text: str
    before: str


class Facets(NamedTuple):
    """What a text states. All but the counts are in the order of the text."""

    values: tuple[Stated, ...]
    exact: tuple[str, ...]
    signs: str
    negated: tuple[str, ...]
    half: Counter[str]
    quantifiers: Counter[str]
    names: tuple[Name, ...]
    cased: bool
    persons: tuple[tuple[str, str, int], ...]
    roles: tuple[tuple[str, str], ...]
    stems: Counter[str]
    forms: Counter[str]
    order: dict[int, tuple[int, ...]]
    prefixed: frozenset[str]
    sequence: tuple[Word, ...]
    every: frozenset[str]
    rates: frozenset[str]


def _hour(match: re.Match[str]) -> str:
    hour = _HOURS.get(match[1].casefold()) or (int(match[1]) if match[1].isdecimal() else 0)
    if not 1 <= hour <= 12:  # noqa: PLR2004 - the clock
        return match[0]
    half = "am" if match[4] and match[4].casefold() == "morning" else "pm"
    return f"at {hour}:{match[2] or '00'} {half}"


@lru_cache(maxsize=8192)
def facets(text: str) -> Facets:
    """What a text states; the result is kept for the next comparisons."""
    plain = hangul.rewrite(unicodedata.normalize("NFC", text).replace("’", "'"))
    plain = idioms.plain(_EVENING.sub(_hour, plain))
    plain = re.sub(r"\b(?:once|twice|thrice)\b", lambda m: _TWICE[m[0].casefold()], plain, flags=re.IGNORECASE)
    low = plain.casefold()
    every, rates = idioms.often(low)
    sequence = words(plain)
    names, cased = _names(sequence)
    opened = _opened(sequence)
    return Facets(
        tuple(_values(sequence)),
        tuple(
            w.token.text if w.token.kind == "code" else _quoted(w)
            for w in sequence
            if w.token.kind in ("code", "verbatim")
        ),
        _signs(sequence),
        _negated(sequence, len(_IDLE_NOT.findall(low))) + ("",) * hangul.negations(plain),
        Counter(w.stem for w in sequence if w.stem in HALF_NEGATORS or w.low in HALF_NEGATORS),
        Counter(q for w in opened if (q := QUANTIFIERS.get(w, "")))
        - Counter({"all": len(_IDLE_ALL.findall(low)) + len(every)}),
        names,
        cased,
        tuple(_persons(sequence)),
        tuple(_roles(opened)),
        Counter(opened),
        Counter(w.low for w in sequence) + Counter(opened),
        _order(sequence),
        _prefixed(sequence),
        sequence,
        every,
        rates,
    )


def _quoted(word: Word) -> str:
    return " ".join(str(word.token.value).casefold().split())


def _signs(sequence: tuple[Word, ...]) -> str:
    """Signs, brackets and single letters of a formula or a command, in order; "" for plain text."""
    signs: list[str] = []
    formal = False
    for n, word in enumerate(sequence):
        text = word.token.text
        before, after = (
            (sequence[n - 1].token if n else None),
            (sequence[n + 1].token if n + 1 < len(sequence) else None),
        )
        between = before is not None and after is not None and before.kind in _NUMERIC and after.kind in _NUMERIC
        if word.worded:
            if between and word.low in _OPERATION:
                signs, formal = [*signs, OPERATORS[word.low]], True
            elif len(text) == 1:
                signs.append(text)
        elif word.token.kind in ("symbol", "punct"):
            charge = (
                text in "+-" and not word.token.glue and (after is None or after.glue == " ") and before is not None
            )
            option = text == "-" and word.token.glue == " " and after is not None and not after.glue
            dots = (
                text == "."
                and before is not None
                and (before.text == "." or (word.token.glue == " " and len(sequence) > n))
            )
            factorial = text == "!" and before is not None and before.kind == "number" and after is not None
            formal = formal or text in _FORMAL or option or charge or factorial or (between and text in OPERATORS)
            if text not in ".,?!:;'\"" or dots or factorial or (text == ":" and after is not None and not after.glue):
                signs.append(OPERATORS.get(text, text))
    formal = formal or ("(" in signs and any(w.token.kind in _NUMERIC for w in sequence))
    return (
        " ".join(signs)
        if formal
        else "..."
        if sequence and sequence[-1].low == "." and sequence[-1].token.glue == " "
        else ""
    )


def _opened(sequence: tuple[Word, ...]) -> list[str]:
    """The stems, with every particle of a Korean noun as a word before it."""
    stems: list[str] = []
    for word in sequence:
        if not word.worded:
            continue
        if word.low.isascii():
            stems.append(word.low if word.low in ("may", "march") and not word.token.text[:1].isupper() else word.stem)
            continue
        role, noun = hangul.open_word(word.low)
        known = next(
            (noun[:n] for n in range(len(noun), 0, -1) if noun[:n] in OPPOSITES and (n > 1 or len(noun) == 1)), noun
        )
        stems += [role, known] if role else [known]
    return stems


def _values(sequence: tuple[Word, ...]) -> Iterator[Stated]:
    spoken = [w.low for w in sequence if w.worded]
    converts = any(p in ("in", "to", "into") and w in UNITS for p, w in pairwise(spoken))
    for n, word in enumerate(sequence):
        token = word.token
        if token.text in _ROMAN and n and _named_before(sequence[n - 1]):
            yield Stated(("numeral", _ROMAN[token.text], ""), "", "", token.text, free=False)
        if token.kind not in ("number", "ordinal", "date", "time"):
            continue
        kind, value, unit = measure(token)
        if converts and kind == "number":
            value, unit = token.value, token.unit  # 60 minutes in hours is not an hour in hours
        if kind == "number" and not unit and "." in token.text:
            value = token.text  # 3.1 and 3.10 are two versions
        low = token.text.casefold()
        free = low.split(" ")[0] in ("a", "an", "one") and getattr(token, "value", 0) == 1
        before = " ".join(w.low for w in sequence[max(0, n - 3) : n] if w.worded)
        bound = next((BOUNDS[b] for k in (3, 2, 1) if (b := " ".join(before.split(" ")[-k:])) in BOUNDS), "")
        after = [w for w in sequence[n + 1 : n + 4] if w.worded]
        bound = AFTER_BOUNDS.get(" ".join(w.low for w in after[:2]), bound)
        bound = AFTER_BOUNDS.get(after[0].low if after else "", bound)
        noun = after[0].stem if after and sequence[n + 1].worded and after[0].low not in AUXILIARIES else ""
        if bound in ("b", "a", "s", "u", "y") and kind not in ("date", "time") and (bound == "y" or not unit):
            bound = ""  # "delayed by four hours" is four hours
        free = free or (low == "first" and not noun)
        yield Stated((kind, value, unit), "" if bound in ("~", "=") else bound, noun, token.text, free)


def _named_before(word: Word) -> bool:
    """Whether a Roman numeral may follow: Elizabeth I; not "Can I", "When I"."""
    capital = word.worded and word.token.text[:1].isupper() and not word.starts
    return capital and len(word.low) > 1 and word.low not in AUXILIARIES and word.low not in QUESTIONS


def _negated(sequence: tuple[Word, ...], idle: int) -> tuple[str, ...]:
    found = [
        next(
            (
                w.stem
                for w in sequence[n + 1 :]
                if w.worded
                and w.low not in _SKIPPED
                and w.low not in _PERSONS
                and w.low != "it"
                and w.low not in AUXILIARIES
            ),
            "",
        )
        for n, word in enumerate(sequence)
        if word.low in NEGATORS
    ]
    return tuple(found[: max(0, len(found) - idle)])


def _names(sequence: tuple[Word, ...]) -> tuple[tuple[Name, ...], bool]:
    """Every name, and whether the case of the text tells names apart."""
    inner = [w for w in sequence if w.worded and w.whole and not w.starts and w.low[0].isascii() and w.low != "i"]
    capital = [w for w in inner if w.token.text != w.token.text.lower()]
    cased = bool(capital) and len(capital) * 10 <= max(len(inner), 3) * 7
    found = []
    for n, word in enumerate(sequence):
        text = word.token.text
        if (
            not word.worded
            or not word.whole
            or len(word.low) == 1
            or word.low in _NO_NAMES
            or (word.low in _PERSONS and not (cased and text.isupper()))
        ):
            continue
        shouted = any(c.isupper() for c in text[1:]) and cased
        if word.stem in NAMES or (cased and ((text[:1].isupper() and not word.starts) or shouted)):
            found.append(Name(word.stem, text, sequence[n - 1].low if n else ""))
    return tuple(found), cased


def _persons(sequence: tuple[Word, ...]) -> Iterator[tuple[str, str, int]]:
    """Who owns, does and undergoes: (relation, stem, person)."""
    spoken = [w for w in sequence if w.worded]
    generic = len(spoken) > 2 and spoken[0].low == "how" and spoken[1].low in ("do", "can", "would", "should")  # noqa: PLR2004 - letters, or words
    for n, word in enumerate(spoken):
        person = _PERSONS.get(word.low)
        if person is None:
            continue
        following = spoken[n + 1].stem if n + 1 < len(spoken) else ""
        if word.low in _POSSESSIVE and following:
            yield "of", following, person
        elif word.low in _SUBJECT and following and following not in AUXILIARIES and not (generic and n == 2):  # noqa: PLR2004 - letters, or words
            yield "by", following, person
        if n and word.low not in ("i", "we", "he", "she", "they") and spoken[n - 1].low not in AUXILIARIES:
            yield "to", spoken[n - 1].stem, person


def _roles(stems: list[str]) -> Iterator[tuple[str, str]]:
    for n, stem in enumerate(stems):
        if stem in _ROLES and not (stem == "to" and n and stems[n - 1] in _INFINITIVE):
            noun = next((s for s in stems[n + 1 : n + 4] if s not in _SKIPPED), "")
            if noun:
                yield stem, noun


def _order(sequence: tuple[Word, ...]) -> dict[int, tuple[int, ...]]:
    """The order of opposites, by class, where a text has both once: minimum age and maximum weight."""
    found: dict[int, list[int]] = {}
    for word in sequence:
        for group, pole in OPPOSITES.get(word.low, ()):
            found.setdefault(group, []).append(pole)
    return {group: tuple(poles) for group, poles in found.items() if len(poles) == len(set(poles)) > 1}


def _prefixed(sequence: tuple[Word, ...]) -> frozenset[str]:
    """Words with a prefix before a hyphen: "self-employed"."""
    return frozenset(
        f"{before.low}-{word.stem}"
        for before, word in pairwise(sequence)
        if word.token.glue == "-" and before.low in PREFIXES_APART
    )
