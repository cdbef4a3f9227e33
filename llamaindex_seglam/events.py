"""What LlamaIndex's tracing sees of a hit: one span with a start, a SeglamHitEvent and an end, and a call that cost no tokens.

A miss is none of our business: the wrapped LLM tells of it as it always did.
"""

import contextlib
import inspect
import logging
import uuid
from collections.abc import Iterator, Mapping
from functools import cache as remembered
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatInProgressEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionInProgressEvent,
    LLMCompletionStartEvent,
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms import LLM
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import active_instrument_tags
from llama_index_instrumentation.span import active_span_id

from seglam import Hit, Request

dispatcher = get_dispatcher(__name__)
logger = logging.getLogger("seglam")


class SeglamHitEvent(BaseEvent):
    """An answer that took no call of the LLM; stands between the start and the end of its span.

    Attributes:
        tier: exact, procedure or semantic; "flight" for an answer that an equal call was just being given.
        source: ``entry:<id>`` or ``procedure:<id>`` of the cache, "recording", or "flight".
        score: cosine similarity of a semantic hit, 1.0 otherwise.
        age: seconds since the answer was made.
        key: of the request, 64 hex digits.
        saved_input_tokens, saved_output_tokens: what the answer cost when the LLM gave it; 0 where that is not known.
    """

    tier: str
    source: str
    score: float
    age: float
    key: str
    saved_input_tokens: int = 0
    saved_output_tokens: int = 0

    @classmethod
    def class_name(cls) -> str:
        """The name of the event."""
        return "SeglamHitEvent"


class Told:
    """The events of one call that is answered without its LLM. Nothing here raises: a handler's fault costs no good answer.

    Args:
        llm: the wrapped LLM.
        endpoint: the method that was called.
        asked: its prompt or messages.
        given: its keyword arguments.
        hit: what the event of the hit says.
    """

    def __init__(self, llm: LLM, endpoint: str, asked: Any, given: Mapping[str, Any], hit: Mapping[str, Any]) -> None:
        self._llm = llm
        self._endpoint = endpoint
        self._asked = asked
        self._given = dict(given)
        self._hit = hit
        self._span = f"{type(llm).__name__}.{endpoint}-{uuid.uuid4()}"
        self._event = ""
        self._text = isinstance(asked, str)

    @contextlib.contextmanager
    def span(self, result: Any) -> Iterator[None]:
        """The span of the call; start and hit are told on entry."""
        with _spanned(self._llm, self._endpoint, self._span, (self._asked,), self._given, result):
            trace = contextlib.ExitStack()
            with _quiet():
                trace.enter_context(self._llm.callback_manager.as_trace("completion" if self._text else "chat"))
            with _quiet():
                self._start()
            try:
                yield
            finally:
                with _quiet():
                    trace.close()

    def _start(self) -> None:
        told_of = self._llm.to_payload()
        common: dict[str, Any] = {"model_dict": told_of, "additional_kwargs": self._given, "span_id": self._span}
        if self._text:
            dispatcher.event(LLMCompletionStartEvent(prompt=self._asked, **common))
            payload: dict[Any, Any] = {EventPayload.PROMPT: self._asked}
        else:
            dispatcher.event(LLMChatStartEvent(messages=list(self._asked), **common))
            payload = {EventPayload.MESSAGES: list(self._asked)}
        more: dict[Any, Any] = {EventPayload.ADDITIONAL_KWARGS: self._given, EventPayload.SERIALIZED: told_of}
        self._event = self._llm.callback_manager.on_event_start(CBEventType.LLM, payload={**payload, **more})
        dispatcher.event(SeglamHitEvent(span_id=self._span, **self._hit))

    def chunk(self, piece: Any) -> None:
        """A chunk of a stream goes out."""
        with _quiet():
            if self._text:
                progress: Any = LLMCompletionInProgressEvent(prompt=self._asked, response=piece, span_id=self._span)
            else:
                progress = LLMChatInProgressEvent(messages=list(self._asked), response=piece, span_id=self._span)
            dispatcher.event(progress)

    def end(self, answer: Any) -> None:
        """The answer is out; None for a stream that was left early."""
        with _quiet():
            # Neither PROMPT nor MESSAGES: with them TokenCountingHandler estimates tokens where it finds a usage of zero, and
            # a token budget would be spent by answers that cost nothing.
            payload: dict[Any, Any] = {} if answer is None else {EventPayload.RESPONSE: answer}
            self._llm.callback_manager.on_event_end(CBEventType.LLM, payload=payload, event_id=self._event)
        if answer is None:
            return
        with _quiet():
            if self._text:
                last: Any = LLMCompletionEndEvent(prompt=self._asked, response=answer, span_id=self._span)
            else:
                last = LLMChatEndEvent(messages=list(self._asked), response=answer, span_id=self._span)
            dispatcher.event(last)


def hit_of(request: Request, hit: Hit, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the event of a hit says.

    Args:
        request: what was asked.
        hit: what answers it.
        told: what the answer itself tells of its origin.
    """
    saved = hit.response.usage
    known = {name: told[name] for name in ("tier", "source", "score", "age")}
    tokens = {"saved_input_tokens": saved.input_tokens, "saved_output_tokens": saved.output_tokens}
    return {**known, **tokens, "key": request.key}


def tell_object(llm: LLM, method: str, asked: tuple[Any, Any, Mapping[str, Any]], result: Any, hit: Any) -> None:
    """The events of a structured prediction that took no call: schema, template and arguments, and the object."""
    output, template, args = asked
    span = f"{type(llm).__name__}.{method}-{uuid.uuid4()}"
    with _spanned(llm, method, span, (output, template), args, result):
        with _quiet():
            start = LLMStructuredPredictStartEvent(
                output_cls=output, template=template, template_args=dict(args), span_id=span
            )
            dispatcher.event(start)
        with _quiet():
            dispatcher.event(SeglamHitEvent(span_id=span, **hit))
        with _quiet():
            dispatcher.event(LLMStructuredPredictEndEvent(output=result, span_id=span))


@remembered
def _signature(kind: type[LLM], method: str) -> inspect.Signature:
    return inspect.signature(getattr(kind, method))


@contextlib.contextmanager
def _spanned(
    llm: LLM, method: str, span: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any
) -> Iterator[None]:
    bound: Any = None
    token = active_span_id.set(span)
    with _quiet():
        bound = _signature(type(llm), method).bind(llm, *args, **kwargs)
    with _quiet():
        parent = token.old_value if isinstance(token.old_value, str) else None
        dispatcher.span_enter(
            id_=span, bound_args=bound, instance=llm, parent_id=parent, tags=active_instrument_tags.get()
        )
    try:
        yield
    finally:
        with _quiet():
            dispatcher.span_exit(id_=span, bound_args=bound, instance=llm, result=result)
        active_span_id.reset(token)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a handler's fault must not cost a good answer
        logger.warning("seglam: an event handler failed on a hit: %s", type(error).__name__)
