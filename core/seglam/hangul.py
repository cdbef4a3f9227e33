"""Korean, as far as the guards need it: numbers, dates and units in the common spelling, particles as roles, negation.

``rewrite`` turns values into the spelling that ``quantities`` reads; ``open_word`` parts a noun from its particle.
"""

import re
from typing import Final

from seglam.units import MONTHS

_DIGITS: Final = {c: n for n, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "륙": 6}
_TENS: Final = {"십": 10, "백": 100, "천": 1000}
_NATIVE: Final = {
    "하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "넷": 4, "네": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8,
    "아홉": 9, "열": 10, "스무": 20, "스물": 20, "서른": 30, "마흔": 40, "쉰": 50,
}  # fmt: skip
_COUNTERS: Final = (
    "개|명|사람|분|마리|장|권|병|잔|대|번|시간|시|살|달|주|가지|곳|채|켤레|벌|그루|송이|줄|판|박|끼|배|쪽"
)
_UNITS: Final = {
    "킬로미터": "km", "센티미터": "cm", "밀리미터": "mm", "미터": "m", "킬로그램": "kg", "킬로": "kg", "밀리그램": "mg",
    "그램": "g", "밀리리터": "ml", "리터": "l", "달러": "USD", "불": "USD", "유로": "EUR", "엔": "JPY",
    "위안": "CNY", "파운드": "GBP",
    "원": "KRW",
    "퍼센트": "%", "프로": "%", "시간": "hours", "분": "minutes", "초": "seconds", "주일": "weeks", "주간": "weeks",
    "주": "weeks",
    "개월": "months", "달": "months", "일간": "days", "일": "days", "년간": "years", "년": "years",
    "살": "years", "세": "years", "기가바이트": "GB", "메가바이트": "MB", "기가": "GB",
}  # fmt: skip
_NATIVE_WORD: Final = "|".join(sorted(_NATIVE, key=len, reverse=True))
_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_DATE: Final = re.compile(r"(?:(\d{4})년\s*)?(\d{1,2})월\s*(\d{1,2})일")
_MONTH: Final = re.compile(r"(\d{1,2})월(?=\s|[은는이가을를에의까부]|$)")
_TIME: Final = re.compile(r"(?:(오전|오후|아침|저녁|밤|새벽|낮)\s*)?(\d{1,2})시(?!간)(?:\s*(\d{1,2})분|\s*(반))?")
_NATIVE_COUNT: Final = re.compile(rf"(?<![가-힣])(열|스물|서른|마흔|쉰)?\s?({_NATIVE_WORD})\s?(?={_COUNTERS})")
_SINO: Final = re.compile(
    r"(?<![가-힣\d])([영일이삼사오육칠팔구십백천만억]{1,12})"
    r"(?=\s?(?:원|퍼센트|프로|층|호|번|년|월|일|달러|유로|킬로|미터|개월|분|초|도)(?![가-힣]*[다]))"
)
_MYRIAD: Final = re.compile(rf"({_NUMBER})\s?(억|만|천|백)(?=[\s원달유엔위명개]|$)(?:\s?(\d{{1,4}}))?")
_WITH_UNIT: Final = re.compile(rf"({_NUMBER})\s?({'|'.join(sorted(_UNITS, key=len, reverse=True))})(?!월)")
_MONTHS: Final = {n: name.capitalize() for name, n in reversed(MONTHS.items())}
"""Number -> full name."""
_PARTICLES: Final = (
    ("에서부터", "from"), ("에서", "from"), ("부터", "from"), ("까지", "to"), ("에게서", "from"), ("한테서", "from"),
    ("에게", "to"), ("한테", "to"), ("으로", "to"), ("보다", "than"), ("이랑", "and"), ("와", "and"), ("과", "and"),
    ("은", ""), ("는", ""),
    ("이", ""), ("가", ""), ("을", ""), ("를", ""), ("의", ""), ("도", "also"), ("에", "at"), ("로", "to"), ("만", "only"),
)  # fmt: skip
_NO_ONLY: Final = ("지만", "불만", "낭만", "얼마만")
_NEGATION: Final = re.compile(
    r"(?<![가-힣])(?:안|못)(?=\s)|지\s?않|지않|않[는은고을아으다]|없|아니[다라고]|아닌|지\s?못|못[하한할해]|말고|지\s?마|지\s?말|불가|안되|안돼|안\s되"
)
_HANGUL: Final = re.compile(r"[가-힣]")


def _sino(word: str) -> int:
    """The value of a Sino-Korean numeral: 이십삼만 is 230000."""
    total = section = digit = 0
    for c in word:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif c in _TENS:
            section, digit = section + max(digit, 1) * _TENS[c], 0
        else:
            total, section, digit = total + max(section + digit, 1) * (10_000 if c == "만" else 10**8), 0, 0
    return total + section + digit


def _clock(match: re.Match[str]) -> str:
    half, hour, minute, thirty = match.groups()
    minute = "30" if thirty else (minute or "0").zfill(2).rjust(2, "0")
    if half in ("오후", "저녁", "밤", "낮"):
        return f" {hour}:{minute} pm "
    return f" {hour}:{minute} am " if half else f" {hour}:{minute} "


def rewrite(text: str) -> str:
    """A Korean text with its values in the spelling that ``quantities.scan`` reads; any other text as it is."""
    if not _HANGUL.search(text):
        return text
    text = _NATIVE_COUNT.sub(lambda m: f"{_NATIVE.get(m[1] or '', 0) + _NATIVE[m[2]]} ", text)
    text = _SINO.sub(lambda m: str(_sino(m[1])), text)
    text = _MYRIAD.sub(_myriad, text)
    text = _DATE.sub(lambda m: f" {m[3]} {_MONTHS.get(int(m[2]), '')} {m[1] or ''} ", text)
    text = _MONTH.sub(lambda m: f" {_MONTHS.get(int(m[1]), '')} ", text)
    text = _TIME.sub(_clock, re.sub(r"(\d)\s+시(?!간)", r"\1시", text))
    text = _WITH_UNIT.sub(lambda m: f"{m[1]} {_UNITS[m[2]]} ", text)
    text = re.sub(r"(?<=\d)(?=(?:에서?|까지|부터|[은는을를의과와]|으?로)(?:\s|$))", " ", text)
    return re.sub(r"(?<=\d)( ?[A-Za-z%]+)(?=[가-힣])", r"\1 ", text)


def _myriad(match: re.Match[str]) -> str:
    scale = {"억": 10**8, "만": 10**4, "천": 1000, "백": 100}[match[2]]
    whole = float(match[1].replace(",", "")) * scale + int(match[3] or 0)
    return f"{whole:.0f}" if whole < 10**15 else match[0]


def negations(text: str) -> int:
    """How many negations a Korean text holds."""
    return len(_NEGATION.findall(text)) if _HANGUL.search(text) else 0


def open_word(word: str) -> tuple[str, str]:
    """(role, noun) of a Korean word: 서울에서 is ("from", "서울"); a word without a particle has no role."""
    if _HANGUL.match(word[-1:]):
        for particle, role in _PARTICLES:
            if word.endswith(particle) and len(word) > (len(particle) + 1 if len(particle) == 1 else len(particle)):
                if particle == "만" and word.endswith(_NO_ONLY):
                    break
                return role, word[: -len(particle)]
    return "", word
