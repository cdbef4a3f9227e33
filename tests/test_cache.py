"""The one door: a cache is a map with time; faults are misses; sync equals async."""

import asyncio
import logging
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from conftest import Clock, HashEmbedder, InlineExecutor
from seglam import (
    Cache,
    ConfigurationError,
    Control,
    Hit,
    Miss,
    OnlyIfCachedError,
    Policy,
    Request,
    Response,
    TierName,
    Usage,
    Why,
)
from seglam.lifetimes import DAY


class MapWithTime(RuleBasedStateMachine):
    """What a cache must be: the newest answer recorded for an equal request, until its lifetime ends."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cache = self.open(":memory:")
        self.truth: dict[tuple[str, ...], tuple[str, float]] = {}

    def open(self, path):
        policy = Policy(on_fault="raise", memory_entries=3, compile="off")
        return Cache.open(path, policy=policy, embedder=HashEmbedder(), executor=InlineExecutor(), clock=self.clock)

    @rule(
        target=requests,
        text=st.sampled_from(["", "Which fruit is red?", "How tall is the mast?", "배송은 언제 오나요?"]),
        vary=st.sampled_from(["", "v"]),
        engine=st.sampled_from(["", "e"]),
        namespace=st.sampled_from(["", "n"]),
        kind=st.sampled_from(["", "faq", "live"]),
    )
    def ask(self, text, vary, engine, namespace, kind):
        return Request(text, vary, engine, namespace, kind)

    @rule(request=requests, answer=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5))
    def record(self, request, answer):
        self.cache.record(request, Response(answer))
        lifetime = self.cache.policy.lifetime(request)
        if lifetime:
            key = (request.text, request.vary, request.engine, request.namespace)
            self.truth[key] = (answer, self.clock.now + lifetime)

    @rule(request=requests)
    def lookup(self, request):
        key = (request.text, request.vary, request.engine, request.namespace)
        found = self.cache.lookup(request)
        answer, expires = self.truth.get(key, ("", 0.0))
        if expires > self.clock.now:
            assert isinstance(found, Hit)
            assert (found.response.text, found.tier) == (answer, TierName.EXACT)
        else:
            assert isinstance(found, Miss)

    @rule(request=requests)
    def forget(self, request):
        self.cache.forget(request)
        self.truth.pop((request.text, request.vary, request.engine, request.namespace), None)

    @rule(namespace=st.sampled_from(["", "n", None]))
    def clear(self, namespace):
        self.cache.clear(namespace)
        self.truth = {k: v for k, v in self.truth.items() if namespace is not None and k[3] != namespace}

    @rule(seconds=st.sampled_from([1.0, DAY / 2, DAY, 7 * DAY]))
    def wait(self, seconds):
        self.clock.move(seconds)

    @rule()
    def flush(self):
        self.cache.drain()

    @invariant()
    def whole(self):
        assert self.cache._store.sizes()["entries"] <= self.cache.policy.max_entries

    def teardown(self):
        assert self.cache.check() == []
        self.cache.close()


MapWithTime.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestMapWithTime = MapWithTime.TestCase
TestMapWithTime.__doc__ = "Any sequence of records, lookups, waits and erasures behaves like a map with time."


def test_respond_asks_the_origin_once(open_cache):
    """The first request goes to the origin, the second is a hit with the same answer."""
    cache, calls = open_cache(), []

    def origin(request):
        calls.append(request)
        return Response("391", usage=Usage(10, 2))

    request = Request("What is 17 * 23?")
    assert [cache.respond(request, origin).text for _ in range(3)] == ["391"] * 3
    assert len(calls) == 1
    stats = cache.stats()
    assert (stats.requests, stats.hits["exact"], stats.saved_calls, stats.saved_input_tokens) == (3, 2, 2, 20)


def test_sync_and_async_are_one_cache(open_cache):
    """What arespond recorded, respond serves, and the other way round."""
    cache = open_cache()

    async def origin(request):
        return Response(request.text.upper())

    async def main():
        one = await cache.arespond(Request("a question"), origin)
        await cache.arecord(Request("another"), Response("x"))
        return one, await cache.alookup(Request("another"))

    one, found = asyncio.run(main())
    assert one.text == "A QUESTION"
    assert found.response.text == "x"
    assert cache.respond(Request("a question"), lambda _: Response("never")).text == "A QUESTION"


def test_concurrent_equal_requests_make_one_call(open_cache):
    """The stampede: twenty threads, one call."""
    cache, calls = open_cache(executor=None), []

    def origin(request):
        calls.append(1)
        time.sleep(0.05)
        return Response("x")

    threads = [threading.Thread(target=cache.respond, args=(Request("q"), origin)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_nothing_is_stored_when_the_origin_fails(open_cache):
    """The origin's error is the caller's, and the next request asks again."""
    cache = open_cache()

    def fail(request):
        raise TimeoutError("slow")

    with pytest.raises(TimeoutError):
        cache.respond(Request("q"), fail)
    assert cache.lookup(Request("q")) == Miss(Why.ABSENT)
    assert cache.stats().sizes["entries"] == 0


def test_directives(open_cache, clock):
    """no_cache refreshes, no_store keeps nothing, only_if_cached never calls, max_age refuses the old."""
    cache = open_cache()
    cache.respond(Request("q"), lambda _: Response("old"))
    assert cache.respond(Request("q", control=Control(no_cache=True)), lambda _: Response("new")).text == "new"
    assert cache.lookup(Request("q")).response.text == "new"
    cache.respond(Request("secret", control=Control(no_store=True)), lambda _: Response("x"))
    assert not cache.lookup(Request("secret"))
    with pytest.raises(OnlyIfCachedError):
        cache.respond(Request("other", control=Control(only_if_cached=True)), lambda _: pytest.fail("called"))
    clock.move(100)
    assert cache.lookup(Request("q", control=Control(max_age=50))) == Miss(Why.STALE)
    assert cache.lookup(Request("q", control=Control(max_age=150)))


def test_an_expired_answer_is_stale_and_asked_again(open_cache, clock):
    """Default lifetime: one day."""
    cache = open_cache()
    cache.record(Request("q"), Response("old"))
    clock.move(DAY)
    assert cache.lookup(Request("q")) == Miss(Why.STALE)
    assert cache.respond(Request("q"), lambda _: Response("new")).text == "new"


def test_live_data_is_never_stored(open_cache):
    """By kind, and by wording."""
    cache = open_cache()
    for request in (Request("q", kind="live"), Request("What is the weather in Oslo?")):
        cache.record(request, Response("x"))
        assert not cache.lookup(request)
    assert cache.stats().sizes["entries"] == 0


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
def test_text_that_cannot_be_kept_is_a_counted_miss(open_cache, text):
    """NUL and lone surrogates: the model answers, nothing is stored, the miss is counted."""
    cache = open_cache()
    assert cache.respond(Request(text), lambda _: Response("x")).text == "x"
    assert cache.respond(Request("fine"), lambda _: Response(text)).text == text
    assert cache.stats().misses == {"absent": 1, "bypass": 1}
    assert cache.stats().sizes["entries"] == 0


def test_a_prompt_of_a_megabyte_and_an_empty_one_are_served_exactly(open_cache):
    """Neither is embedded nor matched by patterns, both are cached."""
    cache = open_cache(embedder=None)
    for text in ("", "x y " * 262_144):
        cache.record(Request(text), Response("answer"))
        assert cache.lookup(Request(text)).tier is TierName.EXACT
    assert list(cache._store.vectors(0, cache._semantic._embedder.fingerprint)) == []


def test_two_processes_see_each_others_answers_and_erasures(open_cache):
    """What one records the other serves at once; what one forgets the other forgets at once, memory or not."""
    one, other = open_cache(), open_cache()
    request = Request("q")
    assert not other.lookup(request)
    one.record(request, Response("x"))
    assert other.lookup(request)
    assert other.lookup(request)
    one.forget(request)
    assert not other.lookup(request)


def test_a_semantic_hit_becomes_an_exact_alias_for_everybody(open_cache):
    """The second time the same wording is exact, in this process at once and in others after the flush."""
    one, other = open_cache(embedder=None), open_cache(embedder=None)
    one.record(Request("How can I reset my password?"), Response("Click 'Forgot password'."))
    wording = Request("How can I reset my password")
    first, second = one.lookup(wording), one.lookup(wording)
    assert (first.tier, second.tier) == (TierName.SEMANTIC, TierName.EXACT)
    assert first.notes["wording"] == second.notes["wording"] == "How can I reset my password?"
    one.drain()
    assert other.lookup(wording).tier is TierName.EXACT
    one.forget(Request("How can I reset my password?"))
    assert not one.lookup(wording)
    assert not other.lookup(wording)


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("What is 17 * 23?", "What is 17 * 24?"),
        ("How do I enable dark mode?", "How do I disable dark mode?"),
        ("What is the capital of Austria?", "What is the capital of Australia?"),
        ("Can I return a worn jacket?", "Can't I return a worn jacket?"),
    ],
)
def test_what_only_looks_alike_is_not_served(open_cache, stored, asked):
    """A changed number, polarity, name or negation is a miss however near the vectors are."""
    cache = open_cache(embedder=None, policy={"threshold": 0.5})
    cache.record(Request(stored), Response("x"))
    assert not cache.lookup(Request(asked))


def test_nothing_crosses_a_context(open_cache):
    """Another system prompt, engine or namespace is another cache, in the semantic tier too."""
    cache = open_cache(embedder=None, policy={"threshold": 0.5})
    cache.record(Request("How can I reset my password?", "v", "e", "n"), Response("x"))
    for vary, engine, namespace in (("w", "e", "n"), ("v", "f", "n"), ("v", "e", "m")):
        for text in ("How can I reset my password?", "How can I reset my password"):
            assert not cache.lookup(Request(text, vary, engine, namespace))
    assert cache.lookup(Request("How can I reset my password", "v", "e", "n"))


def test_a_script_that_the_embedder_does_not_cover_is_reported_once(open_cache, caplog):
    """Korean is matched exactly, never by an English model's meaningless neighbours."""
    cache = open_cache(embedder=None)
    with caplog.at_level(logging.WARNING, "seglam"):
        cache.record(Request("배송은 언제 오나요?"), Response("이틀 뒤"))
        assert cache.lookup(Request("배송은 언제 오나요?"))
        assert not cache.lookup(Request("배송은 언제 오나요??"))
        assert not cache.lookup(Request("환불은 어떻게 하나요?"))
    assert sum("multilingual" in record.message for record in caplog.records) == 1


class Broken(HashEmbedder):
    """Fails at texts that ask for it."""

    def embed(self, texts):
        if "fail" in texts[0]:
            raise OSError("secret prompt text")
        return super().embed(texts)


def test_a_failing_embedder_costs_hits_not_answers(open_cache, caplog):
    """The model answers, exact hits go on, the fault is counted, and no prompt text is logged."""
    cache = open_cache(embedder=Broken(), policy={"on_fault": "miss"})
    cache.record(Request("which fruit is red"), Response("an apple"))
    assert cache.respond(Request("please fail"), lambda _: Response("x")).text == "x"
    assert cache.lookup(Request("please fail")).tier is TierName.EXACT
    assert cache.lookup(Request("please fail again")) == Miss(Why.FAULT, "semantic")
    assert cache.stats().faults == {"embed": 1, "semantic": 2}
    assert "secret" not in "".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)


def test_a_dead_database_costs_hits_not_answers(open_cache):
    """When the tables are gone under a running cache every request is still answered."""
    cache = open_cache(policy={"on_fault": "miss"}, executor=None)
    cache.record(Request("q"), Response("x"))
    cache.drain()
    raw = sqlite3.connect(cache._store.path)
    raw.execute("DROP TABLE aliases")
    raw.execute("DROP TABLE entries")
    raw.commit()
    raw.close()
    for text in ("q", "r"):
        assert cache.respond(Request(text), lambda _: Response("from the model")).text == "from the model"
    assert sum(cache._ledger._counts.values()) > 0
    cache.close()


def test_wrong_arguments_are_named(open_cache, path):
    """At the edge, before anything is written."""
    with pytest.raises(ConfigurationError, match="policy"):
        Cache.open(path, policy={"threshold": 0.9})
    with pytest.raises(ConfigurationError, match="compiler"):
        Cache.open(path, compiler=5)
    with pytest.raises(ConfigurationError, match="embedder"):
        Cache.open(path, embedder=5)
    cache = open_cache()
    with pytest.raises(ConfigurationError, match="request"):
        cache.lookup("What is 17 * 23?")
    with pytest.raises(ConfigurationError, match="response"):
        cache.record(Request("q"), "x")
    with pytest.raises(ConfigurationError, match="origin"):
        cache.respond(Request("q"), lambda _: "x")


def test_another_embedder_never_compares_with_the_old_vectors(open_cache, caplog):
    """After a change of model (and dimension) old entries answer exactly only until their turn, and the user is told."""
    first = open_cache(embedder=None)
    first.record(Request("How can I reset my password?"), Response("x"))
    first.close()
    with caplog.at_level(logging.WARNING, "seglam"):
        second = open_cache(embedder=HashEmbedder(), policy={"threshold": 0.1, "reembed": False})
        assert second.lookup(Request("How can I reset my password?"))
        assert not second.lookup(Request("How can I reset my password"))
    assert "another embedder" in caplog.text


def test_counters_survive_close_and_are_exact(open_cache):
    """Stats after reopening are those before closing."""
    cache = open_cache()
    for _ in range(3):
        cache.respond(Request("q"), lambda _: Response("x"))
    before = cache.stats()
    cache.close()
    again = open_cache().stats()
    assert (
        (again.requests, again.hits, again.misses)
        == (before.requests, before.hits, before.misses)
        == (
            3,
            {"exact": 2, "procedure": 0, "semantic": 0},
            {"absent": 1},
        )
    )


def test_a_hit_writes_nothing_to_disk(open_cache):
    """Between two flushes a hundred hits leave file and log as they are."""
    cache = open_cache(policy={"flush_after": 1e9})
    cache.record(Request("q"), Response("x"))
    files = [p for p in cache._store.path.parent.iterdir() if not p.name.endswith("-shm")]
    before = {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in files}
    for _ in range(100):
        assert cache.lookup(Request("q"))
    assert {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in files} == before


def test_close_is_idempotent_and_memory_is_gone():
    """A cache in memory can be closed twice and leaves nothing."""
    cache = Cache.open(":memory:", embedder=HashEmbedder())
    cache.record(Request("q"), Response("x"))
    cache.close()
    cache.close()
    assert not cache._store.path.exists()


def test_importing_seglam_loads_nothing_heavy_and_no_framework():
    """`import seglam` is quick and works with no extra installed."""
    heavy = ["faiss", "onnxruntime", "tokenizers", "torch", "langchain_core", "llama_index", "sentence_transformers"]
    code = f"import sys, seglam; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_application_that_never_closes_exits_cleanly(path):
    """No hang, no error at interpreter exit, and the background work that was begun is kept."""
    code = f"""
        from seglam import Cache, Request, Response
        cache = Cache.open({str(path)!r})
        cache.respond(Request("q"), lambda _: Response("x"))
        cache.lookup(Request("q"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with Cache.open(path) as cache:
        assert cache.lookup(Request("q"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_forked_worker_keeps_answering(open_cache):
    """Pre-fork servers: the child answers, records, and learns on a thread of its own."""
    cache = open_cache(executor=None)
    cache.record(Request("q"), Response("x"))
    cache.drain()
    child = os.fork()
    if child == 0:
        try:
            found = cache.lookup(Request("q"))
            cache.record(Request("child"), Response("y"))
            cache.drain()
            os._exit(0 if found and cache.lookup(Request("child")) else 3)
        except BaseException:
            os._exit(4)
    deadline = time.monotonic() + 30
    status = (0, 0)
    while status[0] == 0 and time.monotonic() < deadline:
        status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.01)
    assert status[0] == child, "the child hangs"
    assert os.waitstatus_to_exitcode(status[1]) == 0
    assert cache.lookup(Request("child"))


def test_many_exchanges_are_loaded_at_once(open_cache):
    """As in the import of a FAQ: found exactly and by meaning, embedded in batches; what may not be stored is left out."""
    cache = open_cache()
    sizes = []
    embed = cache._embedder.embed
    cache._embedder.embed = lambda texts: sizes.append(len(texts)) or embed(texts)
    pairs = [(Request(f"what is question {n} about?"), Response(f"about {n}")) for n in range(100)]
    assert cache.load([*pairs, (Request("What is the weather now?"), Response("wet"))]) == 100
    assert max(sizes) > 10
    assert cache.lookup(pairs[7][0]).response.text == "about 7"
    assert cache.lookup(Request("What is question 8 about?")).response.text == "about 8"
    assert cache.stats().sizes["classes"] == 0
    for wrong in ([pairs[0][0]], [("a", "b")]):
        with pytest.raises(ConfigurationError, match="exchanges"):
            cache.load(wrong)
