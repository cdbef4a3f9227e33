"""Slot types that carry words: word, words, name.

What a free slot lets through is the risk of a pattern, so it is read strictly: the words of a slot neither count nor deny.
See slots.py for how expression and parser divide the work.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

from seglam.slots import LAZY, NUMBER_WORDS, Slot, Value, bare, both

_MAX_WORD: Final = 40
_MAX_WORDS: Final = 12

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
VOCABULARY: Final = tuple(
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


def thing(text: str) -> bool:
    """Whether it is a word that names something: not loaded, and no adverb."""
    return _token(text) and not (text.lower().endswith("ly") and len(text) > 4 and text.lower() not in _NOT_ADVERBS)  # noqa: PLR2004 - "ply"


def _alone(text: str) -> bool:
    return _token(text, _LOADED - _MEASURES) and (thing(text) or text.lower() in _MEASURES)


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
    return _run("word", 1, 1, _FIRST, _alone, VOCABULARY)


def _words(argument: str | None) -> Slot:
    found = re.fullmatch(r" ?([0-9]{1,2}) ?, ?([0-9]{1,2}) ?", argument or "")
    low, high = (int(found[1]), int(found[2])) if found else (0, 0)
    if not 1 <= low <= high <= _MAX_WORDS:
        raise ValueError(f"words takes the least and the greatest number of words, at most {_MAX_WORDS}: words(1,4)")
    return _run(f"words({low},{high})", low, high, _FIRST, thing, VOCABULARY)


def _name(argument: str | None) -> Slot:
    bare("name", argument)
    return _run("name", 1, 3, _CAPITAL, _named, _PEOPLE)


WORDS: Final[Mapping[str, Callable[[str | None], Slot]]] = {"name": _name, "word": _word, "words": _words}
"""Builders by name, like ``slots.CLOSED``."""
