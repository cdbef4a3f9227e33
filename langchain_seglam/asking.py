"""Naming the question of a templated prompt: everything else must be equal, the question may be worded otherwise.

A chain sends one long prompt in which the question is a few words among examples or pages of context. Compared as a whole, all
questions about one context look alike. LangChain's cache interface sees the finished messages only, and every step of a chain
runs in a context of its own, so what a template knows has to travel with the prompt that it makes: ``asking`` leaves a mark on
the message (on the text, for a plain model), which survives batches, threads, tasks and streams. Where the template is out of
reach, ``asked`` names the question for the calls made inside.

A question that cannot be found again in what is sent, letter by letter, leaves that call to the same request only.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Self

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from langchain_core.prompts import BasePromptTemplate
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, PrivateAttr

from langchain_seglam.slots import MARK, mark, moved, once, placed
from seglam import ConfigurationError, digest

_asked: ContextVar[str | None] = ContextVar("langchain_seglam_asked", default=None)


def named() -> str | None:
    """The question that the caller named for this call, by ``asked``."""
    return _asked.get()


@contextmanager
def asked(question: str) -> Iterator[None]:
    """The prompts sent inside contain this question: it may be worded otherwise, everything around it must be equal.

    For prompts whose template is out of reach; where it is at hand, use ``asking``. The question must stand in the last user
    text once and letter by letter, or the call is answered by the same request only. A thread that the application starts
    itself does not know of it; LangChain's own do.

    Args:
        question: the user's words as they stand in the prompt.

    Raises:
        ConfigurationError: it is no text, or an empty one.
    """
    if not isinstance(question, str) or not question.strip():
        raise ConfigurationError(f"question: expected the text of a question, got {question!r:.80}")
    token = _asked.set(question)
    try:
        yield
    finally:
        with suppress(ValueError):  # a generator that is closed from elsewhere ends in a context that never had it
            _asked.reset(token)


def asking(prompt: BasePromptTemplate[Any], question: str = "question") -> "Asking":
    """A prompt template whose calls are compared by one variable: exact context, semantic question.

    ```python
    chain = {"context": retriever, "question": RunnablePassthrough()} | asking(prompt) | model | StrOutputParser()
    ```

    It stands for the template anywhere in a chain, for chat and plain models, and renders exactly what the template renders.

    Args:
        prompt: any template: chat, text, few-shot.
        question: the name of the variable that holds the question.

    Raises:
        ConfigurationError: no template, one that changes the model which follows it, or it has no such variable.
    """
    if not isinstance(prompt, BasePromptTemplate):
        raise ConfigurationError(f"prompt: expected a prompt template, got {type(prompt).__name__}")
    if type(prompt).__or__ is not Runnable.__or__:  # a StructuredPrompt's schema would be lost behind ours
        raise ConfigurationError(
            f"prompt: a {type(prompt).__name__} changes the model that follows it; use a plain template, and "
            "model.with_structured_output(...)"
        )
    known = {*prompt.input_variables, *prompt.optional_variables, *prompt.partial_variables}
    if question not in known:
        raise ConfigurationError(
            f"question: expected one of the variables {', '.join(sorted(known))}, got {question!r}"
        )
    return Asking(prompt, question)


class Asking(Runnable[Any, PromptValue]):
    """What ``asking`` returns: the template, with its question marked in what it renders.

    Attributes:
        prompt: the template.
        question: the variable that holds the question.
    """

    def __init__(self, prompt: BasePromptTemplate[Any], question: str) -> None:
        self.prompt = prompt
        self.question = question

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> PromptValue:  # noqa: A002 - LangChain's signature
        """Render the template."""
        value = self.prompt.invoke(input, config, **kwargs)
        render = _Rendering(value, self._values(input), self.question)
        if render.ambiguous:
            with suppress(Exception):  # an example selector may refuse a placeholder: then no place is certain
                render.compare(self.prompt.format_prompt(**render.values))
        return render.marked()

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> PromptValue:  # noqa: A002 - LangChain's signature
        """``invoke`` for a running event loop."""
        value = await self.prompt.ainvoke(input, config, **kwargs)
        render = _Rendering(value, self._values(input), self.question)
        if render.ambiguous:
            with suppress(Exception):
                render.compare(await self.prompt.aformat_prompt(**render.values))
        return render.marked()

    def _values(self, given: Any) -> dict[str, Any]:
        values = dict(given) if isinstance(given, dict) else dict.fromkeys(self.prompt.input_variables, given)
        return {**self.prompt.partial_variables, **values}

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The template's own."""
        return self.prompt.get_input_schema(config)


class _Rendering:
    """One rendered prompt, and where its question stands in the text that is compared."""

    def __init__(self, value: PromptValue, values: dict[str, Any], name: str) -> None:
        self._value = value
        self._text = _last_text(value)
        question = values.get(name)
        self._question = question if isinstance(question, str) else ""
        self._spans = once(self._text or "", self._question)
        # No text holds a placeholder that is made of its own digest.
        self._placeholder = f"question-{digest(self._text, self._question)}"
        self.values = {**values, name: self._placeholder}

    @property
    def ambiguous(self) -> bool:
        """Whether the template must tell which of several places is the question's."""
        return not self._spans and bool(self._question.strip()) and self._question in (self._text or "")

    def compare(self, other: PromptValue) -> None:
        """Find the places by the same prompt with a placeholder for the question."""
        text = _last_text(other)
        if self._text is not None and text is not None:
            self._spans = placed(self._text, self._question, self._placeholder, text)

    def marked(self) -> PromptValue:
        """The prompt as it was rendered, with its mark."""
        if self._text is None:  # no user's text at the end: such a call is never compared
            return self._value
        note = mark(self._text, self._spans)
        if isinstance(self._value, StringPromptValue):
            return MarkedText.of(self._text, note)
        *before, last = self._value.to_messages()
        return MarkedChat(messages=[*before, _noted(last, note)])


def _last_text(value: PromptValue) -> str | None:
    if isinstance(value, StringPromptValue):
        return value.text
    messages = value.to_messages()
    last = messages[-1] if messages else None
    return last.content if isinstance(last, HumanMessage) and isinstance(last.content, str) else None


def _noted(message: BaseMessage, note: dict[str, Any]) -> BaseMessage:
    return message.model_copy(update={"response_metadata": {**message.response_metadata, MARK: note}})


class Marked(str):
    """The text of a prompt with its mark: LangChain hands a plain model's cache the very object that the prompt gave."""

    __slots__ = ("note",)
    note: dict[str, Any]

    def __new__(cls, text: str, note: dict[str, Any]) -> Self:
        """A text and its mark."""
        made = super().__new__(cls, text)
        made.note = note
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[str, dict[str, Any]]]:
        return type(self), (str(self), self.note)


class MarkedText(StringPromptValue):
    """A text prompt that keeps its mark whichever kind of model takes it."""

    _note: dict[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, text: str, note: dict[str, Any]) -> Self:
        """A text and its mark."""
        made = cls(text=text)
        made._note = note
        return made

    @classmethod
    def lc_id(cls) -> list[str]:
        """Of its base: a trace shows it, and loads it, as what it is."""
        return StringPromptValue.lc_id()

    def to_string(self) -> str:
        """The prompt for a plain model."""
        return Marked(self.text, self._note)

    def to_messages(self) -> list[BaseMessage]:
        """The prompt for a chat model."""
        return [_noted(HumanMessage(self.text), self._note)]


class MarkedChat(ChatPromptValue):
    """A chat prompt whose last message is marked, which a plain model's text then is as well."""

    @classmethod
    def lc_id(cls) -> list[str]:
        """Of its base: a trace shows it, and loads it, as what it is."""
        return ChatPromptValue.lc_id()

    def to_string(self) -> str:
        """The prompt for a plain model."""
        whole, last = super().to_string(), self.messages[-1]
        return Marked(whole, moved(last.response_metadata[MARK], str(last.content), whole))
