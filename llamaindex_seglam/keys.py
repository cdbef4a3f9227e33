"""A LlamaIndex call as a Request: what is asked, what must be equal, who answers. Pure: nothing is called or stored here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.base.llms.types import (
    BaseContentBlock,
    CachePoint,
    ChatMessage,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms import LLM
from pydantic import AnyUrl, BaseModel

from llamaindex_seglam.plain import name_of, plain
from seglam import digest

# How the answer travels, not what it says; secrets among them, which must not even change a key.
_TRANSPORT: Final = frozenset(
    {
        "api_key", "api_token", "access_token", "auth_token", "aws_access_key_id", "aws_secret_access_key",
        "aws_session_token", "botocore_session", "botocore_config", "callback_manager", "credentials", "default_headers",
        "extra_headers", "headers", "http_client", "async_http_client", "client", "async_client", "max_retries", "num_workers",
        "password", "profile_name", "pydantic_program_mode", "rate_limiter", "request_timeout", "retries", "reuse_client",
        "stream", "stream_options", "timeout", "token", "verbose", "show_progress",
    }
)  # fmt: skip
_SECRET_ENDINGS: Final = ("_api_key", "_secret", "_password", "_credentials", "_access_key", "_auth_token")

# Applied to a prompt before chat() and complete() see it, so they stand in what those are given.
_APPLIED_BEFORE: Final = frozenset({"output_parser", "query_wrapper_prompt"})

# Who answers rather than what is asked: a procedure survives a change of these.
_SAMPLING: Final = frozenset(
    {
        "model", "temperature", "top_p", "top_k", "min_p", "seed", "max_tokens", "max_completion_tokens",
        "presence_penalty", "frequency_penalty", "repetition_penalty", "reasoning_effort",
    }
)  # fmt: skip
_PARTS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in ("tools", "functions", "tool_choice", "function_call", "parallel_tool_calls", "stop")}
    | {"response_format": "schema", "output_cls": "output_cls"}
)
"""Keyword arguments that are a part of ``vary`` of their own, by the part's name; every other one is in "kwargs"."""

# Marks on messages that do not change what is said: a provider's prompt cache, and our own notes.
_MARKS: Final = frozenset({"cache_control", "seglam"})


@dataclass(frozen=True, slots=True)
class Engine:
    """Who answers: an LLM's class, model and parameters; read anew for every call, for they may be set at any time.

    Attributes:
        llm: the wrapped LLM.
        held: digest of the private state it was wrapped with, see ``held_state``.
    """

    llm: LLM
    held: str

    def digest(self, endpoint: str, sampling: Mapping[str, Any]) -> str:
        """The engine part of a key.

        Raises:
            TypeError: a field has no form; the call cannot be keyed.
        """
        words = {name: value for name, value in private_state(self.llm) if isinstance(value, str | bool)}
        return digest("llama_index", endpoint, engine_fields(self.llm), self.held, plain(words), plain(sampling))


def engine_fields(llm: BaseLLM) -> dict[str, Any]:
    """Every field of an LLM that can change its answer, as JSON data; no secrets and no transport.

    Raises:
        TypeError: a field has no form.
    """
    result: dict[str, Any] = {"class": name_of(type(llm)), "name": llm.class_name()}
    for name, info in type(llm).model_fields.items():
        if travels(name) or name in _APPLIED_BEFORE:
            continue
        if info.exclude and name not in ("messages_to_prompt", "completion_to_prompt"):
            continue
        value = getattr(llm, name)
        if isinstance(value, BaseLLM):
            result[name] = engine_fields(value)
        elif name == "additional_kwargs" and isinstance(value, Mapping):
            result[name] = plain({key: item for key, item in value.items() if not travels(key)})
        else:
            result[name] = plain(value)
    result["model_name"] = llm.metadata.model_name
    return result


def held_state(llm: LLM) -> str:
    """Digest of the plain private values and excluded fields: a CustomLLM may keep its persona there.

    Taken once, when the LLM is wrapped, for counters and logs that it keeps for itself must not give every call a new key.
    Words and switches among them are read again at every call.
    """
    kept = {}
    for name, value in private_state(llm):
        try:
            kept[name] = plain(value)
        except (TypeError, ValueError, RecursionError):
            continue  # a client, a lock, a loaded model: the fields say which
    return digest(kept)


def private_state(llm: BaseModel) -> Iterator[tuple[str, Any]]:
    """Private values and excluded fields that can change an answer, by name."""
    yield from (
        (name, value) for name, value in (llm.__pydantic_private__ or {}).items() if not travels(name.lstrip("_"))
    )
    for name, info in type(llm).model_fields.items():
        if info.exclude and name not in _APPLIED_BEFORE and not travels(name):
            yield name, getattr(llm, name)


def travels(name: str) -> bool:
    """Whether a field tells how an answer travels, not what it says; secrets among them."""
    return name in _TRANSPORT or name.endswith(_SECRET_ENDINGS)


@dataclass(frozen=True, slots=True)
class Options:
    """The keyword arguments of a call, sorted into the parts of a key; with the LLM's own ``additional_kwargs`` below them.

    Attributes:
        sampling: who answers.
        vary: tools, tool_choice, schema, stop ..., and "kwargs" for everything else.
    """

    sampling: Mapping[str, Any]
    vary: Mapping[str, Any]

    @property
    def bare(self) -> bool:
        """Whether nothing but sampling was given, so that an answer is text and nothing else."""
        return not self.vary


def options(llm: LLM, given: Mapping[str, Any]) -> Options:
    """Sort what changes the answer; a call for several answers cannot be keyed.

    Raises:
        TypeError: something has no form, or n > 1.
    """
    own = getattr(llm, "additional_kwargs", None)
    every = {**(own if isinstance(own, Mapping) else {}), **given}
    every = {name: value for name, value in every.items() if not travels(name) and value is not None}
    for name in ("n", "num_completions", "candidate_count"):
        if every.get(name, 1) != 1:
            raise TypeError(f"{name}={every[name]!r}: several answers to one request")
    sampling = {name: every.pop(name) for name in tuple(every) if name in _SAMPLING}
    vary: dict[str, Any] = {}
    for name in tuple(every):
        part = _PARTS.get(name)
        if part is not None and (value := plain(every.pop(name))) not in ([], {}, ""):
            vary[part] = value
    if every:
        vary["kwargs"] = plain(every)
    return Options(sampling, vary)


@dataclass(frozen=True, slots=True)
class Turns:
    """Messages as JSON data, around the last user text.

    Attributes:
        system: the leading system texts.
        before: what was said between them and the last user text.
        text: the last user text; "" when there is none.
        extra: what the last user message holds besides one text; None when nothing.
        after: what was said since (tool results, a prefilled answer).
        readable: whether all of it is text, which a compiler can be shown.
        asked: whether there is a user message at all.
    """

    system: tuple[str, ...]
    before: tuple[Any, ...]
    text: str
    extra: Any = None
    after: tuple[Any, ...] = ()
    readable: bool = True
    asked: bool = True

    @property
    def simple(self) -> bool:
        """Whether the request is exactly its last user text in a readable context."""
        return self.asked and self.extra is None and not self.after and self.readable and bool(self.text)

    def parts(self) -> dict[str, Any]:
        """The parts of ``vary`` that these turns are."""
        parts: dict[str, Any] = {
            "system": "\n\n".join(self.system),
            # Two texts are not the one that joins them; a single one keeps the digest every adapter gives it.
            "system_lengths": [len(text) for text in self.system] if len(self.system) > 1 else [],
            "messages": list(self.before),
            "user": self.extra,
            "after": list(self.after),
        }
        return parts if self.asked else {**parts, "unasked": True}


def turns(messages: Sequence[ChatMessage]) -> Turns:
    """Sort a conversation into the parts of a key.

    Raises:
        TypeError: a message holds something without a form.
        OSError: an image file that cannot be read.
    """
    numbered = _call_ids(messages)
    system: list[str] = []
    for message in messages:
        if message.role != MessageRole.SYSTEM or not _only_text(message):
            break
        system.append(message.content or "")
    rest = messages[len(system) :]
    last = max((i for i, message in enumerate(rest) if message.role == MessageRole.USER), default=-1)
    said = [_message(message, numbered) for message in rest]
    readable = all(set(item) == {"role", "content"} and isinstance(item["content"], str) for item in said)
    if last < 0:
        return Turns(tuple(system), tuple(said), "", readable=readable, asked=False)
    user = rest[last]
    extra = None if _only_text(user) and set(said[last]) == {"role", "content"} else said[last]
    return Turns(tuple(system), tuple(said[:last]), user.content or "", extra, tuple(said[last + 1 :]), readable)


def _only_text(message: ChatMessage) -> bool:
    blocks = [block for block in message.blocks if not isinstance(block, CachePoint)]
    return len(blocks) == 1 and isinstance(blocks[0], TextBlock) and not (set(message.additional_kwargs) - _MARKS)


def _message(message: ChatMessage, numbered: Mapping[str, str]) -> dict[str, Any]:
    role = "assistant" if message.role in (MessageRole.CHATBOT, MessageRole.MODEL) else str(message.role.value)
    said: dict[str, Any] = {"role": role}
    blocks = [block for block in message.blocks if not isinstance(block, CachePoint)]
    if len(blocks) == 1 and isinstance(blocks[0], TextBlock):
        said["content"] = blocks[0].text
    else:
        said["content"] = [_block(block, numbered) for block in blocks]
    kept = {name: value for name, value in message.additional_kwargs.items() if name not in _MARKS}
    if kept := _renumber(plain(kept, tagged=False), numbered):
        said["kwargs"] = kept
    return said


def _block(block: Any, numbered: Mapping[str, str]) -> Any:
    held = {name: getattr(block, name) for name in type(block).model_fields}
    path = held.pop("path", None)
    if path is not None:
        held["file"] = Path(path).read_bytes()
    for name, value in held.items():
        if isinstance(value, AnyUrl):
            held[name] = str(value)
        elif isinstance(value, BaseContentBlock):
            held[name] = _block(value, numbered)
        elif isinstance(value, list) and any(isinstance(item, BaseContentBlock) for item in value):
            held[name] = [_block(item, numbered) for item in value]
    return _renumber(plain(held, tagged=False), numbered)


def _call_ids(messages: Sequence[ChatMessage]) -> dict[str, str]:
    """Ids of tool calls, numbered in order: they are new in every run, but which result belongs to which call is not."""
    seen: dict[str, str] = {}
    for message in messages:
        found = [block.tool_call_id for block in message.blocks if isinstance(block, ToolCallBlock)]
        calls = plain(message.additional_kwargs.get("tool_calls") or [], tagged=False)
        found += [item.get("id") for item in calls if isinstance(item, dict)] if isinstance(calls, list) else []
        for name in found:
            if isinstance(name, str) and name:
                seen.setdefault(name, f"#{len(seen)}")
    return seen


def _renumber(value: Any, numbered: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renumber(item, numbered) for item in value]
    if isinstance(value, dict):
        return {
            name: numbered[item]
            if name in ("id", "tool_call_id", "call_id", "tool_use_id") and isinstance(item, str) and item in numbered
            else _renumber(item, numbered)
            for name, item in value.items()
        }
    return value
