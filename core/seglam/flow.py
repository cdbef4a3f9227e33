"""One body of code for sync and async: decisions are generators that yield the calls they need, drivers perform them.

After httpx's ``Auth.auth_flow`` and tenacity's actions. Rules of flows: no input/output but by ``yield from call(...)``, no
lock held across a yield, clean-up in ``finally`` without yielding.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Call(NamedTuple):
    """One call that a flow asks its driver to make.

    Attributes:
        sync: performed by ``run``; by ``arun`` too, in a thread, unless ``coroutine`` is given.
        coroutine: performed by ``arun`` on the loop.
        quick: done well under a millisecond and without input/output, so ``arun`` need not leave the loop for it.
    """

    sync: Callable[[], Any] | None
    coroutine: Callable[[], Awaitable[Any]] | None = None
    quick: bool = False


Flow = Generator[Call, Any, T]
"""A decision in progress: yields Calls, receives their results, returns a T."""


def call(function: Callable[..., T], *args: Any) -> Flow[T]:
    """Ask the driver for ``function(*args)``; in async it runs in a thread."""
    result: T = yield Call(lambda: function(*args))
    return result


def quick(function: Callable[..., T], *args: Any) -> Flow[T]:
    """Ask the driver for ``function(*args)`` where it is; for calls that neither wait nor take a millisecond."""
    result: T = yield Call(lambda: function(*args), quick=True)
    return result


def run(flow: Flow[T]) -> T:
    """Drive a flow to its end in this thread."""
    try:
        step = next(flow)
        while True:
            if step.sync is None:
                raise TypeError("this flow waits for a coroutine; drive it with arun")
            try:
                result = step.sync()
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def arun(flow: Flow[T]) -> T:
    """Drive a flow to its end on the running loop; what may block runs in threads."""
    try:
        step = next(flow)
        while True:
            try:
                result = await _perform(step)
            except BaseException as error:
                step = flow.throw(error)
            else:
                step = flow.send(result)
    except StopIteration as stop:
        value: T = stop.value
        return value


async def _perform(step: Call) -> Any:
    if step.coroutine is not None:
        return await step.coroutine()
    assert step.sync is not None
    if step.quick:
        return step.sync()
    return await asyncio.to_thread(step.sync)
