"""What LlamaIndex's tracing sees of a hit: a start and an end, and a call that cost no tokens."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)
from llama_index.core.llms import LLM
from llama_index_instrumentation import get_dispatcher

dispatcher = get_dispatcher(__name__)
logger = logging.getLogger("seglam")

Tell = Callable[[Any], None]


@contextlib.contextmanager
def told(llm: LLM, asked: Any) -> Iterator[Tell]:
    """Announce a replayed answer: start on entry, end when ``tell(answer)`` is called. Never raises."""
    event_id = ""
    with _quiet():
        event_id = _start(llm, asked)
    ended = False

    def tell(answer: Any) -> None:
        nonlocal ended
        ended = True
        with _quiet():
            _end(llm, asked, answer, event_id)

    try:
        yield tell
    finally:
        if not ended:  # an abandoned stream
            with _quiet():
                llm.callback_manager.on_event_end(CBEventType.LLM, payload={}, event_id=event_id)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a handler's fault must not cost a good answer
        logger.warning("seglam: an event handler failed on a hit: %s", type(error).__name__)


def _start(llm: LLM, asked: Any) -> str:
    told_of = llm.to_payload()
    if isinstance(asked, str):
        dispatcher.event(LLMCompletionStartEvent(model_dict=told_of, prompt=asked, additional_kwargs={}))
        payload: dict[str, Any] = {EventPayload.PROMPT: asked}
    else:
        dispatcher.event(LLMChatStartEvent(model_dict=told_of, messages=list(asked), additional_kwargs={}))
        payload = {EventPayload.MESSAGES: list(asked)}
    return llm.callback_manager.on_event_start(CBEventType.LLM, payload={**payload, EventPayload.SERIALIZED: told_of})


def _end(llm: LLM, asked: Any, answer: Any, event_id: str) -> None:
    if isinstance(asked, str):
        dispatcher.event(LLMCompletionEndEvent(prompt=asked, response=answer))
    else:
        dispatcher.event(LLMChatEndEvent(messages=list(asked), response=answer))
    # Neither PROMPT nor MESSAGES: with them TokenCountingHandler estimates tokens where it finds a usage of zero, and a
    # token budget would be spent by answers that cost nothing.
    llm.callback_manager.on_event_end(CBEventType.LLM, payload={EventPayload.RESPONSE: answer}, event_id=event_id)
