"""Answers there and back: a LlamaIndex response as a stored Response, and a Response as a fresh LlamaIndex response."""

import json
import logging
import random
import re
import string
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks.token_counting import get_tokens_from_response
from pydantic import BaseModel

from seglam import Hit, Response, Reuse, Usage
from seglam.shape import without_thoughts

logger = logging.getLogger("seglam")

Answer = ChatResponse | CompletionResponse
A = TypeVar("A", ChatResponse, CompletionResponse)

_CHUNKS: Final = 200
# Why a model stopped, in the words of the providers, where the answer is whole.
_WHOLE: Final = frozenset(
    {
        "stop", "end_turn", "stop_sequence", "tool_calls", "tool_use", "tool_call", "function_call", "complete", "completed",
        "eos", "eos_token", "finish_reason_stop", "1",
    }
)  # fmt: skip
_REASONS: Final = ("finish_reason", "stop_reason", "done_reason")
_CALLS: Final = ("tool_calls", "function_call")


def keep(answer: Answer, reasons: set[str] | None = None) -> Response | None:
    """What to store of an answer; None for one that is empty, cut short, filtered, or without a JSON form.

    Args:
        answer: a whole response, or the last chunk of a stream.
        reasons: why it ended, seen so far in a stream; None: read from the answer.
    """
    if not (stop_reasons(answer) if reasons is None else reasons) <= _WHOLE:
        return None
    try:
        return _kept(answer)
    except (TypeError, ValueError):
        return None


def _kept(answer: Answer) -> Response | None:
    usage = usage_of(answer)
    if isinstance(answer, CompletionResponse):
        if not answer.text:
            return None
        payload = {"logprobs": _dump(answer.logprobs)} if answer.logprobs else None
        return Response(answer.text, _json(payload), usage, Reuse.FREE if payload is None else Reuse.EXACT)
    message = answer.message
    calls = any(isinstance(block, ToolCallBlock) for block in message.blocks) or any(
        message.additional_kwargs.get(name) for name in _CALLS
    )
    solid = any(not isinstance(block, TextBlock | ThinkingBlock) for block in message.blocks)
    if not message.content and not calls and not solid:
        return None
    payload = None
    # What a model thought in front of its words is kept, but it is no part of what procedures are held against.
    said = message.content or ""
    text = without_thoughts(said) or said
    if not _plain_text(message) or answer.logprobs or text != said:
        payload = {"message": _dump_message(message), "logprobs": _dump(answer.logprobs)}
    reuse = Reuse.EXACT if calls or solid or answer.logprobs else Reuse.FREE
    return Response(text, _json(payload), usage, reuse)


def _plain_text(message: ChatMessage) -> bool:
    one = len(message.blocks) == 1 and isinstance(message.blocks[0], TextBlock)
    return one and not message.additional_kwargs and message.role == MessageRole.ASSISTANT


def _dump_message(message: ChatMessage) -> dict[str, Any]:
    kept = message.model_copy(update={"additional_kwargs": {}})
    others = {name: value for name, value in message.additional_kwargs.items() if name != "seglam"}
    return {**kept.model_dump(mode="json"), "additional_kwargs": _dump(others)}


def _dump(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _dump(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_dump(item) for item in value]
    return value


def _json(payload: Any) -> Any:
    """The payload as JSON gives it back; TypeError or ValueError for what JSON does not have."""
    return None if payload is None else json.loads(json.dumps(payload, allow_nan=False))


def stop_reasons(answer: Answer) -> set[str]:
    """Why the model stopped, in lower case; {"unsaid"} where a provider has the field and left it empty; {} without one."""
    holders = [answer.raw, answer.additional_kwargs]
    if isinstance(answer, ChatResponse):
        holders.append(answer.message.additional_kwargs)
    found: set[str] = set()
    for holder in holders:
        for place in (holder, *_nested(holder)):
            found |= _reasons(place)
    said = found - {"unsaid"}
    return said or found


def _nested(raw: Any) -> list[Any]:
    """Where providers put the reason, when it does not stand at the top."""
    found = [_get(raw, name) for name in ("delta", "message", "response")]
    for name in ("choices", "candidates"):
        listed = _get(raw, name)
        if isinstance(listed, list | tuple):
            found += listed
    return found


def _reasons(place: Any) -> set[str]:
    told = [_reason(_get(place, name)) for name in _REASONS if _has(place, name)]
    # Where a server has two of these fields, the second tells which stop word it met.
    found = set(next(([reason] for reason in told if reason != "unsaid"), told))
    if _get(place, "incomplete_details"):
        found.add("incomplete")
    return found


def _reason(value: Any) -> str:
    if value is None or value == "":
        return "unsaid"
    return str(getattr(value, "name", value)).lower()


def _has(place: Any, name: str) -> bool:
    return name in place if isinstance(place, Mapping) else isinstance(place, BaseModel) and hasattr(place, name)


def _get(place: Any, name: str) -> Any:
    return place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)


def usage_of(answer: Answer) -> Usage:
    """The tokens an answer took, zero where its provider does not say."""
    try:
        given, made = get_tokens_from_response(answer)
        return Usage(int(given or 0), int(made or 0))
    except (AttributeError, TypeError, ValueError):
        return Usage()


# -- back ---------------------------------------------------------------------------------------------------------------


def provenance(hit: Hit) -> dict[str, Any]:
    """Where a replayed answer comes from, for traces and for the curious; it never enters a key."""
    return {
        "tier": str(hit.tier),
        "source": hit.source,
        "score": hit.score,
        "age": hit.age,
        "notes": {name: value for name, value in hit.notes.items() if isinstance(value, str | int | float | bool)},
    }


SHARED: Final[Mapping[str, Any]] = {"tier": "flight", "source": "flight", "score": 1.0, "age": 0.0, "notes": {}}
"""The provenance of an answer that another caller was just being given."""


def chat_response(response: Response, origin: Mapping[str, Any]) -> ChatResponse:
    """A fresh ChatResponse with new tool-call ids and no usage."""
    payload = response.payload or {}
    if "message" in payload:
        message = ChatMessage.model_validate(_fresh_ids(payload["message"]))
    else:
        message = ChatMessage(role=MessageRole.ASSISTANT, blocks=[TextBlock(text=response.text)])
    return ChatResponse(message=message, **_about(origin), logprobs=_logprobs(payload))


def completion_response(response: Response, origin: Mapping[str, Any]) -> CompletionResponse:
    """A fresh CompletionResponse with no usage."""
    return CompletionResponse(text=response.text, **_about(origin), logprobs=_logprobs(response.payload or {}))


def _about(origin: Mapping[str, Any]) -> dict[str, Any]:
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    # A dict, because applications read response.raw["usage"]; None made LlamaIndex's own token counter fail (#9243).
    return {"raw": {"usage": usage, "seglam": dict(origin)}, "additional_kwargs": {"seglam": dict(origin)}}


def _logprobs(payload: Mapping[str, Any]) -> Any:
    found = payload.get("logprobs")
    return None if found is None else [[LogProb.model_validate(item) for item in line] for line in found]


def _fresh_ids(message: Mapping[str, Any]) -> Any:
    """The message with a new id for every tool call: some providers refuse an id that a conversation holds twice."""
    ids: dict[str, str] = {}
    for block in message.get("blocks", ()):
        known, name = block.get("tool_call_id"), block.get("tool_name")
        if block.get("block_type") == "tool_call" and known and known != name:  # some integrations use the tool's name
            ids[known] = _new_id(known)
    calls = message.get("additional_kwargs", {}).get("tool_calls")
    for item in calls if isinstance(calls, list) else ():
        if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"]:
            ids.setdefault(item["id"], _new_id(item["id"]))
    return _replaced(message, ids)


def _new_id(known: str) -> str:
    """A random id of the same shape: providers check length and alphabet."""
    mark, bar, rest = known.rpartition("_")
    letters = string.ascii_letters + string.digits
    source = random.Random(uuid.uuid4().int)  # noqa: S311 - unique, not secret
    return mark + bar + "".join(source.choice(letters) if sign.isalnum() else sign for sign in rest)


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_replaced(item, ids) for item in value]
    if isinstance(value, dict):
        return {
            name: ids.get(item, item)
            if name in ("id", "tool_call_id", "call_id") and isinstance(item, str)
            else _replaced(item, ids)
            for name, item in value.items()
        }
    return value


def chunks(whole: A) -> Iterator[A]:
    """An answer as the chunks of a stream: cumulative text with its increment; the last one is the whole answer."""
    text = (whole.message.content if isinstance(whole, ChatResponse) else whole.text) or ""
    pieces = _pieces(text)
    said = ""
    thought = _thought(whole)
    for place, piece in enumerate(pieces):
        said += piece
        extra = (
            {**whole.additional_kwargs, "thinking_delta": thought} if thought and not place else whole.additional_kwargs
        )
        update: dict[str, Any] = {"delta": piece, "additional_kwargs": dict(extra)}
        if place < len(pieces) - 1:
            if isinstance(whole, ChatResponse):
                update["message"] = ChatMessage(role=whole.message.role, blocks=[TextBlock(text=said)])
            else:
                update["text"] = said
            update["logprobs"] = None
        yield whole.model_copy(update=update)


def _pieces(text: str) -> list[str]:
    words = re.findall(r"\S+\s*|\s+", text) or [""]
    size = -(-len(words) // _CHUNKS)
    return ["".join(words[i : i + size]) for i in range(0, len(words), size)]


def _thought(whole: Answer) -> str:
    if not isinstance(whole, ChatResponse):
        return ""
    return "".join(block.content or "" for block in whole.message.blocks if isinstance(block, ThinkingBlock))


class Drain:
    """Watches a stream go by and tells at its end what to store."""

    def __init__(self) -> None:
        self._last: Answer | None = None
        self._deltas: list[str] = []
        self._reasons: set[str] = set()
        self._spoilt = False

    def spoil(self) -> None:
        """Give up: a chunk could not be read."""
        self._spoilt = True

    def see(self, chunk: Answer) -> None:
        """Take note of one chunk."""
        self._last = chunk
        if chunk.delta:
            self._deltas.append(chunk.delta)
        self._reasons |= stop_reasons(chunk)

    def last(self) -> Answer:
        """The last chunk, which is the whole answer."""
        assert self._last is not None
        return self._last

    def kept(self) -> Response | None:
        """What to store, now that the stream has ended; None when its end is not certainly the whole answer."""
        if self._last is None or self._spoilt:
            return None
        said = self._reasons - {"unsaid"}
        if self._reasons and not said:  # the provider tells why it stops, and here never did
            return None
        text = (self._last.message.content if isinstance(self._last, ChatResponse) else self._last.text) or ""
        spoken = "".join(self._deltas)
        if spoken not in ("", text) and not (_thought(self._last) and spoken.endswith(text) and text):
            return None  # the last chunk is not the sum of its increments
        return keep(self._last, said)
