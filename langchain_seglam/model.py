"""A LangChain model as the compiler, kept out of every cache of ours while it works."""

import contextvars
from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable

from seglam import Completion, ConfigurationError, Model, Usage

_compiling: contextvars.ContextVar[bool] = contextvars.ContextVar("seglam_compiling", default=False)


def compiling() -> bool:
    """Whether this call comes from a compiler at work, whose prompts and replies are never cached."""
    return _compiling.get()


def as_compiler(value: Any) -> Model:
    """A seglam Model from a LangChain model or chain, a callable from prompt to text, or a seglam Model.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(value, BaseChatModel):
        return Outside(_name(value), _ask_chat(_uncached(value)))
    if isinstance(value, BaseLLM):
        return Outside(_name(value), _ask_plain(_uncached(value)))
    if isinstance(value, Runnable):
        return Outside(_name(value), lambda prompt: _completion(value.invoke(prompt)))
    if isinstance(value, Model) and not isinstance(value, type):
        return Outside(value.name, value.complete)
    if callable(value) and not isinstance(value, type):
        return Outside(_name(value), lambda prompt: _completion(value(prompt)))
    raise ConfigurationError(
        "compiler: expected a LangChain model, a callable from prompt to text, or an object with name and "
        f"complete(prompt), got {type(value).__name__}"
    )


class Outside:
    """A seglam Model whose calls never enter a SeglamCache, even when it is the application's own model.

    Attributes:
        name: the model's name.
    """

    def __init__(self, name: str, ask: Callable[[str], Completion]) -> None:
        self.name = name
        self._ask = ask

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        # An empty context: the callbacks of the request that set this off would stream the compiler's work to its user.
        return contextvars.Context().run(self._complete, prompt)

    def _complete(self, prompt: str) -> Completion:
        _compiling.set(True)
        return self._ask(prompt)


def _uncached(model: Any) -> Any:
    """A copy that asks no cache at all; the model itself where it cannot be copied, for the guard holds anyway."""
    try:
        return model.model_copy(update={"cache": False})
    except Exception:
        return model


def _ask_chat(model: BaseChatModel) -> Callable[[str], Completion]:
    return lambda prompt: _completion(model.invoke(prompt))


def _ask_plain(model: BaseLLM) -> Callable[[str], Completion]:
    def ask(prompt: str) -> Completion:
        result = model.generate([prompt])
        counts = (result.llm_output or {}).get("token_usage") or {}
        usage = Usage(int(counts.get("prompt_tokens") or 0), int(counts.get("completion_tokens") or 0))
        return Completion(result.generations[0][0].text, usage)

    return ask


def _completion(reply: Any) -> Completion:
    if isinstance(reply, Completion):
        return reply
    if isinstance(reply, AIMessage):
        counts = reply.usage_metadata
        return Completion(
            str(reply.text), Usage(counts["input_tokens"], counts["output_tokens"]) if counts else Usage()
        )
    if isinstance(reply, str):
        return Completion(reply)
    raise ConfigurationError(f"compiler: expected it to answer with text or a message, got {type(reply).__name__}")


def _name(value: Any) -> str:
    for name in ("model_name", "model", "model_id", "__name__", "name"):
        found = getattr(value, name, None)
        if isinstance(found, str) and found:
            return found
    return type(value).__name__
