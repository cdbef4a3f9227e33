"""Slot types that carry words or data: word, words, name, quoted, list, table, block, text; and every type by its name.

What a free slot lets through is the risk of a pattern, so it is read strictly: the words of a slot neither count nor deny,
the items of a list are typed, the rows of a table are equally long. See slots.py for how expression and parser divide
the work.
"""

import csv
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from seglam.slots import CLOSED, LAZY, NUMBER_WORDS, Slot, Value, bare, both

MAX_TEXT: Final = 20_000
MAX_ITEMS: Final = 500
_MAX_ITEM: Final = 200
_MAX_QUOTED: Final = 1000
_MAX_WORD: Final = 40
_MAX_WORDS: Final = 12
_BLOCK: Final = 4000
_BOUNDED: Final = 200  # up to here a length is counted by the expression itself, beyond by the parser

# Words -----------------------------------------------------------------------------------------------------------------

_INNER: Final = r"[^\x00-\x25\x28-\x2c./\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]"  # no ASCII punctuation but & ' - _
_FIRST: Final = r"[^\x00-\x40\x5b-\x60\x7b-\x7f]"  # nor digits
_CAPITAL: Final = r"[^\x00-\x40\x5b-\x7f]"  # nor a to z
_TOKEN: Final = re.compile(r"[^\W\d_](?:\w|['’&-](?=\w))*['’]?")
# Words that count, deny or compare change what is asked, and inside a free slot nothing would ever look at them. A word
# too many costs a hit; the lists are English, with the commonest of a few other languages.
_QUANTITIES: Final = (
    "hundred thousand million billion dozen dozens half halves quarter third thirds twice thrice double triple couple pair "
    "more less fewer only each every both all another zwei drei vier fünf sechs sieben acht neun zehn deux trois quatre cinq "
    "sept huit neuf dix dos tres cuatro cinco seis siete ocho nueve diez 한 두 세 네 다섯 여섯 일곱 여덟 아홉 열 반"
)
_DENIALS: Final = (
    "no not never without except excluding unless none neither nor nobody nothing cannot non nicht kein keine keinen ohne nie "
    "pas sans jamais sin nunca ni 안 못"
)
# What is said about things instead of naming them: their number by other words, their state, how they are shared out, and
# the small words and verbs that begin a further clause.
_COUNTED: Final = (
    "gross score scores ten tens hundreds thousands millions billions lakh lakhs crore crores myriad k m bn mio pairs couples "
    "trio trios duo duos twin twins triplet triplets doubles doubled tripled halved multiple multiples times threefold twofold "
    "several few many some any much most percent ton tons tonnes"
)
_STATES: Final = (
    "returned return returns sent back cancelled canceled cancel refunded refund refunds refused declined voided void removed "
    "deleted withdrawn sold unsold out gratis free complimentary donated credited discounted reduced rebate discount discounts "
    "deducted missing broken damaged defective faulty lost stolen unavailable backorder backordered used unused reused pre-used "
    "refurbished refurb refitted renovated reconditioned recon remade reworked restored "
    "repaired remanufactured second-hand secondhand preowned salvaged leased rented ex-display ex-demo paid unpaid "
    "prepaid shipped express overnight pick-up pickup picked collected delivered untaxed taxed excl excluded excluding incl "
    "including almost hardly nearly barely roughly approximately supposedly allegedly fictitious optional tentative planned "
    "estimated expired former formerly listed crossed error instead plus minus net"
)
_SHARED: Final = (
    "apiece per pp p.p respectively individually singly separately altogether together total totals per-person per-head"
)
_FURTHER: Final = (
    "and or but then also nor yet so if unless until when while because although with within for to from by at on in into onto "
    "as than after before since via through during against among between over under above below upon about like "
    "besides excepting less-than is are was were be been has have had do does did will would shall should can could may might "
    "must wants that which who whom whose whoever whatever it its itself he she him they them their his her we us i "
    "you your our my me this these those there here please now later today tomorrow yesterday again "
    "double triple halve square squared cube invert inverse reciprocal multiply divide subtract answer reply ignore ignoring "
    "omit omitting skip skipping drop dropping round rounded result"
)
_PEOPLE_AT_LARGE: Final = (
    "anyone anybody everyone everybody someone somebody whoever people others customer customers cancelled"
)
# Adverbs weaken or turn a statement; these are no adverbs.
_NOT_ADVERBS: Final = frozenset(
    (  # noqa: SIM905 - words read better so
        "family supply assembly jelly belly fly butterfly ply lily rally ally italy july monopoly anomaly dolly holly gully "
        "daily weekly monthly yearly quarterly hourly friendly early"
    ).split()
)
_TELLING: Final = re.compile(r"n't$|[않없不没沒無无]|아니|ない|[一二三四五六七八九十百千万两半]")
# Scripts without spaces between words (Thai to Khmer, kana, Han): a long "word" would be a clause.
_UNSPACED: Final = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
_MAX_UNSPACED: Final = 8
_PRONOUNS: Final = "i you he she it we they everyone everybody someone somebody this that these those if"
_LOADED: Final = frozenset(
    {*NUMBER_WORDS, *f"{_QUANTITIES} {_DENIALS} {_COUNTED} {_STATES} {_SHARED} {_FURTHER}".split()}
)
_MEASURES: Final = frozenset({"k", "m", "ton", "tons", "tonnes"})  # a unit by themselves, a multiple before other words
_ALSO_NAMES: Final = frozenset("will may can do so to her an net his are again cube duo twin drop gross".split())  # noqa: SIM905 - see above
_NO_NAME: Final = frozenset(f"{_PRONOUNS} {_PEOPLE_AT_LARGE}".split())
_NAMELESS: Final = _LOADED - _ALSO_NAMES
_VOCABULARY: Final = tuple(
    "amber basket canyon drum engine falcon garden harbour island jigsaw kettle lantern meadow needle orchard".split()  # noqa: SIM905 - words read better so
)
_PEOPLE: Final = tuple(
    "Ada Bilal Chloé Dmitri Eun-ji Farah Grace O'Brien Ivan Jürgen Okafor Łukasz Moreau Nakamura Zoë".split()  # noqa: SIM905 - names read better so
)


def _token(text: str, loaded: frozenset[str] = _LOADED) -> bool:
    """Whether it is one word that is none of the ``loaded`` ones, which change what is asked."""
    if len(text) > _MAX_WORD:
        return False
    if _TOKEN.fullmatch(text) is None:
        # Marks (Mn, Mc) are letters' parts in many scripts, but Python's \\w leaves them out.
        letters = "".join(char for char in text if not unicodedata.category(char).startswith("M"))
        if len(letters) == len(text) or not text[0].isalpha() or _TOKEN.fullmatch(letters) is None:
            return False
    if not text.isascii() and _UNSPACED.search(text) and len(text) > _MAX_UNSPACED:
        return False
    lower = text.lower().replace("’", "'")
    return _TELLING.search(lower) is None and loaded.isdisjoint((lower, *lower.split("-")))


def _thing(text: str) -> bool:
    """Whether it is a word that names something: not loaded, and no adverb."""
    return _token(text) and not (text.lower().endswith("ly") and len(text) > 4 and text.lower() not in _NOT_ADVERBS)  # noqa: PLR2004 - "ply"


def _alone(text: str) -> bool:
    return _token(text, _LOADED - _MEASURES) and (_thing(text) or text.lower() in _MEASURES)


def _named(text: str) -> bool:
    """Whether it is one part of a name: capitalised where the script has capitals, no digits, no possessive."""
    if text[0].islower() or any(char.isdigit() or char in "_&" for char in text) or not _token(text, _NAMELESS):
        return False
    return not text.endswith(("'s", "’s", "'", "’")) and text.lower() not in _NO_NAME


def _run(name: str, low: int, high: int, first: str, good: Callable[[str], bool], pool: Sequence[str]) -> Slot:
    """A slot of ``low`` to ``high`` words with single spaces between them."""

    def parse(text: str) -> Value | None:
        words = text.split(" ")
        return text if low <= len(words) <= high and all(word and good(word) for word in words) else None

    def sample(rng: Random) -> str:
        return " ".join(rng.choices(pool, k=rng.randint(low, high)))

    word = f"{first}{_INNER}*{LAZY}"
    more = f"(?: {word}){{{low - 1},{high - 1}}}{LAZY}" if high > 1 else ""
    return Slot(name, both(word + more), parse, str, sample, spaced=high > 1)


def _word(argument: str | None) -> Slot:
    bare("word", argument)
    return _run("word", 1, 1, _FIRST, _alone, _VOCABULARY)


def _words(argument: str | None) -> Slot:
    found = re.fullmatch(r" ?([0-9]{1,2}) ?, ?([0-9]{1,2}) ?", argument or "")
    low, high = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= low <= high <= _MAX_WORDS:
        raise ValueError(f"words takes the least and the greatest number of words, at most {_MAX_WORDS}: words(1,4)")
    return _run(f"words({low},{high})", low, high, _FIRST, _thing, _VOCABULARY)


def _name(argument: str | None) -> Slot:
    bare("name", argument)
    return _run("name", 1, 3, _CAPITAL, _named, _PEOPLE)


# Data ------------------------------------------------------------------------------------------------------------------

_QUOTES: Final = {'"': '"', "“": "”", "‘": "’", "'": "'", "«": "»", "「": "」"}


def _quoted(argument: str | None) -> Slot:
    bare("quoted", argument)

    def parse(text: str) -> Value | None:
        if not 2 < len(text) <= _MAX_QUOTED + 2 or _QUOTES.get(text[0]) != text[-1]:  # noqa: PLR2004 - the two marks
            return None
        inside = text[1:-1]
        return None if any(char in inside for char in (text[0], text[-1], "\n", "\r", "\0")) else inside

    def sample(rng: Random) -> str:
        left = rng.choice(list(_QUOTES))
        return left + " ".join(rng.choices([*_VOCABULARY, "17", "e=mc²"], k=rng.randint(1, 5))) + _QUOTES[left]

    # No quotation is the beginning of another, so greedy and lazy need not differ.
    expression = "|".join(f"{left}[^{left}{right}\\x00\n\r]+{right}" for left, right in _QUOTES.items())
    return Slot("quoted", (expression, expression), parse, _in_quotes, sample, spaced=True)


def _in_quotes(value: str) -> str:
    left = next((left for left, right in _QUOTES.items() if left not in value and right not in value), '"')
    return left + value + _QUOTES[left]


_THOUSANDS: Final = re.compile(r"[+\-−]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_JOINING: Final = re.compile(r"(?<!\S)(?:and|or|nor|but|&)(?!\S)")
_BULLETS: Final = ("- ", "* ", "• ")
_NUMERIC: Final = ("integer", "decimal", "percent", "money")
_ITEMS: Final = {
    **dict.fromkeys(_NUMERIC, r"[0-9A-Za-z,.+\-−%$€£¥₩*• \n]"),
    **dict.fromkeys(
        ("word", "words", "name"), r"[^\x00-\x09\x0b-\x1f\x21-\x25\x28-\x29\x2b./\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]"
    ),
    **dict.fromkeys(("quoted", "text"), r"[^\x00-\x09\x0b-\x1f\x7f]"),
}


def _split(text: str, *, numeric: bool) -> list[str] | None:
    """The items of a list as texts: one a line, or separated by commas and a last "and"; None when that is not sure."""
    if "\n" in text:
        lines = text.split("\n")
        bullet = next((bullet for bullet in _BULLETS if lines[0].startswith(bullet)), "")
        return [line[len(bullet) :] for line in lines] if all(line.startswith(bullet) for line in lines) else None
    head, joined, last = text.rpartition(" and ")
    head = head.removesuffix(",") if joined else last
    if numeric and _THOUSANDS.fullmatch(head):
        return None  # 1,234 is one number or two
    items = head.split(", " if ", " in head else ",")
    items += [last] if joined else []
    sure = not any("," in item or _JOINING.search(item) for item in items)
    return items if sure else None


def _list(argument: str | None) -> Slot:
    given = argument or "words(1,6)"
    kind = given.partition("(")[0]
    if kind not in _ITEMS:
        raise ValueError(f"list takes the type of its items, one of {', '.join(_ITEMS)}: list(integer)")
    if kind == "text" and given != kind:
        raise ValueError(f"the items of list(text) take no arguments; each has at most {_MAX_ITEM} characters")
    numeric = kind in _NUMERIC
    item = None if given == "text" else slot_type("words(1,6)" if given == "words" else given)

    def read(text: str) -> Value | None:
        if item is not None:
            return item.parse(text)
        return text if 0 < len(text) <= _MAX_ITEM and text == text.strip() and not _CONTROL.search(text) else None

    def parse(text: str) -> Value | None:
        parts = _split(text, numeric=numeric) if len(text) <= MAX_TEXT else None
        if parts is None or len(parts) > MAX_ITEMS:
            return None
        values = [read(part) for part in parts]
        return None if None in values else values

    def write(value: Any) -> str:
        parts = [part if item is None else item.format(part) for part in value]
        line = ", ".join(parts)
        return line if parse(line) == value else "\n".join(parts)

    def sample(rng: Random) -> str:
        count = rng.randint(2, 6)
        parts = [rng.choice(_VOCABULARY) if item is None else item.sample(rng) for _ in range(count)]
        parts = [part.replace(",", "") for part in parts] if numeric else parts
        series = f"{', '.join(parts[:-1])}{rng.choice(('', ','))} and {parts[-1]}"
        return rng.choice((", ".join(parts), series, "\n".join(parts), "- " + "\n- ".join(parts)))

    return Slot(f"list({given})", both(f"{_ITEMS[kind]}+{LAZY}"), parse, write, sample, spaced=True)


def _table(argument: str | None) -> Slot:
    bare("table", argument)

    def parse(text: str) -> Value | None:
        lines = text.split("\n")
        if len(text) > MAX_TEXT or not 2 <= len(lines) <= MAX_ITEMS + 2 or "\r" in text:  # noqa: PLR2004 - header, a row
            return None
        rows = _markdown(lines) if lines[0].startswith("|") else _separated(lines)
        if rows is None or not 2 <= len(rows) <= MAX_ITEMS + 1 or any(len(row) != len(rows[0]) for row in rows):  # noqa: PLR2004
            return None
        header = rows[0]
        return None if len(header) < 2 or not all(header) or len(set(header)) < len(header) else list(rows)  # noqa: PLR2004

    def sample(rng: Random) -> str:
        header = rng.sample(_VOCABULARY, rng.randint(2, 4))
        rows = [header, *([str(rng.randrange(1000)) for _ in header] for _ in range(rng.randint(1, 5)))]
        return rng.choice((_as_markdown(rows), *("\n".join(mark.join(row) for row in rows) for mark in (",", "\t"))))

    expression = rf"[^\x00\n\r]+{LAZY}(?:\n[^\x00\n\r]+{LAZY})+{LAZY}"
    return Slot("table", both(expression), parse, _as_markdown, sample, spaced=True, lines=True)


def _as_markdown(rows: Any) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines[:1], "|" + "---|" * len(rows[0]), *lines[1:]]) if rows else ""


def _markdown(lines: list[str]) -> list[list[str]] | None:
    bare_lines = [line.strip() for line in lines]
    if any(len(line) < 2 or line[0] != "|" or line[-1] != "|" or "\\" in line for line in bare_lines):  # noqa: PLR2004 - |...|
        return None  # a backslash may hide a bar
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in bare_lines]
    rule = rows.pop(1)
    return rows if all(re.fullmatch(r":?-+:?", cell) for cell in rule) and len(rule) == len(rows[0]) else None


def _separated(lines: list[str]) -> list[list[str]] | None:
    mark = "\t" if "\t" in lines[0] else ","
    try:
        rows = list(csv.reader(lines, delimiter=mark, strict=True, skipinitialspace=True))
    except csv.Error:
        return None
    return [[cell.strip() for cell in row] for row in rows]


def _most(name: str, argument: str | None, default: int | None) -> int:
    if argument is None and default is not None:
        return default
    most = int(argument) if argument and re.fullmatch(r"[0-9]{1,5}", argument) else 0
    if not 1 <= most <= MAX_TEXT:
        raise ValueError(f"{name} takes the greatest number of characters, at most {MAX_TEXT}: {name}(200)")
    return most


def _free(name: str, most: int, *, lines: bool) -> Slot:
    """At most so many characters of anything."""

    def parse(text: str) -> Value | None:
        return text if 0 < len(text) <= most and "\0" not in text else None

    def sample(rng: Random) -> str:
        words = " ".join(rng.choices([*_VOCABULARY, "3.5", "(x", "é?"], k=rng.randint(1, 12)))
        return words[:most].strip()

    expression = rf"[^\x00]{{1,{most}}}{LAZY}" if most <= _BOUNDED else rf"[^\x00]+{LAZY}"
    return Slot(f"{name}({most})", both(expression), parse, str, sample, spaced=True, lines=lines)


def _block(argument: str | None) -> Slot:
    return _free("block", _most("block", argument, _BLOCK), lines=True)


def _text(argument: str | None) -> Slot:
    return _free("text", _most("text", argument, None), lines=False)


TYPES: Final[Mapping[str, Callable[[str | None], Slot]]] = {
    **CLOSED,
    "name": _name,
    "word": _word,
    "words": _words,
    "quoted": _quoted,
    "list": _list,
    "table": _table,
    "block": _block,
    "text": _text,
}
"""Every slot type: builders by name."""


def slot_type(text: str) -> Slot:
    """The slot type that ``text`` names, such as ``integer`` or ``list(words(1,3))``.

    Raises:
        ValueError: for no such type, or wrong arguments; the message says what was expected.
    """
    name, bracket, rest = text.partition("(")
    if bracket and not rest.endswith(")"):
        raise ValueError("the arguments of a type end with ) just before the closing }")
    build = TYPES.get(name)
    if build is None:
        raise ValueError(f"there is no type {name[:40]!r}; expected one of {', '.join(TYPES)}")
    return build(rest[:-1] if bracket else None)
