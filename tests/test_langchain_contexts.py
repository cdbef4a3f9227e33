"""The blocks of seglam around LangChain: the cache and the wrapped model obey them alike."""

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import HumanMessage

from langchain_models import QUESTION, FakeChat, FakeText, hit
from langchain_seglam import SeglamCache, cached
from seglam import OnlyIfCachedError, ReplayError, bypass, only_if_cached, record, refresh, replay, tenant


@pytest.fixture
def core(open_cache):
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


def chat(core, surface):
    """A chat model behind one of the two surfaces, and what counts its calls."""
    if surface == "cache":
        inner = FakeChat(cache=SeglamCache(core))
        return inner, inner
    inner = FakeChat()
    return inner, cached(inner, core)


SURFACES = ["cache", "wrapper"]


@pytest.mark.parametrize("surface", SURFACES)
async def test_bypass_refresh_and_only_if_cached(core, surface):
    """The model answers inside bypass and refresh, and never inside only_if_cached, sync and async."""
    inner, model = chat(core, surface)
    with only_if_cached():
        with pytest.raises(OnlyIfCachedError):
            model.invoke(QUESTION)
        with pytest.raises(OnlyIfCachedError):
            await model.ainvoke(QUESTION)
    assert inner.calls == 0
    with bypass():
        model.invoke(QUESTION)
    assert core.stats().sizes["entries"] == 0
    model.invoke(QUESTION)
    with refresh():
        assert hit(model.invoke(QUESTION)) is None
        assert hit(await model.ainvoke(QUESTION)) is None
    assert inner.calls == 4
    with only_if_cached():
        assert hit(model.invoke(QUESTION))["tier"] == "exact"
        assert hit(await model.ainvoke(QUESTION))["tier"] == "exact"
    assert inner.calls == 4


@pytest.mark.parametrize("surface", SURFACES)
def test_a_tenant_shares_with_nobody(core, surface):
    """And with itself, whatever the surface was told when it was made."""
    inner, model = chat(core, surface)
    for name in ("acme", "globex", "acme"):
        with tenant(name):
            model.invoke(QUESTION)
    model.invoke(QUESTION)
    assert inner.calls == 3
    with tenant("acme"):
        FakeChat(cache=SeglamCache(core, tenant="globex")).invoke(QUESTION)
    assert core.stats().saved_calls == 2


@pytest.mark.parametrize("surface", SURFACES)
async def test_recorded_once_and_replayed_without_the_model(core, surface, tmp_path):
    """The recording answers with the same words; what it does not hold raises; the cache is neither read nor written."""
    inner, model = chat(core, surface)
    with record(tmp_path / "suite.jsonl"):
        told = [model.invoke(QUESTION).content, (await model.ainvoke("And a bird?")).content]
    assert inner.calls == 2
    with replay(tmp_path / "suite.jsonl"), bypass():
        again = [model.invoke(QUESTION).content, (await model.ainvoke("And a bird?")).content]
        assert again == told
        with pytest.raises(ReplayError):
            model.invoke("What was never asked?")
        with pytest.raises(ReplayError):
            await model.ainvoke("What was never asked?")
    assert inner.calls == 2
    assert core.stats().requests == 0


def test_streams_and_texts_of_a_wrapped_model_are_replayed(core, tmp_path):
    """A drained stream is recorded; a plain model's batch is too."""
    inner, text = FakeChat(), FakeText()
    model, plain = cached(inner, core), cached(text, core)
    with record(tmp_path / "suite.jsonl"):
        told = "".join(chunk.content for chunk in model.stream(QUESTION))
        texts = plain.batch(["one", "two"])
    calls = inner.calls, len(text.asked)
    with replay(tmp_path / "suite.jsonl"):
        assert "".join(chunk.content for chunk in model.stream(QUESTION)) == told
        assert model.invoke(QUESTION).content == told
        assert plain.batch(["two", "one"]) == texts[::-1]
        for ask in (lambda: list(model.stream("never")), lambda: plain.batch(["one", "never"])):
            with pytest.raises(ReplayError):
                ask()
    assert (inner.calls, len(text.asked)) == calls


@pytest.mark.parametrize("surface", SURFACES)
def test_a_call_without_a_key_is_refused_where_the_model_is_forbidden(core, surface, tmp_path):
    """It could not be looked up; the model is not called all the same."""
    inner, model = chat(core, surface)
    with replay(tmp_path / "none.jsonl"), pytest.raises(ReplayError, match="keyed"):
        model.invoke([HumanMessage("q")], live=object())
    with only_if_cached(), pytest.raises(OnlyIfCachedError, match="keyed"):
        model.invoke([HumanMessage("q")], live=object())
    assert inner.calls == 0


def test_stacked_surfaces_record_once(core, tmp_path):
    """The inner one keeps out of it, and does not take the call for one without a key."""
    inner = FakeChat(cache=SeglamCache(core))
    model = cached(inner, core)
    with record(tmp_path / "suite.jsonl"):
        model.invoke(QUESTION)
    assert len((tmp_path / "suite.jsonl").read_text().splitlines()) == 1
    with replay(tmp_path / "suite.jsonl"):
        model.invoke(QUESTION)
    assert inner.calls == 1


def test_another_cache_of_langchain_is_none_of_ours():
    """The blocks speak for seglam's surfaces only."""
    inner = FakeChat(cache=InMemoryCache())
    with bypass():
        inner.invoke(QUESTION)
        inner.invoke(QUESTION)
    assert inner.calls == 1
