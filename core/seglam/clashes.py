"""Where two questions state something differently: values, codes, polarity, opposites, quantifiers, names, roles.

What only one of both states is a clash for values, polarity and quantifiers. A name that only one has may be left out; a name
that the other has changed may not.
"""

from collections import Counter
from collections.abc import Set as AbstractSet
from itertools import chain, pairwise
from typing import Final

from seglam.facets import Facets, Stated, facets
from seglam.lexicon import NAMES, word_set
from seglam.polarity import OPPOSITES, PREFIXES
from seglam.units import CURRENCIES, UNITS

_PARTICLES: Final = frozenset(("in", "out", "up", "down"))
_EITHER: Final = frozenset(("and", "or", "vs", "versus", ",", "&"))
_WEIGHTS: Final = frozenset(
    ("stone", "kg", "g", "oz", "ounce", "weigh", "weight", "lose", "gain", "heavy", "lb", "flour", "meat")
)
"""Beside these a pound is no money."""
_AMBIGUOUS: Final = word_set(
    "us it who may march turkey polish china jordan chad nice reading bath mark bill will apple job lent"
)
"""Words that a capital turns into another."""
_TURNED: Final = {"from": "to", "to": "from"}
_ACRONYM: Final = 3
"""Letters; a shorter one stands for too much."""

_Key = tuple[object, ...]


def clash(one: str, other: str) -> str | None:
    """The first thing that both texts state differently, as a short reason; None if there is nothing."""
    a, b = facets(one), facets(other)
    for test in (_values, _codes, _polarity, _opposites, _quantifiers, _names, _case, _persons, _roles):
        if reason := test(a, b):
            return reason
    return None


def _values(a: Facets, b: Facets) -> str | None:
    if not a.values and not b.values:
        return "signs differ" if a.signs != b.signs else None
    money = not (_WEIGHTS & (a.stems.keys() | b.stems.keys()))
    x, y = [_key(v, money=money) for v in a.values], [_key(v, money=money) for v in b.values]
    only_a, only_b = Counter(x) - Counter(y), Counter(y) - Counter(x)
    left = [v for v, key in zip(a.values, x, strict=True) if key in only_a and not v.free]
    right = [v for v, key in zip(b.values, y, strict=True) if key in only_b and not v.free]
    if left and right:
        bound = f"{left[0].bound} {right[0].bound} ".lstrip() if left[0].key == right[0].key else ""
        return f"{left[0].key[0]} {bound}{left[0].text} != {right[0].text}"
    if left or right:
        lone = (left or right)[0]
        return f"{lone.key[0]} {lone.text} only in one"
    if _ordered([key for key in x if key not in only_a]) != _ordered([key for key in y if key not in only_b]):
        return f"values in another order: {a.values[0].text}"
    owner, known = {v.noun: v.key for v in a.values if v.noun}, {v.key for v in b.values}
    for value in b.values:
        if owner.get(value.noun, value.key) != value.key and owner[value.noun] in known:
            return f"number {value.text} belongs to another word"
    return "signs differ" if a.signs != b.signs else None


def _key(value: Stated, *, money: bool) -> _Key:
    kind, number, unit = value.key
    return (kind, number, "GBP" if unit == "pound" and money else unit, value.bound)


def _ordered(keys: list[_Key]) -> list[_Key]:
    """The values that can change places: of a kind and unit that occurs with more than one number."""
    several = Counter((kind, unit) for kind, _, unit, _ in set(keys))
    return [key for key in keys if several[key[0], key[2]] > 1]


def _codes(a: Facets, b: Facets) -> str | None:
    if a.exact == b.exact:
        return None
    for one, other in ((a, b), (b, a)):
        spoken = f" {' '.join(w.low for w in other.sequence)} "
        for text in Counter(one.exact) - Counter(other.exact):
            if f" {text} " not in spoken:
                return f"code or quotation '{text[:40]}' only in one"
    return None


def _polarity(a: Facets, b: Facets) -> str | None:
    x, y = len(a.negated), len(b.negated)
    if abs(x - y) > ((a.half - b.half) + (b.half - a.half)).total():
        return f"negation only in one: before '{(a.negated or b.negated)[0]}'"
    crossed = set(a.negated) ^ set(b.negated)
    if x == y and len(crossed) > 1 and all(a.stems[s] and b.stems[s] for s in crossed):
        return f"negation of another word: '{min(crossed)}'"
    return None


def _opposites(a: Facets, b: Facets) -> str | None:
    left, right = (a.forms - b.forms).keys(), (b.forms - a.forms).keys()
    if reason := _against(a, b, left, right):
        return reason
    for group, poles in a.order.items():
        if b.order.get(group, poles) == poles[::-1]:
            return "opposites in another order"
    for one, other in ((left, right), (right, left)):
        for word in one:
            if (len(word) > 2 or not word.isascii()) and any(prefix + word in other for prefix in PREFIXES):  # noqa: PLR2004 - letters, or words
                return f"'{word}' with another prefix"
    return f"'{min(a.prefixed ^ b.prefixed)}' only in one" if a.prefixed != b.prefixed else None


def _against(a: Facets, b: Facets, left: AbstractSet[str], right: AbstractSet[str]) -> str | None:
    """Two words of one class, each in one text only, where the other text has no word of the same meaning."""
    poles = [(group, pole, word) for word in right for group, pole in OPPOSITES.get(word, ())]
    for word in left:
        for group, pole in OPPOSITES.get(word, ()):
            against = [w for g, p, w in poles if g == group and p != pole]
            if not against or any(g == group and p == pole for g, p, _ in poles):
                continue
            if {word, against[0]} <= _PARTICLES and not _before(a, word) & _before(b, against[0]):
                continue  # "log in", "log out"; but "find out" is no opposite of "in the app"
            return f"'{word}' against '{against[0]}'"
    return None


def _before(text: Facets, word: str) -> set[str]:
    return {before.stem for before, after in pairwise(text.sequence) if after.low == word}


def _quantifiers(a: Facets, b: Facets) -> str | None:
    for kind in ("only", "except", "all"):
        if bool(a.quantifiers[kind]) != bool(b.quantifiers[kind]) and not (
            kind == "only" and (a.stems["just"] or b.stems["just"])
        ):
            return f"quantifier '{kind}' only in one"
    for one, other in ((a, b), (b, a)):
        if one.every - other.rates and not other.quantifiers["all"]:
            return f"'every {min(one.every - other.rates)}' only in one"
    return None


def _names(a: Facets, b: Facets) -> str | None:
    if not a.names and not b.names:
        return None
    left, right = _unnamed(a, b), _unnamed(b, a)
    if left and right:
        return f"name {left[0]} != {right[0]}"
    for lone, other in ((left, b), (right, a)):
        if lone and not other.cased:
            return f"name {lone[0]} only in one"
    x, y = [n.stem for n in a.names], [n.stem for n in b.names]
    if (
        x == y
        or Counter(x) != Counter(y)
        or {(n.stem, n.before) for n in a.names} == {(n.stem, n.before) for n in b.names}
    ):
        return None
    joined = all(any(p.stem in x and w.low in _EITHER for p, w in pairwise(text.sequence)) for text in (a, b))
    return None if joined else f"names in another order: {a.names[0].text}"


def _unnamed(one: Facets, other: Facets) -> list[str]:
    """The names in one text that the other has not: not the same word, currency, acronym or full form."""
    currencies = {_currency(w.low) for w in other.sequence} - {""}
    short = "".join(w.low[0] for w in other.sequence if w.worded)
    spelled = [w for w in one.sequence if w.worded]
    initials = "".join(w.low[0] for w in spelled)
    full = {
        word.stem
        for name in other.names
        if name.text.isupper() and len(name.text) >= _ACRONYM and (at := initials.find(name.text.casefold())) >= 0
        for word in spelled[at : at + len(name.text)]
    } | _spelled_out(one, other)
    return [
        name.text
        for name in one.names
        if not (
            other.forms[name.stem]
            or other.forms[name.text.casefold()]
            or _currency(name.stem) in currencies
            or name.stem in full
            or _plural(name.text, other)
            or _spelled_out(other, one, name.text)
            or (name.text.isupper() and len(name.text) >= _ACRONYM and name.text.casefold() in short)
        )
    ]


def _spelled_out(one: Facets, other: Facets, name: str = "") -> set[str]:
    """The stems of two names side by side in one text whose initials are a name of the other: British Airways, BA."""
    short = {n.text for n in other.names if n.text.isupper() and len(n.text) < _ACRONYM and name in ("", n.text)}
    found: set[str] = set()
    for first, second in pairwise(one.sequence) if short else ():
        capital = first.token.text[:1].isupper() and second.token.text[:1].isupper() and second.low[1:]
        if capital and first.low[1:] and (first.low[0] + second.low[0]).upper() in short:
            found |= {first.stem, second.stem}
    return found


def _plural(text: str, other: Facets) -> bool:
    """Whether the other text has the plural of an acronym, or the one of which this is the plural: UTI, UTIs."""
    if text[:-1].isupper() and text.endswith("s") and len(text) > _ACRONYM:
        return bool(other.forms[text[:-1].casefold()])
    return text.isupper() and len(text) >= _ACRONYM and bool(other.forms[f"{text.casefold()}s"])


def _currency(word: str) -> str:
    unit = UNITS.get(word, "")
    return "GBP" if unit == "pound" else unit if unit in CURRENCIES else ""


def _case(a: Facets, b: Facets) -> str | None:
    """A word that its capitals turn into another: mW and MW, US and us."""
    for one, other in ((a, b), (b, a)):
        written = {w.token.text.casefold(): w.token.text for w in other.sequence if w.worded and not w.starts}
        for name in one.names:
            text = written.get(name.text.casefold(), name.text)
            inner = any(c.isupper() for c in text[1:] + name.text[1:])
            if text == name.text or name.stem in NAMES:
                continue
            if (other.cased and (inner or text.islower())) or (text.islower() and name.stem in _AMBIGUOUS):
                return f"name {name.text} != {text}"
    return None


def _persons(a: Facets, b: Facets) -> str | None:
    for relation in {p[:2] for p in a.persons} & {p[:2] for p in b.persons}:
        x, y = ({p[2] for p in text.persons if p[:2] == relation} for text in (a, b))
        if x != y and (not x & y or len(x) != len(y)):
            return f"another person at '{relation[1]}'"
    x_owned, y_owned = ([p for p in text.persons if p[0] == "of"] for text in (a, b))
    if x_owned != y_owned and Counter(x_owned) == Counter(y_owned) and Counter(a.roles) != Counter(b.roles):
        return "owners in another order"
    return None


def _roles(a: Facets, b: Facets) -> str | None:
    here, there = set(a.roles), set(b.roles)
    for role, noun in chain(here - there, there - here):
        turned = (_TURNED.get(role, ""), noun)
        if (role, noun) in here ^ there and turned in here ^ there and ((role, noun) in here) != (turned in here):
            return f"'{role} {noun}' against '{turned[0]} {noun}'"
    for role in {r for r, _ in here} & {r for r, _ in there}:
        x, y = ([noun for r, noun in text.roles if r == role] for text in (a, b))
        moved, came = Counter(x) - Counter(y), Counter(y) - Counter(x)
        if moved and came and all(b.stems[n] for n in moved) and all(a.stems[n] for n in came):
            return f"'{role}' has another object: {next(iter(moved))}, {next(iter(came))}"
    return None
