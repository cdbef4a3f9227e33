"""The two strings that LangChain makes of a call, made of the model as it is at this moment.

LangChain describes a model once in its life, so that one whose settings were changed would get the answers of the old ones;
and it takes a model at its word that tells nothing of itself. A surface that holds the model can look.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.load import dumpd, dumps
from langchain_core.messages import BaseMessage
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from langchain_seglam.literals import UnkeyableError
from langchain_seglam.settings import MANY

_MUTABLE: Final = (dict, list, set, bytearray)
_OF_CALLS: Final = frozenset({"stop", "_type"})


class Described:
    """A serialisable model's constructor as JSON, made again whenever a field of it has changed."""

    def __init__(self) -> None:
        self._held: tuple[list[Any], str] | None = None

    def text(self, model: BaseChatModel) -> str:
        """The description of the model as it is now."""
        fields = vars(model)
        # What can be changed in place is compared by what it shows: by equality, 1 would be True.
        shown = [
            repr(value) if isinstance(value := fields.get(name), _MUTABLE) else value for name in _names(type(model))
        ]
        held = self._held
        if held is not None and all(map(_same, held[0], shown)):
            return held[1]
        made = json.dumps(_without_objects(dumpd(model)), sort_keys=True)
        self._held = shown, made
        return made


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """The fields that a model's description is made of."""
    return tuple(name for name, field in kind.model_fields.items() if not field.exclude)


def _same(held: Any, value: Any) -> bool:
    return held is value or (type(held) is str and type(value) is str and held == value)


def _without_objects(described: Any) -> Any:
    """As LangChain does: what has no form keeps its place, but not its address."""
    if isinstance(described, list):
        return [_without_objects(item) for item in described]
    if not isinstance(described, dict):
        return described
    ours = described.get("lc") == 1
    left_out = {"repr"} if ours and described.get("type") == "not_implemented" else {"graph"} if ours else set()
    return {name: _without_objects(item) for name, item in described.items() if name not in left_out}


def chat_strings(
    model: BaseChatModel,
    described: Described,
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    given: Mapping[str, Any],
) -> tuple[str, str]:
    """Prompt and ``llm_string`` of a chat model's call."""
    prompt = dumps([m if m.id is None else m.model_copy(update={"id": None}) for m in messages])
    given = {name: _told(value) for name, value in given.items()}
    if model.is_lc_serializable():
        call = str(sorted({**given, "stop": stop}.items()))
        return prompt, f"{described.text(model)}---{call}"
    told = model._get_invocation_params(stop=list(stop) if stop else None, **given)  # noqa: SLF001 - what LangChain reads
    return prompt, _listed(model, {**told, **given}, given)


def stream_strings(
    model: BaseChatModel,
    described: Described,
    messages: Sequence[BaseMessage],
    stop: Sequence[str] | None,
    given: Mapping[str, Any],
) -> tuple[str, str]:
    """``chat_strings`` of a stream.

    Raises:
        UnkeyableError: it carries several answers, which merge to none of them.
    """
    if any(given.get(name, getattr(model, name, None)) not in (None, 1) for name in MANY):
        raise UnkeyableError("a stream of several answers at once")
    return chat_strings(model, described, messages, stop, given)


def _told(value: Any) -> Any:
    """An argument of a call, with the schema of a class in place of its name, which others may share."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return _schema(value)
    if isinstance(value, dict):
        return {name: _told(item) for name, item in value.items()}
    return [_told(item) for item in value] if type(value) is list else value


@lru_cache(maxsize=256)
def _schema(kind: type[BaseModel]) -> dict[str, Any]:
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "schema": kind.model_json_schema()}


def text_strings(model: BaseLLM, prompt: str, stop: Sequence[str] | None, given: Mapping[str, Any]) -> tuple[str, str]:
    """Prompt and ``llm_string`` of a plain model's call; LangChain's own leaves out what the call gives."""
    told = {**model._identifying_params, "_type": model._llm_type}  # noqa: SLF001 - what LangChain reads
    return prompt, _listed(model, {**told, "stop": stop, **given}, given)


def _listed(model: BaseChatModel | BaseLLM, told: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    if not told.keys() <= _OF_CALLS | given.keys():
        told = {**_further(model), **told}
    elif not model.__pydantic_private__:
        told = {**_fields(model), **told}
    return str(sorted(told.items()))


def _fields(model: BaseChatModel | BaseLLM) -> dict[str, Any]:
    """The fields of a model that tells nothing of itself; one that has no stable form keeps it out of the cache."""
    kind = type(model)
    return {**{name: getattr(model, name) for name in _names(kind)}, "class": f"{kind.__module__}.{kind.__qualname__}"}


def _further(model: BaseChatModel | BaseLLM) -> dict[str, Any]:
    """What was set on a model that tells of itself, for it may not tell all. Its defaults say nothing new."""
    fields = type(model).model_fields
    found = {name: getattr(model, name) for name in _names(type(model))}
    return {name: value for name, value in found.items() if _data(value) and not _default(fields[name], value)}


def _default(field: FieldInfo, value: Any) -> bool:
    try:
        default = field.get_default(call_default_factory=True)
    except Exception:  # a factory that needs the other fields
        return False
    return type(default) is type(value) and bool(default == value)


def _data(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _data(item) for name, item in value.items())
    return all(map(_data, value)) if isinstance(value, list | tuple) else isinstance(value, str | int | float)
