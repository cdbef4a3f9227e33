"""The spellings of units, currencies, number words and months, and the conversions that are exact."""

from typing import Final


def _table(lines: str) -> dict[str, str]:
    """Spelling -> the first word of its line."""
    return {word: words[0] for words in map(str.split, lines.strip().splitlines()) for word in words}


def _ranks(words: str) -> dict[str, int]:
    """Word -> its position."""
    return {word: rank for rank, word in enumerate(words.split())}


UNITS: Final = _table("""
    km kilometre kilometres kilometer kilometers kms
    m metre metres meter meters
    cm centimetre centimetres centimeter centimeters
    mm millimetre millimetres millimeter millimeters
    mile miles mi
    foot feet ft
    inch inches
    yard yards yd yds
    kg kilogram kilograms kilogramme kilogrammes kilo kilos kgs
    g gram grams gramme grammes
    mg milligram milligrams
    mcg microgram micrograms µg μg
    tonne tonnes
    ton tons
    lb lbs
    pound pounds
    oz ounce ounces
    stone
    l litre litres liter liters
    ml millilitre millilitres milliliter milliliters
    gallon gallons gal
    pint pints
    cup cups
    tablespoon tablespoons tbsp
    teaspoon teaspoons tsp
    ms millisecond milliseconds
    s seconds sec secs
    min minute minutes mins
    h hour hours hr hrs
    day days
    week weeks wk wks
    month months mth mths
    year years yr yrs
    decade decades
    century centuries
    kb kilobyte kilobytes
    mb megabyte megabytes
    gb gigabyte gigabytes
    tb terabyte terabytes
    mbps
    gbps
    kmh kph km/h
    mph
    celsius centigrade °c
    fahrenheit °f
    kelvin °k
    degree degrees °
    kw kilowatt kilowatts
    kwh
    watt watts
    volt volts
    hz hertz
    mhz
    ghz
    kcal
    calorie calories cal
    hectare hectares ha
    acre acres
    mol mole moles
    % percent pct
    USD $ us$ dollar dollars usd buck bucks
    cent cents
    EUR € euro euros eur
    GBP £ gbp quid
    pence penny
    JPY ¥ yen jpy
    CNY yuan rmb cny
    KRW ₩ krw 원
    INR ₹ rupee rupees inr
    AUD a$ au$ aud
    CAD c$ ca$ cad
    HKD hk$ hkd
    SGD s$ sgd
    NZD nz$ nzd
    BRL r$ brl
    CHF franc francs chf
    SEK sek
    RUB ₽ rub
    TRY ₺
    ILS ₪
    VND ₫ vnd
    THB ฿ baht thb
    PHP ₱
    BTC ₿ bitcoin bitcoins btc
""")
CURRENCIES: Final = frozenset(unit for unit in UNITS.values() if len(unit) == 3 and unit.isupper())  # noqa: PLR2004 - ISO 4217

# Exact factors only: what rounds (miles, pounds) or has two definitions (megabytes) stays in its own unit.
BASE: Final[dict[str, tuple[int, str]]] = {
    "km": (1_000_000, "mm"), "m": (1000, "mm"), "cm": (10, "mm"),
    "tonne": (10**9, "mg"), "kg": (10**6, "mg"), "g": (1000, "mg"), "l": (1000, "ml"),
    "week": (604_800_000, "ms"), "day": (86_400_000, "ms"), "h": (3_600_000, "ms"), "min": (60_000, "ms"), "s": (1000, "ms"),
    "century": (1200, "month"), "decade": (120, "month"), "year": (12, "month"),
}  # fmt: skip
GLUED_ONLY: Final = frozenset({"in"})
"""A unit only where it touches its number: "5in" is five inches, "5 in" mostly is not."""

SMALL: Final = _ranks("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen
""")
TENS: Final = {
    w: 10 * n for n, w in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
MAGNITUDE: Final = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9,
    "trillion": 10**12, "천": 10**3, "만": 10**4, "억": 10**8,
}  # fmt: skip
ORDINAL: Final = (
    _ranks("""
    zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
""")
    | {w[:-1] + "ieth": n for w, n in TENS.items()}
    | {"hundredth": 100, "thousandth": 1000}
)
PARTS: Final = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4} | {
    w + s: n
    for w, n in ORDINAL.items()
    for s in ("", "s")
    if n > 2  # noqa: PLR2004 - a second is no half
}
SCALE: Final = {"k": 10**3, "K": 10**3, "M": 10**6, "mn": 10**6, "B": 10**9, "bn": 10**9}
MONTHS: Final = {
    name: n
    for n, names in enumerate((
        "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug",
        "september sep sept", "october oct", "november nov", "december dec"), 1)
    for name in names.split()
}  # fmt: skip


_CASED: Final = frozenset(
    "KM KG CM KB kB MB GB TB kW kWh KWH Mbps Gbps Hz MHz GHz mL L °C °F °K MPH".split()  # noqa: SIM905 - a row reads better
)
_TITLED: Final = frozenset("mile foot feet inch yard kilo gram hour days week year watt volt acre cent".split())  # noqa: SIM905 - the same
_BIT_OR_BYTE: Final = frozenset(("kb", "mb", "gb", "tb"))


def canonical_unit(word: str) -> str:
    """The canonical name of a unit or currency as written, "" for any other word.

    The case of a short symbol tells units apart (5 mW, 5 MW; 5 Mb, 5 MB): it counts, except in the codes of currencies.
    """
    low = word.casefold()
    unit = UNITS.get(low, "")
    if low == word:
        return "" if low in _BIT_OR_BYTE else unit
    return unit if len(low) > 4 or unit in CURRENCIES or word in _CASED or low in _TITLED else ""  # noqa: PLR2004 - letters, or words
