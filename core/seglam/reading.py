"""Reading a question for comparison: everything that it says, in order, without the edits that never matter."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from seglam.lexicon import (
    ABBREVIATED,
    ABOUT_ME,
    AUXILIARIES,
    BEFORE_ARTICLE,
    BEFORE_I,
    CONTRACTIONS,
    KEEP_ARTICLE,
    NAMES,
    OPERATORS,
    PRONOUNS,
    QUESTIONS,
    SAME,
    VERBATIM,
)
from seglam.quantities import Token, measure, scan
from seglam.stems import spelling

_ASKS: Final = "(?:how|what|why|when|where|which|who|whose)"
_GREETING: Final = re.compile(
    rf"""^(?:hi|hello|hey|hiya|dear\s(?:team|all)|good\s(?:morning|afternoon|evening)|thanks|thank\syou|um+|uh+|er|erm|hmm)
    (?:\s(?:there|team|all|everyone|folks))?(?:[\s,.!]+)
    (?=(?:{_ASKS}|what's|can|could|do|does|did|is|are|am|will|would|should|may|must|has|have|i|i'm|i'd|my|please|tell|um|hi)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
_THANKS: Final = re.compile(
    r"[.!?,]\s*(?:(?:many\s)?thanks(?:\sa\slot|\sso\smuch|\sin\sadvance)?|thank\syou(?:\sso\smuch|\svery\smuch)?|cheers)[\s.!]*$"
    r"|(?<=\w)[,]?\s+please[\s.!?]*$",
    re.IGNORECASE,
)
_FRAME: Final = re.compile(
    rf"""^(?:please,?\s+)?
    (?:(?:(?:can|could|would|will)\syou\s(?:please\s|kindly\s)?)?tell\s(?:me|us)\s(?={_ASKS}\b)
    |i(?:'d|\swould)\s(?:like|love)\sto\sknow\s(?={_ASKS}\b)|i\swant\sto\sknow\s(?={_ASKS}\b)
    |i(?:'m|\sam|\swas)\swondering\s(?={_ASKS}\b)
    |(?:can|could|would|will)\syou\s(?:please|kindly)\s(?=[a-z])|please,?\s+(?=[a-z]))""",
    re.IGNORECASE | re.VERBOSE,
)
_POLITE: Final = (_THANKS, _THANKS, _GREETING, _GREETING, _FRAME, _FRAME)
_END: Final = re.compile(r"(?<=[^\W\d_]{2})(?:[.!?…]+|\s[!?]+)$|(?<=\w)[.?]$|(?<=\S)\s?\?$")
_PAYLOAD: Final = re.compile(r":(?=\s)|\n")
_COMPOUND: Final = (
    (re.compile(r"\be-mail", re.IGNORECASE), "email"),
    (re.compile(r"\bwi-fi\b", re.IGNORECASE), "wifi"),
)
_VERBATIM: Final = re.compile(rf"\b(?:{VERBATIM})\b", re.IGNORECASE)
_STRAIGHT: Final = str.maketrans("’‘“”", "''\"\"")
_NUMERIC: Final = frozenset({"number", "code", "time", "date"})
_PLURAL: Final = re.compile(r"[a-z]{3,}(?<![sui])s")


class Item(NamedTuple):
    """One word, value or sign of a question.

    Attributes:
        kind: word, sign, or the kind of a value.
        key: what is compared.
        text: as written.
        typo: whether it may be taken for a misspelling: a common word in small letters.
    """

    kind: str
    key: tuple[object, ...]
    text: str
    typo: bool = False


@lru_cache(maxsize=8192)
def read(text: str) -> tuple[Item, ...]:
    """What a text says, in order; the result is kept for the next comparisons."""
    bare = unicodedata.normalize("NFC", text).translate(_STRAIGHT).strip()
    if not _VERBATIM.search(bare):
        for polite in (_GREETING, _GREETING, _FRAME, _FRAME) if _PAYLOAD.search(bare) else _POLITE:
            bare = polite.sub("", bare, count=1).strip() or bare
    found = _PAYLOAD.search(bare)
    head, payload = (bare[: found.end()], bare[found.end() :].strip()) if found else (_END.sub("", bare), "")
    if _VERBATIM.search(bare):
        head = head[:1].lower() + head[1:] if head[1:2].islower() else head
        words = [Item("word", (word,), word) for word in head.split(" ")]
    else:
        for pattern, instead in _COMPOUND:
            head = pattern.sub(instead, head)
        words = _edited(_Reader(scan(head)).items)
    return (*words, Item("verbatim", (payload,), payload)) if payload else tuple(words)


class _Reader:
    """The tokens of one text as items."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.items: list[Item] = []
        self.starts = True
        self.glued = False
        for i, token in enumerate(tokens):
            if operator := self._operator(i):
                self.items.append(Item("sign", (operator,), token.text))
            elif token.kind == "word":
                self._word(i, token)
            elif token.kind in ("symbol", "punct"):
                self._sign(token)
                continue
            else:
                self.items.append(Item(token.kind, (*_value(token), token.glue if self.glued else ""), token.text))
            self.starts = self.glued = False

    def _operator(self, i: int) -> str:
        """The operator at i, if it stands between two operands of a calculation."""
        low = self.tokens[i].text.casefold()
        symbol = OPERATORS.get(low, low)
        if symbol not in ("+", "-", "*", "/", "^") or not 0 < i < len(self.tokens) - 1:
            return ""
        left, right = self.tokens[i - 1], self.tokens[i + 1]
        operands = (left.kind in _NUMERIC or left.text == ")") and (right.kind in _NUMERIC or right.text == "(")
        return symbol if operands else ""

    def _sign(self, token: Token) -> None:
        before = self.items[-1].text.casefold() if self.items else ""
        ends = len(before) > 2 and before not in ABBREVIATED  # noqa: PLR2004 - "vs.", "St."
        stop = token.text in (";", "!", "?") or (token.text == "." and ends)
        self.items.append(Item("sign", ("." if token.text == ";" else token.text, token.glue), token.text))
        self.starts, self.glued = stop or (self.starts and not self.items[:-1]), not stop

    def _word(self, i: int, token: Token) -> None:
        text = token.text
        low = text.casefold()
        if low == "i" or low.startswith("i'"):
            before = self.items[-1].key[0] if self.items else ""
            follows = i + 1 < len(self.tokens) and self.tokens[i + 1].kind == "word"
            folds = low != "i" or (follows and (self.starts or before in BEFORE_I))
        else:
            folds = low in NAMES or (self.starts and text == low.capitalize())
        key = low if folds else text
        glue = token.glue if i and (self.glued or token.glue in "-/.") else ""
        typo = key == low and key.isalpha() and key.isascii() and low not in NAMES
        pieces = CONTRACTIONS[key].split() if key in CONTRACTIONS and not token.joined else [key]
        if key.endswith("n't") and len(pieces) == 1:
            pieces = [key[:-3], "not"]
        self.items += [Item("word", (SAME.get(piece) or spelling(piece), glue), text, typo) for piece in pieces]


def _value(token: Token) -> tuple[object, ...]:
    """What a value is compared by: its meaning where the writing leaves no doubt, else the writing."""
    _, value, _ = measure(token)
    if token.kind in ("code", "verbatim") or isinstance(value, str):
        return (token.text,)
    if token.kind == "number" and not token.unit:
        whole = token.value.denominator == 1 if not isinstance(token.value, str | tuple) else False
        odd = re.search(r"[.+]|\d[^\W\d]|dozen", token.text.casefold())
        return (token.value,) if whole and not odd else (token.text,)
    return (token.value, token.unit)


def _edited(items: list[Item]) -> list[Item]:
    """The items after the edits of grammar that are allowed; each leaves all other words in their order."""
    words = [str(item.key[0]) if item.kind == "word" else "" for item in items]
    if len(QUESTIONS.union(AUXILIARIES, ("the", "my", "i", "you", "to", "of")).intersection(words)) < 2:  # noqa: PLR2004 - letters, or words
        return items  # not English, or too little of it
    if words[:1] == ["which"] and any(
        _PLURAL.fullmatch(words[n]) and words[n + 1 : n + 2] and words[n + 1] in AUXILIARIES
        for n in (1, 2)
        if n < len(words)
    ):
        items = [items[0]._replace(key=("what", "")), *items[1:]]
    if words[:3] in (["how", "do", "i"], ["how", "can", "i"]) and (words[3:4] or [""])[0] not in ABOUT_ME:
        items, words = [items[0], items[1]._replace(key=("to", "")), *items[3:]], ["how", "to", *words[3:]]
    for n in range(len(words) - 2):
        if words[n] in AUXILIARIES and words[n + 1] == "not" and words[n + 2] in PRONOUNS:
            items = [*items[: n + 1], items[n + 2], items[n + 1], *items[n + 3 :]]
            words[n + 1 : n + 3] = words[n + 2], "not"
    return [item for n, item in enumerate(items) if not _idle_article(words, items, n)]


def _idle_article(words: list[str], items: list[Item], n: int) -> bool:
    """Whether the article at n says nothing; "what is the matter" and "what is matter" ask for two things."""
    if words[n] not in ("a", "an", "the") or not 0 < n < len(words) - 1:
        return False
    after, before = words[n + 1], words[n - 1]
    return before in BEFORE_ARTICLE and after.islower() and items[n + 1].typo and after not in KEEP_ARTICLE
