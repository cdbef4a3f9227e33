"""Fixtures that every test file may use."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seglam import Cache, Policy


class Clock:
    """Time that only moves when a test moves it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class InlineExecutor(Executor):
    """Runs work where it is submitted, so that a test sees what learning did at once."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


class HashEmbedder:
    """A fast, honest embedder for tests that are not about meaning: equal words give equal vectors, others differ."""

    fingerprint = "test-hash/64"
    dimension = 64

    def embed(self, texts: Any) -> Any:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                seed = int.from_bytes(word.encode("utf-8", "surrogatepass"), "big") % (2**32)
                row += np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)
            row /= max(float(np.linalg.norm(row)), 1e-9)
        return rows

    def covers(self, text: str) -> bool:
        return bool(text.strip())


@pytest.fixture
def clock() -> Clock:
    """Time under the test's control."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache's file goes."""
    return tmp_path / "seglam.db"


@pytest.fixture
def open_cache(path: Path, clock: Clock) -> Iterator[Callable[..., Cache]]:
    """Opens caches on one file that raise on faults and learn at once; each is checked and closed at the end."""
    opened: list[Cache] = []

    def make(**options: Any) -> Cache:
        settings = {"on_fault": "raise", **options.pop("policy", {})}
        options.setdefault("embedder", HashEmbedder())
        options.setdefault("executor", InlineExecutor())
        options.setdefault("clock", clock)
        cache = Cache.open(options.pop("path", path), policy=Policy(**settings), **options)
        opened.append(cache)
        return cache

    yield make
    for cache in opened:
        assert cache._closed or cache.check() == []
        cache.close()
