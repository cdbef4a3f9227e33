"""Reads the Python repr that LangChain puts into ``llm_string``, as data: nothing in it is called, imported or built."""

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from seglam import canonical

# A repr in pieces. Strings are passed over whole, so that what a prompt or a description quotes is never taken for a class.
_STRING: Final = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PIECE: Final = re.compile(
    rf"""(?P<text>[^'"<]+)
    |(?P<string>{_STRING})
    |<class\ '(?P<class>[^']+)'>
    |<(?P<enum>[\w.]+):\ (?P<value>-?\d+|{_STRING})>
    |(?P<object><[^<>'"]*(?:<[^<>'"]*>[^<>'"]*)*>)""",
    re.VERBOSE | re.DOTALL,
)
_STAND_IN: Final = "_seglam_object_"


def words(text: str) -> frozenset[str]:
    """The words of a text, for tables of names."""
    return frozenset(text.split())


class UnkeyableError(Exception):
    """A request of which nobody can say whether it equals another one. The message names the place, never the value."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something in a repr that does not say what it is: an address, an unknown object, a masked secret."""

    what: str


def read_repr(text: str) -> Any:
    """The value that a repr shows: JSON data, with Opaque in place of what has no form.

    A Pydantic class becomes its JSON schema, an enum member its name and value, bytes their digest, a set a sorted list.

    Raises:
        UnkeyableError: the text is no repr of such data.
    """
    source: list[str] = []
    objects: list[Any] = []
    at = 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None:
            raise UnkeyableError("the model's settings show an object that cannot be read")
        at = match.end()
        if match["text"] or match["string"]:
            source.append(match[0])
        else:
            source.append(f" {_STAND_IN}{len(objects)} ")
            objects.append(_object(match))
    try:
        return _value(ast.parse("".join(source).strip(), mode="eval").body, objects)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UnkeyableError(f"the model's settings cannot be read ({type(error).__name__})") from None


def _object(match: re.Match[str]) -> Any:
    if match["class"]:
        return _schema(match["class"])
    if match["enum"]:
        return {"enum": match["enum"], "value": ast.literal_eval(match["value"])}
    return Opaque("an object without a stable form")


def _schema(name: str) -> Any:
    """The JSON schema of a Pydantic class that is known by its name alone.

    The name may be shared: a notebook cell that is run again leaves the old class alive in the chains that hold it. So
    all living classes of that name are asked, and must tell the same.
    """
    found: dict[str, Any] = {}
    for model in _subclasses(BaseModel):
        if f"{model.__module__}.{model.__qualname__}" == name:
            try:
                schema = model.model_json_schema()
                found[canonical(schema)] = schema
            except Exception:
                return Opaque("a class without a JSON schema")
    if len(found) != 1:
        return Opaque("a class that is no Pydantic model" if not found else "a class whose name is not unique")
    return {"class": name, "schema": next(iter(found.values()))}


def _subclasses(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    waiting, seen = [root], {root}
    while waiting:
        for child in waiting.pop().__subclasses__():
            if child not in seen:
                seen.add(child)
                waiting.append(child)
                yield child


def _value(node: ast.expr, objects: list[Any]) -> Any:  # noqa: PLR0911  one line for each kind of node
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, objects) for item in node.elts]
    if isinstance(node, ast.Dict):
        return _mapping(node, objects)
    if isinstance(node, ast.Set):
        items = [_value(item, objects) for item in node.elts]
        return Opaque("a set of objects") if opaque(items) else {"set": sorted(items, key=canonical)}
    if isinstance(node, ast.Name) and node.id.startswith(_STAND_IN):
        return objects[int(node.id.removeprefix(_STAND_IN))]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _value(node.operand, objects)
        return -number if isinstance(number, int | float) else Opaque("a negated object")
    return Opaque("an object")  # Decimal('1') says all, SecretStr('***') hides all: a repr does not tell which it is


def _constant(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": hashlib.sha256(value).hexdigest()}
    return value if value is None or isinstance(value, str | int | float) else Opaque("a constant")


def _mapping(node: ast.Dict, objects: list[Any]) -> Any:
    result: dict[str, Any] = {}
    for key, item in zip(node.keys, node.values, strict=True):
        name = _value(key, objects) if key is not None else Opaque("an unpacking")
        if not isinstance(name, str | int) or str(name) in result:
            return Opaque("a mapping with keys that JSON does not have")
        result[str(name)] = _value(item, objects)
    return result


def opaque(value: Any) -> str:
    """What in the value has no form, or ""."""
    if isinstance(value, Opaque):
        return value.what
    if isinstance(value, dict):
        return next((what for item in value.values() if (what := opaque(item))), "")
    if isinstance(value, list):
        return next((what for item in value if (what := opaque(item))), "")
    return ""
