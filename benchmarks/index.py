"""The index on real questions: recall, latency, memory and start at 10,000, 100,000 and 1,000,000 entries.

Needs SEGLAM_TEXTS (see benchmarks/corpus.py). The stored vectors are of real texts, then of word-level edits of them, and from
``EDITED`` on blends of two vectors of one intent with noise; the questions asked are real and were not stored. What counts as
found is the stored question of the highest cosine, compared with all of them. Processor time beside the clock's, because the
machine may be busy with other things. "search" is the index, "nearest" with the rows read and scored again, "lookup" the whole
tier with its guards, without the embedding.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import corpus
from seglam import Request, Response
from seglam.minilm import MiniLM
from seglam.store import Store

SIZES = (10_000, 100_000, 1_000_000)
EDITED = 250_000
ASKED = 3_000
NEAR = (0.8, 0.92)
VECTORS = Path(__file__).with_name("out")
SCOPE = ("", "system prompt", "model")
TARGETS = {10_000: (0.15, None), 100_000: (0.3, 1.5), 1_000_000: (1.0, 10.0)}


def stored(count: int, texts: list[tuple[str, str]]) -> tuple[list[str], Any]:
    """So many texts, and their vectors (count, 384) in half precision."""
    place = Path(os.environ.get("SEGLAM_VECTORS", VECTORS))
    known = list(itertools.islice(corpus.expand(texts), min(count, EDITED)))
    have = corpus.vectors([text for text, _ in known], len(known), place / "stored.f16")
    if count <= len(known):
        return [text for text, _ in known], have
    groups: dict[str, list[int]] = defaultdict(list)
    for number, (_, intent) in enumerate(known):
        groups[intent].append(number)
    rng = np.random.default_rng(corpus.SEED)
    matrix = np.empty((count, have.shape[1]), dtype="<f2")
    matrix[: len(known)] = have
    first = rng.integers(0, len(known), count - len(known))
    others = (groups[known[number][1]] for number in first)
    second = np.array([group[int(r * len(group))] for group, r in zip(others, rng.random(len(first)), strict=True)])
    for block in range(0, len(first), 20_000):
        here = slice(block, block + 20_000)
        share = rng.uniform(0.5, 0.9, (len(first[here]), 1)).astype(np.float32)
        noise = rng.standard_normal((len(first[here]), have.shape[1])).astype(np.float32) * (
            0.15 / have.shape[1] ** 0.5
        )
        mixed = share * have[first[here]] + (1 - share) * have[second[here]] + noise
        mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
        matrix[len(known) + block : len(known) + block + len(mixed)] = mixed
    names = [f"{known[n][0]} ({number})" for number, n in enumerate(first)]
    return [text for text, _ in known] + names, matrix


def fill(path: Path, texts: list[str], matrix: Any) -> None:
    """A file with an entry for each text, as the cache itself would have written them."""
    store = Store(path)
    first = Request(texts[0], vary=SCOPE[1], engine=SCOPE[2])
    store.put(first, Response("x" * 300), kind="", now=1.0, lifetime=float("inf"), limit=10**9,
              vector=matrix[0].tobytes(), fingerprint=MiniLM().fingerprint)  # fmt: skip
    with store.write() as connection:
        columns = (
            "namespace, vary, engine, kind, answer, payload, input_tokens, output_tokens, created, expires, used, uses, "
            "fingerprint"
        )
        insert = (
            f"INSERT INTO entries (key, text, vector, {columns}) SELECT ?, ?, ?, {columns} FROM entries WHERE id = 1"
        )
        for text, row in zip(texts[1:], matrix[1:], strict=True):
            key = Request(text, vary=SCOPE[1], engine=SCOPE[2]).key
            connection.exec_driver_sql(insert, (key, text, row.tobytes()))
    store.close()


CHILD = """
import json, sys, time
import numpy as np
from seglam import Cache, Policy, Request
from seglam.minilm import MiniLM
path, asked, texts, known, out = sys.argv[1:6]
def memory(field):
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024
class Ready(MiniLM):
    table = {}
    def embed(self, texts):
        return np.stack([self.table[t] if t in self.table else super(Ready, self).embed([t])[0] for t in texts])
matrix = np.fromfile(asked, dtype="<f2").reshape(-1, 384).astype(np.float32)
texts = json.load(open(texts))[:len(matrix)]
Ready.table = dict(zip(texts, matrix))
result = {}
start = time.perf_counter()
policy = Policy(compile="off", max_entries=10**9, lifetimes={"": 1e12})
cache = Cache.open(path, policy=policy, embedder=Ready(), clock=lambda: 2.0)
assert cache.lookup(Request(known, vary="system prompt", engine="model"))
result["first exact hit, s"] = time.perf_counter() - start
requests = [Request(text, vary="system prompt", engine="model") for text in texts]
Ready().covers(texts[0])
import faiss
before, start = memory("VmRSS"), time.perf_counter()
tier = cache._semantic
cache.lookup(requests[0])
while tier._vectors().index(cache._store.generation()) is None:
    time.sleep(0.01)
result["semantic ready, s"] = time.perf_counter() - start
index = tier._vectors().settle()
result["settled, s"] = time.perf_counter() - start
result["index, MB"] = memory("VmRSS") - before
result["peak beyond the start, MB"] = memory("VmHWM") - before
scope = requests[0].scope
def timed(work, things):
    samples = []
    for thing in things:
        begin, own = time.perf_counter(), time.thread_time()
        work(thing)
        samples.append(((time.perf_counter() - begin) * 1e3, (time.thread_time() - own) * 1e3))
    return samples
tier._accepted = lambda *_: None
vectors = tier._vectors()
generation = cache._store.generation()
result["samples"] = {
    "search": timed(lambda v: index.search(scope, v, 8), matrix),
    "nearest": timed(lambda v: vectors.nearest(index, scope, v, 8, 0.92), matrix),
}
tier.covers = lambda request: True  # asks the tokenizer: a part of the embedding
result["samples"]["lookup"] = timed(tier._search, requests)
result["hits"] = sum(tier._search(request) is not None for request in requests)
np.save(out, np.array([next(iter(vectors.nearest(index, scope, v, 8, -1.0)), (0, 0))[0] for v in matrix]))
result["segments"] = [len(p.inverted) and p.inverted[0].lists for p in index._parts.values()]
cache.close()
print(json.dumps(result))
"""


def ask(place: Path, path: Path, known: str) -> tuple[dict[str, Any], Any]:
    """What a new process measures on a file, and the ids that it found."""
    out = place / "found.npy"
    arguments = [path, place / "asked.f16", place / "asked.json", known, out]
    code = [sys.executable, "-c", textwrap.dedent(CHILD), *map(str, arguments)]
    done = subprocess.run(code, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout), np.load(out)


def truth(matrix: Any, questions: Any) -> tuple[Any, Any]:
    """The highest cosine of each question, and the id of its row."""
    best, where = np.full(len(questions), -2.0, dtype=np.float32), np.zeros(len(questions), dtype=np.int64)
    for first in range(0, len(matrix), 20_000):
        scores = questions @ matrix[first : first + 20_000].astype(np.float32).T
        top = scores.argmax(axis=1)
        value = scores[np.arange(len(questions)), top]
        better = value > best
        best[better], where[better] = value[better], first + top[better] + 1
    return best, where


def measure(count: int, texts: Any, questions: list[str], vectors: Any) -> dict[str, Any]:
    """One size."""
    names, matrix = stored(count, texts)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.asarray(vectors).tofile(place / "asked.f16")
        (place / "asked.json").write_text(json.dumps(questions))
        fill(place / "index.db", names, matrix)
        cold, _ = ask(place, place / "index.db", names[count // 2])
        warm, found = ask(place, place / "index.db", names[count // 2])
        snapshot = place / "index.db.index"
        size = snapshot.stat().st_size / 2**20 if snapshot.exists() else 0.0
    asked = np.asarray(vectors, dtype=np.float32)
    best, _ = truth(matrix, asked)
    own = np.einsum("ij,ij->i", asked, np.where(found[:, None] > 0, matrix[found - 1].astype(np.float32), 0.0))
    right = own >= best - 1e-4  # another vector of the same score is as good
    row: dict[str, Any] = {"recall@1, all": float(right.mean()), "n": len(asked)}
    for least in NEAR:
        near = best >= least
        row[f"recall@1, cosine >= {least}"], row[f"n >= {least}"] = float(right[near].mean()), int(near.sum())
    for name, samples in warm.pop("samples").items():
        wall, own = zip(*samples, strict=True)
        row[f"{name} p50, ms"], row[f"{name} p99, ms"] = statistics.median(wall), statistics.quantiles(wall, n=100)[98]
        row[f"{name} p50, ms of processor time"] = statistics.median(own)
    for name in ("first exact hit, s", "semantic ready, s", "settled, s", "index, MB", "peak beyond the start, MB"):
        row[f"{name}"], row[f"{name} (no snapshot)"] = warm[name], cold[name]
    return {**row, "lists": warm["segments"], "snapshot, MB": size, "semantic hits": warm["hits"]}


def main() -> dict[str, Any]:
    """Measure all and print the table."""
    folder = corpus.place()
    if folder is None:
        print("index: skipped; SEGLAM_TEXTS names no folder with banking77 and clinc150")
        return {}
    texts, questions = corpus.read(folder)
    place = Path(os.environ.get("SEGLAM_VECTORS", VECTORS))
    model = MiniLM()
    asked = corpus.vectors([text for text, _ in questions], len(questions), place / "asked.f16")
    chosen = [number for number, (text, _) in enumerate(questions) if model.covers(text)][:ASKED]
    sizes = [int(word) for word in os.environ.get("SEGLAM_SIZES", "").split()] or list(SIZES)
    results = {f"{n:,}": measure(n, texts, [questions[i][0] for i in chosen], asked[chosen]) for n in sizes}
    table = Table(title=f"{len(chosen):,} held-out questions, {os.cpu_count()} cores", title_justify="left")
    for column in ("entries", *results):
        table.add_column(column, justify="left" if column == "entries" else "right")
    for name in next(iter(results.values())):
        cells = [f"{row[name]:,.4g}" if isinstance(row[name], float) else str(row[name]) for row in results.values()]
        table.add_row(name, *cells)
    table.add_row("targets: lookup p50, ms; ready, s", *(str(TARGETS.get(n)) for n in sizes))
    Console().print(table)
    return results
