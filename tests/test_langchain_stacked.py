"""A wrapped model among other caches, other requests and other faults; and plain models."""

import asyncio
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import Field

from langchain_models import QUESTION, FakeChat, FakeText, Heard, ListedChat, SilentChat, StreamingChat, hit
from langchain_seglam import SeglamCache, cached
from seglam import Policy, sharing


@pytest.fixture
def core(open_cache):
    """The cache behind; faults raise."""
    return open_cache(policy={"compile": "off"})


@pytest.fixture(autouse=True)
def _opened():
    """Close what was opened by path."""
    yield
    sharing._registry.close()


@pytest.fixture
def no_global():
    """Whatever a test sets as the global cache is gone afterwards."""
    yield
    set_llm_cache(None)


class Slow(FakeChat):
    """Takes long enough for others to ask meanwhile."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        time.sleep(0.2)
        return super()._generate(messages, stop, run_manager, **kwargs)


# -- stacked ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_global")
@pytest.mark.parametrize("place", ["model", "global", "both"])
def test_an_answer_is_kept_once(core, place):
    """Whatever other cache the model has: the wrapper keeps the answer, the other one never sees it."""
    other = InMemoryCache()
    same = SeglamCache(core)
    inner = FakeChat(cache=other if place == "model" else same if place == "both" else None)
    set_llm_cache(other if place == "global" else same if place == "both" else None)
    model = cached(inner, core)
    answers = [model.invoke(QUESTION), model.invoke(QUESTION)]
    assert hit(answers[1])
    assert other._cache == {}
    stats = core.stats()
    assert (stats.requests, stats.sizes["entries"]) == (2, 1)


@pytest.mark.usefixtures("no_global")
def test_a_model_made_of_models_is_kept_once(core):
    """A wrapped model that asks another, which has a cache itself: one entry."""

    class Composed(FakeChat):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            told = FakeChat().invoke([SystemMessage("be brief"), *messages])
            return ChatResult(generations=[ChatGeneration(message=AIMessage(told.content))])

    set_llm_cache(SeglamCache(core))
    model = cached(Composed(), core)
    assert model.invoke(QUESTION).content == model.invoke(QUESTION).content
    assert core.stats().sizes["entries"] == 1


@pytest.mark.parametrize("make", [FakeChat, FakeText])
def test_handlers_are_told_once(core, make):
    """One start and one end, on a miss and on a hit."""
    model = cached(make(), core)
    for _ in range(2):
        heard = Heard()
        model.invoke(QUESTION, {"callbacks": [heard]})
        assert heard.events == ["start", "end"]


class Turnstile(BaseRateLimiter):
    """Counts who passes."""

    def __init__(self):
        self.passed = 0

    def acquire(self, *, blocking=True):
        self.passed += 1
        return True

    async def aacquire(self, *, blocking=True):
        self.passed += 1
        return True


async def test_a_hit_takes_no_rate_limit(core):
    """Only what goes to the provider counts, streams among it."""
    limiter = Turnstile()
    model = cached(StreamingChat(rate_limiter=limiter), core)
    model.invoke("a"), model.invoke("a"), await model.ainvoke("a")
    assert limiter.passed == 1
    list(model.stream("b")), list(model.stream("b"))
    assert limiter.passed == 2
    [_ async for _ in model.astream("c")], [_ async for _ in model.astream("c")], await model.ainvoke("d")
    assert limiter.passed == 4


# -- at the same time ---------------------------------------------------------------------------------------------------


def test_a_batch_of_equal_requests_is_one_call(core):
    """batch: the first asks, the others wait; every answer is a message of its own."""
    inner = Slow()
    answers = cached(inner, core).batch([QUESTION] * 6)
    assert inner.calls == 1
    assert len({id(answer) for answer in answers}) == len({answer.id for answer in answers}) == 6
    assert len({answer.content for answer in answers}) == 1
    assert sum(answer.usage_metadata["total_tokens"] for answer in answers) == 26


async def test_equal_requests_on_a_loop_are_one_call(core):
    """abatch, and tasks of their own."""
    inner = Slow()
    model = cached(inner, core)
    await model.abatch([QUESTION] * 6)
    await asyncio.gather(*(model.ainvoke("other") for _ in range(6)))
    assert inner.calls == 2


def test_an_error_is_everybodys_and_nobody_keeps_it(core):
    """Who waited gets the error too; the next request asks again."""
    entered = threading.Event()

    class Failing(FakeChat):
        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            self.asked.append(messages)
            entered.set()
            time.sleep(0.2)
            raise ZeroDivisionError("the provider is down")

    inner = Failing()
    model = cached(inner, core)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(model.invoke, QUESTION)
        entered.wait()
        rest = [pool.submit(model.invoke, QUESTION) for _ in range(2)]
        for future in (first, *rest):
            with pytest.raises(ZeroDivisionError):
                future.result()
    assert inner.calls == 1
    with pytest.raises(ZeroDivisionError):
        model.invoke(QUESTION)
    assert inner.calls == 2
    assert core.stats().sizes["entries"] == 0


def test_who_waited_for_an_answer_that_cannot_be_kept_asks_itself(core):
    """A truncated answer is given to the one who got it, and stored for nobody."""
    inner = Slow(answers=lambda _: AIMessage("cut", response_metadata={"finish_reason": "length"}))
    model = cached(inner, core)
    assert [answer.content for answer in model.batch([QUESTION] * 3)] == ["cut"] * 3
    assert inner.calls == 3
    assert core.stats().sizes["entries"] == 0


async def test_a_cancelled_request_leaves_the_others_their_answer(core):
    """The first to ask gives up; one of those who wait takes its place."""
    started = asyncio.Event()

    class Waiting(FakeChat):
        gate: asyncio.Event = Field(default_factory=asyncio.Event, exclude=True)

        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            started.set()
            await self.gate.wait()
            return self._generate(messages)

    inner = Waiting()
    model = cached(inner, core)
    first = asyncio.create_task(model.ainvoke(QUESTION))
    await started.wait()
    second = asyncio.create_task(model.ainvoke(QUESTION))
    await asyncio.sleep(0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    inner.gate.set()
    assert (await second).content
    assert inner.calls == 1


# -- faults -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["lookup", "alookup", "respond", "arespond"])
async def test_a_fault_of_the_cache_is_a_miss(open_cache, monkeypatch, place):
    """The model answers, and the fault is counted."""
    core = open_cache(policy={"on_fault": "miss", "compile": "off"})

    def fail(*args, **kwargs):
        raise OSError("no disk")

    monkeypatch.setattr(core, place, fail)
    model = cached(FakeChat(), core)
    answer = await model.ainvoke("x") if place.startswith("a") else model.invoke("x")
    assert answer.content.startswith("answer")
    assert sum(core.faults.values()) >= 1


@pytest.mark.parametrize("place", ["from_hit", "to_response", "fitted"])
def test_a_fault_of_the_adapter_is_a_miss(open_cache, monkeypatch, place):
    """What cannot be stored or replayed is asked again; the application never sees why."""
    core = open_cache(policy={"on_fault": "miss", "compile": "off"})
    inner = FakeChat()
    model = cached(inner, core)
    model.invoke(QUESTION)

    def fail(*args, **kwargs):
        raise KeyError("broken")

    monkeypatch.setattr(f"langchain_seglam.answers.{place}", fail)
    assert hit(model.invoke(QUESTION if place == "from_hit" else "another")) is None
    assert inner.calls == 2
    assert sum(core.faults.values()) >= 1


def test_messages_that_cannot_be_dumped_bypass(core):
    """An object in a message is no fault of the request: the model answers every time."""
    inner = FakeChat()
    model = cached(inner, core)
    for _ in range(2):
        model.invoke([HumanMessage("x", additional_kwargs={"handle": object()})])
    assert inner.calls == 2


def test_a_closed_cache_is_a_miss(core):
    """Closing the cache under a model leaves the model."""
    inner = FakeChat()
    model = cached(inner, core)
    core.close()
    assert model.invoke(QUESTION).content
    assert model.invoke(QUESTION).content
    assert inner.calls == 2


# -- plain models -------------------------------------------------------------------------------------------------------


def test_a_plain_model_is_asked_once(core):
    """invoke, batch and generate; prompts that are equal go to the model once, and keep their order."""
    inner = FakeText()
    model = cached(inner, core)
    assert model.invoke("a") == model.invoke("a")
    texts = model.batch(["b", "a", "b", "c"])
    assert texts[0] == texts[2] != texts[3]
    assert sorted(inner.asked) == ["a", "b", "c"]
    assert [g[0].text for g in model.generate(["d"] * 5).generations] == [model.invoke("d")] * 5
    assert len(inner.asked) == 4


def test_what_a_call_gives_a_plain_model_is_part_of_the_key(core):
    """LangChain's own key leaves bound arguments out."""
    inner = FakeText()
    model = cached(inner, core)
    model.invoke("a", top_k=1), model.invoke("a", top_k=2), model.invoke("a", stop=["x"])
    assert len(inner.asked) == 3
    assert model.invoke("a", top_k=2)
    assert len(inner.asked) == 3


async def test_a_plain_model_on_a_loop(core):
    """Awaited and in batches: the same answers."""
    inner = FakeText()
    model = cached(inner, core)
    assert await model.ainvoke("a") == model.invoke("a")
    assert len(set(await model.abatch(["a"] * 4))) == 1
    assert len(inner.asked) == 1


def test_the_model_itself_writes_its_procedures_past_the_cache(path: Path):
    """compiler="self": what the model is asked as compiler is never cached, nor counted as a request."""
    inner = FakeChat(answers=lambda messages: f"{3 * int((re.findall('[0-9]+', messages[-1].text) or ['1'])[0])}")
    model = cached(inner, path, policy=Policy(on_fault="raise"))
    for number in range(2, 6):
        model.invoke(f"Anna buys {number} lamps at $3 each. What does she pay?")
    cache = model._seglam_layer.cache
    cache.drain()
    assert cache.stats().requests == 4
    assert inner.calls > 4


def test_a_model_that_is_no_subclass_of_ours_stays_what_it_is(core):
    """ListedChat and others: isinstance holds for every base the model had."""
    for kind in (ListedChat, SilentChat, FakeText):
        model = cached(kind(), core)
        assert isinstance(model, kind)
        assert isinstance(model, BaseChatModel) == issubclass(kind, BaseChatModel)
