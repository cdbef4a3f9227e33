"""What is compared: seglam as it comes, no cache, exact matches only, meaning only, and GPTCache as it comes."""

import importlib
import importlib.util
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from seglam import Cache, Completion, Hit, Miss, Policy, Request, Response

_QUIET: Final[dict[str, Any]] = {"contrast": "off", "check_hits": 0.0}
"""What the semantic tier learns is measured in benchmarks/semantic; here it would ask for prompts that no tape holds."""
START: Final = 1_767_225_600.0
"""The simulated first day: 2026-01-01, UTC."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a system said to a request.

    Attributes:
        text: the answer; None: the model is to be asked.
        tier: who gave it; "model" for a miss.
        why: of a miss.
        source: the procedure or entry.
        us: microseconds that the lookup took.
    """

    text: str | None
    tier: str = "model"
    why: str = ""
    source: str = ""
    us: float = 0.0


class System(Protocol):
    """Anything that stands in front of the model."""

    def find(self, text: str, now: float) -> Found:
        """The answer, or a miss."""
        ...

    def learn(self, text: str, completion: Completion) -> None:
        """What the model answered to the request that was just looked up."""
        ...

    def restart(self) -> None:
        """The process ends and begins again."""
        ...

    def account(self) -> dict[str, Any]:
        """What the system itself has to say at the end, as JSON."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Nothing:
    """No cache: the model is asked always."""

    def find(self, text: str, now: float) -> Found:
        del text, now
        return Found(None, why="absent")

    def learn(self, text: str, completion: Completion) -> None:
        """Nothing is learnt."""

    def restart(self) -> None:
        """Nothing is lost."""

    def account(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Nothing is held."""


class Seglam:
    """A seglam cache on a file, with a simulated clock. Learning is waited for, so that a run can be repeated exactly.

    Args:
        path: the cache's file.
        policy: thresholds and limits.
        compiler: the model that writes procedures.
        tiers: False keeps the semantic and the procedure tier out, so that only equal requests hit.
        embedder: shared between restarts; None: a new one at each.
    """

    def __init__(
        self, path: str | Path, policy: Policy, compiler: Any = None, *, tiers: bool = True, embedder: Any = None
    ) -> None:
        self._path = path
        self._policy = policy
        self._compiler = compiler
        self._tiers = tiers
        self._embedder = embedder
        self._now = START
        self.cache = self._open()

    def _open(self) -> Cache:
        return Cache.open(
            self._path, policy=self._policy, compiler=self._compiler, embedder=self._embedder, clock=lambda: self._now
        )

    def request(self, text: str) -> Request:
        """The request as this system asks it."""
        return Request(text, engine="benchmark", compilable=self._tiers, comparable=self._tiers)

    def find(self, text: str, now: float) -> Found:
        self._now = now
        request = self.request(text)
        begin = time.perf_counter()
        found = self.cache.lookup(request)
        us = (time.perf_counter() - begin) * 1e6
        self.cache.drain()
        if isinstance(found, Hit):
            return Found(found.response.text, found.tier.value, "", found.source, us)
        assert isinstance(found, Miss)
        return Found(None, "model", str(found.why), found.detail, us)

    def learn(self, text: str, completion: Completion) -> None:
        self.cache.record(self.request(text), Response(completion.text, usage=completion.usage))
        self.cache.drain()

    def states(self) -> dict[str, int]:
        """How many procedures are in each state."""
        return self.cache.stats().procedures

    def restart(self) -> None:
        self.cache.close()
        self.cache = self._open()

    def account(self) -> dict[str, Any]:
        made = self.cache.procedures()
        return {
            "faults": self.cache.stats().faults,
            "check": self.cache.check(),
            "states": self.states(),
            "procedures": [
                {
                    "id": p.id,
                    "class": p.class_id,
                    "version": p.version,
                    "state": p.state.value,
                    "intent": p.draft.intent,
                    "origin": getattr(p, "origin", ""),
                    "examples": [case.text for case in p.examples],
                    "patterns": len(p.draft.patterns),
                    "agreements": p.agreements,
                    "disagreements": p.disagreements,
                    "refused": [f"{f.stage}: {f.detail}" for f in p.evidence if not f.passed],
                }
                for p in made
            ],
        }

    def close(self) -> None:
        self.cache.close()


class GptCache:
    """GPTCache as its quick start sets it up for meaning: ONNX embedding, SQLite and FAISS, its distance evaluation.

    Args:
        folder: where it keeps its files; emptied first.
        embedding: in place of its own, which it fetches; anything with ``to_embeddings`` and ``dimension``.

    Raises:
        ImportError: it is not installed, or its embedding model cannot be fetched here.
    """

    def __init__(self, folder: Path, embedding: Any = None) -> None:
        self._api = importlib.import_module("gptcache.adapter.api")
        shutil.rmtree(folder, ignore_errors=True)
        self._cached = importlib.import_module("gptcache").Cache()
        try:
            self._api.init_similar_cache(data_dir=str(folder), cache_obj=self._cached, embedding=embedding)
        except Exception as error:  # whatever its download raises
            raise ImportError(f"its default embedding cannot be made here: {type(error).__name__}: {error}") from error

    def find(self, text: str, now: float) -> Found:
        del now
        begin = time.perf_counter()
        given = self._api.get(text, cache_obj=self._cached)
        us = (time.perf_counter() - begin) * 1e6
        return Found(None, us=us) if given is None else Found(str(given), "semantic", us=us)

    def learn(self, text: str, completion: Completion) -> None:
        self._api.put(text, completion.text, cache_obj=self._cached)

    def restart(self) -> None:
        self._cached.flush()

    def account(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self._cached.flush()


Maker = Callable[[Path, Any], System]
"""From the path of the cache's file and the model that compiles to a system."""


def _shared_embedder() -> Any:
    from seglam.embed import MiniLM

    return MiniLM()


def _seglam(path: Path, compiler: Any) -> System:
    return Seglam(path, Policy(**_QUIET), compiler, embedder=_shared_embedder())


def _semantic(threshold: float) -> Maker:
    def make(path: Path, compiler: Any) -> System:
        del compiler
        return Seglam(path, Policy(compile="off", threshold=threshold, **_QUIET), embedder=_shared_embedder())

    return make


def _exact(path: Path, compiler: Any) -> System:
    del compiler
    return Seglam(path, Policy(compile="off"), tiers=False, embedder=_shared_embedder())


def _nothing(path: Path, compiler: Any) -> System:
    del path, compiler
    return Nothing()


class _Embedding:
    """Our embedder in GPTCache's shape."""

    def __init__(self) -> None:
        self._embedder = _shared_embedder()
        self.dimension = len(self.to_embeddings("a"))

    def to_embeddings(self, text: str, **_: Any) -> Any:
        return self._embedder.embed([text])[0]


def _gptcache(*, own: bool) -> Maker:
    def make(path: Path, compiler: Any) -> System:
        del compiler
        if importlib.util.find_spec("gptcache") is None:
            raise ImportError("it is not installed (pip install gptcache)")
        return GptCache(path.with_suffix(".gptcache"), None if own else _Embedding())

    return make


SYSTEMS: Final[dict[str, Maker]] = {
    "seglam": _seglam,
    "none": _nothing,
    "exact": _exact,
    "semantic-0.92": _semantic(0.92),
    "semantic-0.97": _semantic(0.97),
    "gptcache": _gptcache(own=True),
    "gptcache-minilm": _gptcache(own=False),
}
"""By name; a maker raises ImportError where what it needs is absent, which the tables then say."""
