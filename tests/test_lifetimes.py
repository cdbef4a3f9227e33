"""How long answers stay fresh: rules by tag, pattern and function; and what is served when it is a little too old."""

import asyncio
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam import Cache, ConfigurationError, Control, Hit, Miss, Policy, Request, Response, Rule, TierName, Why
from seglam.lifetimes import DAY, first

MAST = Request("How tall is the mast?")


OPTIONS = {"lifetimes": {"": 100.0}, "stale_while_revalidate": 50.0, "check_hits": 0.0}


class Origin:
    """A model that says how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.down = False

    def __call__(self, request):
        self.asked += 1
        if self.down:
            raise ConnectionError("down")
        return Response(f"answer {self.asked}")


class TestRules:
    def test_the_first_rule_that_decides_wins(self):
        """By tag, by pattern, by both, by function; a function that says None leaves it to the next; then the kind."""
        policy = Policy(
            rules=(
                Rule(tag="shop", pattern="(?i)price", seconds=60),
                Rule(seconds=lambda request, response: 5.0 if "perhaps" in response.text else None),
                Rule("(?i)opening hours", kind="faq"),
                Rule(tag="shop", seconds=3600.0),
            )
        )

        def seconds(text, kind="", answer="x"):
            return policy.lifetime(Request(text, kind=kind), Response(answer))

        assert seconds("The price of a lamp?", "shop") == 60
        assert seconds("The price of a lamp?") == DAY
        assert seconds("Which lamps are there?", "shop") == 3600
        assert seconds("Which lamps are there?", "shop", "perhaps red ones") == 5
        assert seconds("What are your opening hours?") == 7 * DAY
        assert seconds("What are your opening hours?", "product") == DAY
        assert policy.kind(Request("What are your opening hours?")) == "faq"
        assert policy.lifetime(Request("Which lamps are there?")) == DAY  # nobody is asked before there is an answer

    @given(
        st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["", "x"]), st.integers(0, 9)), max_size=6),
        st.sampled_from(["", "a", "b", "c"]),
        st.sampled_from(["x", "y"]),
    )
    def test_order_is_all_that_counts(self, lines, kind, text):
        """The result is that of the first line whose tag and pattern fit."""
        rules = [Rule(pattern, tag=tag, seconds=seconds) for tag, pattern, seconds in lines]
        fitting = [s for tag, pattern, s in lines if tag in ("", kind) and pattern in ("", text)]
        assert first(rules, Request(text, kind=kind), None, {"": 1.0}) == (fitting[0] if fitting else None)

    @pytest.mark.parametrize(
        "said", [-1, math.nan, "60", True, [1], object(), 10**400, ConnectionError, KeyError, complex(1, 2)]
    )
    def test_a_function_that_fails_means_never(self, said, caplog):
        """What it raises, and what is no number of seconds, keeps the answer out of the file, and is told once."""

        def seconds(request, response):
            if isinstance(said, type):
                raise said("the text of a request")
            return said

        policy = Policy(rules=(Rule(seconds=seconds), Rule(seconds=60)))
        for _ in range(2):
            assert policy.lifetime(MAST, Response("x")) == 0.0
        assert not policy.storable(MAST, Response("x"))
        assert len([record for record in caplog.records if "lifetime rule" in record.message]) <= 1
        assert "the text of a request" not in caplog.text

    @pytest.mark.parametrize(
        "wrong",
        [
            {"pattern": "("},
            {"pattern": 3, "kind": "faq"},
            {"pattern": "x"},
            {"kind": "faq", "seconds": 3},
            {"kind": "faq", "tag": "shop"},
            {"seconds": -1},
            {"seconds": math.nan},
            {"seconds": "60"},
            {"seconds": True},
            {"seconds": 10**400},
            {"tag": None, "seconds": 1},
        ],
    )
    def test_a_wrong_rule_is_named(self, wrong):
        """At construction, not at the first request."""
        with pytest.raises(ConfigurationError, match="Rule"):
            Rule(**wrong)

    def test_an_async_function_is_refused(self):
        """Nobody would await it."""

        async def seconds(request, response):
            return 60

        with pytest.raises(ConfigurationError, match=r"Rule\.seconds"):
            Rule(seconds=seconds)

    def test_a_cache_keeps_what_the_function_says(self, open_cache, clock):
        """The function sees request and answer; what it calls 0 is not stored, what it calls 10 s is served for 10 s."""
        cache = open_cache(policy={"rules": (Rule(seconds=lambda _, response: float(response.text)),)})
        for answer in ("0", "10"):
            cache.record(Request(f"wait {answer}"), Response(answer))
        assert not cache.lookup(Request("wait 0"))
        assert cache.lookup(Request("wait 10"))
        clock.move(10)
        assert not cache.lookup(Request("wait 10"))

    def test_another_question_s_answer_serves_no_longer_than_its_own_would(self, open_cache, clock):
        """An answer kept for a week is too old, after a minute, for a request that says the same and is kept for a minute."""
        cache = open_cache(policy={"rules": (Rule("(?i)please", seconds=60), Rule(seconds=7 * DAY)), "check_hits": 0.0})
        cache.record(Request("How long does the red paint take to dry?"), Response("two hours"))
        asked = Request("Please, how long does the red paint take to dry?")
        assert cache.lookup(asked).tier is TierName.SEMANTIC
        assert cache.lookup(asked).tier is TierName.EXACT  # as an alias
        cache.drain()
        clock.move(61)
        assert not cache.lookup(asked)
        assert cache.lookup(Request("How long does the red paint take to dry?"))


class TestStale:
    def test_never_by_default(self, open_cache, clock):
        """Without the option an answer that is too old is not served."""
        cache = open_cache(policy={"lifetimes": {"": 100.0}})
        cache.record(MAST, Response("9 m"))
        clock.move(100)
        assert cache.lookup(MAST) == Miss(Why.STALE)

    def test_respond_serves_and_asks_anew_in_the_background(self, open_cache, clock):
        """The old answer at once, one call of the origin beside it, and the fresh answer from then on."""
        cache, origin = open_cache(policy=OPTIONS), Origin()
        assert cache.respond(MAST, origin).text == "answer 1"
        clock.move(120)
        assert cache.respond(MAST, origin).text == "answer 1"
        cache.drain()
        assert origin.asked == 2
        found = cache.lookup(MAST)
        assert (found.response.text, found.stale, found.age) == ("answer 2", False, 0.0)
        assert cache.stats().stale == 1
        assert cache.stats().saved_calls == 1

    def test_the_hit_says_so(self, open_cache, clock):
        """Stale, with its age; after the window it is a miss."""
        cache = open_cache(policy=OPTIONS)
        cache.record(MAST, Response("9 m"))
        clock.move(149)
        found = cache.lookup(MAST)
        assert (found.stale, found.age, found.tier) == (True, 149.0, TierName.EXACT)
        assert found.notes == {"stale": True}
        clock.move(1)
        assert cache.lookup(MAST) == Miss(Why.STALE)

    def test_without_an_origin_the_next_caller_misses_once(self, open_cache, clock):
        """The first is served, the second is to ask anew, the others are served meanwhile; then all have the fresh answer."""
        cache = open_cache(policy=OPTIONS)
        cache.record(MAST, Response("old"))
        clock.move(101)
        assert [bool(cache.lookup(MAST)) for _ in range(5)] == [True, False, True, True, True]
        cache.record(MAST, Response("new"))
        assert {cache.lookup(MAST).response.text for _ in range(3)} == {"new"}

    def test_whoever_does_not_come_back_is_replaced(self, open_cache, clock):
        """A caller that missed and whose model failed: after a minute the next one is made to ask."""
        cache = open_cache(policy={**OPTIONS, "stale_while_revalidate": 500.0})
        cache.record(MAST, Response("old"))
        clock.move(101)
        assert [bool(cache.lookup(MAST)) for _ in range(3)] == [True, False, True]
        clock.move(60)
        assert [bool(cache.lookup(MAST)) for _ in range(3)] == [True, False, True]

    def test_a_failing_origin_is_contained_and_left_alone_for_a_while(self, open_cache, clock):
        """A counted fault; the old answer is served on, and the origin is asked once a minute, not at every request."""
        cache = open_cache(policy={**OPTIONS, "on_fault": "miss", "stale_while_revalidate": 500.0})
        origin = Origin()
        cache.respond(MAST, origin)
        origin.down = True
        clock.move(101)
        assert {cache.respond(MAST, origin).text for _ in range(5)} == {"answer 1"}
        assert (origin.asked, cache.faults) == (2, {"revalidation": 1})
        clock.move(60)
        origin.down = False
        cache.respond(MAST, origin)
        assert cache.lookup(MAST).response.text == "answer 3"

    def test_a_fresh_answer_of_another_tier_goes_first(self, open_cache, clock):
        """What means the same and is fresh is better than the same that is stale."""
        cache = open_cache(policy=OPTIONS)
        cache.record(Request("How long does the red paint take to dry?"), Response("old"))
        clock.move(90)
        cache.record(Request("Please, how long does the red paint take to dry?"), Response("new"))
        clock.move(20)
        found = cache.lookup(Request("How long does the red paint take to dry?"))
        assert (found.response.text, found.stale, found.tier) == ("new", False, TierName.SEMANTIC)

    def test_never_by_meaning(self, open_cache, clock):
        """To the very same words only: nobody who asks otherwise renews the old answer, and two doubts are one too many."""
        cache = open_cache(policy=OPTIONS)
        cache.record(Request("How long does the red paint take to dry?"), Response("two hours"))
        alias = Request("Please, how long does the red paint take to dry?")
        assert cache.lookup(alias)
        cache.drain()
        clock.move(101)
        assert not cache.lookup(alias)
        assert not cache.lookup(Request("Please tell me how long the red paint takes to dry."))

    @pytest.mark.parametrize(
        "text", ["What is the weather in Oslo?", "지금 몇 시예요?", "今天天气怎么样?", "現在幾點了？"]
    )
    @pytest.mark.parametrize("kind", ["", "faq", "live"])
    def test_never_what_depends_on_the_moment(self, open_cache, clock, text, kind):
        """Weather that is a minute too old is wrong, whatever kind the application says it is."""
        cache = open_cache(policy={**OPTIONS, "lifetimes": {"live": 60.0, "faq": 60.0, "": 60.0}})
        request = Request(text, kind=kind)
        cache.record(request, Response("x"))
        assert cache.lookup(request)
        clock.move(60)
        assert cache.lookup(request) == Miss(Why.STALE)

    @pytest.mark.parametrize("control", [Control(max_age=1000), Control(no_cache=True)])
    def test_directives_come_first(self, open_cache, clock, control):
        """Who names an age, or wants no cached answer, gets no stale one."""
        cache = open_cache(policy=OPTIONS)
        cache.record(MAST, Response("9 m"))
        clock.move(101)
        assert not cache.lookup(Request(MAST.text, control=control))

    @pytest.mark.parametrize("control", [Control(only_if_cached=True), Control(no_store=True)])
    def test_who_could_not_renew_it_is_not_made_to(self, open_cache, clock, control):
        """only_if_cached calls no origin, and no_store records nothing: both are served, and the turn is another's."""
        cache, origin = open_cache(policy=OPTIONS), Origin()
        cache.respond(MAST, origin)
        clock.move(101)
        asked = Request(MAST.text, control=control)
        assert {cache.respond(asked, origin).text for _ in range(3)} == {"answer 1"}
        assert origin.asked == 1

    def test_the_flush_leaves_what_may_still_be_served(self, open_cache, clock):
        """Answers stay in the file for the window, and go after it."""
        cache = open_cache(policy={**OPTIONS, "flush_after": 0.0})
        cache.record(MAST, Response("9 m"))
        for seconds, kept in ((101, 1), (50, 0)):
            clock.move(seconds)
            cache.lookup(Request("Something else?"))
            cache.drain()
            assert cache.stats().sizes["entries"] == kept

    def test_what_is_recorded_meanwhile_counts(self, open_cache, clock):
        """A renewal is about one stored answer: when that has been renewed and is old again, the turns begin anew."""
        cache = open_cache(policy=OPTIONS)
        for answer in ("one", "two"):
            cache.record(MAST, Response(answer))
            clock.move(101)
            assert [bool(cache.lookup(MAST)) for _ in range(3)] == [True, False, True]

    @pytest.mark.parametrize("value", [-1, "a while", None])
    def test_a_wrong_window_is_named(self, value):
        """At construction."""
        with pytest.raises(ConfigurationError, match="stale_while_revalidate"):
            Policy(stale_while_revalidate=value)

    async def test_async(self, open_cache, clock):
        """In a task of the running loop: served at once, one call beside it however many ask, then the fresh answer."""
        cache = open_cache(policy=OPTIONS)
        asked, gate = [], asyncio.Event()

        async def origin(request):
            asked.append(request)
            if len(asked) > 1:
                await gate.wait()
            return Response(f"answer {len(asked)}")

        await cache.arespond(MAST, origin)
        clock.move(101)
        assert {(await cache.arespond(MAST, origin)).text for _ in range(5)} == {"answer 1"}
        gate.set()
        await asyncio.gather(*cache._revalidation._tasks)
        assert (await cache.alookup(MAST)).response.text == "answer 2"
        assert len(asked) == 2

    def test_many_threads_ask_once(self, path, clock):
        """However many are served the old answer at once, the origin is asked once."""
        asked = threading.Semaphore(0)
        gate = threading.Event()

        def origin(request):
            asked.release()
            gate.wait(10)
            return Response("new")

        with Cache.open(path, policy=Policy(compile="off", **OPTIONS), clock=clock) as cache:
            cache.record(MAST, Response("old"))
            clock.move(101)
            found = []
            threads = [
                threading.Thread(target=lambda: found.append(cache.respond(MAST, origin).text)) for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert found == ["old"] * 8
            gate.set()
            cache.drain()
            assert cache.lookup(MAST).response.text == "new"
            assert asked.acquire(blocking=False)
            assert not asked.acquire(blocking=False)

    def test_sync_equals_async(self, open_cache, clock):
        """A mere lookup takes the same turns in both worlds."""
        cache = open_cache(policy=OPTIONS)
        cache.record(MAST, Response("old"))
        clock.move(101)

        async def ask():
            return [bool(await cache.alookup(MAST)) for _ in range(4)]

        assert asyncio.run(ask()) == [True, False, True, True]
        assert isinstance(cache.lookup(MAST), Hit)
