"""The language model as the core sees it: a name and one method. Adapters turn their framework's models into this."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from seglam.errors import ConfigurationError
from seglam.exchange import Usage


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
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function

    def complete(self, prompt: str) -> Completion:
        """Answer the prompt."""
        reply = self._function(prompt)
        if isinstance(reply, str):
            return Completion(reply)
        if not isinstance(reply, Completion):
            raise TypeError(f"compiler: expected it to return text, got {type(reply).__name__}")
        return reply


def as_model(value: Any) -> Model:
    """A Model from a Model or a callable.

    Raises:
        ConfigurationError: for anything else; framework models are wrapped by their adapter.
    """
    # Framework models are callables too, and some have a complete() of another shape: their adapter wraps them.
    module = type(value).__module__
    if module.startswith(("seglam", "langchain_seglam", "llamaindex_seglam")) or not module.startswith(
        ("langchain", "llama_index")
    ):
        if isinstance(value, Model):
            return value
        if callable(value):
            return CallableModel(value)
    raise ConfigurationError(
        f"compiler: expected a callable from prompt to text or an object with name and complete(prompt), got "
        f"{type(value).__name__}; LangChain and LlamaIndex models go through langchain_seglam and llamaindex_seglam"
    )
