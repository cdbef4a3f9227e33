"""The blocks of seglam around LlamaIndex: every endpoint and every path of a wrapped LLM obeys them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llamaindex_models import CHAT, COMPLETE, EchoLLM, ScriptedLLM, call, calling, note, text
from llamaindex_seglam import cached
from seglam import (
    Cache,
    ConfigurationError,
    OnlyIfCachedError,
    ReplayError,
    bypass,
    only_if_cached,
    record,
    refresh,
    replay,
    tenant,
)

ENDPOINTS = (*CHAT, *COMPLETE)


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


def counting(*_: Any) -> Any:
    """A script whose answers are numbered."""
    numbers = iter(range(1, 1000))
    return lambda messages, kwargs: ChatMessage(role="assistant", content=f"answer {next(numbers)} to you")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_bypass_and_refresh(cache: Cache, endpoint: str) -> None:
    """Inside the LLM answers; bypass leaves the stored answer as it was, refresh puts the new one in its place."""
    inner = ScriptedLLM(counting())
    llm = cached(inner, cache)
    assert text(call(llm, endpoint)) == "answer 1 to you"
    with bypass():
        assert text(call(llm, endpoint)) == "answer 2 to you"
    assert text(call(llm, endpoint)) == "answer 1 to you"
    with refresh():
        assert text(call(llm, endpoint)) == "answer 3 to you"
    assert text(call(llm, endpoint)) == "answer 3 to you"
    assert len(inner.counter) == 3


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_only_if_cached_never_reaches_the_llm(cache: Cache, endpoint: str) -> None:
    """What is not stored raises in the application, calls that have no key among them; what is stored is replayed."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    with only_if_cached():
        with pytest.raises(OnlyIfCachedError):
            call(llm, endpoint)
        with pytest.raises(OnlyIfCachedError, match="cannot be keyed"):
            call(llm, endpoint, live=object())
    assert len(inner.counter) == 0
    call(llm, endpoint)
    with only_if_cached():
        assert note(call(llm, endpoint))["tier"] == "exact"


def test_a_tenant_of_a_block_shares_with_nobody(cache: Cache) -> None:
    """It stands before the wrapper's own; the same tenant shares, by whichever way it was named."""
    inner = ScriptedLLM(counting())
    llm, own = cached(inner, cache), cached(inner, cache, tenant="acme")
    told = []
    for name in ("acme", "globex", "acme"):
        with tenant(name):
            told.append(text(call(llm, "chat")))
            assert text(call(own, "chat")) == told[-1]
    assert told == ["answer 1 to you", "answer 2 to you", "answer 1 to you"]
    assert text(call(own, "chat")) == told[0]
    assert text(call(llm, "chat")) == "answer 3 to you"


def test_a_stream_belongs_to_the_block_that_it_was_asked_in(cache: Cache) -> None:
    """One that is read after its block has ended is still not stored."""
    inner = ScriptedLLM(counting())
    llm = cached(inner, cache)
    with bypass():
        stream = llm.stream_chat([ChatMessage(role="user", content="q")])
    list(stream)
    assert cache.stats().sizes["entries"] == 0


class Legs(BaseModel):
    """Legs of an animal."""

    legs: int


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def script(messages: Any, kwargs: Any) -> ChatMessage:
    """A model that calls the first tool it is given."""
    if not kwargs.get("tools"):
        return ChatMessage(role="assistant", content="eight legs in all")
    name = kwargs["tools"][0]["function"]["name"]
    return calling(name, {"a": 2, "b": 3} if name == "add" else {"legs": 8})


def everything(llm: Any) -> list[Any]:
    """What an application may do with an LLM, and what came of it."""
    tool, prompt = FunctionTool.from_defaults(add), PromptTemplate("Legs of a {animal}?")

    async def later() -> list[Any]:
        calls = await llm.achat_with_tools([tool], "3 + 3?")
        return [
            await llm.apredict(prompt, animal="cat"),
            await llm.astructured_predict(Legs, prompt, animal="bee"),
            llm.get_tool_calls_from_response(calls)[0].tool_kwargs,
            (await llm.apredict_and_call([tool], "4 + 4?")).response,
        ]

    return [
        *(text(call(llm, endpoint)) for endpoint in ENDPOINTS),
        llm.predict(prompt, animal="spider"),
        "".join(llm.stream(prompt, animal="ant")),
        llm.structured_predict(Legs, prompt, animal="spider"),
        list(llm.stream_structured_predict(Legs, prompt, animal="fly"))[-1].legs,
        llm.as_structured_llm(Legs).complete("Legs of a crab?").raw,
        llm.get_tool_calls_from_response(llm.chat_with_tools([tool], "2 + 3?"))[0].tool_kwargs,
        llm.predict_and_call([tool], "2 + 2?").response,
        *asyncio.run(later()),
    ]


def test_all_of_it_is_recorded_once_and_replayed_without_the_llm(cache: Cache, tmp_path: Path) -> None:
    """By every path, with equal results; no cache is written, and an LLM that is down is not noticed."""
    path = tmp_path / "suite.jsonl"
    inner = ScriptedLLM(script)
    with record(path):
        told = everything(cached(inner, cache))
    assert told
    calls = len(inner.counter)
    down = ScriptedLLM(script)
    llm = cached(down, cache)
    down._error = ConnectionError("no network")
    with replay(path):
        assert everything(llm) == told
    assert len(down.counter) == 0
    with record(path):  # nothing is new
        everything(cached(inner, cache))
    assert len(inner.counter) == calls
    assert cache.stats().sizes["entries"] == 0
    assert cache.stats().requests == 0


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("make", [ScriptedLLM, EchoLLM])
def test_a_replay_that_knows_no_answer_raises(cache: Cache, tmp_path: Path, make: Any, endpoint: str) -> None:
    """In the application, by every endpoint, also for a call without a key; the cache's own answers are none of it."""
    inner = make()
    llm = cached(inner, cache)
    call(llm, endpoint)
    asked = len(inner.counter)
    with replay(tmp_path / "none.jsonl"), bypass():
        with pytest.raises(ReplayError, match="How many legs has a spider"):
            call(llm, endpoint)
        with pytest.raises(ReplayError, match="cannot be keyed"):
            call(llm, endpoint, live=object())
    assert len(inner.counter) == asked


def test_a_fault_in_a_strict_block_does_not_reach_the_llm(
    open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Law 2 gives the application the LLM's answer; where the LLM is forbidden it gives an error instead."""
    cache = open_cache(policy={"compile": "off", "on_fault": "miss"})
    inner = ScriptedLLM()
    llm = cached(inner, cache)

    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("disk")

    monkeypatch.setattr(cache, "lookup", broken)
    monkeypatch.setattr(cache, "alookup", broken)
    with only_if_cached():
        for endpoint in ENDPOINTS:
            with pytest.raises(OnlyIfCachedError):
                call(llm, endpoint)
    monkeypatch.setattr("llamaindex_seglam.slots.Reader.chat", broken)
    with replay(tmp_path / "none.jsonl"), pytest.raises(ReplayError):
        call(llm, "chat")
    assert len(inner.counter) == 0


def test_a_recording_that_cannot_be_written_costs_no_answer(
    open_cache: Callable[..., Cache], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The LLM's answer arrives, and the fault is counted and logged."""
    cache = open_cache(policy={"compile": "off", "on_fault": "miss"})
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    with record(tmp_path / "sub" / "suite.jsonl"):
        (tmp_path / "sub").write_text("a file where the folder would be")
        for endpoint in ENDPOINTS:
            assert text(call(llm, endpoint)) == "re: How many legs has a spider?"
    assert len(inner.counter) == len(ENDPOINTS)
    assert sum(cache.faults.values()) == len(ENDPOINTS)
    assert "fault" in caplog.text


def test_what_was_cut_is_not_recorded(cache: Cache, tmp_path: Path) -> None:
    """An answer that must never be stored is not replayed either."""
    path = tmp_path / "suite.jsonl"
    inner = ScriptedLLM(raw={"choices": [{"finish_reason": "length"}]})
    llm = cached(inner, cache)
    with record(path):
        for endpoint in CHAT:
            call(llm, endpoint)
    with replay(path), pytest.raises(ReplayError):
        call(llm, "chat")


def test_a_tenant_needs_a_name() -> None:
    """An empty one would join all who have none."""
    with pytest.raises(ConfigurationError, match="tenant"):
        tenant("")
