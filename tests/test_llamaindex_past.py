"""Structured prediction of classes that send it to their client themselves, as Anthropic's does: kept as the object it gives."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import PromptTemplate
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel, PrivateAttr

from llamaindex_models import ScriptedLLM, calling
from llamaindex_seglam import cached
from llamaindex_seglam.structured import goes_past
from seglam import Cache, OnlyIfCachedError, ReplayError, only_if_cached, record, replay
from test_llamaindex_events import Listener, Spans, seen  # noqa: F401 - the fixture is asked for by name

PROMPT = PromptTemplate("Legs of a {animal}?")


class Legs(BaseModel):
    """Legs of an animal."""

    legs: int


class Wings(BaseModel):
    """Wings of an animal."""

    legs: int


class Client:
    """A provider's client, that a class may call past its own endpoints."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.error: Exception | None = None

    def parse(self, output: Any, *asked: Any) -> Any:
        self.calls.append(asked)
        if self.error is not None:
            raise self.error
        return output(legs=8)


class Direct(ScriptedLLM):
    """Sends structured prediction to its client, or by its own chat where it is told to."""

    by_chat: bool = False
    _client: Any = PrivateAttr(default_factory=Client)

    def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **args: Any) -> Any:
        if self.by_chat:
            return super().structured_predict(output_cls, prompt, llm_kwargs, **args)
        return self._client.parse(output_cls, prompt.format(**args), llm_kwargs)

    async def astructured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **args: Any) -> Any:
        return self._client.parse(output_cls, prompt.format(**args), llm_kwargs)

    def stream_structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **args: Any) -> Any:
        def states() -> Any:
            yield self._client.parse(output_cls, prompt.format(**args), llm_kwargs)

        return states()


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


def predict(llm: Any, output: Any = Legs, way: str = "sync", llm_kwargs: Any = None, **args: Any) -> Any:
    """One structured prediction."""
    args = args or {"animal": "spider"}
    if way == "sync":
        return llm.structured_predict(output, PROMPT, llm_kwargs, **args)
    return asyncio.run(llm.astructured_predict(output, PROMPT, llm_kwargs, **args))


def test_classes_that_go_past_their_endpoints_are_known() -> None:
    """By their code: LlamaIndex's own and OpenAI's do not, streams of this one do."""
    for method in (
        "structured_predict",
        "astructured_predict",
        "stream_structured_predict",
        "astream_structured_predict",
    ):
        assert not goes_past(ScriptedLLM, method)
        assert not goes_past(OpenAI, method)
        assert goes_past(Direct, method) == (method != "astream_structured_predict")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_it_is_asked_once(cache: Cache, way: str) -> None:
    """Equal fresh objects; another schema, other words, other arguments and another model are other requests."""
    inner = Direct()
    llm = cached(inner, cache)
    one, two = (predict(llm, way=way) for _ in range(2))
    assert one == two == Legs(legs=8)
    assert one is not two
    assert len(inner._client.calls) == 1
    assert type(predict(llm, Wings, way)) is Wings
    predict(llm, way=way, animal="ant")
    predict(llm, way=way, llm_kwargs={"temperature": 0.5})
    llm.model = "scripted-2"
    predict(llm, way=way)
    assert len(inner._client.calls) == 5


def test_what_went_by_an_endpoint_is_kept_there_only(cache: Cache) -> None:
    """One entry, and the second call is a hit of it."""
    inner = Direct(lambda *_: calling("Legs", {"legs": 8}), by_chat=True)
    llm = cached(inner, cache)
    for _ in range(2):
        assert predict(llm) == Legs(legs=8)
    assert len(inner.counter) == 1
    assert inner._client.calls == []
    assert cache.stats().sizes["entries"] == 1


def test_an_error_is_the_llms_own_and_keeps_nothing(cache: Cache) -> None:
    """The very object comes through; the next call asks again."""
    inner = Direct()
    llm = cached(inner, cache)
    inner._client.error = ValueError("overloaded")
    for way in ("sync", "async"):
        with pytest.raises(ValueError, match="overloaded") as caught:
            predict(llm, way=way)
        assert caught.value is inner._client.error
        assert caught.value.__context__ is None
    inner._client.error = None
    assert predict(llm) == Legs(legs=8)


def test_an_object_that_does_not_come_back_as_it_went_is_not_kept(cache: Cache) -> None:
    """What JSON loses is asked again."""

    class Lossy(BaseModel):
        legs: Any

    class Odd(Direct):
        def structured_predict(self, output_cls: Any, prompt: Any, llm_kwargs: Any = None, **args: Any) -> Any:
            self._client.parse(Legs, prompt)
            return output_cls(legs=(1, 2))

    inner = Odd()
    llm = cached(inner, cache)
    for _ in range(2):
        assert predict(llm, Lossy).legs == (1, 2)
    assert len(inner._client.calls) == 2


def test_it_is_recorded_and_replayed_and_never_asked_where_it_must_not_be(cache: Cache, tmp_path: Path) -> None:
    """Strictly, also what came by an endpoint while it was recorded, and streams, which are not cached."""
    inner = Direct(lambda *_: calling("Legs", {"legs": 8}))
    llm = cached(inner, cache)
    with record(tmp_path / "r.jsonl"):
        told = [predict(llm, way=way) for way in ("sync", "async")]
        llm.by_chat = True
        told.append(predict(llm))
        llm.by_chat = False
    asked = len(inner._client.calls), len(inner.counter)
    with replay(tmp_path / "r.jsonl"):
        again = [predict(llm, way=way) for way in ("sync", "async")]
        llm.by_chat = True
        again.append(predict(llm))
        llm.by_chat = False
        assert again == told
        with pytest.raises(ReplayError):
            predict(llm, Wings)
        with pytest.raises(ReplayError, match="goes past"):
            list(llm.stream_structured_predict(Legs, PROMPT, animal="spider"))
    with only_if_cached(), pytest.raises(OnlyIfCachedError):
        predict(llm)
    assert (len(inner._client.calls), len(inner.counter)) == asked


def test_a_hit_is_told_in_one_span(cache: Cache, seen: tuple[Listener, Spans]) -> None:  # noqa: F811 - the fixture
    """Start, hit and end of the structured prediction."""
    listener, spans = seen
    llm = cached(Direct(), cache)
    predict(llm)
    listener.told()
    spans.steps()
    predict(llm)
    events = list(listener._seen)
    assert listener.told() == ["LLMStructuredPredictStartEvent", "SeglamHitEvent", "LLMStructuredPredictEndEvent"]
    assert len({event.span_id for event in events}) == 1
    assert spans.steps() == [("in", "Direct.structured_predict"), ("out", "Direct.structured_predict")]


def test_a_fault_costs_nothing_but_the_hit(open_cache: Callable[..., Cache], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails, the LLM's object arrives."""
    cache = open_cache(policy={"compile": "off", "on_fault": "miss"})
    inner = Direct()
    llm = cached(inner, cache)

    def broken(*_: Any) -> Any:
        raise OSError("disk")

    for name in ("lookup", "record"):
        monkeypatch.setattr(cache, name, broken)
    assert predict(llm) == Legs(legs=8)
    assert sum(cache.faults.values()) == 2
