"""What a text states exactly: numbers, units, money, dates, times, codes, quoted text. The words between stay words.

``scan`` cuts a text into tokens and folds what belongs together: "twenty-three", "$1.5M", "3rd of March 2026", "5 p.m.".
A value is compared by meaning where the spelling leaves no doubt, and as written where it does ("03/04/26", "1.000").
"""

import re
import unicodedata
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

from seglam.units import (
    BASE,
    CURRENCIES,
    GLUED_ONLY,
    MAGNITUDE,
    MONTHS,
    ORDINAL,
    PARTS,
    SCALE,
    SMALL,
    TENS,
    UNITS,
    canonical_unit,
)

Value = Fraction | str | tuple[int | None, ...]


class Token(NamedTuple):
    """One piece of a text.

    Attributes:
        kind: word, number, ordinal, date, time, code, verbatim, symbol or punct.
        value: a Fraction, (year, month, day), seconds since midnight, or the folded text.
        unit: canonical unit or currency of a number; "" without one.
        text: as written.
        joined: nothing but a hyphen stands before it.
        glue: what separates it from the token before: white space (" "), nothing, or the sign inside a compound word.
    """

    kind: str
    value: Value
    unit: str
    text: str
    joined: bool = False
    glue: str = ""


_STARTERS: Final = frozenset({*SMALL, *TENS, *ORDINAL, *MONTHS, "a", "an", "half", "minus", "negative"}) | {
    word
    for word, unit in UNITS.items()
    if len(unit) == 3 and unit.isupper()  # noqa: PLR2004 - ISO 4217
}
"""Words that may begin a value."""
_HUNDRED: Final = 100
_AFTER_AND: Final = frozenset({*SMALL, *TENS})
_PRONOUN_AFTER: Final = re.compile(
    r"the|this|that|which|any|every|each|no|another|new|old|other|my|your|some|only|do|does|did|can|could|should|would|will|must"
    r"|may|might|if|has"
)
"""After these "one" is a pronoun."""

_SUPERSCRIPT: Final = {ord(c): f"^{n}" for n, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {ord("−"): "-", ord("⁄"): "/"}
_TOKEN: Final = re.compile(
    r"""
    (?P<verbatim>```.*?```|`[^`]+`|"[^"\n]+"|“[^”]+”|«[^»]+»|「[^」]+」|(?<!\w)['‘](?=\w)[^'’\n]+['’](?!\w))
  | (?P<code>(?:https?://|www\.)[^\s<>"']*[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+
      |(?<![\w/.])(?:~|\.{1,2})?/[A-Za-z][\w.-]*(?:/[\w.-]+)*|(?<!\w)[A-Za-z]:\\\S+)
  | (?P<date>\d{4}(?P<a>[-/.])\d{1,2}(?P=a)\d{1,2}(?!\w)|\d{1,2}(?P<b>[-/.])\d{1,2}(?P=b)\d{4}(?!\w)
      |\d{1,2}(?P<c>[-/])\d{1,2}(?P=c)\d{2}(?!\w))
  | (?P<time>\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?(?![\d:])|\d{1,2}(?:\.\d{2})?\s?[ap](?:\.m\.|m\b))
  | (?P<mixed>v?\d+(?:\.\d+){2,}|\d+(?:,\d{1,2})+(?![\d,])|0\d+(?![.\d,])|\d+[A-Za-z]+\d\w*(?<!\de\d)(?<!\de\d\d))
  | (?P<fraction>\d+/\d+(?![\d/]))
  | (?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)|\d{1,3}(?:[ \u00a0\u202f\u2009]\d{3})+(?!\d)|\d+)
      (?:\.\d+)?(?:e[+-]?\d+(?!\w))?|\.\d+)(?P<tail>%|°\s?[cfk]?(?![a-z])|[^\W\d_]+(?:/[a-z]+)?)?
  | (?P<currency>(?<!\w)(?:US|AU?|CA?|HK|NZ|[SR])\$)
  | (?P<word>[^\W_][\w]*(?:\+\+|\#(?!\w)|[+](?!\w))?(?:['’._/-][^\W_]\w*)*)
  | (?P<symbol>[^\w\s]|_)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_PUNCTUATION: Final = frozenset(".,;:!?…'\"’‘“”()[]{}*_-–—/`¿¡|。、，？！：；·")
_STOP_GLUED: Final = re.compile(r"[a-z]{2}\.[A-Z][a-z]*$")
"""Two sentences without a space between them."""
_AS_WRITTEN: Final = re.compile(r"[1-9]\d{0,2}\.\d{3}")


@lru_cache(maxsize=4096)
def scan(text: str) -> tuple[Token, ...]:
    """Cut a text into tokens, in order; nothing but white space is left out."""
    plain = unicodedata.normalize("NFKC", text.translate(_SUPERSCRIPT).replace("½", " 1/2")).translate(_SUPERSCRIPT)
    raw: list[Token] = []
    end = 0
    for match in _TOKEN.finditer(plain):
        joined = match.start() == end and bool(raw) and raw[-1].text == "-" and end > 1 and not plain[end - 2].isspace()
        first, *rest = _classify(match, joined=joined)
        raw += [first if match.start() == end else first._replace(glue=" "), *rest]
        end = match.end()
    return _fold(raw)


def _classify(match: re.Match[str], *, joined: bool) -> list[Token]:
    kind, text = str(match.lastgroup), match.group()
    if kind in ("tail", "number"):
        return _number(match, joined=joined)
    if kind == "verbatim":
        return [Token("verbatim", text.strip("`\"“”«»「」'‘’").strip(), "", text)]
    if kind in _READERS:
        return [_READERS[kind](text)._replace(joined=joined)]
    if kind == "word":
        return _word(text, joined=joined)
    if kind in ("symbol", "currency"):
        return [Token("punct" if text in _PUNCTUATION else "symbol", text, "", text)]
    return [Token("code", text.casefold() if kind == "mixed" else text, "", text, joined)]


def _number(match: re.Match[str], *, joined: bool) -> list[Token]:
    digits, tail, text = match["number"], match["tail"] or "", match.group()
    value = Fraction(
        re.sub(r"[,\s]", "", "".join(c if c in ".,eE+- \u00a0" else str(int(c)) for c in digits if c.strip()))
    )
    low = tail.casefold().replace(" ", "")
    if not tail:
        return [Token("number", value, "", text, joined)]
    if low in ("st", "nd", "rd", "th"):
        return [Token("ordinal", value, "", text, joined)]
    if tail in SCALE:
        return [Token("number", value * SCALE[tail], "", text, joined)]
    if unit := canonical_unit(tail.replace(" ", "")) or ("inch" if low in GLUED_ONLY else ""):
        return [Token("number", value, unit, text, joined)]
    if low.isascii():
        return [Token("code", text.casefold(), "", text, joined)]
    if tail[0] in MAGNITUDE:
        value, tail = value * MAGNITUDE[tail[0]], tail[1:]
    unit = UNITS.get(tail[:1], "")
    number = Token("number", value, unit, text[: len(digits)], joined)
    rest = tail[1:] if unit else tail
    return [number, Token("word", rest, "", rest, joined=True)] if rest else [number]


@lru_cache(maxsize=4096)
def _word(text: str, *, joined: bool) -> list[Token]:
    low = text.casefold().replace("’", "'")
    if re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", low):
        return [Token("word", low.replace(".", ""), "", text.replace(".", "").upper(), joined)]
    if low in UNITS:
        return [Token("word", low, "", text, joined)]
    if any(map(str.isdigit, low)) or low[-1] in "+#" or "_" in low or ("." in low and not _STOP_GLUED.search(text)):
        return [Token("code", low, "", text, joined)]
    pieces = re.split(r"([-/.])", text)
    return [
        Token("word", piece.casefold().replace("’", "'"), "", piece, joined or n > 0, pieces[n - 1] if n else "")
        for n, piece in enumerate(pieces)
        if piece and not n % 2
    ]


def _numeric_date(text: str) -> Token:
    """A date where only one reading exists; otherwise what was written."""
    a, b, c = map(int, re.split(r"[-/.]", text))
    if a > 31:  # noqa: PLR2004 - no day of a month
        choices = {(a, b, c)}
    elif c > 99:  # noqa: PLR2004 - a year of four digits
        choices = {(c, b, a), (c, a, b)}
    else:
        choices = set()
    real = [choice for choice in choices if _exists(*choice)]
    return Token("date", real[0], "", text) if len(real) == 1 else Token("code", text, "", text)


def _parts(text: str) -> Token:
    """A fraction in lowest terms by value; "6/8" may be a date and stays as written."""
    over, under = map(int, text.split("/"))
    reduced = under > 1 and Fraction(over, under).denominator == under
    return Token("number", Fraction(over, under), "", text) if reduced else Token("code", text, "", text)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _clock(text: str) -> Token:
    parts = re.findall(r"\d+", text)
    hour, minute, second = (*map(int, parts), 0, 0)[:3]
    half = re.search(r"[ap]", text.casefold())
    if minute > 59 or second > 59 or hour > (12 if half else 23) or (half and hour == 0):  # noqa: PLR2004 - the clock
        return Token("code", text.casefold(), "", text)
    if half:
        hour = hour % 12 + (12 if half.group() == "p" else 0)
    elif 1 <= hour <= 12 and not text.startswith("0"):  # noqa: PLR2004 - morning or afternoon is not said
        return Token("time", text, "", text)
    return Token("time", Fraction(3600 * hour + 60 * minute + second), "", text)


_READERS: Final = {"date": _numeric_date, "time": _clock, "fraction": _parts}


def _fold(raw: list[Token]) -> tuple[Token, ...]:
    """Join what belongs together, left to right; every step consumes at least one token."""
    out: list[Token] = []
    i = 0
    while i < len(raw):
        if raw[i].kind == "word" and raw[i].value not in _STARTERS:
            token, i = raw[i], i + 1
        else:
            token, i = _dated(raw, i) or _counted(raw, i, out) or (raw[i], i + 1)
        out.append(token)
    return tuple(out)


def _counted(raw: list[Token], i: int, out: list[Token]) -> tuple[Token, int] | None:
    """A number with its sign, currency, magnitude and unit, from position i."""
    start, sign, unit = i, 1, ""
    after_number = bool(out) and (out[-1].kind in ("number", "code") or out[-1].text == ")")
    signed = raw[i].text in ("-", "+") or raw[i].value in ("minus", "negative")
    if signed and not after_number and not raw[i].joined and not (out and raw[i + 1 : i + 2] and raw[i + 1].joined):
        sign, i = -1 if raw[i].text != "+" else 1, i + 1
    if i < len(raw) and raw[i].kind in ("symbol", "word") and UNITS.get(_low(raw, i), "") in CURRENCIES:
        unit, i = UNITS[_low(raw, i)], i + 1
    found = _numeral(raw, i)
    if found is None or (found[0].kind != "number" and i > start):
        return None
    token, j = found
    unit = unit or token.unit
    if unit and j == i + 1 and _low(raw, j) == "m" and unit in CURRENCIES:
        token, j = token._replace(value=_fraction(token) * 10**6), j + 1
    if not unit and token.kind == "number":
        unit, j = _unit_after(raw, j)
    text = "".join((" " if n and not t.joined else "") + t.text for n, t in enumerate(raw[start:j]))
    if token.kind == "number":
        token = token._replace(value=sign * _fraction(token), unit=unit)
    return token._replace(text=text, glue=raw[start].glue), j


def _low(raw: list[Token], i: int) -> str:
    return raw[i].text.casefold() if i < len(raw) else ""


def _fraction(token: Token) -> Fraction:
    assert isinstance(token.value, Fraction)
    return token.value


def _unit_after(raw: list[Token], j: int) -> tuple[str, int]:
    low = _low(raw, j)
    if low == "per" and _low(raw, j + 1) == "cent":
        return "%", j + 2
    if j < len(raw) and raw[j].kind in ("word", "symbol"):
        unit = "s" if low == "second" else canonical_unit(raw[j].text)
        return unit, j + bool(unit)
    return "", j


def _numeral(raw: list[Token], i: int) -> tuple[Token, int] | None:
    """A number or an ordinal in digits or words, from position i."""
    token = raw[i] if i < len(raw) else Token("punct", "", "", "")
    if token.kind == "ordinal" or (token.kind == "number" and token.unit):
        return token, i + 1
    if token.kind == "number":
        value, j, kind = _fraction(token), i + 1, "number"
    elif token.kind == "word" and (spelled := _spelled(raw, i)) is not None:
        value, j, kind = spelled
    else:
        return None
    if kind == "number":
        value, j = _multiplied(raw, j, value, spelled=token.kind == "word")
    return Token(kind, value, "", "", token.joined), j


def _multiplied(raw: list[Token], j: int, value: Fraction, *, spelled: bool) -> tuple[Fraction, int]:
    """What follows a number and belongs to it: a magnitude, then a fraction."""
    while _low(raw, j) in MAGNITUDE:
        value, j = value * MAGNITUDE[_low(raw, j)], j + 1
    whole = value.denominator == 1
    if [_low(raw, j + n) for n in range(3)] == ["and", "a", "half"]:
        return value + Fraction(1, 2), j + 3
    if not spelled and whole and j < len(raw) and raw[j].kind == "number" and "/" in raw[j].text:
        return value + _fraction(raw[j]), j + 1
    if spelled and whole and _low(raw, j) in PARTS and (value != 1 or _low(raw, j + 1) == "of"):
        return value / PARTS[_low(raw, j)], j + 1
    return value, j


def _spelled(raw: list[Token], i: int) -> tuple[Fraction, int, str] | None:
    """(value, next position, number or ordinal) of number words from position i."""
    low, following = _low(raw, i), _low(raw, i + 1)
    if low == "half" or (low in ("a", "an") and following == "half"):
        j = i + (1 if low == "half" else 2)
        return Fraction(1, 2), j + (_low(raw, j) in ("a", "an")), "number"
    if low in ("a", "an"):
        unit = following in UNITS and following.isalpha()
        counts = unit or following in MAGNITUDE or (following in PARTS and _low(raw, i + 2) == "of")
        return (Fraction(1), i + 1, "number") if counts else None
    if low == "one" and not _counts_one(raw, i):
        return None
    return _spelled_out(raw, i)


def _spelled_out(raw: list[Token], i: int) -> tuple[Fraction, int, str] | None:
    total, current, j = 0, -1, i
    while j < len(raw):
        word = _low(raw, j)
        part = TENS.get(word, SMALL.get(word, ORDINAL.get(word, -1)))
        if part >= 0 and (current < 0 or _extends(current, part)):
            if word == "second" and j > i and not raw[j].joined:
                break
            current = max(current, 0) + part
            if word in ORDINAL:
                return Fraction(total + current), j + 1, "ordinal"
        elif word == "hundred" and 0 < current < _HUNDRED:
            current *= _HUNDRED
        elif MAGNITUDE.get(word, 0) > _HUNDRED and current > 0:
            total, current = total + current * MAGNITUDE[word], 0
        elif word != "and" or (current < _HUNDRED and not total) or _low(raw, j + 1) not in _AFTER_AND:
            break
        j += 1
    return (Fraction(total + max(current, 0)), j, "number") if j > i else None


def _extends(current: int, part: int) -> bool:
    """Whether a number word continues the number so far: "one hundred" + "five", "twenty" + "three"."""
    if current % _HUNDRED == 0:
        return current + part > 0
    return current % 10 == 0 and current % _HUNDRED >= TENS["twenty"] and part in range(1, 10)


def _counts_one(raw: list[Token], i: int) -> bool:
    """Whether "one" is the number: not "the new one", not "one of"."""
    following = raw[i + 1] if i + 1 < len(raw) else None
    if following is None or following.kind != "word" or following.value == "of":
        return False
    return i == 0 or not _PRONOUN_AFTER.fullmatch(_low(raw, i - 1)) or following.value in UNITS


def _dated(raw: list[Token], i: int) -> tuple[Token, int] | None:
    """A date with the name of its month, from position i; year and day may be missing, not both."""
    j, day = i, None
    if _day(raw, j):
        day = int(_fraction(raw[j]))
        j += 1 + (_low(raw, j + 1) == "of")
    month = _month(raw, j)
    if month is None:
        return None
    j += 1 + (_low(raw, j + 1) == "." and _low(raw, j) not in ("may", "march"))
    if day is None and _low(raw, j) == "the" and _day(raw, j + 1):
        j += 1
    if day is None and _day(raw, j) and not (j + 1 < len(raw) and _unit_after(raw, j + 1)[0]):
        day, j = int(_fraction(raw[j])), j + 1
    comma = _low(raw, j) in (",", "of")
    year = _year(raw, j + comma)
    if year is not None:
        j += comma + 1
    if day is None and year is None:
        return None
    text = " ".join(token.text for token in raw[i:j])
    return Token("date", (year, month, day), "", text, glue=raw[i].glue), j


def _day(raw: list[Token], i: int) -> bool:
    return (
        i < len(raw)
        and raw[i].kind in ("number", "ordinal")
        and not raw[i].unit
        and 1 <= _fraction(raw[i]) <= 31  # noqa: PLR2004 - days of a month
        and raw[i].text[-1:].isalnum()
        and "/" not in raw[i].text
        and "." not in raw[i].text
    )


def _month(raw: list[Token], i: int) -> int | None:
    name = _low(raw, i)
    if name in ("may", "march", "mar", "sep", "dec", "jan", "jun") and not raw[i].text[0].isupper():
        return None
    return MONTHS.get(name)


def _year(raw: list[Token], i: int) -> int | None:
    plain = i < len(raw) and raw[i].kind == "number" and len(raw[i].text) == 4 and raw[i].text.isdigit()  # noqa: PLR2004 - letters, or words
    return int(raw[i].text) if plain and not _unit_after(raw, i + 1)[0] else None


def measure(token: Token) -> tuple[str, Value, str]:
    """What to compare of a token that states a value: (kind, value, unit), exact conversions made."""
    if token.kind == "number":
        if _AS_WRITTEN.fullmatch(token.text.split(" ")[0]):
            return ("number", token.text, token.unit)
        factor, unit = BASE.get(token.unit, (1, token.unit))
        return ("number", _fraction(token) * factor, unit)
    return (token.kind, token.value, token.unit)
