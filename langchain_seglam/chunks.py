"""Answers as streams: what to keep of the chunks that went by, and the chunks of an answer that is given again."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from langchain_seglam.answers import REASONS, copied, fresh_id, jsonable, jsonable_part, with_ids
from seglam import Hit, TierName

Chunk = ChatGenerationChunk | GenerationChunk

KEPT: Final = "chunks"
"""Where in a payload the chunks stand: a text, or an object of what else a chunk held."""
_PIECES: Final = 200
_EMPTY: Final[Mapping[str, Any]] = {"tool_call_chunks": [], "additional_kwargs": {}}


class Drain:
    """Watches a model's stream go by, and tells at its end what it said."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []

    def see(self, chunk: Chunk) -> None:
        """Take note of one chunk; a copy, for LangChain writes into the chunk that it hands on."""
        if isinstance(chunk, ChatGenerationChunk):
            message = chunk.message
            copied = message.model_copy(deep=not isinstance(message.content, str) or bool(message.additional_kwargs))
            self._chunks.append(ChatGenerationChunk(message=copied, generation_info=chunk.generation_info))
        else:
            self._chunks.append(chunk)

    def whole(self) -> Generation | None:
        """The answer, or None where its end is not certainly the end."""
        if not self._chunks or not _finished(self._chunks):
            return None
        first, *rest = self._chunks
        if isinstance(first, ChatGenerationChunk):
            merged = merge_chat_generation_chunks([c for c in self._chunks if isinstance(c, ChatGenerationChunk)])
            assert merged is not None
            return merged if _called(merged) else None
        info: dict[str, Any] = {}
        for chunk in (first, *rest):
            info |= {name: value for name, value in (chunk.generation_info or {}).items() if value is not None}
        return Generation(text="".join(chunk.text for chunk in self._chunks), generation_info=info or None)

    def shape(self) -> dict[str, Any]:
        """How the answer was cut into chunks, for its payload.

        Raises:
            TypeError: a chunk holds what JSON does not have.
        """
        return {KEPT: [_shape(chunk) for chunk in self._chunks]}


def _shape(chunk: Chunk) -> Any:
    if not isinstance(chunk, ChatGenerationChunk):
        return chunk.text
    message = chunk.message
    content = jsonable(message.content)
    calls = jsonable(getattr(message, "tool_call_chunks", []))
    more = jsonable_part(message.additional_kwargs)
    if isinstance(content, str) and not calls and not more:
        return content
    return {"content": content, "tool_call_chunks": calls, "additional_kwargs": more}


def _finished(chunks: Sequence[Chunk]) -> bool:
    """Whether the stream said why it ended, where its kind of model says so: a connection may break without an error."""
    told = [facts for chunk in chunks for facts in _facts(chunk)]
    reasons = [facts[name] for facts in told for name in REASONS if name in facts]
    expected = bool(reasons) or any("model_provider" in facts for facts in told)
    return not expected or any(reason not in (None, "") for reason in reasons)


def _facts(chunk: Chunk) -> Iterator[Mapping[str, Any]]:
    if chunk.generation_info:
        yield chunk.generation_info
    if isinstance(chunk, ChatGenerationChunk) and chunk.message.response_metadata:
        yield chunk.message.response_metadata


def _called(merged: ChatGenerationChunk) -> bool:
    """Whether the arguments of every call are whole: LangChain completes what was cut."""
    for call in getattr(merged.message, "tool_call_chunks", ()):
        try:
            json.loads(call["args"] or "{}")
        except ValueError:
            return False
    return True


# -- again ------------------------------------------------------------------------------------------------------------


def again(hit: Hit, generations: Sequence[Generation]) -> list[Chunk] | None:
    """A hit in chunks, cut as they were when it was streamed; None for what is no single answer.

    Args:
        hit: what the cache gave.
        generations: the same as fresh generations.
    """
    if len(generations) != 1:
        return None
    whole = generations[0]
    shape = (hit.response.payload or {}).get(KEPT) if hit.tier is TierName.EXACT else None
    if not isinstance(whole, ChatGeneration):
        pieces = shape or _words(whole.text)
        told: list[Chunk] = [GenerationChunk(text=piece) for piece in pieces[:-1]]
        return [*told, GenerationChunk(text=pieces[-1], generation_info=whole.generation_info)]
    return list(_chat(_renewed(shape) if shape else _cut(whole), whole))


def _chat(pieces: Sequence[Any], whole: ChatGeneration) -> Iterator[Chunk]:
    message = whole.message
    # By it LangChain reads the blocks of a chunk, as much as those of a message.
    told = {
        name: value for name, value in message.response_metadata.items() if name in ("model_provider", "output_version")
    }
    for piece in pieces:
        held = {"content": piece} if isinstance(piece, str) else piece
        yield ChatGenerationChunk(message=AIMessageChunk(**held, response_metadata=dict(told)))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content="" if isinstance(message.content, str) else [],
            response_metadata=message.response_metadata,
            usage_metadata=getattr(message, "usage_metadata", None),
            name=message.name,
            chunk_position="last",
        ),
        generation_info=whole.generation_info,
    )


def _renewed(shape: Sequence[Any]) -> list[Any]:
    """Kept chunks, with a new id for every tool call; the empty one at the end gives its place to ours."""
    pieces: list[Any] = copied(shape)
    ids = {
        item["id"]: fresh_id(item["id"])
        for piece in pieces
        if isinstance(piece, dict)
        for item in (*piece["tool_call_chunks"], *_calls(piece["content"]))
        if isinstance(item.get("id"), str) and item["id"]
    }
    for piece in pieces:
        if isinstance(piece, dict):
            piece["tool_call_chunks"] = [with_ids(item, ids) for item in piece["tool_call_chunks"]]
            if isinstance(piece["content"], list):
                piece["content"] = [with_ids(item, ids) for item in piece["content"]]
    return pieces[:-1] if len(pieces) > 1 and pieces[-1] in ("", {"content": [], **_EMPTY}) else pieces


def _calls(content: Any) -> list[Any]:
    blocks = content if isinstance(content, list) else []
    return [block for block in blocks if isinstance(block, dict) and block.get("type") != "text"]


def _cut(whole: ChatGeneration) -> list[Any]:
    """The chunks of an answer that was never streamed: words, or blocks, then its calls."""
    message = whole.message
    content = message.content
    pieces: list[Any] = list(_words(content)) if isinstance(content, str) else []
    if not isinstance(content, str):
        for place, block in enumerate(content):
            indexed = {"index": place, **block} if isinstance(block, dict) else {"type": "text", "text": block}
            pieces.append({"content": [indexed]})
    calls = getattr(message, "tool_calls", ())
    if calls or message.additional_kwargs:
        told = [
            tool_call_chunk(name=c["name"], args=json.dumps(c["args"]), id=c["id"], index=place)
            for place, c in enumerate(calls)
        ]
        empty: Any = "" if isinstance(content, str) else []
        pieces.append(
            {"content": empty, "tool_call_chunks": told, "additional_kwargs": dict(message.additional_kwargs)}
        )
    return pieces


def _words(text: str) -> list[str]:
    words = re.findall(r"\S+\s*|\s+", text) or [""]
    size = -(-len(words) // _PIECES)
    return ["".join(words[i : i + size]) for i in range(0, len(words), size)]
