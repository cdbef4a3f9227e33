"""LLMs for the LlamaIndex tests: real subclasses of its base classes that count what they are asked. No network."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms import CustomLLM
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from pydantic import Field, PrivateAttr


class Counter:
    """Calls so far, from any thread; pickles as a fresh one."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.lock = threading.Lock()

    def add(self, what: str) -> None:
        with self.lock:
            self.calls.append(what)

    def __len__(self) -> int:
        return len(self.calls)

    def __reduce__(self) -> Any:
        return (Counter, ())

    def __deepcopy__(self, memo: Any) -> "Counter":
        return self


class EchoLLM(CustomLLM):
    """What many users write: a completion-only LLM with private state and a helper method."""

    voice: str = "plain"
    chat_model: bool = False
    _persona: str = PrivateAttr(default="nobody")
    _made: int = PrivateAttr(default=0)
    _answer: Any = PrivateAttr(default=None)
    _counter: Counter = PrivateAttr(default_factory=Counter)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="echo-1", is_chat_model=self.chat_model)

    @property
    def counter(self) -> Counter:
        return self._counter

    def become(self, persona: str) -> None:
        self._persona = persona

    def _say(self, prompt: str) -> str:
        self._made += 1
        self._counter.add(prompt)
        if self._answer is not None:
            return str(self._answer(prompt))
        return f"{self._persona} ({self.voice}) heard {len(prompt)}: {prompt[-40:]}"

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return CompletionResponse(text=self._say(prompt), raw={"usage": {"prompt_tokens": 7, "completion_tokens": 3}})

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        whole = self._say(prompt)

        def pieces() -> Generator[CompletionResponse, None, None]:
            said = ""
            for sign in whole:
                said += sign
                yield CompletionResponse(text=said, delta=sign)

        return pieces()


Script = Callable[[Sequence[ChatMessage], dict[str, Any]], ChatMessage]


def _echo(messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> ChatMessage:
    return ChatMessage(role="assistant", content=f"re: {messages[-1].content}")


class ScriptedLLM(FunctionCallingLLM):
    """A function-calling chat LLM whose replies come from a function; it counts calls and can be made to fail or wait."""

    model: str = "scripted-1"
    temperature: float = 0.0
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    raw: dict[str, Any] | None = None
    _script: Any = PrivateAttr(default=None)
    _counter: Counter = PrivateAttr(default_factory=Counter)
    _gate: Any = PrivateAttr(default=None)
    _error: Any = PrivateAttr(default=None)
    _closed: Counter = PrivateAttr(default_factory=Counter)

    def __init__(self, script: Script | None = None, **fields: Any) -> None:
        super().__init__(**fields)
        if script is not None:
            self._script = script

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.model, is_chat_model=True, is_function_calling_model=True)

    @property
    def counter(self) -> Counter:
        return self._counter

    def _reply(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any], how: str) -> ChatResponse:
        self._counter.add(how)
        if self._gate is not None:
            self._gate()
        if self._error is not None:
            raise self._error
        return ChatResponse(message=(self._script or _echo)(messages, kwargs), raw=self.raw)

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._reply(messages, kwargs, "chat")

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._reply(messages, kwargs, "achat")

    def _chunks(self, whole: ChatResponse) -> Generator[ChatResponse, None, None]:
        said = ""
        words = (whole.message.content or "").split(" ")
        try:
            for place, word in enumerate(words):
                piece = word if place == len(words) - 1 else word + " "
                said += piece
                message = ChatMessage(role="assistant", blocks=[TextBlock(text=said)])
                if place == len(words) - 1:
                    message.blocks += [block for block in whole.message.blocks if not isinstance(block, TextBlock)]
                    message.additional_kwargs = dict(whole.message.additional_kwargs)
                yield ChatResponse(message=message, delta=piece, raw=self.raw)
        finally:
            self._closed.add("closed")

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> Generator[ChatResponse, None, None]:
        return self._chunks(self._reply(messages, kwargs, "stream_chat"))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> AsyncGenerator[ChatResponse, None]:
        whole = self._reply(messages, kwargs, "astream_chat")

        async def pieces() -> AsyncGenerator[ChatResponse, None]:
            for chunk in self._chunks(whole):
                yield chunk

        return pieces()

    # Like OpenAI's class, completion goes through its own chat.
    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        answer = self.chat([ChatMessage(role="user", content=prompt)], **kwargs)
        return CompletionResponse(text=answer.message.content or "", raw=answer.raw)

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        answer = await self.achat([ChatMessage(role="user", content=prompt)], **kwargs)
        return CompletionResponse(text=answer.message.content or "", raw=answer.raw)

    @llm_completion_callback()
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        source = self.stream_chat([ChatMessage(role="user", content=prompt)], **kwargs)
        return (CompletionResponse(text=c.message.content or "", delta=c.delta, raw=c.raw) for c in source)

    @llm_completion_callback()
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        source = await self.astream_chat([ChatMessage(role="user", content=prompt)], **kwargs)

        async def pieces() -> AsyncGenerator[CompletionResponse, None]:
            async for c in source:
                yield CompletionResponse(text=c.message.content or "", delta=c.delta, raw=c.raw)

        return pieces()

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[Any],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or [])
        if user_msg is not None:
            messages.append(
                user_msg if isinstance(user_msg, ChatMessage) else ChatMessage(role="user", content=user_msg)
            )
        choice = kwargs.pop("tool_choice", None) or ("required" if tool_required else "auto")
        specs = [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]
        return {"messages": messages, "tools": specs, "tool_choice": choice, **kwargs}

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        return [
            ToolSelection(
                tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs=dict(block.tool_kwargs)
            )
            for block in response.message.blocks
            if isinstance(block, ToolCallBlock)
        ]


def user(text: str) -> ChatMessage:
    """A user's message."""
    return ChatMessage(role=MessageRole.USER, content=text)


def calling(name: str, arguments: dict[str, Any], number: int = 1, text: str = "") -> ChatMessage:
    """An assistant message with one tool call."""
    call = ToolCallBlock(tool_call_id=f"call_{number:024d}", tool_name=name, tool_kwargs=arguments)
    told = {"tool_calls": [{"id": call.tool_call_id, "type": "function", "function": {"name": name}}]}
    return ChatMessage(role="assistant", blocks=[TextBlock(text=text), call], additional_kwargs=told)


CHAT = ("chat", "achat", "stream_chat", "astream_chat")
COMPLETE = ("complete", "acomplete", "stream_complete", "astream_complete")


def call(
    llm: Any, endpoint: str, asked: str | list[ChatMessage] = "How many legs has a spider?", **kwargs: Any
) -> list[Any]:
    """Every response or chunk that an endpoint gives, in order."""
    prompt: Any = [user(asked)] if isinstance(asked, str) and "chat" in endpoint else asked

    async def run() -> list[Any]:
        result = await getattr(llm, endpoint)(prompt, **kwargs)
        return [chunk async for chunk in result] if "stream" in endpoint else [result]

    if endpoint.startswith("a"):
        return asyncio.run(run())
    result = getattr(llm, endpoint)(prompt, **kwargs)
    return list(result) if "stream" in endpoint else [result]


def text(answers: list[Any]) -> str:
    """The whole text of an answer or a stream."""
    last = answers[-1]
    return (last.message.content if isinstance(last, ChatResponse) else last.text) or ""


def note(answers: list[Any]) -> dict[str, Any]:
    """What a hit says of itself; empty on a miss."""
    return answers[-1].additional_kwargs.get("seglam", {})
