"""The looser reading of a question: what kind it is, and its content words in order, phrasing taken off.

Two wordings correspond when the kind of question agrees, the guards find no clash, and the content words correspond one to
one, in order, by stem, by a closed table of synonyms, or as an obvious misspelling.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from seglam.lexicon import ABOUT_ME, word_set
from seglam.quantities import measure
from seglam.stems import stem, vocabulary, words
from seglam.synonyms import (
    ASKING,
    CHANNELS,
    CLAUSE,
    FILLERS,
    FRAMES,
    FREE_MOODS,
    IDLE,
    KINDS,
    MEDIA,
    MOODS,
    OBJECTS,
    PHRASE,
    PHRASES,
    RELATED,
    SYNONYMS,
)

_LITERAL: Final = re.compile(
    r"\b(?:words?|sentences?|letters?|phrases?|characters?|strings?|syllables?|vowels?|regexp?"
    r"|spell\w*|pronounc\w*|translat\w*|rhym\w*"
    r"|anagrams?|palindromes?|backwards|capitali[sz]e\w*|uppercase|lowercase|grammar|punctuation"
    r"|digits?|decimals?|fractions?|roman"
    r"|numerals?|notation|binary|hex\w*|synonyms?|antonyms?|prefix|suffix|nouns?|verbs?|adjectives?"
    r"|define|definition|plural|rewrite"
    r"|proofread|paraphrase|summari[sz]e|titled|named|called|songs?|lyrics|sing|abbreviat\w*|acronyms?|say|quote)\b"
    r"|[=+*^\[\]{}|\\<>`\n]|\)\(|\d\s*[-/(]\s*\d|::|\.\.(?!\.)|\s\.\s|\s\.$|(?:^|\s)--?\w|\d!(?=.)|#\d|\w[+-](?:\s|$)",
    re.IGNORECASE,
)
"""Texts about their own wording, formulas and commands: nothing in them is phrasing."""
_ENGLISH: Final = word_set(
    "the how what why when where which your my please who whose this these those there would should"
)
_ENGLISH_TOO: Final = word_set(
    "i you is are can does did to of for want it not we do will would should in on with from"
)
_FOREIGN: Final = word_set(
    "der das und ist ich nicht ein eine wie la le el los las les des une que per con por para je ne"
    " pas il di del como mi tu su wann kommt "
    "wo warum het een van ik niet hoe och att det jag var hur czy jak nie na"
)
"""Words of other languages in the Latin script that English has not."""
_PERSONS: Final = {"i": 1, "me": 1, "my": 1, "we": 1, "us": 1, "our": 1, "you": 2, "your": 2}
_PASSIVE: Final = word_set("be is are am was were been being get gets got")
_CAPITALS: Final = {
    "us": "usa",
    "it": "computing",
    "who": "health organisation",
    "am": "a.m.",
    "or": "oregon",
    "in": "indiana",
    "me": "maine",
}
_DETERMINERS: Final = word_set("the my your our")
_ASKS: Final = word_set("when where why how what who")
_SUBJECTS: Final = word_set("i you we it")
_GOT: Final = word_set("get gets got getting")
_GENERIC: Final = word_set("i you we they one")
_BASES: Final = frozenset(("", *word_set("s ing 's")))
_STOPS: Final = str.maketrans("!;?", "...")
_FEW: Final = 2
_SHORT: Final = 7
"""A shorter word is too often another word with one letter changed: "clam", "calm"."""
_ENDINGS: Final = ("ing", "ings", "ed", "er", "ers", "y", "ies", "est", "e", "a", "o")
"""A double letter before these tells words apart: "planing", "planning"."""


_ENDING_SLIP: Final = re.compile(r"[ae](nc[ey]s?|nt|nts|ntly)$|[ai](ble|bly|bility)$")
_REAL: Final = word_set("intestate deprecate deprecated flounder corporal perineal hypotension tranquility")
"""Words that only look like another with a letter left out."""


_NOT_OWNED: Final = word_set(
    "instead out ahead think hear consist front top one all most some rid lack worth part because use"
)
LINKS: Final = word_set(
    "and or but if when for in on at with from by about after before during without under over as than . , ?"
)
"""Words that end a run of nouns."""


class Item(NamedTuple):
    """A content word or value: its stem or synonym, its inflection, and whether that follows a form of "be"."""

    stem: str
    form: str
    passive: bool
    low: str


class Wording(NamedTuple):
    """A question taken apart.

    Attributes:
        kind: of question: how, can, price, why ...
        mood: of its auxiliary: now, past, can, will, should, must.
        items: content words and values, in order.
        generic: whether somebody in general acts: "I", "you".
        persons: who is spoken of, 1 for "I", 2 for "you".
        literal: whether the text speaks of its own wording; then only the strict reading applies.
    """

    kind: str
    mood: str
    items: tuple[Item, ...]
    generic: bool
    literal: bool
    persons: frozenset[int] = frozenset()


@lru_cache(maxsize=8192)
def wording(text: str) -> Wording:
    """Take a question apart; the result is kept for the next comparisons."""
    plain = _plain(text)
    literal = not _english(plain) or _LITERAL.search(text.strip().rstrip(".!?")) is not None
    indirect = False
    for _ in range(5):
        filler = FILLERS.match(plain)
        if not filler or len(plain[filler.end() :].split()) < _FEW:  # a greeting may be all there is
            break
        indirect = indirect or ASKING.search(filler.group()) is not None
        plain = plain[filler.end() :]
    literal = literal or " : " in plain
    if PHRASE.search(plain):
        for pattern, instead in PHRASES:
            plain = pattern.sub(instead, plain)
        plain = " ".join(plain.split())
    if indirect:
        plain = _direct(plain)
    if front := CLAUSE.match(plain):
        plain = f"{front['main']} {front['front']}"
    for kind, pattern in FRAMES:
        if (match := pattern.match(plain)) and not (kind == "how" and match["rest"].split(" ")[0] in ABOUT_ME):
            groups = match.groupdict()
            mood = MOODS.get(groups.get("mood") or "", "now")
            items = _items(groups["rest"])
            items = _sides(items) if kind == "difference" else items
            return Wording(kind, mood, items, _acts(plain), literal, _persons(groups["rest"]))
    return Wording("", "now", _items(plain), _acts(plain), literal, _persons(plain))


def _direct(plain: str) -> str:
    """An indirect question as a direct one: "when my card will arrive" as "when will my card arrive"."""
    spoken = plain.split()
    if spoken[0] in _DETERMINERS:
        return f"what is {plain}"
    after = 1 + (spoken[0] == "how" and len(spoken) > 1 and spoken[1] in ("long", "much", "many", "often", "far"))
    if (
        spoken[0] not in _ASKS
        or spoken[after : after + 1] == ["to"]
        or (spoken[after : after + 1] or ["to"])[0] in MOODS
    ):
        return plain
    at = next((n for n, word in enumerate(spoken) if n > after and word in MOODS), 0)
    return " ".join((*spoken[:after], spoken[at], *spoken[after:at], *spoken[at + 1 :])) if at else plain


def _persons(plain: str) -> frozenset[int]:
    return frozenset(_PERSONS[low] for low in plain.split() if low in _PERSONS)


def english(text: str) -> bool:
    """Whether a text is certainly English."""
    return _english(_plain(text))


def _english(plain: str) -> bool:
    spoken = {word for word in plain.split() if word.isalpha()}
    if not plain.isascii() or not _FOREIGN.isdisjoint(spoken):
        return False
    return (
        not _ENGLISH.isdisjoint(spoken)
        or len(_ENGLISH_TOO & spoken) > 1
        or (len(spoken) > _FEW and all(stem(word)[0] in vocabulary() for word in spoken))
    )


def _acts(plain: str) -> bool:
    return not _GENERIC.isdisjoint(plain.split())


def _plain(text: str) -> str:
    """Small letters, contractions opened, values by meaning, signs set apart, ends off."""
    out: list[str] = []
    shouted = text == text.upper()
    for word in words(text):
        if word.worded:
            spelled_out = len(word.low) > 1 and word.token.text.isupper() and word.low in _CAPITALS and not shouted
            out.append(_CAPITALS[word.low] if spelled_out else word.low)
        elif word.token.kind in ("symbol", "punct"):
            out += [word.low] if word.low in ",.?!:;" else []
        else:
            kind, value, unit = measure(word.token)
            spelled = (
                word.token.text if kind in ("code", "verbatim") or ("." in word.token.text and not unit) else value
            )
            out.append(f"#{kind}:{spelled}:{unit}".replace(" ", ""))
    plain = re.sub(r"(?: [.?!;:,])+$", "", " ".join(out).translate(_STOPS))
    return re.sub(r" ,? ?(?:please|thanks|thank you|thanks in advance|many thanks|cheers)(?: [.,])*$", "", plain)


def _items(plain: str) -> tuple[Item, ...]:
    found: list[Item] = []
    before = ""
    lows = plain.split()
    for low, after in zip(lows, [*lows[1:], ""], strict=True):
        idle = (
            low in IDLE
            or (low in _SUBJECTS and (not before or before in MOODS))
            or (low in _GOT and stem(after)[1] == "ed")
        )
        if low in ("a", "an", "the") and after in ("", "or", "and", ",", "."):
            idle = False  # vitamin a
        if not idle or (low == "have" and not found):
            base, form = (low, "") if low.startswith("#") else stem(low)
            if base == "be":
                base, form = low, ""
            found.append(Item(SYNONYMS.get(base, base), form, before in _PASSIVE, low))
        before = low
    while found and found[-1].stem in ".?":
        found.pop()
    return tuple(_owned(found))


def _owned(items: list[Item]) -> list[Item]:
    """The capital of Australia as Australia's capital, where two single nouns stand around "of"."""
    for n in range(1, len(items) - 1):
        if items[n].stem != "of":
            continue
        owned, owner, after = items[n - 1], items[n + 1], items[n + 2].low if n + 2 < len(items) else ""
        nouns = owned.form in ("", "s") and owned.stem not in _NOT_OWNED and owner.low not in LINKS
        if nouns and (not after or after in LINKS):
            return [*items[: n - 1], owner, owned, *items[n + 2 :]]
    return items


def _sides(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """What is told apart, in the order of the alphabet: the difference between two things has no direction."""
    cuts = [n for n, item in enumerate(items) if item.low in ("and", "from", "than")]
    if len(cuts) != 1:
        return items
    kept = tuple(item for item in items if item.stem not in ("different", "differ"))
    at = next(n for n, item in enumerate(kept) if item.low in ("and", "from", "than"))
    return tuple(item for side in sorted((kept[:at], kept[at + 1 :])) for item in side)


def departure(new: str, stored: str) -> str | None:  # noqa: PLR0911 - a row of tests, one reason each
    """Where the wordings of two questions stop corresponding; None if they correspond throughout."""
    a, b = wording(new), wording(stored)
    if a.literal or b.literal:
        return "a text about its own wording, or in another language"
    if not a.items or not b.items:
        return "nothing to compare"
    if a.kind != b.kind and frozenset((a.kind, b.kind)) not in KINDS:
        return f"kind of question: {a.kind or 'statement'} against {b.kind or 'statement'}"
    if min(len(a.items), len(b.items)) == 1 and (a.kind != b.kind or not a.kind):
        return "nothing to compare"  # "tell me a joke", "a joke"
    if not _moods(a, b):
        return f"mood: {a.mood} against {b.mood}"
    if a.persons and b.persons and a.persons.isdisjoint(b.persons):
        return "another person"
    return _items_depart(a, b)


def _items_depart(a: Wording, b: Wording) -> str | None:
    for n, (x, y) in enumerate(zip(a.items, b.items, strict=False)):
        if not _matches(x, y, a, b) and not _same_relation(a.items, b.items, n):
            return f"'{x.low}' against '{y.low}'"
    if len(a.items) == len(b.items):
        return None
    longer = max(a.items, b.items, key=len)
    return f"'{longer[min(len(a.items), len(b.items))].low}' only in one"


def _moods(a: Wording, b: Wording) -> bool:
    if a.mood == b.mood:
        return True
    moods = {a.mood, b.mood}
    if "past" in moods or "must" in moods:
        return False
    if a.kind in FREE_MOODS or b.kind == "way":
        return True
    if a.kind in ("yes or no", "manner"):
        return False
    if a.kind == "when":
        return moods == {"now", "will"}
    return "now" in moods


def _same_relation(a: tuple[Item, ...], b: tuple[Item, ...], n: int) -> bool:
    """Whether both have a preposition at n that says the same there: in the app, on the app; a limit of, a limit on."""
    both = {a[n].low, b[n].low}
    if both <= MEDIA:
        return n + 1 < min(len(a), len(b)) and a[n + 1].stem == b[n + 1].stem in CHANNELS
    return both <= OBJECTS and n > 0 and a[n - 1].stem == b[n - 1].stem in RELATED


def _matches(x: Item, y: Item, a: Wording, b: Wording) -> bool:
    if x.stem == y.stem:
        if x.form == y.form or (x.form in _BASES and y.form in _BASES):
            return True
        past, base, own, other = (x, y, a, b) if x.form == "ed" else (y, x, b, a)
        return past.passive and not base.passive and other.generic and not own.generic
    return misspelt(x.low, y.low)


def respelt(new: str, stored: str) -> bool:
    """Whether the content words of both are the same but for misspellings."""
    a, b = wording(new).items, wording(stored).items
    pairs = [(x.low, y.low) for x, y in zip(a, b, strict=False) if x.low != y.low]
    return len(a) == len(b) and bool(pairs) and all(misspelt(x, y) for x, y in pairs)


def misspelt(one: str, other: str) -> bool:
    """Whether exactly one is a known word, and the other is it with a slip that the rest of the question makes plain.

    Beyond ``slip``: a letter left out of a long word, -ancy for -ency, -able for -ible.
    """
    x, y = sorted((one, other), key=len)
    if not _comparable(x, y):
        return False
    if _ENDING_SLIP.sub(r"\1\2", x) == _ENDING_SLIP.sub(r"\1\2", y):
        return True
    at = _first_difference(x, y)
    left_out = len(x) < len(y) and x[at:] == y[at + 1 :] and 1 < at < len(x) - 1
    return slip(x, y) or (left_out and y in vocabulary() and len(y) > _SHORT + 1 and x not in _REAL)


def slip(one: str, other: str) -> bool:
    """Whether exactly one is a known word, and the other is it with a double letter halved or doubled, or two swapped.

    Another letter is not enough: sulfate and sulfite, prostate and prostrate.
    """
    x, y = sorted((one, other), key=len)
    if not _comparable(x, y):
        return False
    at = _first_difference(x, y)
    if len(x) == len(y):
        swapped = x[at : at + 2] == y[at : at + 2][::-1] and x[at + 2 :] == y[at + 2 :]
        return swapped and (len(x) > _SHORT or set(x[at : at + 2]) == {"i", "e"})
    doubled = 1 < at < len(x) and x[at:] == y[at + 1 :] and y[at] == y[at - 1]
    return doubled and y[at] not in "aeiou" and y[at + 1 :] not in _ENDINGS


def _comparable(x: str, y: str) -> bool:
    if len(y) < _SHORT or not (x.isalpha() and y.isalpha()) or x[0] != y[0] or len(y) - len(x) > 1:
        return False
    return (x in vocabulary()) != (y in vocabulary())


def _first_difference(x: str, y: str) -> int:
    return next((i for i, (p, q) in enumerate(zip(x, y, strict=False)) if p != q), len(x))
