"""Reads the fields of JSON that somebody else wrote, each with its type and its size, or refuses it with the reason."""

import math
import re
from typing import Any, Final

from seglam.errors import ProcedureError

_MAX_COUNT: Final = 2**53
_UNFIT: Final = re.compile("[\\x00\\ud800-\\udfff]")


class Fields:
    """The fields of one object.

    Args:
        data: what JSON gave.
        where: names the object in errors; may be empty.
        named: the fields that it must have.
        optional: those that it may have besides; any other is refused.

    Raises:
        ProcedureError: from here and from every method, when the data is not what was asked for.
    """

    def __init__(self, data: Any, where: str, named: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        self.where = f"{where}: " if where else ""
        if not isinstance(data, dict):
            raise ProcedureError(f"{self.where}expected an object, got {type(data).__name__}")
        # What is not known is not covered by what this version checks.
        missing, unknown = sorted({*named} - {*data}), sorted({*data} - {*named} - {*optional})
        if missing or unknown:
            what = f"{missing[0]!r} is missing" if missing else f"there is an unknown field {unknown[0]!r:.80}"
            raise ProcedureError(f"{self.where}{what}")
        self.data: dict[str, Any] = data

    def wrong(self, name: str, expected: str) -> ProcedureError:
        """The error of a field."""
        return ProcedureError(f'{self.where}"{name}" must be {expected}')

    def text(self, name: str, most: int) -> str:
        """A text of at most so many characters."""
        return self._text(self.data[name], name, most)

    def texts(self, name: str, items: int, most: int) -> tuple[str, ...]:
        """At most so many texts."""
        return tuple(self._text(value, name, most) for value in self.array(name, items))

    def array(self, name: str, most: int) -> list[Any]:
        """An array of at most so many values."""
        value = self.data[name]
        if not isinstance(value, list) or len(value) > most:
            raise self.wrong(name, f"an array of at most {most}")
        return value

    def count(self, name: str) -> int:
        """A whole number, not negative."""
        value = self.data[name]
        if type(value) is not int or not 0 <= value <= _MAX_COUNT:
            raise self.wrong(name, "a whole number, not negative")
        return value

    def moment(self, name: str) -> float:
        """Seconds since the epoch."""
        value = self.data[name]
        if type(value) is not float or not math.isfinite(value) or abs(value) > _MAX_COUNT:
            raise self.wrong(name, "a number of seconds with a decimal point")
        return value

    def _text(self, value: Any, name: str, most: int) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise self.wrong(name, f"a text of at most {most} characters")
        if _UNFIT.search(value):
            raise self.wrong(name, "a text without NUL and lone surrogates")
        return value
