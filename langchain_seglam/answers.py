"""LangChain's generations as a Response, and a Hit as generations: copied in, copied out, in JSON of our own."""

import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk
from pydantic import BaseModel

from langchain_seglam.literals import words
from seglam import Hit, Request, Response, TierName, Usage
from seglam.shape import Call, Form, without_thoughts

FORMAT: Final = "langchain/1"

# An answer that ended for another reason is cut, filtered or refused; a word that is not known here is not trusted.
_ENDED_WELL: Final = words(
    """stop end_turn stop_sequence tool_calls tool_call tool_use function_call eos eos_token complete completed end_of_turn
    finish_reason_stop"""
)
REASONS: Final = ("finish_reason", "stop_reason", "stopReason", "done_reason", "status")
_OF_ONE_RUN: Final = words(
    """id request_id created created_at headers ResponseMetadata seglam total_duration load_duration prompt_eval_duration
    eval_duration"""
)
COUNTS: Final = frozenset({"token_usage", "usage", "usage_metadata"})
_SPOKEN: Final = frozenset({"text", "reasoning", "thinking", "redacted_thinking"})
_CALLED: Final = frozenset({"tool_use", "tool_call", "function_call"})
"""Blocks that repeat a call which stands in ``tool_calls``."""
_CALL_ID: Final = "call_" + "0" * 24
_ID_NAMES: Final = frozenset({"id", "call_id", "tool_call_id", "tool_use_id"})


def kind(generations: Sequence[Any]) -> str:
    """``chat`` or ``text`` by what a model returned; "" for anything that could not be given back as it was."""
    types = {type(item) for item in generations}
    if types and types <= {ChatGeneration, ChatGenerationChunk}:
        known = all(type(item.message) in (AIMessage, AIMessageChunk) for item in generations)
        return "chat" if known else ""
    return "text" if types and types <= {Generation, GenerationChunk} else ""


def to_response(generations: Sequence[Generation]) -> Response | None:
    """What to keep of a model's answer, or None for one that must not be served again: cut, filtered, refused, no JSON."""
    kept: list[dict[str, Any]] = []
    for item in generations:
        try:
            stored = _stored(item)
        except TypeError:
            return None
        if stored is None:
            return None
        kept.append(stored)
    if not kept:
        return None
    # What a model thought in front of its words stays in the payload; it is no part of what procedures are held against.
    text = str(generations[0].text)
    return Response(without_thoughts(text) or text, {"format": FORMAT, "generations": kept}, _usage(generations[0]))


def fitted(request: Request, generations: Sequence[Generation], response: Response) -> tuple[Request, Response]:
    """An exchange as it is kept: what is more than one text of the request's form answers the same request only."""
    if len(generations) == 1:
        if isinstance(request.fits, Form):
            text = _written(request.fits, generations[0])
            if text is not None:
                return request, replace(response, text=text)
        elif _is_text(generations[0]):
            return request, response
    return replace(request, compilable=False, comparable=False, fits=None), response


def _written(form: Form, generation: Generation) -> str | None:
    """A message as a text of this form, or None when no text tells all of it."""
    message = generation.message if isinstance(generation, ChatGeneration) else None
    if not isinstance(message, AIMessage) or message.invalid_tool_calls:
        return None
    older = message.additional_kwargs.get("function_call") or message.additional_kwargs.get("tool_calls")
    if (older and not message.tool_calls) or not _only(message.content, _SPOKEN | _CALLED):
        return None
    return form.write(
        without_thoughts(str(message.text)), [Call(call["name"], call["args"]) for call in message.tool_calls]
    )


def from_hit(hit: Hit, request: Request, *, chat: bool) -> list[Generation] | None:
    """Fresh generations from a hit, or None when it holds nothing for such a model."""
    payload = hit.response.payload
    if hit.tier is not TierName.EXACT or payload is None:
        if not chat:
            return [Generation(text=hit.response.text, generation_info={"finish_reason": "stop"})]
        spoken = _formed(hit, request.fits) if isinstance(request.fits, Form) else _spoken(hit, hit.response.text)
        return None if spoken is None else [spoken]
    if payload.get("format") != FORMAT:
        return None  # another framework's: its text alone might leave out tool calls
    stored = payload["generations"]
    if not stored:
        return None
    return [_chat(item, hit) if "message" in item else _text(item) for item in stored]


def jsonable(value: Any) -> Any:
    """A deep copy as JSON data; Pydantic objects become their fields.

    Raises:
        TypeError: there is a value that JSON does not have.
    """
    if isinstance(value, Enum):
        return jsonable(value.value)
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    if isinstance(value, BaseModel):
        return jsonable(value.model_dump(mode="json", by_alias=True))
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {str(name): jsonable(item) for name, item in value.items()}
    raise TypeError(f"{type(value).__name__} is no JSON")


def copied(value: Any) -> Any:
    """A deep copy of what is JSON for sure, as all that was stored is."""
    if type(value) is dict:
        return {name: copied(item) for name, item in value.items()}
    return [copied(item) for item in value] if type(value) is list else value


def jsonable_part(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """A deep copy of what is JSON in it."""
    result: dict[str, Any] = {}
    for name, item in (values or {}).items():
        try:
            result[str(name)] = jsonable(item)
        except (TypeError, ValueError):
            continue  # a client's object: it means nothing to another process
    return result


# -- in ---------------------------------------------------------------------------------------------------------------


def _stored(generation: Generation) -> dict[str, Any] | None:
    info = None if generation.generation_info is None else jsonable_part(generation.generation_info)
    if not _ended_well(info or {}):
        return None
    if not isinstance(generation, ChatGeneration):
        return {"text": str(generation.text), "info": info}
    message = generation.message
    assert isinstance(message, AIMessage)
    metadata = _metadata(jsonable_part(message.response_metadata))
    additional = jsonable_part(message.additional_kwargs)
    content = jsonable(message.content)
    if not _ended_well(message.response_metadata) or additional.get("refusal") or _refused(content):
        return None
    return {
        "message": {
            "content": content,
            "additional_kwargs": additional,
            "response_metadata": metadata,
            "name": message.name,
            "tool_calls": jsonable(message.tool_calls),
            "invalid_tool_calls": jsonable(message.invalid_tool_calls),
        },
        "info": None if info is None else _metadata(info),
    }


def _ended_well(facts: Mapping[str, Any]) -> bool:
    if facts.get("incomplete_details") or facts.get("error"):
        return False
    for name in REASONS:
        reason = facts.get(name)
        if reason is not None and str(getattr(reason, "value", reason)).lower() not in _ENDED_WELL:
            return False
    return True


def _refused(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(block, dict) and (block.get("type") in ("refusal", "error") or block.get("refusal"))
        for block in content
    )


def _metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what belongs to one run; token counts are kept as zeros, for a hit takes none and code that reads them lives."""
    return {name: zeros(item) if name in COUNTS else item for name, item in values.items() if name not in _OF_ONE_RUN}


def zeros(value: Any) -> Any:
    """The same shape with zeros for its numbers."""
    if isinstance(value, dict):
        return {name: zeros(item) for name, item in value.items()}
    return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _is_text(generation: Generation) -> bool:
    if not isinstance(generation, ChatGeneration):
        return True
    message = generation.message
    if not isinstance(message, AIMessage) or message.tool_calls or message.invalid_tool_calls:
        return False
    if message.additional_kwargs.get("function_call") or message.additional_kwargs.get("tool_calls"):
        return False
    return _only(message.content, _SPOKEN)


def _only(content: Any, kinds: frozenset[str]) -> bool:
    """Whether a message holds text and blocks of these kinds, and nothing else."""
    return isinstance(content, str) or all(
        isinstance(block, str) or (isinstance(block, dict) and block.get("type") in kinds) for block in content
    )


def _usage(generation: Generation) -> Usage:
    message = generation.message if isinstance(generation, ChatGeneration) else None
    counts = message.usage_metadata if isinstance(message, AIMessage) else None
    return Usage(counts["input_tokens"], counts["output_tokens"]) if counts else Usage()


# -- out --------------------------------------------------------------------------------------------------------------


def _text(stored: Mapping[str, Any]) -> Generation:
    return Generation(text=stored["text"], generation_info=copied(stored["info"]))


def _spoken(hit: Hit, text: str, **more: Any) -> ChatGeneration:
    reason = "tool_calls" if more.get("tool_calls") else "stop"
    metadata = {"finish_reason": reason, "seglam": provenance(hit)}
    message = AIMessage(content=text, id=message_id(), response_metadata=metadata, usage_metadata=no_usage(), **more)
    return ChatGeneration(message=message, generation_info={"finish_reason": reason})


def _formed(hit: Hit, form: Form) -> ChatGeneration | None:
    """The message that says what a procedure computed, as the model would; None for what is not of the request's form."""
    reply = form.read(hit.response.text)
    if reply is None:
        return None
    if reply.call is not None:
        name, given = reply.call.name, dict(reply.call.arguments)
        return _spoken(
            hit, "", tool_calls=[{"name": name, "args": given, "id": fresh_id(_CALL_ID), "type": "tool_call"}]
        )
    if form.tools:
        return _spoken(hit, reply.text)
    value = json.loads(reply.text)
    # ChatOpenAI's parser for Pydantic classes reads the object here and nowhere else.
    return _spoken(hit, reply.text, additional_kwargs={"parsed": value} if isinstance(value, dict) else {})


def _chat(stored: Mapping[str, Any], hit: Hit) -> ChatGeneration:
    held = renamed(copied(stored["message"]))
    metadata = {**held.pop("response_metadata"), "seglam": provenance(hit)}
    message = AIMessage(**held, id=message_id(), response_metadata=metadata, usage_metadata=no_usage())
    return ChatGeneration(message=message, generation_info=copied(stored["info"]))


def message_id() -> str:
    """A new id in LangChain's own form: LangGraph replaces a message that has the id of an earlier one."""
    return f"lc_run--{uuid.uuid4()}-0"


def provenance(hit: Hit) -> dict[str, Any]:
    """Where an answer came from; told in ``response_metadata``, never part of a key."""
    told = {"tier": hit.tier.value, "source": hit.source, "score": hit.score, "age": hit.age}
    return {**jsonable_part(hit.notes), **told}


def no_usage() -> UsageMetadata:
    """What a hit takes."""
    return UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)


def renamed(message: dict[str, Any], ids: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The same message with new tool-call ids (these, or any): two turns of one conversation must not share them."""
    fresh = {name: fresh_id(name) for name in call_ids(message)} if ids is None else ids
    if not fresh:
        return message
    for name in ("tool_calls", "invalid_tool_calls"):
        message[name] = [with_ids(item, fresh) for item in message[name]]
    if isinstance(message["content"], list):
        message["content"] = [with_ids(item, fresh) for item in message["content"]]
    message["additional_kwargs"] = {
        name: [with_ids(call, fresh) for call in item]
        if name == "tool_calls" and isinstance(item, list)
        else {fresh.get(key, key): value for key, value in item.items()}  # Gemini keeps a signature for each call id
        if isinstance(item, dict)
        else item
        for name, item in message["additional_kwargs"].items()
    }
    return message


def call_ids(message: Mapping[str, Any]) -> Iterator[str]:
    """The ids of the tool calls of a message."""
    for calls in (message["tool_calls"], message["invalid_tool_calls"], message["additional_kwargs"].get("tool_calls")):
        for call in calls or ():
            if isinstance(call, dict) and isinstance(name := call.get("id"), str) and name:
                yield name


def with_ids(holder: Any, fresh: Mapping[str, str]) -> Any:
    """A call or a block with new ids for old ones."""
    if not isinstance(holder, dict):
        return holder
    return {
        name: fresh.get(item, item) if name in _ID_NAMES and isinstance(item, str) else item
        for name, item in holder.items()
    }


def fresh_id(old: str) -> str:
    """A new id of the old one's form: providers check prefix, alphabet or length."""
    prefix, line, rest = old.rpartition("_")
    return prefix + line + uuid.uuid4().hex[: max(9, min(len(rest), 32))]
