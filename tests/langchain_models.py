"""LangChain models for tests: real subclasses that run the real LangChain paths, and count what they are asked."""

import itertools
from typing import Any, ClassVar

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

_numbers = itertools.count(1)


class FakeChat(BaseChatModel):
    """A serialisable chat model, like a provider's: every answer is new unless it is given, and has ids and counts."""

    model_name: str = Field(default="fake-1", alias="model")
    temperature: float = 0.0
    top_p: float | None = None
    base_url: str | None = None
    timeout: float | None = None
    max_retries: int = 2
    default_headers: dict[str, str] | None = None
    answers: Any = Field(default=None, exclude=True)
    asked: list[list[BaseMessage]] = Field(default_factory=list, exclude=True)
    model_config: ClassVar[Any] = {"populate_by_name": True}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return True

    @classmethod
    def get_lc_namespace(cls) -> list[str]:
        return ["tests", "fake"]

    @property
    def _llm_type(self) -> str:
        return "fake-provider"

    @property
    def calls(self) -> int:
        """Model calls so far."""
        return len(self.asked)

    def bind_tools(self, tools, *, tool_choice=None, **kwargs):
        return self.bind(tools=[convert_to_openai_tool(t) for t in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(messages)
        number = next(_numbers)
        given = self.answers(messages) if self.answers else f"answer {number}"
        message = given if isinstance(given, AIMessage) else AIMessage(given)
        message = message.model_copy(
            update={
                "usage_metadata": {"input_tokens": 20, "output_tokens": 6, "total_tokens": 26},
                "response_metadata": {
                    "id": f"chatcmpl-{number}",
                    "created": number,
                    "model_name": self.model_name,
                    "token_usage": {"total_tokens": 26},
                    "finish_reason": "tool_calls" if message.tool_calls else "stop",
                    **message.response_metadata,
                },
                "additional_kwargs": {"refusal": None, **message.additional_kwargs},
            }
        )
        return ChatResult(generations=[ChatGeneration(message=message) for _ in range(kwargs.get("n", 1))])


class StreamingChat(FakeChat):
    """The same, with a stream of its own."""

    def _stream(self, messages, stop=None, run_manager=None, **kwargs):
        self.asked.append(messages)
        for piece in ("one ", "two ", "three"):
            yield ChatGenerationChunk(message=AIMessageChunk(piece))


class ListedChat(FakeChat):
    """A model that is not serialisable, and tells its settings by ``_identifying_params``."""

    @classmethod
    def is_lc_serializable(cls) -> bool:
        return False

    @property
    def _llm_type(self) -> str:
        return "listed-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "temperature": self.temperature}


class SilentChat(ListedChat):
    """A model that tells nothing about its settings."""

    @property
    def _llm_type(self) -> str:
        return "silent-chat"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {}


class FakeText(LLM):
    """A plain model."""

    model: str = "text-1"
    asked: list[str] = Field(default_factory=list, exclude=True)
    answers: Any = Field(default=None, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "fake-text"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model}

    def _call(self, prompt, stop=None, run_manager=None, **kwargs):
        self.asked.append(prompt)
        return self.answers(prompt) if self.answers else f"answer {next(_numbers)}"
