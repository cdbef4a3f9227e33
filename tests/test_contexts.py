"""Blocks that hold for all calls inside them, at the core's own door: what they add up to, and where they reach."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import (
    Cache,
    ConfigurationError,
    Control,
    OnlyIfCachedError,
    Request,
    Response,
    bypass,
    contexts,
    only_if_cached,
    refresh,
    tenant,
)
from seglam.contexts import beside, door, forbid, tenant_or

QUESTION = Request("How many legs has a spider?")


@pytest.fixture
def cache(open_cache: Callable[..., Cache]) -> Cache:
    """A cache that raises on faults and compiles nothing."""
    return open_cache(policy={"compile": "off"})


class Origin:
    """A model that counts, and says how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, request: Request) -> Response:
        self.calls += 1
        return Response(f"answer {self.calls}")


def ask(cache: Cache, origin: Origin) -> str:
    """One request, as a surface that owns its origin makes it."""
    return door(cache).respond(QUESTION, origin).text


def test_outside_of_every_block_the_door_is_the_cache(cache: Cache) -> None:
    """Nothing stands in between where nothing was said."""
    assert door(cache) is cache
    assert beside(cache) is cache
    assert tenant_or(lambda: "own") == "own"
    forbid("nothing")


def test_bypass_asks_the_model_and_leaves_no_trace(cache: Cache) -> None:
    """Neither is the stored answer used nor is the new one stored."""
    origin = Origin()
    assert ask(cache, origin) == "answer 1"
    with bypass():
        assert [ask(cache, origin), ask(cache, origin)] == ["answer 2", "answer 3"]
    assert ask(cache, origin) == "answer 1"


def test_refresh_puts_the_new_answer_in_the_place_of_the_old(cache: Cache) -> None:
    """The model answers every call inside; outside the last of its answers is the stored one."""
    origin = Origin()
    ask(cache, origin)
    with refresh():
        assert [ask(cache, origin), ask(cache, origin)] == ["answer 2", "answer 3"]
    assert ask(cache, origin) == "answer 3"


def test_only_if_cached_never_asks_the_model(cache: Cache) -> None:
    """A lookup raises where there is nothing, so that no surface goes on to its model; what is stored is given."""
    origin = Origin()
    with only_if_cached():
        for _ in range(2):
            with pytest.raises(OnlyIfCachedError):
                door(cache).lookup(QUESTION)
            with pytest.raises(OnlyIfCachedError):
                ask(cache, origin)
        with pytest.raises(OnlyIfCachedError, match="a call without a key"):
            forbid("a call without a key")
        assert not beside(cache).lookup(QUESTION)
    assert origin.calls == 0
    ask(cache, origin)
    with only_if_cached():
        assert ask(cache, origin) == "answer 1"


async def test_the_same_holds_on_a_loop(cache: Cache) -> None:
    """The async calls of the door read the same directives."""
    origin = Origin()

    async def aorigin(request: Request) -> Response:
        return origin(request)

    with only_if_cached(), pytest.raises(OnlyIfCachedError):
        await door(cache).alookup(QUESTION)
    with bypass():
        await door(cache).arespond(QUESTION, aorigin)
        await door(cache).arecord(QUESTION, Response("never"))
    assert not cache.lookup(QUESTION)
    with refresh():
        await door(cache).arespond(QUESTION, aorigin)
    assert (await door(cache).alookup(QUESTION)).response.text == "answer 2"


def test_a_tenant_of_a_block_stands_before_the_surfaces_own() -> None:
    """The inner of two counts, and after the block it is the surface's again; a tenant without a name is refused."""
    with tenant("acme"):
        assert tenant_or(lambda: "own") == "acme"
        with tenant("globex"), refresh():
            assert tenant_or(lambda: "own") == "globex"
        assert tenant_or(lambda: pytest.fail("asked")) == "acme"
    assert tenant_or(lambda: "own") == "own"
    for nothing in ("", None, 7):
        with pytest.raises(ConfigurationError, match="tenant"):
            tenant(nothing)  # type: ignore[arg-type]


BLOCKS: dict[str, Callable[[], Any]] = {"bypass": bypass, "refresh": refresh, "only_if_cached": only_if_cached}
AGES = st.none() | st.sampled_from([0, 5, 60])
CONTROLS = st.builds(
    Control, no_cache=st.booleans(), no_store=st.booleans(), only_if_cached=st.booleans(), max_age=AGES
)


@given(st.lists(st.sampled_from(sorted(BLOCKS)), max_size=4))
def test_blocks_add_up_in_any_order(names: list[str]) -> None:
    """What holds inside is the union of what all blocks around it forbid, whichever is the inner one."""
    held = []
    for order in (names, names[::-1]):
        blocks = [BLOCKS[name]() for name in order]
        for block in blocks:
            block.__enter__()
        held.append(contexts.current() or contexts.Directives())
        for block in reversed(blocks):
            block.__exit__(None, None, None)
        assert contexts.current() is None
    assert held[0] == held[1]
    control = held[0].control
    assert control.no_cache == bool({"bypass", "refresh"} & set(names))
    assert control.no_store == ("bypass" in names)
    assert control.only_if_cached == ("only_if_cached" in names)


@given(CONTROLS, CONTROLS)
def test_what_two_controls_forbid_both_forbid(one: Control, other: Control) -> None:
    """Their sum is the same either way, is neither weaker than one of them nor stronger than both."""
    both = contexts._both(one, other)
    assert both == contexts._both(other, one)
    assert contexts._both(both, one) == both
    for name in ("no_cache", "no_store", "only_if_cached"):
        assert getattr(both, name) == (getattr(one, name) or getattr(other, name))
    ages = [age for age in (one.max_age, other.max_age) if age is not None]
    assert both.max_age == (min(ages) if ages else None)


def test_a_block_reaches_tasks_and_copied_contexts_and_no_other_thread() -> None:
    """Tasks that are made inside are inside, also after the block; a plain thread is not."""

    async def inside() -> str:
        with tenant("acme"):
            task = asyncio.create_task(asyncio.to_thread(tenant_or, lambda: "own"))
        return await task

    assert asyncio.run(inside()) == "acme"
    found: list[str] = []
    with tenant("acme"):
        context = contextvars.copy_context()
        for run in (lambda work: work(), context.run):
            thread = threading.Thread(target=lambda run=run: run(lambda: found.append(tenant_or(lambda: "own"))))
            thread.start()
            thread.join()
    assert found == ["own", "acme"]


def test_what_is_said_for_everywhere_reaches_every_thread() -> None:
    """It holds where no block was entered, blocks add to it, and what was said before comes back."""
    before = contexts.set_everywhere(contexts.Directives(tenant="suite"))
    try:
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(tenant_or(lambda: "own")))
        thread.start()
        thread.join()
        with refresh():
            found.append(tenant_or(lambda: "own"))
        assert found == ["suite", "suite"]
    finally:
        assert contexts.set_everywhere(before) == contexts.Directives(tenant="suite")
    assert tenant_or(lambda: "own") == "own"


def test_a_block_that_is_left_in_another_context_does_no_harm() -> None:
    """A generator that is closed by somebody else ends where its token means nothing."""

    def held() -> Any:
        with tenant("acme"):
            yield

    source = held()
    contextvars.copy_context().run(next, source)
    source.close()
    assert tenant_or(lambda: "own") == "own"


def test_a_requests_own_directives_still_hold(cache: Cache) -> None:
    """A block adds to them and takes nothing away."""
    origin = Origin()
    asked = Request(QUESTION.text, control=Control(no_store=True))
    with refresh():
        door(cache).respond(asked, origin)
    assert not cache.lookup(QUESTION)
