"""A chat ``prompt`` string as a conversation of plain data. Parsed by json alone: no class is built from what it holds."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain_seglam.literals import UnkeyableError, words
from langchain_seglam.slots import MARK

_ROLES: Final[Mapping[str, str]] = {
    "human": "user", "HumanMessageChunk": "user",
    "ai": "assistant", "AIMessageChunk": "assistant",
    "system": "system", "SystemMessageChunk": "system",
    "tool": "tool", "ToolMessageChunk": "tool",
    "function": "function", "FunctionMessageChunk": "function",
    "chat": "chat", "ChatMessageChunk": "chat",
}  # fmt: skip

# What a run leaves on a message and a provider never reads: ids and counts that are new every time, our own notes among
# them (response_metadata["seglam"]), and data for the application alone.
_AUDIT: Final = words(
    """id type content usage_metadata response_metadata total_cost example artifact tool_call_chunks chunk_position
    tool_calls invalid_tool_calls additional_kwargs tool_call_id"""
)
_MARKS: Final = frozenset({"cache_control", "cache_point"})
_ID_NAMES: Final = frozenset({"id", "call_id", "tool_call_id", "tool_use_id"})
_CALL_BLOCKS: Final = frozenset({"tool_use", "tool_call", "function_call", "server_tool_use", "custom_tool_call"})


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt, around its last user text.

    Attributes:
        text: the last message's text when it is the user's; "" otherwise.
        parts: the parts of ``vary`` that the messages are; none for a bare question.
        bare: whether the last message is the user's and one plain text, and all before it can be read as text.
        background: what stood before, as text.
        note: the mark that ``asking`` left on the last message; None where it left none.
    """

    text: str
    parts: Mapping[str, Any]
    bare: bool
    background: str
    note: Any = None


def parse(prompt: str) -> list[Mapping[str, Any]] | None:
    """The messages of a chat prompt as LangChain dumps them, or None when it is none."""
    if not prompt.startswith("[{"):
        return None
    try:
        found = json.loads(prompt)
    except (ValueError, RecursionError):
        return None
    return [item["kwargs"] for item in found] if found and all(_is_message(item) for item in found) else None


def _is_message(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and item.get("lc") == 1
        and item.get("type") == "constructor"
        and isinstance(kwargs := item.get("kwargs"), dict)
        and isinstance(kwargs.get("type"), str)
        and isinstance(kwargs.get("content"), str | list)
    )


def conversation(messages: Sequence[Mapping[str, Any]]) -> Conversation:
    """Sort messages into the parts of a key, without what is new in every run.

    Raises:
        UnkeyableError: a message holds an object that has no form.
    """
    numbered = _numbered(messages)
    said = [_message(message, numbered) for message in messages]
    systems: list[str] = []
    for item in said:
        if item["role"] != "system" or not _plain(item):
            break
        systems.append(item["content"])
    rest = said[len(systems) :]
    parts: dict[str, Any] = {
        "system": "\n\n".join(systems),
        # Two texts are not the one that joins them; a single one keeps the digest that every adapter gives it.
        "system_lengths": [len(text) for text in systems] if len(systems) > 1 else [],
    }
    if not rest or rest[-1]["role"] != "user":
        return Conversation("", {**parts, "messages": rest, "unasked": True}, bare=False, background="")
    *before, last = rest
    parts["messages"] = before
    if not _plain(last):
        parts["user"] = last
    readable = all(_plain(item) for item in before) and all(item["role"] in ("user", "assistant") for item in before)
    bare = _plain(last) and readable
    background = _background(systems, before) if bare else ""
    return Conversation(_text(last), parts, bare=bare, background=background, note=_note(messages[-1]))


def _note(message: Mapping[str, Any]) -> Any:
    data = message.get("response_metadata")
    return data.get(MARK) if isinstance(data, dict) else None


def _plain(item: Mapping[str, Any]) -> bool:
    return set(item) == {"role", "content"} and isinstance(item["content"], str)


def _text(item: Mapping[str, Any]) -> str:
    content = item["content"]
    if isinstance(content, str):
        return content
    return "\n".join(
        text for block in content if isinstance(block, dict) and isinstance(text := block.get("text"), str)
    )


def _background(systems: Sequence[str], before: Sequence[Mapping[str, Any]]) -> str:
    turns = [f"{item['role'].title()}: {item['content']}" for item in before]
    return "\n\n".join([*systems, *turns])


def _message(message: Mapping[str, Any], numbered: Mapping[str, str]) -> dict[str, Any]:
    kind = message["type"]
    said: dict[str, Any] = {"role": _ROLES.get(kind, kind), "content": _content(message["content"], numbered)}
    calls = [*(message.get("tool_calls") or ()), *(message.get("invalid_tool_calls") or ())]
    if calls:
        said["tool_calls"] = [
            {name: _id(name, item, numbered) for name, item in call.items() if name != "type"} for call in calls
        ]
    if (call_id := message.get("tool_call_id")) is not None:
        said["tool_call_id"] = numbered.get(call_id, call_id)
    if more := _additional(message, numbered, calls=bool(calls)):
        said["kwargs"] = more
    fields = {name: item for name, item in message.items() if name not in _AUDIT and not _silent(name, item)}
    if fields:  # apart, for a ChatMessage's own field `role` must not make it another's role
        said["fields"] = fields
    _refuse_objects(said)
    return said


def _silent(name: str, item: Any) -> bool:
    return item is None or item is False or item in ("", [], {}) or (name == "status" and item == "success")


def _additional(message: Mapping[str, Any], numbered: Mapping[str, str], *, calls: bool) -> dict[str, Any]:
    """What a provider's integration sends along; not what it derived from the content, nor what says nothing."""
    result: dict[str, Any] = {}
    for name, item in (message.get("additional_kwargs") or {}).items():
        if name in _MARKS or name == "parsed" or item is None or (name == "tool_calls" and calls):
            continue
        if name == "tool_calls" and isinstance(item, list):
            result[name] = [_renumbered(call, numbered) for call in item]
        elif isinstance(item, dict):  # Gemini keeps a signature for each call id
            result[name] = {numbered.get(key, key): value for key, value in item.items()}
        else:
            result[name] = item
    return result


def _content(content: str | list[Any], numbered: Mapping[str, str]) -> Any:
    """Content with one form: ``"x"`` and a single text block that says x are the same."""
    if isinstance(content, str):
        return content
    blocks = [_block(block, numbered) for block in content]
    if not blocks:
        return ""
    if len(blocks) == 1 and set(blocks[0]) == {"type", "text"} and blocks[0]["type"] == "text":
        return blocks[0]["text"]
    return blocks


def _block(block: Any, numbered: Mapping[str, str]) -> Any:
    if isinstance(block, str):
        return {"type": "text", "text": block}
    if not isinstance(block, dict):
        return {"type": "unknown", "value": block}
    kept = {name: item for name, item in block.items() if name not in _MARKS}
    if kept.get("type") == "text":
        return {name: item for name, item in kept.items() if name not in ("id", "index") and item not in (None, [], {})}
    return _renumbered(kept, numbered)


def _renumbered(holder: Any, numbered: Mapping[str, str]) -> Any:
    if not isinstance(holder, dict):
        return holder
    return {name: _id(name, item, numbered) for name, item in holder.items()}


def _id(name: str, item: Any, numbered: Mapping[str, str]) -> Any:
    # Only where an id stands: an argument or a text that happens to read like one must keep its difference.
    return numbered.get(item, item) if name in _ID_NAMES and isinstance(item, str) else item


def _numbered(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Ids of tool calls, numbered in order: they are new in every run, but which result belongs to which call is not."""
    numbered: dict[str, str] = {}
    for message in messages:
        for call_id in _call_ids(message):
            if isinstance(call_id, str) and call_id:
                numbered.setdefault(call_id, f"#{len(numbered)}")
    return numbered


def _call_ids(message: Mapping[str, Any]) -> Iterator[Any]:
    additional = message.get("additional_kwargs") or {}
    for calls in (message.get("tool_calls"), message.get("invalid_tool_calls"), additional.get("tool_calls")):
        for call in calls or ():
            if isinstance(call, dict):
                yield call.get("id")
    if isinstance(message["content"], list):
        for block in message["content"]:
            if isinstance(block, dict) and block.get("type") in _CALL_BLOCKS:
                yield block.get("call_id") or block.get("id")
    yield message.get("tool_call_id")


def _refuse_objects(value: Any) -> None:
    """A dumped object shows its address or hides its state; a user's own dict with such a key is escaped by LangChain."""
    if isinstance(value, dict):
        if value.get("lc") == 1 and value.get("type") in ("not_implemented", "secret"):
            raise UnkeyableError("a message holds an object that cannot be serialised")
        if "__lc_escaped__" in value:
            return
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_objects(item)
