"""Any value of a call as plain JSON data, so that it can be part of a key; what cannot be, raises."""

import datetime as dt
import decimal
import functools
import hashlib
import io
import pathlib
import types
import uuid
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from llama_index.core.tools.types import BaseTool
from pydantic import BaseModel

from seglam import canonical

_AS_TEXT = (dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID, pathlib.PurePath, complex)


def plain(value: Any, *, tagged: bool = True) -> Any:
    """A value as JSON data; two values share their form only if they mean the same to a language model.

    Args:
        value: data, a pydantic class or object, a tool, a function.
        tagged: False drops the class of pydantic objects, so that an object of a provider's client and the dict it was
            stored as have one form.

    Raises:
        TypeError: the value has no form that identifies it (a client, a lock, an open connection).
        ValueError: NaN or infinity, which ``canonical`` refuses.
    """
    if isinstance(value, Enum):
        return plain(value.value, tagged=tagged)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise TypeError("a mapping with keys that are no strings")
        return {str(name): plain(item, tagged=tagged) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, tagged=tagged) for item in value]
    if isinstance(value, set | frozenset):
        return {"set": sorted((plain(item, tagged=tagged) for item in value), key=canonical)}
    return _object(value, tagged=tagged)


def _object(value: Any, *, tagged: bool) -> Any:
    if isinstance(value, bytes | bytearray | io.IOBase):
        return {"sha256": _content(value)}
    if isinstance(value, BaseTool):
        return tool(value)
    if isinstance(value, type):
        schema = value.model_json_schema() if issubclass(value, BaseModel) else None
        return {"type": name_of(value), "schema": schema}
    if isinstance(value, BaseModel) and not tagged:
        return plain(value.model_dump(), tagged=False)
    held: Any
    if isinstance(value, BaseModel):
        held = {name: getattr(value, name) for name in type(value).model_fields} | (value.model_extra or {})
    elif is_dataclass(value):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
    elif isinstance(value, _AS_TEXT):
        held = str(value)
    else:
        return function(value)
    return {"is": name_of(type(value)), "holds": plain(held)}


def tool(value: BaseTool) -> dict[str, Any]:
    """What a model is told about a tool, and nothing of what the tool does."""
    told = value.metadata
    return {"name": told.name, "description": told.description, "parameters": plain(told.get_parameters_dict())}


def function(value: Any) -> dict[str, Any]:
    """A callable by its name, its code and what it closes over: two lambdas of one function differ.

    Raises:
        TypeError: no function, or one that holds something without a form.
    """
    if isinstance(value, functools.partial):
        return {"partial": function(value.func), "args": plain(value.args), "keywords": plain(value.keywords)}
    if isinstance(value, types.BuiltinFunctionType):
        return {"callable": name_of(value)}
    if not isinstance(value, types.FunctionType):
        raise TypeError(f"a {type(value).__name__} cannot be part of a key")
    held = [cell.cell_contents for cell in value.__closure__ or ()]
    return {
        "callable": name_of(value),
        "code": _code(value.__code__),
        "holds": plain([held, value.__defaults__, value.__kwdefaults__]),
    }


def name_of(value: Any) -> str:
    """``module.qualname`` of a class or function."""
    return f"{value.__module__}.{value.__qualname__}"


@functools.lru_cache(maxsize=1024)
def _code(code: types.CodeType) -> str:
    consts = [_code(item) if isinstance(item, types.CodeType) else _constant(item) for item in code.co_consts]
    parts = [code.co_code.hex(), *code.co_names, *code.co_varnames, *consts]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _constant(value: Any) -> str:
    # A frozenset constant (`x in {"a", "b"}`) has another order in every process.
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)


def _content(value: bytes | bytearray | io.IOBase) -> str:
    if isinstance(value, bytes | bytearray):
        return hashlib.sha256(value).hexdigest()
    if not value.seekable():
        raise TypeError("a stream that can be read only once")
    place = value.tell()  # the origin reads it after us
    try:
        value.seek(0)
        data = value.read()
    finally:
        value.seek(place)
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
