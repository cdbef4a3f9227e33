"""The sandbox's language: what a procedure may use, what it lacks, what to write instead, and the compiler's rules.

One set of tables: the static gate enforces them, LANGUAGE_RULES is made of them, a test holds both against the sandbox.
"""

from typing import Final

MAX_SOURCE: Final = 8 * 2**10
MAX_LINES: Final = 200
MAX_NODES: Final = 2500
MAX_DEPTH: Final = 30
MAX_STRING: Final = 2 * 2**10
MAX_INTEGER: Final = 10**18
MAX_PATTERN: Final = 300
MAX_ELEMENTS: Final = 120


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MODULES: Final[dict[str, frozenset[str]]] = {
    name: _names(members)
    for name, members in {
        "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
        "collections": "Counter defaultdict deque namedtuple",
        "copy": "copy deepcopy",
        "dataclasses": "dataclass field",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal DivisionByZero InvalidOperation ROUND_CEILING ROUND_DOWN ROUND_FLOOR ROUND_HALF_DOWN"
        " ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP",
        "functools": "partial reduce",
        "itertools": "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile"
        " filterfalse groupby islice pairwise permutations product repeat starmap takewhile zip_longest",
        "json": "JSONDecodeError dumps loads",
        "math": "acos acosh asin asinh atan atan2 atanh cbrt ceil comb copysign cos cosh degrees dist e exp exp2 expm1"
        " fabs factorial floor fmod fsum gcd hypot inf isclose isfinite isinf isnan isqrt lcm log log10 log1p log2 modf"
        " nan perm pi pow prod radians remainder sin sinh sqrt tan tanh tau trunc",
        "random": "Random",
        "re": "A ASCII DOTALL I IGNORECASE M MULTILINE Match Pattern S compile error escape findall finditer fullmatch"
        " match search split sub",
        "typing": "Any Callable Dict Final Iterable Iterator List Literal Mapping Optional Sequence Set Tuple Union",
        "unicodedata": "category combining name normalize",
    }.items()
}
"""What may be imported, and which of its names."""
EXCEPTIONS: Final = _names(
    "ArithmeticError AssertionError AttributeError Exception IndexError KeyError LookupError NotImplementedError"
    " OverflowError RuntimeError StopIteration TypeError ValueError ZeroDivisionError"
)
BUILTINS: Final = EXCEPTIONS | _names(
    "abs all any bin bool chr dict divmod enumerate filter float format frozenset hex int isinstance iter len list map"
    " max min next oct ord pow range repr reversed round set slice sorted str sum tuple zip"
)
METHODS: Final[dict[str, frozenset[str]]] = {
    expression: _names(names)
    for expression, names in {
        "'a'": "capitalize casefold center count encode endswith expandtabs find format index isalnum isalpha isascii"
        " isdecimal isdigit islower isnumeric isspace istitle isupper join ljust lower lstrip partition removeprefix"
        " removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase"
        " title upper zfill",
        "b'a'": "decode",
        "[1]": "append clear copy count extend index insert pop remove reverse sort",
        "{1: 1}": "clear copy fromkeys get items keys pop popitem setdefault update values",
        "Counter('a')": "elements most_common subtract total",
        "{1}": "add difference discard intersection isdisjoint issubset issuperset symmetric_difference union",
        "deque([1])": "appendleft extendleft popleft rotate",
        "Decimal(1)": "adjusted as_tuple compare copy_abs copy_negate copy_sign exp is_finite is_infinite is_nan"
        " is_signed is_zero ln log10 normalize quantize remainder_near scaleb sqrt to_integral_exact to_integral_value",
        "datetime(2020, 1, 1)": "date isoformat isoweekday replace strftime time weekday",
        "date": "fromisoformat",
        "datetime": "combine strptime",
        "timedelta(1)": "total_seconds",
        "re.compile('a')": "findall finditer fullmatch match search split sub",
        "re.match('a', 'a')": "end group groupdict groups span start",
        "Random(1)": "choice choices randint random randrange sample shuffle uniform",
    }.items()
}
"""What may be called on values; by an expression that makes a value which has it."""
PROPERTIES: Final[dict[str, frozenset[str]]] = {
    "datetime(2020, 1, 1)": frozenset({"year", "month", "day", "hour", "minute", "second", "microsecond"}),
    "timedelta(1)": frozenset({"days", "seconds", "microseconds"}),
    "timezone": frozenset({"utc"}),
}
"""Attributes that are no methods, in the same way."""
MUTATORS: Final = _names(
    "append clear extend insert pop remove reverse sort popitem setdefault update subtract add discard appendleft"
    " extendleft popleft rotate shuffle"
)
REQUIRED: Final = ("run", "check", "render")

LACKING_NODES: Final = {
    "Yield": "yield is not available; build a list and return it",
    "YieldFrom": "yield is not available; build a list and return it",
    "Delete": "del is not available; use d.pop(key), or build a new list",
    "Global": "global is not available; pass values as parameters and return them",
    "With": "with is not available; nothing here needs closing",
    "TryStar": "except* is not available; use except",
    "AsyncFunctionDef": "async is not available; write a plain def",
    "Await": "await is not available; call the function",
    "TypeAlias": "the type statement is not available; leave it out",
}
LACKING_NAMES: Final = {
    "print": "return the text instead of printing it",
    "input": "everything the procedure may use comes as parameters",
    "open": "there are no files",
    "eval": "compute the value with ordinary code; parse expressions by hand",
    "exec": "write the code out",
    "compile": "write the code out",
    "getattr": "name the attribute",
    "setattr": "use a dict",
    "hasattr": "use isinstance()",
    "delattr": "use a dict",
    "type": "use isinstance()",
    "callable": "use isinstance(), or write the call",
    "issubclass": "classes have no inheritance here",
    "super": "classes have no inheritance here",
    "property": "write a plain method",
    "staticmethod": "write a plain function",
    "classmethod": "write a plain function",
    "hash": "it differs between runs; compare the values themselves",
    "id": "it differs between runs; compare the values themselves",
    "object": "use None as a marker",
    "bytes": "work on str",
    "bytearray": "work on str or a list",
    "memoryview": "work on str or a list",
    "complex": "keep real and imaginary parts as two numbers",
    "ascii": "use repr()",
    "vars": "use a dict",
    "dir": "use a dict",
    "globals": "pass values as parameters",
    "locals": "pass values as parameters",
    "breakpoint": "leave it out",
    "BaseException": "catch Exception or a narrower type: a refusal must not be caught",
    "SystemExit": 'to refuse, use raise Refuse("why")',
    "KeyboardInterrupt": "catch Exception or a narrower type",
    "TimeoutError": "a time limit cannot be caught",
    "MemoryError": "a memory limit cannot be caught",
    "RecursionError": "write a loop instead of deep recursion",
}
LACKING_MODULES: Final = {
    "fractions": "keep a fraction as two integers and reduce it with math.gcd",
    "statistics": "the mean is sum(xs) / len(xs) or Decimal(sum(xs)) / len(xs); the median comes from sorted(xs)",
    "string": 'write the alphabet as a literal, such as "abcdefghijklmnopqrstuvwxyz"',
    "operator": "use a lambda, such as lambda a, b: a + b",
    "heapq": "use sorted() or bisect.insort",
    "calendar": "month lengths are a tuple; a leap year is y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)",
    "enum": "use plain constants",
    "textwrap": "split the words and join lines by hand",
    "time": "there is no clock; times come as parameters",
    "zoneinfo": "use datetime.timezone with a fixed offset",
    "io": "split the text with splitlines()",
    "csv": "split the lines by hand",
    "os": "there is no system",
    "sys": "there is no system",
}
LACKING_ATTRIBUTES: Final = {
    "translate": "str.translate is not available; use replace() or a join over the characters",
    "maketrans": "str.maketrans is not available; use replace() or a dict",
    "format_map": "str.format_map is not available; use an f-string",
    "bit_length": "int.bit_length is not available; use len(bin(n)) - 2",
    "bit_count": 'int.bit_count is not available; use bin(n).count("1")',
    "is_integer": "is_integer is not available; use x == int(x), or integers throughout",
    "as_integer_ratio": "as_integer_ratio is not available; keep two integers",
    "numerator": "numerator is not available; keep a fraction as two integers",
    "denominator": "denominator is not available; keep a fraction as two integers",
    "isocalendar": "isocalendar is not available; compute the week from weekday() and timedelta",
    "toordinal": "toordinal is not available; subtract dates: (a - b).days",
    "fromordinal": "fromordinal is not available; add a timedelta to a date",
    "timetuple": "timetuple is not available; use the attributes year, month, day",
    "now": "there is no clock; dates come as parameters",
    "today": "there is no clock; dates come as parameters",
    "utcnow": "there is no clock; dates come as parameters",
    "difference_update": "difference_update is not available; write s = s - other",
    "intersection_update": "intersection_update is not available; write s = s & other",
    "expand": "expand is not available; build the text from group()",
    "subn": "subn is not available; use sub() and count with findall()",
    "lastgroup": "lastgroup is not available; test the groups one by one",
}
LACKING_MEMBERS: Final = {
    "lru_cache": "every call starts afresh; keep a dict in a local variable",
    "cache": "every call starts afresh; keep a dict in a local variable",
    "cmp_to_key": "give sorted() a key",
    "wraps": "write the function out",
    "getcontext": "give quantize() a rounding, the precision is 28 digits",
    "localcontext": "give quantize() a rounding, the precision is 28 digits",
    "setcontext": "give quantize() a rounding, the precision is 28 digits",
    "VERBOSE": "write the pattern without spaces and comments",
    "X": "write the pattern without spaces and comments",
    "OrderedDict": "dict keeps its order",
    "randint": "use random.Random(seed).randint(...)",
    "seed": "use random.Random(seed)",
    "NamedTuple": "use collections.namedtuple",
    "asdict": "build the dict by hand",
    "replace": "make a new object by hand",
}
TYPE_NAMES: Final = frozenset({"str", "int", "float", "list", "dict", "set", "frozenset", "tuple", "Decimal"})
CONSTRUCTORS: Final = TYPE_NAMES | {
    "range",
    "compile",
    "date",
    "time",
    "datetime",
    "timedelta",
    "timezone",
    "namedtuple",
}

LANGUAGE_RULES: Final = f"""\
The code runs in a small, safe subset of Python 3. The module is checked before it runs; what follows is enforced.
1. At module level: imports, def, constants (literals, tuples, Decimal("..."), re.compile("...")), and nothing else; no loop, no \
comprehension, no `if`. run, check and render take the same slots by the same names (check and render after `value`; they may \
take **slots), and no slot has the name of a builtin, an import or anything else at module level; gen(seed) is optional. \
Refuse is predefined: only `raise Refuse("why")`; it cannot be caught.
2. Imports, at the top, no `*`: {", ".join(sorted(MODULES))}. Not available: {", ".join(sorted(LACKING_MODULES))}. From \
functools only partial and reduce; from collections Counter, defaultdict, deque, namedtuple; from random only \
random.Random(seed), for gen.
3. Builtins: {", ".join(sorted(name for name in BUILTINS if name[0].islower()))}, and the usual exceptions. Nothing else: no \
{", ".join(sorted(name for name in LACKING_NAMES if name[0].islower()))}.
4. No yield, del, with, global, async, except*, bare except, `return` in finally, decorators (but @dataclass), class inheritance \
(so no exceptions of your own), names that begin with two underscores, attributes that begin with one, mutable default arguments.
5. Methods are not values, and are not called on a type: key=lambda s: s.lower(), not key=str.lower; lambda k: d[k], not d.get; \
[s.strip() for s in xs], not map(str.strip, xs). Functions and types are values: key=len and map(int, xs) work.
6. Generator expressions are lists: no next(x for ...), write next(iter([...]), default); no comprehension over \
itertools.count() or cycle().
7. Sets have another order than in CPython: never iterate or print a set, write sorted(s).
8. Never round(x, n): f"{{x:.2f}}", or Decimal(...).quantize(Decimal("0.01"), ROUND_HALF_UP). Money is Decimal or integer cents. \
round(x) with one argument is fine.
9. Regular expressions: the parameters are parsed already, so rarely needed. Literal patterns of at most {MAX_PATTERN} \
characters; [0-9], [A-Za-z], [ \\t] instead of \\d, \\w, \\s (four times faster); no re.VERBOSE, re.subn, \
re.sub with a function, pattern.match(text, pos). Prefer split and partition.
10. No str.translate, str.maketrans, str.format_map, int.bit_length, float.is_integer, date.isocalendar, date.toordinal, \
pow(a, -1, m); an exception takes one argument, a string; text.format(...) only on a literal without attributes or indexes.
11. Deterministic and stateless: no clock (now, today), no unseeded random, nothing at module level is ever changed.
12. At most {MAX_LINES} lines and {MAX_SOURCE} characters; no literal of over {MAX_ELEMENTS} elements, no tables of \
memorised answers; integers in the source below 10**18; recursion below 100 deep; about 100,000 steps (100 milliseconds)."""
"""What the compiler is told about the language; made from the tables above, so that it cannot drift from them."""
