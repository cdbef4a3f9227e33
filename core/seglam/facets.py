"""What a question states apart from its ordinary words: values, polarity, quantifiers, names, roles; and where two clash.

A clash is a change that no rewording makes. What only one of both says is a clash for values and polarity, not for names.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from seglam import hangul
from seglam.lexicon import AUXILIARIES, NAMES, OPERATORS, QUESTIONS
from seglam.polarity import AFTER_BOUNDS, BOUNDS, HALF_NEGATORS, NEGATORS, OPPOSITES, PREFIXES, QUANTIFIERS
from seglam.quantities import measure
from seglam.stems import Word, words
from seglam.units import CURRENCIES, UNITS

_PERSONS: Final = {
    **dict.fromkeys(("i", "me", "my", "mine", "we", "us", "our", "ours"), 1),
    **dict.fromkeys(("you", "your", "yours", "u"), 2),
    **dict.fromkeys(("he", "him", "his"), 3),
    **dict.fromkeys(("she", "her", "hers"), 4),
    **dict.fromkeys(("they", "them", "their"), 5),
}
_POSSESSIVE: Final = frozenset(("my", "our", "your", "his", "her", "their"))
_SUBJECT: Final = frozenset(("i", "we", "you", "he", "she", "they"))
_ROLES: Final = frozenset(("from", "to", "into", "onto", "than", "by", "before", "after", "against", "of", "for"))
_SKIPPED: Final = frozenset(("a", "an", "the", "this", "that", "these", "those", "my", "your", "our", "his", "her", "their", "any", "some"))
_PARTICLES: Final = frozenset(("in", "out", "up", "down"))
_EITHER: Final = frozenset(("and", "or", "vs", "versus", ",", "&"))
_WEIGHTS: Final = frozenset(("stone", "kg", "g", "oz", "ounce", "weigh", "weight", "lose", "gain", "heavy", "lb", "flour", "meat"))
_FORMAL: Final = frozenset("=<>^|&\\{}[]~+*")
_OPERATION: Final = frozenset(("plus", "minus", "times"))
_ROMAN: Final = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7, "VIII": 8, "IX": 9, "X": 10, "XI": 11, "XII": 12}
_AMBIGUOUS: Final = frozenset("us it who may march turkey polish china jordan chad nice reading bath mark bill will apple job lent".split())
"""Words that a capital turns into another."""
_IDLE_ALL: Final = re.compile(r"\b(?:at all|all right|first of all|after all|all in all)\b")
_IDLE_NOT: Final = re.compile(r"\b(?:or not|not only|no problem|no matter|not to mention|no idea)\b")
_EVENING: Final = re.compile(
    r"\bat (\w+)(?::(\d\d))? (?:o'clock )?(?:(in the |this |tomorrow )(morning|afternoon|evening)|(tonight))\b", re.IGNORECASE
)
_NUMERIC: Final = frozenset(("number", "code", "time", "date"))
_HOURS: Final = {w: n for n, w in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)}  # noqa: SIM905
_TWICE: Final = {"once": "1 times", "twice": "2 times", "thrice": "3 times"}


class Stated(NamedTuple):
    """A value: what it is compared by, on which side of it, of what, as written, and whether it may stay unsaid."""

    key: tuple[object, ...]
    bound: str
    noun: str
    text: str
    free: bool


class Facets(NamedTuple):
    """What a text states. All but ``stems`` are in the order of the text."""

    values: tuple[Stated, ...]
    exact: tuple[str, ...]
    signs: str
    negated: tuple[str, ...]
    half: Counter[str]
    quantifiers: Counter[str]
    names: tuple[tuple[str, str, str], ...]
    cased: bool
    persons: tuple[tuple[str, str, int], ...]
    roles: tuple[tuple[str, str], ...]
    stems: Counter[str]
    sequence: tuple[Word, ...]


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
    plain = _EVENING.sub(_hour, plain)
    plain = re.sub(r"\b(?:once|twice|thrice)\b", lambda m: _TWICE[m[0].casefold()], plain, flags=re.IGNORECASE)
    low = plain.casefold()
    sequence = words(plain)
    names, cased = _names(sequence)
    opened = _opened(sequence)
    return Facets(
        tuple(_values(sequence)),
        tuple(w.token.text if w.token.kind == "code" else _quoted(w) for w in sequence if w.token.kind in ("code", "verbatim")),
        _signs(sequence),
        _negated(sequence, len(_IDLE_NOT.findall(low))) + ("",) * hangul.negations(plain),
        Counter(w.stem for w in sequence if w.stem in HALF_NEGATORS or w.low in HALF_NEGATORS),
        Counter(q for w in opened if (q := QUANTIFIERS.get(w, ""))) - Counter({"all": len(_IDLE_ALL.findall(low))}),
        names,
        cased,
        tuple(_persons(sequence)),
        tuple(_roles(opened)),
        Counter(opened),
        sequence,
    )


def _quoted(word: Word) -> str:
    return " ".join(str(word.token.value).casefold().split())


def _signs(sequence: tuple[Word, ...]) -> str:
    """Signs, brackets and single letters of a formula or a command, in order; "" for plain text."""
    signs: list[str] = []
    formal = False
    for n, word in enumerate(sequence):
        text = word.token.text
        before, after = (sequence[n - 1].token if n else None), (sequence[n + 1].token if n + 1 < len(sequence) else None)
        between = before is not None and after is not None and before.kind in _NUMERIC and after.kind in _NUMERIC
        if word.worded:
            if between and word.low in _OPERATION:
                signs, formal = [*signs, OPERATORS[word.low]], True
            elif len(text) == 1:
                signs.append(text)
        elif word.token.kind in ("symbol", "punct"):
            option = text == "-" and word.token.glue == " " and after is not None and not after.glue
            dots = text == "." and before is not None and (before.text == "." or (word.token.glue == " " and len(sequence) > n))
            factorial = text == "!" and before is not None and before.kind == "number" and after is not None
            formal = formal or text in _FORMAL or option or factorial or (between and text in OPERATORS)
            if text not in ".,?!:;'\"" or dots or factorial or (text == ":" and after is not None and not after.glue):
                signs.append(OPERATORS.get(text, text))
    formal = formal or ("(" in signs and any(w.token.kind in _NUMERIC for w in sequence))
    return " ".join(signs) if formal else "..." if sequence and sequence[-1].low == "." and sequence[-1].token.glue == " " else ""


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
        known = next((noun[:n] for n in range(len(noun), 0, -1) if noun[:n] in OPPOSITES and (n > 1 or len(noun) == 1)), noun)
        stems += [role, known] if role else [known]
    return stems


def _values(sequence: tuple[Word, ...]) -> Iterator[Stated]:
    spoken = [w.low for w in sequence if w.worded]
    converts = any(p in ("in", "to", "into") and w in UNITS for p, w in zip(spoken, spoken[1:], strict=False))
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
        next((w.stem for w in sequence[n + 1 :] if w.worded and w.low not in _SKIPPED and w.low not in _PERSONS and w.low != "it" and w.low not in AUXILIARIES), "")
        for n, word in enumerate(sequence)
        if word.low in NEGATORS
    ]
    return tuple(found[: max(0, len(found) - idle)])


def _names(sequence: tuple[Word, ...]) -> tuple[tuple[tuple[str, str, str], ...], bool]:
    """(stem, as written, word before) of every name, and whether the case of the text tells names apart."""
    inner = [w for w in sequence if w.worded and w.whole and not w.starts and w.low[0].isascii() and w.low != "i"]
    capital = [w for w in inner if w.token.text != w.token.text.lower()]
    cased = bool(capital) and len(capital) * 10 <= max(len(inner), 3) * 6
    found = []
    for n, word in enumerate(sequence):
        text = word.token.text
        if not word.worded or not word.whole or len(word.low) < 2 or (word.low in _PERSONS and not (cased and text.isupper())):  # noqa: PLR2004
            continue
        shouted = any(c.isupper() for c in text[1:]) and cased
        if word.stem in NAMES or (cased and ((text[:1].isupper() and not word.starts) or shouted)):
            found.append((word.stem, text, sequence[n - 1].low if n else ""))
    return tuple(found), cased


def _persons(sequence: tuple[Word, ...]) -> Iterator[tuple[str, str, int]]:
    """Who owns, does and undergoes: (relation, stem, person)."""
    spoken = [w for w in sequence if w.worded]
    generic = len(spoken) > 2 and spoken[0].low == "how" and spoken[1].low in ("do", "can", "would", "should")  # noqa: PLR2004
    for n, word in enumerate(spoken):
        person = _PERSONS.get(word.low)
        if person is None:
            continue
        following = spoken[n + 1].stem if n + 1 < len(spoken) else ""
        if word.low in _POSSESSIVE and following:
            yield "of", following, person
        elif word.low in _SUBJECT and following and following not in AUXILIARIES and not (generic and n == 2):  # noqa: PLR2004
            yield "by", following, person
        if n and word.low not in ("i", "we", "he", "she", "they") and spoken[n - 1].low not in AUXILIARIES:
            yield "to", spoken[n - 1].stem, person


def _roles(stems: list[str]) -> Iterator[tuple[str, str]]:
    for n, stem in enumerate(stems):
        if stem in _ROLES:
            noun = next((s for s in stems[n + 1 : n + 4] if s not in _SKIPPED), "")
            if noun:
                yield stem, noun


def clash(one: str, other: str) -> str | None:
    """The first thing that both texts state differently, or None."""
    a, b = facets(one), facets(other)
    for test in (_clash_values, _clash_exact, _clash_polarity, _clash_opposites, _clash_quantifiers, _clash_names, _clash_roles):
        if reason := test(a, b):
            return reason
    return None


def _clash_values(a: Facets, b: Facets) -> str | None:
    pounds = not (_WEIGHTS & (a.stems.keys() | b.stems.keys()))

    def key(value: Stated) -> tuple[object, ...]:
        kind, number, unit = value.key
        return (kind, number, "GBP" if unit == "pound" and pounds else unit, value.bound)

    x, y = [key(v) for v in a.values], [key(v) for v in b.values]
    only_a, only_b = Counter(x) - Counter(y), Counter(y) - Counter(x)
    left = [v for v in a.values if key(v) in only_a and not v.free]
    right = [v for v in b.values if key(v) in only_b and not v.free]
    if left and right:
        return f"{left[0].key[0]} {left[0].text} != {right[0].text}"
    if left or right:
        lone = (left or right)[0]
        return f"{lone.key[0]} {lone.text} only in one"
    shared = [k for k in x if k not in only_a], [k for k in y if k not in only_b]
    if [k for k in shared[0] if (k[0], k[2]) in _several(shared[0])] != [k for k in shared[1] if (k[0], k[2]) in _several(shared[0])]:
        return f"values in another order: {a.values[0].text}"
    owner = {v.noun: v.key for v in a.values if v.noun}
    for value in b.values:
        if value.noun in owner and owner[value.noun] != value.key and owner[value.noun] in [v.key for v in b.values]:
            return f"number {value.text} belongs to another word"
    return f"sign {a.signs or b.signs} differs" if a.signs != b.signs else None


def _several(keys: list[tuple[object, ...]]) -> set[tuple[object, object]]:
    """The kinds of value that occur with more than one number: only these can change places."""
    kinds = Counter((k[0], k[2]) for k in set(keys))
    return {kind for kind, count in kinds.items() if count > 1}


def _clash_exact(a: Facets, b: Facets) -> str | None:
    for one, other in ((a, b), (b, a)):
        spoken = " ".join(w.low for w in other.sequence)
        for text, count in (Counter(one.exact) - Counter(other.exact)).items():
            if count and f" {text} " not in f" {spoken} ":
                return f"code or quotation '{text[:40]}' only in one"
    return None


def _clash_polarity(a: Facets, b: Facets) -> str | None:
    x, y = len(a.negated), len(b.negated)
    if abs(x - y) > ((a.half - b.half) + (b.half - a.half)).total():
        return f"negation only in one: before '{(a.negated or b.negated)[0]}'"
    crossed = set(a.negated) ^ set(b.negated)
    if x == y and len(crossed) > 1 and all(a.stems[s] and b.stems[s] for s in crossed):
        return f"negation of another word: '{sorted(crossed)[0]}'"
    return None


def _clash_opposites(a: Facets, b: Facets) -> str | None:
    only_a, only_b = a.stems - b.stems, b.stems - a.stems
    low_a, low_b = Counter(w.low for w in a.sequence), Counter(w.low for w in b.sequence)
    left, right = set(only_a) | set(low_a - low_b), set(only_b) | set(low_b - low_a)
    poles = [(c, p, w) for w in right for c, p in OPPOSITES.get(w, ())]
    for word in left:
        for group, pole in OPPOSITES.get(word, ()):
            against = [w for c, p, w in poles if c == group and p != pole]
            if against and not any(c == group and p == pole for c, p, _ in poles):
                if word in _PARTICLES and against[0] in _PARTICLES and not _after(a, word) & _after(b, against[0]):
                    continue
                return f"'{word}' against '{against[0]}'"
    orders = dict(_poles(a)), dict(_poles(b))
    if any(orders[1].get(group, poles) == poles[::-1] for group, poles in orders[0].items()):
        return "opposites in another order"
    for one, other in ((left, right), (right, left)):
        for word in one:
            if len(word) > 1 and any(p + word in other for p in PREFIXES if len(word) > 2 or not word.isascii()):  # noqa: PLR2004
                return f"'{word}' with another prefix"
    glued_a, glued_b = _prefixed(a), _prefixed(b)
    return f"'{sorted(glued_a ^ glued_b)[0]}' only in one" if glued_a != glued_b else None


def _poles(text: Facets) -> list[tuple[int, list[int]]]:
    """The order of opposites where a text has both: minimum age and maximum weight."""
    found: dict[int, list[int]] = {}
    for word in text.sequence:
        for group, pole in OPPOSITES.get(word.low, ()):
            found.setdefault(group, []).append(pole)
    return sorted((group, poles) for group, poles in found.items() if len(poles) == len(set(poles)) == 2)  # noqa: PLR2004


def _after(text: Facets, word: str) -> set[str]:
    return {p.stem for p, w in zip(text.sequence, text.sequence[1:], strict=False) if w.low == word}


def _prefixed(text: Facets) -> frozenset[str]:
    """Words with a prefix before a hyphen: "self-employed"."""
    return frozenset(
        f"{p.low}-{w.stem}"
        for p, w in zip(text.sequence, text.sequence[1:], strict=False)
        if w.token.glue == "-" and p.low in ("self", "non", "ex", "pre", "post", "semi", "anti", "sub")
    )


def _clash_quantifiers(a: Facets, b: Facets) -> str | None:
    for kind in ("only", "except", "all"):
        if bool(a.quantifiers[kind]) != bool(b.quantifiers[kind]):
            just = kind == "only" and (a.stems["just"] or b.stems["just"])
            if not just:
                return f"quantifier '{kind}' only in one"
    return None


def _clash_names(a: Facets, b: Facets) -> str | None:
    left = [n for n in a.names if not _named(n, b)]
    right = [n for n in b.names if not _named(n, a)]
    if left and right:
        return f"name {left[0][1]} != {right[0][1]}"
    for lone, other in ((left, b), (right, a)):
        if lone and not other.cased:
            return f"name {lone[0][1]} only in one"
    mixed = {n[1].casefold(): n[1] for n in a.names if a.cased and b.cased and any(c.isupper() for c in n[1][1:])}
    for _, text, _ in b.names:
        if mixed.get(text.casefold(), text) != text:
            return f"name {mixed[text.casefold()]} != {text}"
    for one, other in ((a, b), (b, a)):
        lows = {w.token.text for w in other.sequence if w.worded}
        for stem, text, _ in one.names:
            other_case = text not in lows and text.casefold() in {low.casefold() for low in lows if low[:1].islower()}
            if other_case and (stem in _AMBIGUOUS or other.cased) and stem not in NAMES:
                return f"name {text} against the word '{text.casefold()}'"
    x, y = [n[0] for n in a.names], [n[0] for n in b.names]
    if x != y and len(x) > 1 and Counter(x) == Counter(y) and {(n[0], n[2]) for n in a.names} != {(n[0], n[2]) for n in b.names}:
        joined = all(
            any(w.low in _EITHER and s.sequence[i - 1].stem in x for i, w in enumerate(s.sequence) if i) for s in (a, b)
        )
        return None if joined else f"names in another order: {a.names[0][1]}"
    return None


def _named(name: tuple[str, str, str], other: Facets) -> bool:
    """Whether a name stands in the other text, in full or as the initials of its words."""
    stem, text, _ = name
    unit = UNITS.get(stem, "")
    if unit in CURRENCIES and any(UNITS.get(w.low) in (unit, "pound" if unit == "GBP" else unit) for w in other.sequence):
        return True
    if other.stems[stem] or any(w.low == text.casefold() for w in other.sequence):
        return True
    initials = "".join(w.low[0] for w in other.sequence if w.worded)
    if text.isupper() and len(text) > 2 and text.casefold() in initials:  # noqa: PLR2004
        return True
    shorts = [n[1].casefold() for n in other.names if n[1].isupper() and len(n[1]) > 2]  # noqa: PLR2004
    return any(stem[0] in short for short in shorts)


def _clash_roles(a: Facets, b: Facets) -> str | None:
    for (relation, stem, person), (r, s, p) in ((x, y) for x in a.persons for y in b.persons):
        if (relation, stem) == (r, s) and person != p:
            same = {q for k, t, q in a.persons if (k, t) == (r, s)} & {q for k, t, q in b.persons if (k, t) == (r, s)}
            if not same or len({q for k, t, q in a.persons if (k, t) == (r, s)}) != len({q for k, t, q in b.persons if (k, t) == (r, s)}):
                return f"another person at '{stem}'"
    owned_a, owned_b = ([(s, p) for r, s, p in t.persons if r == "of"] for t in (a, b))
    if owned_a != owned_b and sorted(owned_a) == sorted(owned_b) and [p for _, p in owned_a] != [p for _, p in owned_b] and a.roles != b.roles:
        return "owners in another order"
    for preposition in {p for p, _ in a.roles} & {p for p, _ in b.roles}:
        x, y = ([noun for p, noun in t.roles if p == preposition] for t in (a, b))
        moved, came = Counter(x) - Counter(y), Counter(y) - Counter(x)
        if moved and came and all(b.stems[n] for n in moved) and all(a.stems[n] for n in came):
            return f"'{preposition}' has another object: {next(iter(moved))}, {next(iter(came))}"
    return None
