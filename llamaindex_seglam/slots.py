"""From a call to a Request, with the slots of its prompt template where LlamaIndex still knows them.

A query engine sends one long prompt in which the question is a few words among pages of context. Compared as a whole, all
questions about one context look alike. So predict() and its kin leave the template in a context variable, and the call that
follows is read through it: the question is the text, everything else must be equal.

How a call is recognised as the template's: the template is formatted once more with a placeholder for the question; what is
sent must be exactly that with the question put back. So a key never depends on whether template fields were understood.

What a procedure may answer, and what only the same request does:

| the call | procedures |
|---|---|
| a user's text after system prompts and texts of both sides; the question of a template | yes |
| chat with a response_format, or with one tool that must be called: structured_predict, as_structured_llm | objects |
| chat with tools to choose from: chat_with_tools, the first step of an agent | one call; none if ``tool_calls`` is False |
| structured prediction by an LLM without function calling | no: its schema stands in the text |
| tools and a schema at once; tools that the provider runs; other arguments beside them | no: the answer's form is not certain |
| tool results or calls among the messages | no: the answer is about what a tool said, which is no user's text |
| images, files, several text blocks, names; prompts that refine, select or rank | no: the text is not all that is asked |

Answers that are text with a call, or several calls, are stored for the same request; the latter count as evidence against a
procedure that gives one call. Nothing with tools or a schema is compared by meaning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms import LLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import BasePromptTemplate, PromptType

from llamaindex_seglam.keys import Engine, Options, Turns, options, turns
from llamaindex_seglam.plain import plain
from seglam import Request, vary_digest
from seglam.contexts import tenant_or
from seglam.shape import Form, form

SLOT: Final = "query_str"
PLACEHOLDER: Final = "{query_str}"
# What may stand beside the messages of a call for an object or a tool; anything else may change what its answer looks like.
_FORMED: Final = frozenset({"tools", "tool_choice", "parallel_tool_calls", "schema"})

Match = Literal["question", "exact", "never"]
"""How the prompts of a type are answered: by their question in their context, for the same request only, or by the LLM alone."""

PROMPTS: Final[Mapping[str, Match]] = MappingProxyType(
    dict.fromkeys((PromptType.QUESTION_ANSWER, PromptType.SIMPLE_INPUT, PromptType.CUSTOM), "question")
)
"""Unless ``cached(prompts=...)`` says otherwise; every other type is matched exactly."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What the LLM was asked to predict; ``prompt`` is None where a call belongs to a structured prediction."""

    prompt: BasePromptTemplate | None = None
    args: Mapping[str, Any] | None = None

    @property
    def type(self) -> str:
        """The kind of the prompt."""
        told = PromptType.CUSTOM if self.prompt is None else self.prompt.metadata.get("prompt_type", PromptType.CUSTOM)
        return str(getattr(told, "value", told))

    def question(self) -> str | None:
        """The text in the question's slot, or None when there is none that can be lifted out."""
        prompt = self.prompt
        # A function that computes a slot may compute it from the question: then the rest is not fixed.
        if prompt is None or prompt.function_mappings:
            return None
        value = {**prompt.kwargs, **(self.args or {})}.get(SLOT)
        return value if isinstance(value, str) and value.strip() else None


_frame: ContextVar[Frame | None] = ContextVar("llamaindex_seglam_frame", default=None)


@contextmanager
def framed(frame: Frame) -> Iterator[None]:
    """The calls made inside are made for this prompt."""
    token = _frame.set(frame)
    try:
        yield
    finally:
        _frame.reset(token)


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns calls of one wrapped LLM into Requests.

    Attributes:
        engine: who answers.
        namespace: the part of the cache.
        tenant: whose request it is: a name, a function that tells it, or None.
        tool_calls: whether procedures may compute the call of one of several tools.
        prompts: how prompts are answered, by type.
    """

    engine: Engine
    namespace: str = ""
    tenant: str | Callable[[], str] | None = None
    tool_calls: bool = True
    prompts: Mapping[str, Match] = field(default_factory=lambda: PROMPTS)

    def _question(self, frame: Frame) -> str | None:
        """The question of a prompt that is answered by it.

        Raises:
            TypeError: prompts of this type are left to the LLM.
        """
        if frame.prompt is None:
            return None
        match = self.prompts.get(frame.type, "exact")
        if match == "never":
            raise TypeError(f"prompts of the type {frame.type} are left to the LLM")
        return frame.question() if match == "question" else None

    def chat(self, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> Request:
        """The Request of a chat call, whichever of the four endpoints it came by.

        Raises:
            TypeError, ValueError, OSError: it cannot be keyed; it must not be answered from the cache.
        """
        if not messages:
            raise TypeError("no messages")
        told = turns(messages)
        frame = _frame.get()
        template = ""
        sorted_options = options(self.engine.llm, given)
        predicted = frame is not None and frame.prompt is None
        asked = self._form(told, sorted_options, chosen=predicted or self.tool_calls)
        if frame is not None:
            inside = self._chat_slot(frame, messages, told)
            if inside is None:
                # A structured prediction's own call has its schema beside its text, or else in the middle of it.
                return self._request("chat", told, sorted_options, exact=True, asked=asked if predicted else None)
            told, template = inside
        return self._request("chat", told, sorted_options, template=template, asked=asked)

    def _form(self, told: Turns, given: Options, *, chosen: bool) -> Form | None:
        """The form of the answers to a chat call; None where it is plain text, or where it is not certain.

        A tool that is not forced may be called by a procedure only where ``chosen``.
        """
        if not told.simple or given.bare or given.vary.keys() - _FORMED:
            return None
        found = form(given.vary.get("tools"), given.vary.get("tool_choice"), given.vary.get("schema"))
        if found is None or not found.tools:
            return found
        # Only such an LLM can tell the calls in an answer, whatever its provider makes of them.
        known = isinstance(self.engine.llm, FunctionCallingLLM)
        return found if known and (found.forced is not None or chosen) else None

    def _chat_slot(self, frame: Frame, messages: Sequence[ChatMessage], told: Turns) -> tuple[Turns, str] | None:
        """The same turns with the question as their text, and the template around it; None if they are not the frame's."""
        question = self._question(frame)
        if question is None or frame.prompt is None or not told.simple:
            return None
        args = {**(frame.args or {}), SLOT: PLACEHOLDER}
        around = turns(self.engine.llm._get_messages(frame.prompt, **args))  # noqa: SLF001 - the LLM's own formatting
        if PLACEHOLDER not in around.text or not around.simple:
            return None
        if _filled(_content(around), question) != _content(told) or len(messages) != _length(around):
            return None
        if around.text != PLACEHOLDER:
            return replace(around, text=question), around.text
        # A bare question; were its words elsewhere too, the key would be that of a text which holds the placeholder itself.
        return (told, "") if around.system == told.system and around.before == told.before else None

    def complete(self, prompt: str, formatted: bool, given: Mapping[str, Any]) -> Request:
        """The Request of a completion call, whichever of the four endpoints it came by.

        Raises:
            TypeError, ValueError, OSError: it cannot be keyed; it must not be answered from the cache.
        """
        told = Turns((), (), prompt)
        frame = _frame.get()
        endpoint = "complete.formatted" if formatted else "complete"
        sorted_options = options(self.engine.llm, given)
        if frame is None:
            return self._request(endpoint, told, sorted_options)
        question = self._question(frame)
        if question is not None and frame.prompt is not None:
            args = {**(frame.args or {}), SLOT: PLACEHOLDER}
            around = self.engine.llm._get_prompt(frame.prompt, **args)  # noqa: SLF001 - the LLM's own formatting
            if PLACEHOLDER in around and around.replace(PLACEHOLDER, question) == prompt:
                template = "" if around == PLACEHOLDER else around
                return self._request(endpoint, replace(told, text=question), sorted_options, template=template)
        return self._request(endpoint, told, sorted_options, exact=True)

    def _request(
        self,
        endpoint: str,
        told: Turns,
        given: Options,
        *,
        template: str = "",
        exact: bool = False,
        asked: Form | None = None,
    ) -> Request:
        llm = self.engine.llm
        parts = {**told.parts(), **given.vary, "template": template, "tenant": tenant_or(self._tenant)}
        # Some integrations apply these in chat() and complete() too; a procedure must not cross them.
        parts["llm_system"] = "" if llm.system_prompt in (None, *told.system) else llm.system_prompt
        if endpoint == "complete":
            parts["llm_prompt"] = _custom(llm)
        free = told.simple and given.bare and not exact
        background = ""
        if free or asked is not None:
            background = _background(told, template, llm.system_prompt if parts["llm_system"] else "", asked)
        return Request(
            text=told.text,
            vary=vary_digest(parts),
            engine=self.engine.digest(endpoint, given.sampling),
            namespace=self.namespace,
            compilable=free or asked is not None,
            comparable=free,
            background=background,
            fits=asked,
        )

    def _tenant(self) -> str:
        if not callable(self.tenant):
            return self.tenant or ""
        name = self.tenant()
        if not isinstance(name, str) or not name:
            # Without a name this request would share with every other request that has none.
            raise TypeError(f"tenant() gave {type(name).__name__}, expected a non-empty str")
        return name


def _custom(llm: LLM) -> Any:
    name = getattr(llm.completion_to_prompt, "__name__", "")
    return None if name == "default_completion_to_prompt" else plain(llm.completion_to_prompt)


def _content(told: Turns) -> list[Any]:
    return [list(told.system), [[item["role"], item["content"]] for item in told.before], told.text]


def _length(told: Turns) -> int:
    return len(told.system) + len(told.before) + 1


def _filled(value: Any, question: str) -> Any:
    if isinstance(value, str):
        return value.replace(PLACEHOLDER, question)
    return [_filled(item, question) for item in value]


def _background(told: Turns, template: str, system_prompt: str | None, asked: Form | None) -> str:
    """The context of a question as text, for the compiler."""
    lines = [system_prompt or "", *told.system]
    lines += [f"{item['role']}: {item['content']}" for item in told.before]
    if template:
        lines.append(f"The request takes the place of {PLACEHOLDER} in:\n{template}")
    lines.append(asked.background if asked is not None else "")
    return "\n\n".join(line for line in lines if line)
