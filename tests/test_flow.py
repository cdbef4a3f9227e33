"""Flows: one body of code, two drivers."""

import asyncio
import threading

import pytest

from seglam.flow import Call, arun, call, quick, run


def add_twice(a, b):
    """A flow of two calls."""
    one = yield from call(lambda: a + b)
    two = yield from quick(lambda: one + b)
    return two


def test_both_drivers_give_the_same_result():
    """Sync equals async."""
    assert run(add_twice(1, 2)) == asyncio.run(arun(add_twice(1, 2))) == 5


def test_errors_reach_the_flow_and_may_be_handled_there():
    """A flow decides what a failed call means, in both drivers alike."""

    def flow():
        try:
            yield from call(lambda: 1 / 0)
        except ZeroDivisionError:
            return "handled"

    assert run(flow()) == asyncio.run(arun(flow())) == "handled"


def test_unhandled_errors_leave_the_driver_unchanged():
    """What a flow does not handle is the caller's."""
    for drive in (run, lambda flow: asyncio.run(arun(flow))):
        with pytest.raises(ZeroDivisionError):
            drive(call(lambda: 1 / 0))


def test_async_driver_runs_calls_in_threads_and_quick_ones_in_place():
    """The loop is never blocked by a call; a quick one does not pay for a thread."""

    def flow():
        away = yield from call(threading.get_ident)
        here = yield from quick(threading.get_ident)
        return away, here

    away, here = asyncio.run(arun(flow()))
    assert away != threading.get_ident()
    assert here == threading.get_ident()


def test_cancellation_reaches_the_finally_of_a_flow():
    """A cancelled task leaves nothing behind."""
    seen = []

    async def forever():
        await asyncio.sleep(60)

    def flow():
        try:
            yield Call(None, forever)
        finally:
            seen.append("cleaned")

    async def main():
        task = asyncio.create_task(arun(flow()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cleaned"]


def test_sync_driver_refuses_a_flow_that_needs_a_coroutine():
    """An async origin given to the sync method is a clear error, not a hang."""

    async def never():
        raise AssertionError

    def flow():
        yield Call(None, never)

    with pytest.raises(TypeError, match="arun"):
        run(flow())
