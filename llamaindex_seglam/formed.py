"""Answers of a form: the call in a provider's response as text, and a text as the response that the provider would have given.

How a call looks in a message is each integration's own affair. So the LLM's own reader tells the calls of an answer, and an
answer that a procedure has computed is given out only if that reader finds in it exactly the call that was meant.
"""

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM

from llamaindex_seglam.replay import Answer
from seglam import Response, Reuse
from seglam.shape import Call, Form, without_thoughts


def fitted(kept: Response, answer: Answer, form: Form, llm: LLM) -> Response:
    """What is kept of an answer to a request of this form: its one text, or, where none tells all of it, the same request's."""
    text = _written(answer, form, llm)
    return replace(kept, reuse=Reuse.EXACT) if text is None else replace(kept, text=text, reuse=Reuse.FREE)


def _written(answer: Answer, form: Form, llm: LLM) -> str | None:
    if not isinstance(answer, ChatResponse) or answer.logprobs:
        return None
    message = answer.message
    if any(
        not isinstance(block, TextBlock | ThinkingBlock | ToolCallBlock) or _broken(block) for block in message.blocks
    ):
        return None
    try:
        return form.write(without_thoughts(message.content or ""), _calls(answer, llm))
    except Exception:  # whatever an integration's reader raises for an answer that it cannot read
        return None


def _broken(block: Any) -> bool:
    """Whether a call's arguments are cut: an LLM's reader mends them or leaves them out, which is nothing to learn from."""
    if not isinstance(block, ToolCallBlock) or not isinstance(block.tool_kwargs, str):
        return False
    try:
        return not isinstance(json.loads(block.tool_kwargs), dict)
    except ValueError:
        return True


def _calls(answer: ChatResponse, llm: LLM) -> list[Call]:
    held = answer.message.additional_kwargs
    told = held.get("tool_calls") or held.get("function_call")
    if not told and not any(isinstance(block, ToolCallBlock) for block in answer.message.blocks):
        return []
    if not isinstance(llm, FunctionCallingLLM):
        raise TypeError("calls of an LLM that cannot tell them")
    found = llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False)
    if not found:
        raise ValueError("calls that the LLM does not see")
    return [Call(item.tool_name, dict(item.tool_kwargs)) for item in found]


def rebuilt(response: Response, form: Form, llm: LLM) -> Response:
    """What a procedure has computed as a stored answer of this LLM.

    Raises:
        ValueError: it is not of the form, or the LLM would not read it as what it means.
    """
    reply = form.read(response.text)
    if reply is None:
        raise ValueError("not an answer of the form that was asked for")
    if reply.call is None:
        return replace(response, text=reply.text)
    for message in _messages(reply.call):
        if _seen(message, llm) == [reply.call]:
            return replace(response, text="", payload={"message": message.model_dump(mode="json"), "logprobs": None})
    raise ValueError("the LLM does not see the call in any message that it is put into")


def _messages(call: Call) -> Iterator[ChatMessage]:
    """The call as integrations keep it: a block whose arguments are an object or its text, and OpenAI's dictionary."""
    name, given = call.name, json.dumps(dict(call.arguments), ensure_ascii=False)
    called = f"call_{uuid.uuid4().hex[:24]}"
    known = [{"id": called, "type": "function", "function": {"name": name, "arguments": given}}]
    for arguments in (dict(call.arguments), given):
        block = ToolCallBlock(tool_call_id=called, tool_name=name, tool_kwargs=arguments)
        yield ChatMessage(role=MessageRole.ASSISTANT, blocks=[block], additional_kwargs={"tool_calls": known})
        yield ChatMessage(role=MessageRole.ASSISTANT, blocks=[block])


def _seen(message: ChatMessage, llm: LLM) -> list[Call]:
    try:
        return _calls(ChatResponse(message=message), llm)
    except Exception:
        return []
