"""Single flight."""

import asyncio
import threading
import time

import pytest

from seglam.flights import Flights
from seglam.flow import Call, arun, call, run


def gated(gate, calls, value="answer"):
    """Work that waits for a gate and counts its calls."""

    def work():
        calls.append(1)
        gate.wait(5)
        return value

    return lambda: call(work)


def test_threads_share_one_call():
    """Twenty threads that ask for one key make one call and get one answer."""
    flights, gate, calls, results = Flights(), threading.Event(), [], []
    threads = [
        threading.Thread(target=lambda: results.append(run(flights.share("k", gated(gate, calls))))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    gate.set()
    for thread in threads:
        thread.join()
    assert (len(calls), results) == (1, ["answer"] * 20)
    assert flights._flights == {}


def test_tasks_share_one_call():
    """The same for twenty tasks on one loop."""
    calls = []

    async def origin():
        calls.append(1)
        await asyncio.sleep(0.05)
        return "answer"

    def work():
        return (yield Call(None, origin))

    async def main():
        flights = Flights()
        return await asyncio.gather(*(arun(flights.share("k", work)) for _ in range(20)))

    assert asyncio.run(main()) == ["answer"] * 20
    assert len(calls) == 1


def test_an_error_is_everybodys_and_the_next_call_starts_anew():
    """A failing origin is not asked again by everyone who waited; later requests try again."""
    flights, gate, errors, calls = Flights(), threading.Event(), [], []

    def fail():
        calls.append(1)
        gate.wait(5)
        raise ValueError("down")

    def ask():
        try:
            run(flights.share("k", lambda: call(fail)))
        except ValueError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    gate.set()
    for thread in threads:
        thread.join()
    assert errors == ["down"] * 5
    assert len(calls) == 1
    assert run(flights.share("k", lambda: call(lambda: "up"))) == "up"


def test_a_cancelled_leader_hands_over():
    """The followers of a cancelled leader get their answer all the same: one of them leads."""
    calls = []

    async def origin():
        calls.append(1)
        await asyncio.sleep(0.05)
        return "answer"

    def work():
        return (yield Call(None, origin))

    async def main():
        flights = Flights()
        tasks = [asyncio.create_task(arun(flights.share("k", work))) for _ in range(5)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == ["answer"] * 4
    assert len(calls) == 2


def test_a_cancelled_follower_disturbs_nobody():
    """Giving up waiting does not take the answer from the others."""

    async def origin():
        await asyncio.sleep(0.05)
        return "answer"

    def work():
        return (yield Call(None, origin))

    async def main():
        flights = Flights()
        tasks = [asyncio.create_task(arun(flights.share("k", work))) for _ in range(3)]
        await asyncio.sleep(0.01)
        tasks[1].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert (first, third) == ("answer", "answer")
    assert isinstance(second, asyncio.CancelledError)


def test_work_that_asks_for_itself_does_not_wait_for_itself():
    """Re-entrance with the same key goes straight through."""
    flights = Flights()

    def outer():
        inner = yield from flights.share("k", lambda: call(lambda: "inner"))
        return f"outer {inner}"

    assert run(flights.share("k", outer)) == "outer inner"


def test_a_sync_call_on_the_loops_own_thread_does_not_stop_the_loop():
    """A sync follower on the thread whose loop runs the leader works for itself instead of waiting for ever."""

    async def slow():
        await asyncio.sleep(0.05)
        return "slow"

    async def main():
        flights = Flights()

        def work():
            return (yield Call(None, slow))

        leader = asyncio.create_task(arun(flights.share("k", work)))
        await asyncio.sleep(0.01)
        mine = run(flights.share("k", lambda: call(lambda: "mine")))
        return mine, await leader

    assert asyncio.run(asyncio.wait_for(main(), 5)) == ("mine", "slow")


def test_interrupting_the_leader_leaves_no_flight_behind():
    """KeyboardInterrupt in the origin frees the key."""
    flights = Flights()

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(flights.share("k", lambda: call(interrupt)))
    assert flights._flights == {}
