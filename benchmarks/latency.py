"""Latency and memory, side by side in one process, one thread: medians, 95th and 99th percentiles, with n.

Each target of the design stands beside what was measured.
"""

import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.load import dumps
from langchain_core.messages import HumanMessage
from rich.console import Console
from rich.table import Table

from benchmarks.questions import questions
from langchain_seglam import SeglamCache
from seglam import Cache, Policy, Procedure, Request, Response, State, TierName
from seglam.library import Birth
from seglam.llm import Completion

ENTRIES = 10_000
ROUNDS = 2_000
LIVE = 1_000

SUM = """\
~~~meta
{"intent": "the total of an order", "answer_kind": "decimal", "staticity": "forever"}
~~~
~~~patterns
{who:name} orders {count:integer} {item:words(1,3)} at {price:money} each. What is the total?
~~~
~~~python
from decimal import Decimal

def run(who, count, item, price):
    if count < 1:
        raise Refuse("no order")
    total = count * price
    return total.quantize(Decimal("0.01"))

def check(value, who, count, item, price):
    return value >= price and value == count * price

def render(value, who, count, item, price):
    return f"The total is ${value:,.2f}."
~~~
~~~near_misses
Anna orders 3 lamps at $4.50 each and returns one. What is the total?
Anna orders 3 lamps at $4.50 each. What is the total with shipping?
Anna orders 3 lamps at $4.50 each. What is the total after a 10% discount?
~~~
"""


def timed(work: Callable[[int], Any], rounds: int = ROUNDS) -> list[float]:
    """Milliseconds of each call."""
    samples = []
    for number in range(rounds):
        start = time.perf_counter()
        work(number)
        samples.append((time.perf_counter() - start) * 1e3)
    return samples


def summary(samples: list[float]) -> dict[str, float]:
    """Median and upper percentiles."""
    cuts = statistics.quantiles(samples, n=100)
    return {"p50": statistics.median(samples), "p95": cuts[94], "p99": cuts[98], "n": len(samples)}


def core(path: Path, results: dict[str, Any]) -> None:
    """The three tiers, in a cache with 10,000 entries that all have vectors."""
    texts = questions(ENTRIES + ROUNDS)
    with Cache.open(path, policy=Policy(compile="off", lifetimes={"": 1e9}, max_entries=2 * ENTRIES)) as cache:
        for text in texts[:ENTRIES]:
            cache.record(Request(text), Response("an answer"))
        cache.drain()
        rng = random.Random(1)
        known = [Request(rng.choice(texts[:1000])) for _ in range(ROUNDS)]
        fresh = [Request(request.text) for request in known]  # keys are made anew, as for a new call
        for request in known:
            cache.lookup(request)
        results["exact hit, core"] = summary(timed(lambda i: cache.lookup(fresh[i])))
        # Another punctuation mark is another key but the same meaning: every lookup embeds, searches, guards and hits.
        wordings = [Request(text.removesuffix("?")) for text in rng.sample(texts[:ENTRIES], ROUNDS)]
        tiers: list[TierName | None] = []
        samples = timed(lambda i: tiers.append(getattr(cache.lookup(wordings[i]), "tier", None)))
        hits = [sample for sample, tier in zip(samples, tiers, strict=True) if tier is TierName.SEMANTIC]
        results["semantic hit, 10,000 entries, embedding included"] = summary(hits)
        embed = cache._semantic._vector
        results["  of which the embedding"] = summary(timed(lambda i: embed(f"{wordings[i].text} "), len(hits)))
        results["miss, all tiers"] = summary(timed(lambda i: cache.lookup(Request(texts[ENTRIES + i]))))


def procedure(path: Path, results: dict[str, Any]) -> None:
    """A live procedure, new values every time."""

    def model(_prompt: str) -> Completion:
        return Completion(SUM)

    unaudited = Policy(audit_first=0.0, audit=0.0)
    with Cache.open(
        *(path,),
        policy=unaudited,
        compiler=model,
        embedder=lambda texts: [[1.0, float(len(t)), float(ord(t[0]))] for t in texts],
    ) as cache:
        for count in (3, 4, 5):
            text = f"Anna orders {count} lamps at $2.50 each. What is the total?"
            cache.record(Request(text), Response(f"The total is ${count * 2.5:.2f}."))
            cache.drain()
        requests = [Request(f"Bo orders {i + 10} desk fans at $3.25 each. What is the total?") for i in range(ROUNDS)]
        tiers = []
        samples = timed(lambda i: tiers.append(cache.lookup(requests[i]).tier))
        assert set(tiers) == {TierName.PROCEDURE}
        results["procedure hit"] = summary(samples)
        (sound,) = cache.procedures()
        _crowd(cache, sound, LIVE - 1)
        cache.lookup(Request("Somebody orders what nobody sells."))  # the way to 1,000 procedures is made once
        tiers.clear()
        results[f"procedure hit, {LIVE:,} live"] = summary(
            timed(lambda i: tiers.append(cache.lookup(requests[i]).tier))
        )
        assert set(tiers) == {TierName.PROCEDURE}
        find = cache._procedural._taking
        texts = [
            f"Bo orders {i} desk fans and a lamp. What is the total for all of them and who pays?"
            for i in range(ROUNDS)
        ]
        results[f"  a miss in this tier, {LIVE:,} live"] = summary(timed(lambda i: find(Request(texts[i]))))


def _crowd(cache: Cache, sound: Procedure, count: int) -> None:
    """More live procedures of the same words but one, as they would stand in the file after a long time."""
    birth = Birth("benchmark", "", 0.0)
    for number in range(count):
        word = "".join(chr(97 + number // 26**place % 26) for place in range(4))
        patterns = tuple(pattern.replace("total", f"{word} total") for pattern in sound.draft.patterns)
        class_id = cache._casebook.file(Request(f"class {number}"), Response(word), now=0.0)
        draft = replace(sound.draft, patterns=patterns)
        cache._library.save(class_id, ("", ""), draft, sound.examples, birth, State.LIVE)


class Ready(BaseCache):
    """The least that a cache can do: it hands over an answer of seglam's shape that was made before the clock started."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers

    def lookup(self, prompt: str, llm_string: str) -> list[Any]:
        return [self.answers.pop()]

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        raise AssertionError

    def clear(self, **kwargs: Any) -> None:
        self.answers.clear()


def langchain(path: Path, results: dict[str, Any]) -> None:
    """An exact hit through LangChain's invoke, beside LangChain's own time (a cache that does nothing) and its own cache."""
    message = [HumanMessage("Which fruit is red and grows on trees?")]
    rounds = ROUNDS // 4

    def invoke(cache: BaseCache) -> list[float]:
        model = FakeListChatModel(responses=["an apple"], cache=cache)
        return timed(lambda _: model.invoke(message), rounds)

    with SeglamCache(path) as seglam:
        theirs = InMemoryCache()
        for cache in (theirs, seglam):
            FakeListChatModel(responses=["an apple"], cache=cache).invoke(message)
        asked = (dumps(message), FakeListChatModel(responses=["an apple"])._get_llm_string())
        samples: dict[str, list[float]] = {"nothing": [], "theirs": [], "ours": []}
        for _ in range(4):  # alternating, so that all see the same noise
            ready = Ready([answer for _ in range(rounds) for answer in seglam.lookup(*asked) or []])
            samples["nothing"] += invoke(ready)
            samples["theirs"] += invoke(theirs)
            samples["ours"] += invoke(seglam)
    results["LangChain invoke, a cache that does nothing"] = summary(samples["nothing"])
    results["LangChain invoke, InMemoryCache"] = summary(samples["theirs"])
    results["exact hit, LangChain invoke with seglam"] = summary(samples["ours"])
    difference = statistics.median(samples["ours"]) - statistics.median(samples["nothing"])
    results["  seglam beyond LangChain's own time"] = {"p50": difference, "n": len(samples["ours"])}


def opening(path: Path, results: dict[str, Any]) -> None:
    """A new process opens the file of ``core`` and gets a first hit: time after the import, and memory."""
    text = questions(ENTRIES)[0]
    code = f"""
        import json, resource, time
        from seglam import Cache, Request
        start = time.perf_counter()
        cache = Cache.open({str(path)!r})
        assert cache.lookup(Request({text!r}))
        first = time.perf_counter() - start
        start = time.perf_counter()
        found = cache.lookup(Request({text.removesuffix("?")!r}))
        semantic = time.perf_counter() - start
        for _ in range(200):
            cache.lookup(Request("Is there anything else that nobody asked before?"))
        try:  # the peak of this program; ru_maxrss would count what its parent held when it was started
            lines = open("/proc/self/status").read().splitlines()
            memory = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
        except OSError:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([first * 1e3, semantic * 1e3, memory]))
    """
    runs = []
    for _ in range(7):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    first, semantic, memory = (statistics.median(column) for column in zip(*runs, strict=True))
    results["open + first exact hit, 10,000 entries"] = {"p50": first, "n": len(runs)}
    results["  then the first semantic lookup (model and index loaded)"] = {"p50": semantic, "n": len(runs)}
    results["memory with 10,000 entries, MB"] = {"p50": memory, "n": len(runs)}


TARGETS = {
    "exact hit, core": 0.05,
    "  seglam beyond LangChain's own time": 0.25,
    "procedure hit": 0.6,
    f"procedure hit, {LIVE:,} live": 0.6,
    f"  a miss in this tier, {LIVE:,} live": 0.05,
    "semantic hit, 10,000 entries, embedding included": 2.5,
    "open + first exact hit, 10,000 entries": 500.0,
    "memory with 10,000 entries, MB": 250.0,
}


def main() -> dict[str, Any]:
    """Measure all and print the table."""
    results: dict[str, Any] = {}
    # These machines change speed by a factor of two from minute to minute: a fixed piece of work tells which minute it was.
    work = [str(number) for number in range(2_000)]
    results["reference: sha256 of a JSON list of 2,000 strings"] = summary(
        timed(lambda _: hashlib.sha256(json.dumps(work).encode()).hexdigest())
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        core(place / "core.db", results)
        procedure(place / "procedure.db", results)
        langchain(place / "langchain.db", results)
        opening(place / "core.db", results)
    table = Table(title=f"milliseconds, one thread, {os.cpu_count()} cores", title_justify="left")
    for column in ("", "p50", "p95", "p99", "n", "target p50"):
        table.add_column(column, justify="left" if not column else "right")
    for name, row in results.items():
        cells = [f"{row[key]:.3f}" if key in row else "" for key in ("p50", "p95", "p99")]
        target = TARGETS.get(name)
        table.add_row(name, *cells, f"{row['n']:,}", "" if target is None else f"<= {target:g}")
        if target is not None:
            row["target"] = target
    Console().print(table)
    return results
