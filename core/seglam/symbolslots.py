"""Slot types whose text is notation instead of words: token, tokens, expression, grid, json.

Requests that carry puzzles, sums or program data are full of it. Prose must not pass for notation: a token made of letters
must be a word that names something, an expression is built of operands and operators, a grid's rows are equally long.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

from seglam.slots import LAZY, Slot, Value, bare, both
from seglam.textslots import VOCABULARY, thing

MAX_NOTATION: Final = 20_000
MAX_TOKENS: Final = 500
_MAX_TOKEN: Final = 60
_MAX_EXPRESSION: Final = 1000

# Runs without spaces ---------------------------------------------------------------------------------------------------

_UNPRINTED: Final = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_SAMPLES: Final = ("x", "7", "-12", "1f3a", "AB-12", "0b101", "x=3", "A#", "([]{})", "Q", "10.5", "b2b")


def _is_token(text: str, most: int) -> bool:
    if not 0 < len(text) <= most or _UNPRINTED.search(text) or text.split() != [text]:
        return False
    if len(text) > 1 and (text[-1] in ".,;:!?'\"’”" or text[0] in "'\"‘“"):
        return False  # the sentence's own, or a quotation's
    letters = [part for part in re.split(r"[\W\d_]+", text) if part]
    return all(len(part) == 1 or thing(part) for part in letters)


def _token(argument: str | None) -> Slot:
    most = _MAX_TOKEN if argument is None else int(argument) if re.fullmatch(r"[1-9][0-9]{0,4}", argument) else 0
    if not 1 <= most <= MAX_NOTATION:
        raise ValueError(f"token takes the greatest number of characters, at most {MAX_NOTATION}: token(12)")

    def parse(text: str) -> Value | None:
        return text if _is_token(text, most) else None

    def sample(rng: Random) -> str:
        return rng.choice([text for text in _SAMPLES if len(text) <= most])

    return Slot(f"token({most})", both(rf"[^\x00-\x20\x7f]+{LAZY}"), parse, str, sample)


def _tokens(argument: str | None) -> Slot:
    bare("tokens", argument)

    def parse(text: str) -> Value | None:
        parts = text.split(" ")
        known = len(text) <= MAX_NOTATION and len(parts) <= MAX_TOKENS
        return list(parts) if known and all(_is_token(part, _MAX_TOKEN) for part in parts) else None

    def sample(rng: Random) -> str:
        return " ".join(rng.choices((*_SAMPLES, *VOCABULARY), k=rng.randint(2, 6)))

    expression = rf"[^\x00-\x1f\x7f]+{LAZY}"
    return Slot("tokens", both(expression), parse, " ".join, sample, spaced=True)


# Expressions -----------------------------------------------------------------------------------------------------------

# A bracket whose inside is an expression stands for an operand; this mark takes its place.
_DONE: Final = "§"
_FUNCTION: Final = r"(?:sqrt|abs|sin|cos|tan|log|ln|exp)"
_NUMBER: Final = r"(?:0x[0-9A-Fa-f]+|0b[01]+|0o[0-7]+|[0-9]+(?:\.[0-9]+)?[A-Za-z]?)"
_OPERAND: Final = rf"(?:(?:{_NUMBER}|[A-Za-z]|True|False){_DONE}*|{_FUNCTION}?{_DONE}+)"
_OPERATOR: Final = r"(?:\*\*|//|<=|>=|==|!=|<<|>>|[-+*/^%=<>×÷−·&|∧∨→↔⊕])"
_SIGNS: Final = rf"(?:[-+−~¬] ?|not (?=[TF])|not ?(?={_DONE}))*"
_FLAT: Final = rf"{_SIGNS}{_OPERAND}(?:(?: ?{_OPERATOR} ?| (?:and|or|xor) ){_SIGNS}{_OPERAND})*"
_WHOLE: Final = re.compile(_FLAT)
_INNERMOST: Final = re.compile(rf"\( ?{_FLAT} ?\)|\[ ?{_FLAT} ?\]")
_CONNECTED: Final = re.compile(rf"{_OPERATOR}|{_FUNCTION}|[~¬]|not|and|or|xor")
_LOGIC: Final = re.compile(r"not|and|or|xor")
_MAX_NESTED: Final = 40


def is_expression(text: str) -> bool:
    """Whether all of it is numbers, single letters, True or False, joined by operators and brackets.

    Two operands side by side are a list, or prose; ``3 and 4`` without True or False is prose as well.
    """
    if not 0 < len(text) <= _MAX_EXPRESSION or _DONE in text or _CONNECTED.search(text) is None:
        return False
    if _LOGIC.search(text) and "True" not in text and "False" not in text:
        return False
    for _ in range(_MAX_NESTED):
        text, replaced = _INNERMOST.subn(_DONE, text)
        if not replaced:
            break
    return _WHOLE.fullmatch(text) is not None


def _expression(argument: str | None) -> Slot:
    bare("expression", argument)

    def parse(text: str) -> Value | None:
        return text if is_expression(text) else None

    def sample(rng: Random) -> str:
        def operand() -> str:
            return rng.choice((str(rng.randrange(100)), f"{rng.randrange(100)}.5", "x", f"({rng.randrange(9)} - x)"))

        tail = "".join(f" {rng.choice('+-*/')} {operand()}" for _ in range(rng.randint(1, 4)))
        return rng.choice(("", "-")) + operand() + tail

    characters = r"[0-9A-Za-z+\-*/^%=()\[\]. <>!×÷−·&|~¬∧∨→↔⊕]"
    return Slot("expression", both(f"{characters}+{LAZY}"), parse, str, sample, closed=True, spaced=True)


# Grids -----------------------------------------------------------------------------------------------------------------

_NUMERAL: Final = re.compile(r"[+\-−]?[0-9]{1,18}(?:\.[0-9]{1,18})?")


def _grid(argument: str | None) -> Slot:
    bare("grid", argument)

    def parse(text: str) -> Value | None:
        if len(text) > MAX_NOTATION or any(char in text for char in "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"):
            return None
        rows = [line.split() for line in text.split("\n")]
        if not rows[0] or len(rows) > MAX_TOKENS or any(len(row) != len(rows[0]) for row in rows):
            return None
        cells = [cell for row in rows for cell in row]
        if all(len(cell) == 1 or _NUMERAL.fullmatch(cell) for cell in cells):
            return list(rows) if len(cells) > 1 else None
        # Lines of symbols without spaces. Lines of small letters would be words.
        lines = len(rows[0]) == 1 and len(rows) > 1 and len({len(cell) for cell in cells}) == 1
        return list(rows) if lines and not any(re.search(r"[^\W\d_A-Z]", cell) for cell in cells) else None

    def sample(rng: Random) -> str:
        rows, columns = rng.randint(2, 5), rng.randint(2, 5)
        pool = rng.choice(([str(number) for number in range(-3, 12)], ["X", "O", "_"]))
        gap = "" if pool[0] == "X" and rng.random() < 1 / 3 else " "
        return "\n".join(gap.join(rng.choices(pool, k=columns)) for _ in range(rows))

    def write(value: Any) -> str:
        return "\n".join(" ".join(row) for row in value)

    expression = rf"[^\x00-\x08\x0b-\x1f\x7f]+{LAZY}"
    return Slot("grid", both(expression), parse, write, sample, spaced=True, lines=True)


# JSON ------------------------------------------------------------------------------------------------------------------

_PYTHON: Final = re.compile(r"'([^'\\\n]*)'|\b(True|False|None)\b|[()]")
_OF_PYTHON: Final = {"True": "true", "False": "false", "None": "null", "(": "[", ")": "]"}


def _read_json(text: str) -> Any:
    """Raises ValueError or RecursionError; also for what JSON leaves open: keys that come twice, NaN, exponents."""
    if "\\u" in text:
        raise ValueError("an escape that may stand for half a character")
    if "'" in text and '"' not in text:  # the same data as a Python program prints it
        text = _PYTHON.sub(lambda m: f'"{m[1]}"' if m[1] is not None else _OF_PYTHON[m[0]], text)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key that comes twice")
        return dict(pairs)

    def exact(number: str) -> Decimal:
        if len(number) > _MAX_TOKEN or "e" in number.lower():
            raise ValueError("an exponent")
        return Decimal(number)

    def whole(number: str) -> int:
        if len(number) > _MAX_TOKEN:
            raise ValueError("too many digits")
        return int(number)

    def never(constant: str) -> Any:
        raise ValueError(constant)

    return json.loads(text, object_pairs_hook=unique, parse_float=exact, parse_int=whole, parse_constant=never)


def _write_json(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_write_json(value[key])}" for key in value) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_write_json, value)) + "]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, allow_nan=False)


def _json(argument: str | None) -> Slot:
    bare("json", argument)

    def parse(text: str) -> Value | None:
        if len(text) > MAX_NOTATION or text[:1] + text[-1:] not in ("[]", "{}"):
            return None
        try:
            value: Value = _read_json(text)
        except (ValueError, RecursionError):
            return None
        return value

    def sample(rng: Random) -> str:
        rows = [[rng.randrange(-9, 100) for _ in range(rng.randint(1, 4))] for _ in range(rng.randint(1, 4))]
        named = {name: rng.randrange(100) for name in rng.sample(VOCABULARY, 2)}
        value = rng.choice((rows, named, rows[0], rng.sample(VOCABULARY, 3), [named], [True, None, "é x"]))
        return rng.choice((_write_json(value), repr(value)))

    return Slot("json", both(rf"[\[{{][^\x00]*{LAZY}[\]}}]"), parse, _write_json, sample, spaced=True)


SYMBOLS: Final[Mapping[str, Callable[[str | None], Slot]]] = {
    "token": _token,
    "tokens": _tokens,
    "expression": _expression,
    "grid": _grid,
    "json": _json,
}
"""Builders by name, like ``slots.CLOSED``."""
