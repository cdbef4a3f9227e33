"""The language model as the core sees it: a name and one method. Adapters turn their framework's models into this."""

import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, runtime_checkable

from seglam.errors import ConfigurationError
from seglam.exchange import Usage

_ARGUMENT: Final = "compiler (or ModelJudge.model)"
_ONLY_AWAITED: Final = (
    "{argument}: expected a plain function from prompt to text, got {what}, whose reply can only be awaited; procedures are made "
    "in a thread without an event loop, so give one that waits, for example "
    "lambda prompt: asyncio.run_coroutine_threadsafe(ask(prompt), loop).result(timeout=60)"
)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said, and what it cost where the provider tells."""

    text: str
    usage: Usage = Usage()


@runtime_checkable
class Model(Protocol):
    """Anything that completes a prompt. It must not go through this cache."""

    name: str

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        ...


class CallableModel:
    """A plain function from prompt to text."""

    def __init__(self, function: Callable[[str], Any]) -> None:
        self.name = _named(function)
        self._function = function

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        reply = self._function(prompt)
        return Completion(reply) if isinstance(reply, str) else _completion(reply, self.name, "text")


class _Checked:
    """A caller's own Model: a reply of a wrong type is told here, and not as a missing attribute where it is used."""

    def __init__(self, model: Model) -> None:
        self.name = model.name
        self._model = model

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        return _completion(self._model.complete(prompt), f"{self.name}.complete", "a Completion")


def as_model(value: Any) -> Model:
    """A Model from a Model or a callable.

    Raises:
        ConfigurationError: for anything else, and for what can only be awaited; framework models are wrapped by their adapter.
    """
    # Framework models are callables too, and some have a complete() of another shape: their adapter wraps them.
    module = type(value).__module__
    if module.startswith(("seglam", "langchain_seglam", "llamaindex_seglam")) or not module.startswith(
        ("langchain", "llama_index")
    ):
        if isinstance(value, CallableModel | _Checked):
            return value
        if isinstance(value, Model):
            _refuse_async(value.complete, f"{_named(value)}.complete")
            return _Checked(value)
        if callable(value):
            _refuse_async(value, _named(value))
            return CallableModel(value)
    raise ConfigurationError(
        f"compiler: expected a callable from prompt to text or an object with name and complete(prompt), got "
        f"{type(value).__name__}; LangChain and LlamaIndex models go through langchain_seglam and llamaindex_seglam"
    )


def _named(value: Any) -> str:
    return str(getattr(value, "__name__", type(value).__name__))


def _refuse_async(function: Any, what: str) -> None:
    """At open: found out only when it is called, it would be a fault in the background at every class."""
    while isinstance(function, partial):
        function = function.func
    called = (function, getattr(type(function), "__call__", None))  # noqa: B004 - looked into, not called
    if any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in called):
        raise ConfigurationError(_ONLY_AWAITED.format(argument=_ARGUMENT, what=f"the async function {what}"))


def _completion(reply: Any, what: str, expected: str) -> Completion:
    if inspect.isawaitable(reply) or inspect.isasyncgen(reply):
        if isinstance(reply, Coroutine):
            reply.close()  # nobody will await it, and Python warns of what was never awaited
        raise ConfigurationError(_ONLY_AWAITED.format(argument=_ARGUMENT, what=what))
    if not isinstance(reply, Completion) or not isinstance(reply.text, str):
        kind = type(reply).__name__
        given = f"one whose text is of {type(reply.text).__name__}" if isinstance(reply, Completion) else kind
        raise TypeError(f"{_ARGUMENT}: expected {what} to return {expected}, got {given}")
    return reply
