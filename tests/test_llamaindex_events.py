"""What traces, callbacks, counters and limiters see: a miss as without a cache, a hit as one span that cost nothing."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from pydantic import PrivateAttr

from llamaindex_models import CHAT, COMPLETE, EchoLLM, ScriptedLLM, call, note, text, user
from llamaindex_seglam import SeglamHitEvent, cached
from seglam import Cache

ENDPOINTS = (*CHAT, *COMPLETE)


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


class Listener(BaseEventHandler):
    """Keeps every event."""

    _seen: list[Any] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Listener"

    def handle(self, event: Any, **_: Any) -> None:
        self._seen.append(event)

    def told(self) -> list[str]:
        """The names of the events so far, which are forgotten."""
        names = [type(event).__name__ for event in self._seen]
        self._seen.clear()
        return names


class Spans(SimpleSpanHandler):
    """Keeps the methods whose spans were entered and left."""

    _log: list[tuple[str, str, Any]] = PrivateAttr(default_factory=list)

    def new_span(self, id_: str, *args: Any, **kwargs: Any) -> Any:
        self._log.append(("in", id_, kwargs.get("parent_span_id")))
        return super().new_span(id_, *args, **kwargs)

    def prepare_to_exit_span(self, id_: str, *args: Any, **kwargs: Any) -> Any:
        self._log.append(("out", id_, type(kwargs.get("result")).__name__))
        return super().prepare_to_exit_span(id_, *args, **kwargs)

    def steps(self) -> list[tuple[str, str]]:
        """Steps so far with the class and method of each span; they are forgotten."""
        found = [(step, span.partition("-")[0]) for step, span, _ in self._log]
        self._log.clear()
        return found


@pytest.fixture
def seen() -> Iterator[tuple[Listener, Spans]]:
    """Handlers on LlamaIndex's root dispatcher."""
    root, listener, spans = get_dispatcher(), Listener(), Spans()
    root.add_event_handler(listener)
    root.add_span_handler(spans)
    yield listener, spans
    root.event_handlers.remove(listener)
    root.span_handlers.remove(spans)


def told_by_callbacks(llm: Any) -> LlamaDebugHandler:
    """A handler of the older callbacks on this LLM."""
    handler = LlamaDebugHandler(print_trace_on_end=False)
    llm.callback_manager = CallbackManager([handler])
    return handler


@pytest.mark.parametrize("make", [ScriptedLLM, EchoLLM])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_miss_tells_exactly_what_it_tells_without_a_cache(
    cache: Cache, seen: tuple[Listener, Spans], make: Any, endpoint: str
) -> None:
    """Events, spans and callbacks of a wrapped LLM's own answer, in order, are those of the LLM alone."""
    listener, spans = seen
    inner = make()
    handler = told_by_callbacks(inner)
    call(inner, endpoint)
    alone = listener.told(), spans.steps(), [(e.event_type, sorted(e.payload or {})) for e in handler.get_events()]
    other = make()
    handler = told_by_callbacks(other)
    call(cached(other, cache), endpoint)
    assert alone == (
        listener.told(),
        spans.steps(),
        [(e.event_type, sorted(e.payload or {})) for e in handler.get_events()],
    )
    assert alone[0]
    assert alone[2]


@pytest.mark.parametrize("make", [ScriptedLLM, EchoLLM])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_hit_is_a_start_a_hit_and_an_end_in_one_span(
    cache: Cache, seen: tuple[Listener, Spans], make: Any, endpoint: str
) -> None:
    """Between start and end stands where the answer came from and what it saves; streams tell of every chunk."""
    listener, spans = seen
    inner = make()
    llm = cached(inner, cache)
    call(llm, endpoint.removeprefix("a").removeprefix("stream_"))
    listener.told()
    spans.steps()
    chunks = call(llm, endpoint)
    assert note(chunks)["tier"] == "exact"
    kind = "LLMChat" if "chat" in endpoint else "LLMCompletion"
    between = [f"{kind}InProgressEvent"] * (len(chunks) if "stream" in endpoint else 0)
    events = list(listener._seen)
    assert listener.told() == [f"{kind}StartEvent", "SeglamHitEvent", *between, f"{kind}EndEvent"]
    (entered, span, _), (left, same, result) = spans._log
    assert (entered, left, same) == ("in", "out", span)
    assert span.startswith(f"{type(inner).__name__}.{endpoint}-")
    assert result.endswith("enerator" if "stream" in endpoint else "Response")
    assert {event.span_id for event in events} == {span}
    hit = events[1]
    assert isinstance(hit, SeglamHitEvent)
    assert (hit.tier, hit.source) == ("exact", note(chunks)["source"])
    if make is EchoLLM:
        assert (hit.saved_input_tokens, hit.saved_output_tokens) == (7, 3)


def test_a_hit_stands_in_the_span_that_asks(cache: Cache, seen: tuple[Listener, Spans]) -> None:
    """Inside predict() a hit's span is predict's child, as a call's is."""
    _, spans = seen
    llm = cached(ScriptedLLM(), cache)
    for _ in range(2):
        spans._log.clear()
        llm.predict(PromptTemplate("{query_str}"), query_str="How many legs?")
        (_, outer, _), (_, inner, parent), *_ = spans._log
        assert outer.startswith("ScriptedLLM.predict-")
        assert inner.startswith("ScriptedLLM.chat-")
        assert parent == outer


def test_a_stream_left_early_tells_its_end_to_callbacks(cache: Cache) -> None:
    """An abandoned replay leaves no callback open."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    call(llm, "chat")
    handler = told_by_callbacks(inner)
    stream = llm.stream_chat([user("How many legs has a spider?")])
    next(stream)
    stream.close()
    assert len(handler.get_event_pairs()) == 1


class Limiter:
    """A rate limiter that counts who takes it."""

    def __init__(self) -> None:
        self.taken = 0

    def acquire(self) -> None:
        self.taken += 1

    async def async_acquire(self) -> None:
        self.taken += 1


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_hit_takes_no_rate_limiter_and_counts_no_tokens(cache: Cache, endpoint: str) -> None:
    """The limiter is taken by calls of the LLM; counters see zero for a hit, and a budget is not used up."""
    inner = ScriptedLLM(raw={"usage": {"prompt_tokens": 40, "completion_tokens": 17}})
    inner.rate_limiter = limiter = Limiter()
    counter = TokenCountingHandler(tokenizer=str.split)
    inner.callback_manager = CallbackManager([counter])
    llm = cached(inner, cache)
    call(llm, endpoint)
    # ScriptedLLM.complete asks its own chat, and both are counted by LlamaIndex.
    taken, spent = limiter.taken, counter.total_llm_token_count
    assert taken
    assert spent
    for again in CHAT if "chat" in endpoint else COMPLETE:
        assert note(call(llm, again))["tier"] == "exact"
    assert (limiter.taken, counter.total_llm_token_count) == (taken, spent)


def test_who_waited_for_an_equal_call_tells_of_a_hit(cache: Cache, seen: tuple[Listener, Spans]) -> None:
    """One call of the LLM, told as such; every other caller's span holds a hit of the flight."""
    listener, _ = seen
    inner = ScriptedLLM()
    ready, go = threading.Event(), threading.Event()

    def gate() -> None:
        ready.set()
        assert go.wait(10)

    inner._gate = gate
    llm = cached(inner, cache)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(call, llm, "chat")
        assert ready.wait(10)
        others = [pool.submit(call, llm, "chat") for _ in range(2)]
        while cache.stats().misses.get("absent", 0) < 3:
            pass
        threading.Timer(0.2, go.set).start()
        told = [note(each.result()) for each in (first, *others)]
    assert len(inner.counter) == 1
    assert [each.get("tier") for each in told] == [None, "flight", "flight"]
    names = listener.told()
    assert names.count("SeglamHitEvent") == 2
    assert names.count("LLMChatStartEvent") == names.count("LLMChatEndEvent") == 3


def test_a_failing_handler_costs_no_hit(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """What a listener raises is logged, and the answer arrives."""

    class Broken(CallbackManager):
        def on_event_start(self, *_: Any, **__: Any) -> str:
            raise RuntimeError("tracing is down")

    inner = ScriptedLLM()
    llm = cached(inner, cache)
    call(llm, "chat")
    inner.callback_manager = Broken([])
    for endpoint in CHAT:
        assert text(call(llm, endpoint)) == "re: How many legs has a spider?"
    assert len(inner.counter) == 1
    assert "an event handler failed" in caplog.text
