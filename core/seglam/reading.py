"""Reading a question for comparison: its values, its small words that turn an answer round, its words with meaning in order."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from seglam.lexicon import IDLE, IRREGULAR, KOREAN_MARKS, MARKS, OWNERS, PHRASES, RELATIONS, SAME, SPELLED, SPLIT
from seglam.quantities import Token, Value, measure, scan
from seglam.units import canonical_unit

_PRELUDE: Final = re.compile(
    r"""^(?:\W*(?:(?:hi|hello|hey|dear|good\s(?:morning|afternoon|evening))(?:\s(?:team|there|all|everyone|guys|folks|sir|madam))*\b
      |(?:um+|uh+|erm?|hmm+|yeah|quick\squestion|please|excuse\sme)\b|(?:so|well|ok|okay|yes|sorry|thanks|question)(?=[,.!:;]))
      (?!\s*$)[\s,.!:;-]*)+
    |[\s,.!?;-]*\b(?:(?:many\s)?thanks(?:\s(?:a\slot|so\smuch|in\sadvance))?|thank\syou(?:\sso\smuch|\svery\smuch)?|cheers|please|pls|regards)
      \W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_FRAME: Final = re.compile(
    r"""^(?:(?:can|could|would|will)\s(?:you|u|someone|anyone|anybody|somebody)\s(?:please\s|kindly\s|help\sme\s)*(?:tell|explain|show|help|let|say|advise|describe|give|inform|assist|instruct|guide|walk)
      (?:\sto)?(?:\s(?:me|us))?(?:\sknow|\sunderstand|\sout)?(?:\s(?:with|on|about|please))?
    |(?:do|does)\s(?:you|anyone|anybody)\s(?:happen\sto\s)?know
    |(?:please\s)?(?:tell|show|help|let|assist|instruct|guide|walk)\s(?:me|us)(?:\sto)?(?:\sknow|\sunderstand|\sfigure\sout|\sfind\sout|\swith|\sthrough|\son|\sin)?
    |i(?:'d|\swould)?\s(?:really\s|just\s)?(?:want|need|like|wish|have|love)\sto\s(?:know|find\sout|understand|learn|ask|figure\sout)
    |i(?:'m|\sam|\swas)\s(?:wondering|curious|asking)(?:\sabout)?|(?:please\s)?explain(?:\sto\sme)?|please)\b[\s,:]*""",
    re.IGNORECASE | re.VERBOSE,
)
_ASKS: Final = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (
            r"\bhow much\b|\bwhat(?: is|'s| are| was| were)? (?:the )?(?:price|cost|quantity|amount|number)\b",
            "how much",
        ),
        (r"\bhow (?:long|often|far|old|big|tall|fast|soon|late|early|high|deep|wide|large|heavy|hot|cold)\b", ""),
        (r"\bhow come\b|\bwhy\b|\bwhat(?: is|'s)? the reason\b|\bwhat reason\b|\breason (?:why|that|for)\b", "why"),
        (r"\bwhat (?:time|date|day)\b|\bwhich (?:day|date|month|year)\b|\bwhen\b(?!ever)", "when"),
        (r"\bwhere\b|\b(?:what|which) (?:place|location)\b", "where"),
        (r"\bhow\b|\bwhat(?:'s| is| are)? (?:the )?(?:\w+ )?(?:way|process|procedure|steps?|methods?)\b", "how"),
        (r"\bwho(?:m|se|'s)?\b", "who"),
        (r"\bwhat(?:'s)?\b|\bwhich\b", "what"),
    )
)
_CLOSED: Final = (
    (re.compile(r"(?:must|should|ought|do (?:i|we) (?:need|have)|am i (?:required|supposed|obliged)"
                r"|is it (?:necessary|required|mandatory))\b"), "must"),
    (re.compile(r"(?:can|could|may|might|am i (?:able|allowed)|is it (?:possible|ok|okay|allowed|legal)"
                r"|are (?:we|you) (?:able|allowed))\b"), "whether"),
    (re.compile(r"(?:is|are|am|was|were|do|does|did|has|have|had|will|would|shall)(?:n't)? (?!you (?:know|tell))"), "whether"),
)  # fmt: skip
_PHRASES: Final = tuple((re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in PHRASES)
_NUMERIC: Final = frozenset({"number", "code", "time", "date"})
_PARTNERS: Final = {"i": "I", "me": "I", "we": "I", "us": "I", "you": "you"}
_PAST: Final = frozenset(("did", "was", "were", "had"))
_COMING: Final = frozenset(("will", "shall", "can", "should", "may", "must"))
_HANGUL: Final = re.compile(r"[가-힣]")
_KOREAN: Final = tuple((pattern.partition("|")[0], re.compile(pattern)) for pattern in sorted(KOREAN_MARKS))
_JOSA: Final = re.compile(
    r"(?<=[가-힣])(?:에서는|에서|으로|까지|부터|에게|한테|이랑|하고|은|는|이|가|을|를|의|에|와|과|도|로|만|랑)$"
)
_ENDING: Final = re.compile(
    r"(?<=[가-힣])(?:인가요|인가|나요|까요|습니까|습니다|니까|니다|어요|아요|에요|예요|네요|세요|는지|지요|죠|요|줘|니|냐)$"
)
_KOREAN_ASKS: Final = re.compile(r"언제|어디|누구|누가|얼마|무엇|무슨|어떻게|^왜$|^몇$|^뭐")


_STEMS: Final[dict[str, str]] = {}
"""Stem of a synonym -> its group; filled once below, so that inflected synonyms meet."""


class Word(NamedTuple):
    """A word that carries meaning, or a value in its place.

    Attributes:
        stem: what is compared.
        text: as written.
        name: it is capitalised where a common word would not be, or it is a value: never taken for a misspelling.
        before: the relation words and commas between the word before and this one.
    """

    stem: str
    text: str
    name: bool
    before: frozenset[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What one text says, as far as it can be compared."""

    plain: tuple[str, ...]
    stated: tuple[tuple[str, Value, str], ...]
    stated_texts: tuple[str, ...]
    marks: tuple[str, ...]
    owners: frozenset[str]
    partners: tuple[str, ...]
    asks: str
    tense: str
    words: tuple[Word, ...]


@lru_cache(maxsize=8192)
def read(text: str) -> Reading:
    """Read a text once; the result is kept for the next comparisons."""
    bare = text.replace("’", "'").strip()
    while (shorter := _PRELUDE.sub("", bare).strip()) not in (bare, ""):
        bare = shorter
    bare = " ".join(bare.split())
    for phrase, instead in _PHRASES:
        bare = phrase.sub(instead, bare)
    bare = " ".join(bare.split())
    while (unframed := _FRAME.sub("", bare, count=1)) not in (bare, ""):
        bare = unframed
    low = " ".join(bare.casefold().split())
    tokens = scan(bare)
    reader = _Reader(tokens)
    for i in range(len(tokens)):
        reader.take(i)
    return Reading(
        plain=tuple(reader.plain),
        stated=tuple(measure(token) for token in reader.stated),
        stated_texts=tuple(token.text for token in reader.stated),
        marks=tuple(sorted([*reader.marks, *_korean_marks(low)])),
        owners=frozenset(reader.owners),
        partners=tuple(dict.fromkeys(_PARTNERS[word] for word in reader.plain if word in _PARTNERS)),
        asks=_asks(low),
        tense=_tense(reader.plain),
        words=tuple(reader.words),
    )


class _Reader:
    """Sorts the tokens of one text."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.plain: list[str] = []
        self.stated: list[Token] = []
        self.marks: list[str] = []
        self.owners: set[str] = set()
        self.words: list[Word] = []
        self.before: set[str] = set()
        letters = [t.text for t in tokens if t.kind == "word" and t.text[0].isalpha() and t.text.isascii()]
        capital = sum(t[0].isupper() for t in letters[1:])
        self.caseless = len(letters) > 2 and capital > 0.6 * len(letters[1:])  # noqa: PLR2004 - a title or shouting
        self.formula = any(self._operator(i) for i in range(len(tokens)))

    def take(self, i: int) -> None:
        token = self.tokens[i]
        operator = self._operator(i)
        if operator or token.kind == "symbol":
            self.stated.append(Token("symbol", operator or token.text, "", token.text))
        elif token.kind == "punct":
            self._punctuation(token.text)
        elif token.kind == "word":
            for piece in _expand(str(token.value)):
                self._word(i, piece, token.text)
        else:
            self.stated.append(token)
            self.plain.append(str(measure(token)))
            self._add(f"={len(self.stated)}" if self.formula else "=", token.text, name=True)

    def _operator(self, i: int) -> str:
        """The operator at i, if it stands between two operands of a calculation."""
        low = self.tokens[i].text.casefold()
        symbol = SPELLED.get(low, low)
        if low == "by" and i and self.tokens[i - 1].value in ("divided", "multiplied"):
            symbol = "/" if self.tokens[i - 1].value == "divided" else "*"
        if symbol not in ("+", "-", "*", "/", "^") or not 0 < i < len(self.tokens) - 1:
            return ""
        left, right = self.tokens[i - 1], self.tokens[i + 1]
        left_ok = left.kind in _NUMERIC or left.text in (")", "divided", "multiplied")
        return symbol if left_ok and (right.kind in _NUMERIC or right.text == "(") else ""

    def _punctuation(self, text: str) -> None:
        if text in "()[]{}" and self.formula:
            self.stated.append(Token("symbol", text, "", text))
        elif text in ",;:.!?，、。？！":
            self.before.add(",")

    def _word(self, i: int, low: str, text: str) -> None:
        self.plain.append(low)
        first = i == 0 or self.tokens[i - 1].text in (".", "!", "?", ":")
        upper = text[0].isupper() and not self.caseless and low not in ("i", "i'm")
        name = upper and (not first or (len(text) > 1 and text.isupper()))
        month = low in ("may", "march") and (
            name or (i > 0 and self.tokens[i - 1].value in ("in", "of", "this", "since", "until"))
        )
        numeral = text == "I" and (i + 1 == len(self.tokens) or self.tokens[i + 1].kind == "punct") and i > 0
        titled = name and low in IDLE and self.tokens[i - 1].text != ","
        acronym = titled or numeral or (name and len(text) > 1 and text.isupper())
        if low in OWNERS and not acronym:
            self.owners.add(OWNERS[low])
        elif low in MARKS and not acronym:
            self.marks.append(MARKS[low])
            self.before.add(low)
        elif low in IDLE and not (month or acronym or (self._compound(i) and low not in RELATIONS)):
            if low in RELATIONS:
                self.before.add(low)
            elif low in ("is", "are", "was", "were", "be"):
                self.before.add("be")
        elif low in RELATIONS and not acronym:
            if i < len(self.tokens) - 1 and self.tokens[i + 1].kind != "punct":
                self.marks.append(low)
            self.before.add(low)
        elif not _KOREAN_ASKS.search(low):  # a question word is among the marks already
            self._add(canon(low), text, name=name)

    def _compound(self, i: int) -> bool:
        """Whether a hyphen joins the word to another: "self" is idle, in "self-employed" it is not."""
        return self.tokens[i].joined or (i + 1 < len(self.tokens) and self.tokens[i + 1].joined)

    def _add(self, stem: str, text: str, *, name: bool) -> None:
        self.words.append(Word(stem, text, name, frozenset(self.before)))
        self.before.clear()


@lru_cache(maxsize=4096)
def _expand(low: str) -> tuple[str, ...]:
    """The words of a contraction or of a compound verb: "don't" is "do not", "login" is "log in"."""
    if low in SPLIT:
        return tuple(SPLIT[low].split())
    if low.endswith("n't"):
        return (low[:-3], "not")
    stem, _, suffix = low.partition("'")
    if suffix in ("s", "re", "ve", "ll", "d", "m", "") and stem:
        return (stem,)
    return (low,)


@lru_cache(maxsize=8192)
def canon(word: str) -> str:
    """What a word is compared by: its synonym group, its unit, or its stem."""
    if word in SAME:
        return SAME[word]
    if len(word) > 2 and canonical_unit(word):  # noqa: PLR2004 - one letter is no unit without a number
        return f"unit:{canonical_unit(word)}"
    if _HANGUL.search(word):
        return _JOSA.sub("", _ENDING.sub("", word))
    stem = IRREGULAR.get(word) or _stem(word)
    return SAME.get(stem) or _STEMS.get(stem, stem)


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    """Inflection taken off, British and American spelling joined; derivations stay apart."""
    if not word.isascii() or len(word) < 4:  # noqa: PLR2004 - too short to carry an ending
        return word
    if word.endswith("ies") and len(word) > 4:  # noqa: PLR2004
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "xes", "ches", "shes", "zes")) else word[:-1]
    for ending in ("ing", "ed"):
        base = word[: -len(ending)]
        if word.endswith(ending) and len(base) > 2 and re.search(r"[aeiouy]", base) and not base.endswith("e"):  # noqa: PLR2004
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "sz" else base
            break
    word = re.sub(r"our$", "or", word) if len(word) > 4 else word  # noqa: PLR2004
    word = re.sub(r"isation", "ization", word)
    word = re.sub(r"is(e?)$", r"iz\1", word) if len(word) > 6 else word  # noqa: PLR2004
    word = re.sub(r"tre$", "ter", word)
    word = re.sub(r"ll$", "l", word)
    word = re.sub(r"([^aeiou])i$", r"\1y", word)
    return word[:-1] if word.endswith("e") and len(word) > 3 else word  # noqa: PLR2004


_STEMS.update((_stem(word), group) for word, group in SAME.items())


def normal(text: str) -> str:
    """The text without what never matters: case, space, contractions, sentence punctuation. Quoted text stays as it is."""
    if re.search(r"[`\"“”«»「」]", text):
        return " ".join(text.split())
    low = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    low = re.sub(r"[.,!?;:…]+(?=\s|$)|^[¿¡\s]+", " ", low)
    return " ".join(piece for word in low.split() for piece in _expand(word))


def _asks(low: str) -> str:
    """The kind of answer that is wanted; "" for a statement or a command."""
    for pattern, kind in _CLOSED:
        if pattern.match(low):
            return kind
    found = [(match.start(), n, match.group(), kind) for n, (p, kind) in enumerate(_ASKS) if (match := p.search(low))]
    if not found:
        return ""
    _, _, text, kind = min(found)
    return kind or text


def _tense(plain: list[str]) -> str:
    """Past or coming, where the auxiliaries say only one of them."""
    past, coming = not _PAST.isdisjoint(plain), not _COMING.isdisjoint(plain)
    return "" if past == coming else "past" if past else "coming"


def _korean_marks(low: str) -> list[str]:
    if not _HANGUL.search(low):
        return []
    return [name for name, pattern in _KOREAN if pattern.search(low)]
