"""What cannot be keyed, what fails, and what LlamaIndex sees of hits: the LLM answers, and traces stay true."""

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler

from llamaindex_models import CHAT, COMPLETE, EchoLLM, ScriptedLLM, call, note, text
from llamaindex_seglam import cached
from seglam import Cache, TierName


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


def test_a_request_that_cannot_be_keyed_bypasses(cache: Cache, caplog: pytest.LogCaptureFixture) -> None:
    """The LLM answers every time, and the reason is logged once."""
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    for endpoint in CHAT:
        call(llm, endpoint, pool=object())
    assert len(inner.counter) == 4
    assert cache.stats().requests == 0
    assert len([record for record in caplog.records if "bypasses the cache" in record.message]) == 1


def test_an_image_file_that_is_gone_bypasses(cache: Cache, tmp_path: Any) -> None:
    """What cannot be read cannot be keyed: the LLM decides what to make of it."""
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    message = ChatMessage(role="user", blocks=[TextBlock(text="What is it?"), ImageBlock(path=file)])
    file.unlink()
    inner = ScriptedLLM()
    call(cached(inner, cache), "achat", [message])
    assert len(inner.counter) == 1


@pytest.mark.parametrize("place", ["lookup", "alookup", "record", "arecord", "respond", "arespond"])
@pytest.mark.parametrize("endpoint", CHAT + COMPLETE)
def test_a_fault_of_the_cache_costs_nothing_but_the_hit(
    open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch, place: str, endpoint: str
) -> None:
    """Whatever method of the cache fails, the LLM's own answer arrives, and the LLM is asked once per call."""
    cache = open_cache(policy={"on_fault": "miss", "compile": "off"})

    def fail(*_: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr(cache, place, fail)
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    assert call(llm, endpoint) == call(ScriptedLLM(), endpoint)
    assert len(inner.counter) == 1


@pytest.mark.parametrize("place", ["keep", "provenance", "chunks"])
@pytest.mark.parametrize("endpoint", CHAT)
def test_a_fault_of_the_adapter_is_a_miss(
    open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch, place: str, endpoint: str
) -> None:
    """An answer that cannot be read or replayed is asked again."""
    cache = open_cache(policy={"on_fault": "miss", "compile": "off"})
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    call(llm, endpoint)

    def fail(*_: Any) -> Any:
        raise KeyError("blocks")

    monkeypatch.setattr(f"llamaindex_seglam.replay.{place}", fail)
    assert text(call(llm, endpoint)) == text(call(ScriptedLLM(), endpoint))
    assert len(inner.counter) <= 2


def test_a_closed_cache_is_no_cache(open_cache: Callable[..., Cache]) -> None:
    """An application that closes its cache first still gets its answers."""
    cache = open_cache(policy={"on_fault": "miss", "compile": "off"})
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    cache.close()
    for endpoint in CHAT:
        assert text(call(llm, endpoint))


def test_a_fault_raises_where_it_was_asked_for(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Policy(on_fault="raise") hides nothing in tests."""

    def fail(*_: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr(cache, "lookup", fail)
    with pytest.raises(OSError, match="disk full"):
        call(cached(ScriptedLLM(), cache), "chat")


def test_a_procedure_answers_through_every_endpoint(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit that is text alone, as procedures give, becomes whatever the endpoint returns."""
    from seglam import Hit, Response

    hit = Hit(Response("It is 4."), TierName.PROCEDURE, "procedure:1", notes={"intent": "adds"})

    async def ahit(_: Any) -> Hit:
        return hit

    monkeypatch.setattr(cache, "lookup", lambda _: hit)
    monkeypatch.setattr(cache, "alookup", ahit)
    inner = ScriptedLLM()
    llm = cached(inner, cache)
    for endpoint in CHAT + COMPLETE:
        answers = call(llm, endpoint)
        assert text(answers) == "It is 4."
        assert note(answers)["notes"] == {"intent": "adds"}
    assert len(inner.counter) == 0


def test_a_hit_is_a_start_and_an_end_without_tokens(cache: Cache) -> None:
    """Traces see every call; a token counter counts what was really spent, and a budget is not used up by hits."""
    debug, tokens = (
        LlamaDebugHandler(print_trace_on_end=False),
        TokenCountingHandler(tokenizer=str.split, token_budget=10),
    )
    llm = cached(EchoLLM(callback_manager=CallbackManager([debug, tokens])), cache)
    for endpoint in COMPLETE:
        call(llm, endpoint)
    assert len(debug.get_event_pairs(CBEventType.LLM)) == 4
    assert tokens.total_llm_token_count == 10


def test_an_answer_without_a_json_form_is_not_stored(cache: Cache) -> None:
    """What could not be replayed is not kept, and that is no fault."""

    def script(messages: Any, kwargs: Any) -> ChatMessage:
        return ChatMessage(role="assistant", content="eight", additional_kwargs={"live": {1, 2}})

    inner = ScriptedLLM(script)
    llm = cached(inner, cache)
    for endpoint in CHAT:
        assert text(call(llm, endpoint)) == "eight"
    assert len(inner.counter) == 4
