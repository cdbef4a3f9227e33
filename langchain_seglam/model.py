"""A LangChain model as the compiler, kept out of every cache of ours while it works."""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLLM
from langchain_core.messages import AIMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable

from seglam import Completion, ConfigurationError, Model, Usage
from seglam.shape import without_thoughts

_compiling: contextvars.ContextVar[bool] = contextvars.ContextVar("seglam_compiling", default=False)


def compiling() -> bool:
    """Whether this call comes from a compiler at work, whose prompts and replies are never cached."""
    return _compiling.get()


def as_compiler(value: Any) -> Model:
    """A seglam Model from a LangChain model or chain, a callable from prompt to text, or a seglam Model.

    What can only be awaited is awaited, in a loop of its own. Of a reply in blocks the text counts, not the thoughts.

    Raises:
        ConfigurationError: for anything else.
    """
    if isinstance(value, BaseChatModel):
        model = _uncached(value)
        return Outside(_name(value), _either(model.invoke, model.ainvoke))
    if isinstance(value, BaseLLM):
        plain = _uncached(value)
        return Outside(_name(value), _either(lambda p: plain.generate([p]), lambda p: plain.agenerate([p])))
    if isinstance(value, Runnable):
        return Outside(_name(value), _either(value.invoke, value.ainvoke))
    if isinstance(value, Model) and not isinstance(value, type):
        return Outside(value.name, value.complete)
    if callable(value) and not isinstance(value, type):
        return Outside(_name(value), value)
    raise ConfigurationError(
        "compiler: expected a LangChain model, a callable from prompt to text, or an object with name and "
        f"complete(prompt), got {type(value).__name__}"
    )


class Outside:
    """A seglam Model whose calls never enter a SeglamCache, even when it is the application's own model.

    Attributes:
        name: the model's name.
    """

    def __init__(self, name: str, ask: Callable[[str], Any]) -> None:
        self.name = name
        self._ask = ask

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        # An empty context: the callbacks of the request that set this off would stream the compiler's work to its user.
        return contextvars.Context().run(self._complete, prompt)

    def _complete(self, prompt: str) -> Completion:
        _compiling.set(True)
        reply = _completion(_awaited(self._ask(prompt)))
        return replace(reply, text=without_thoughts(reply.text))


def _uncached(model: Any) -> Any:
    """A copy that asks no cache at all; the model itself where it cannot be copied, for the guard holds anyway."""
    try:
        return model.model_copy(update={"cache": False})
    except Exception:
        return model


def _either(ask: Callable[[str], Any], aask: Callable[[str], Awaitable[Any]]) -> Callable[[str], Any]:
    """Ask, and where that is not implemented (a model with ``_agenerate`` alone, a coroutine in a chain), await."""

    def asked(prompt: str) -> Any:
        try:
            return ask(prompt)
        except NotImplementedError:
            return aask(prompt)
        except TypeError as error:
            if "ainvoke" not in str(error):  # a RunnableLambda that was made from a coroutine function says so
                raise
            return aask(prompt)

    return asked


def _awaited(reply: Any) -> Any:
    if not inspect.isawaitable(reply):
        return reply

    async def wait() -> Any:
        return await reply

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(wait())
    # compile="first" under a synchronous call on a loop's own thread: that loop cannot run anything meanwhile.
    with ThreadPoolExecutor(1) as other:
        return other.submit(contextvars.copy_context().run, asyncio.run, wait()).result()


def _completion(reply: Any) -> Completion:
    if isinstance(reply, Completion):
        return reply
    if isinstance(reply, AIMessage):
        told = reply.usage_metadata
        return Completion(str(reply.text), Usage(told["input_tokens"], told["output_tokens"]) if told else Usage())
    if isinstance(reply, LLMResult):
        counts = (reply.llm_output or {}).get("token_usage") or {}
        usage = Usage(int(counts.get("prompt_tokens") or 0), int(counts.get("completion_tokens") or 0))
        return Completion(reply.generations[0][0].text, usage)
    if isinstance(reply, str):
        return Completion(reply)
    raise ConfigurationError(f"compiler: expected it to answer with text or a message, got {type(reply).__name__}")


def _name(value: Any) -> str:
    for name in ("model_name", "model", "model_id", "__name__", "name"):
        found = getattr(value, name, None)
        if isinstance(found, str) and found:
            return found
    return type(value).__name__
