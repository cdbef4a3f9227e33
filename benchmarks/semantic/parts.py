"""The measurements: pairs with and without contrast sets, changed numbers, a stream of real questions, a fitted threshold.

seglam is measured through its door: a Cache holds the questions, each with its own answer, and is asked.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.semantic.data import Pair
from benchmarks.semantic.peers import Ask, Peer, Vectors
from seglam import Cache, Fitted, Hit, Policy, Request, Response
from seglam.contrast import contrast_prompt, parse_contrast
from seglam.judgements import READING, Judgement
from seglam.trust import upper_bound, wilson_lower

Tick = Callable[[], None]
_QUIET = {"check_hits": 0.0, "compile": "off", "max_entries": 100_000}


def share(count: int, n: int) -> dict[str, float]:
    """A rate with its 95 % interval (Wilson)."""
    return {
        "count": count,
        "n": n,
        "share": count / n if n else 0.0,
        "low": wilson_lower(count, n),
        "high": 1.0 - wilson_lower(n - count, n),
    }


def opened(questions: Sequence[str], folder: Path, **options: Any) -> Cache:
    """A cache that holds the questions; the answer to the n-th is its number, unless ``answers`` are given."""
    answers = options.pop("answers", None) or [f"answer {number}" for number in range(len(questions))]
    policy = Policy(**{**_QUIET, **options.pop("policy", {})})
    cache = Cache.open(folder / f"{len(list(folder.iterdir()))}.db", policy=policy, **options)
    cache.load((Request(q), Response(answer)) for q, answer in zip(questions, answers, strict=True))
    return cache


def served(cache: Cache, text: str) -> tuple[int, Hit] | None:
    """Which question answered, and the hit."""
    found = cache.lookup(Request(text))
    return (int(found.response.text.split()[1].rstrip(":")), found) if isinstance(found, Hit) else None


Served = Callable[[str], tuple[int, Mapping[str, Any]] | None]
"""Which question answered a text, and what the cache told about it."""


def by(cache: Cache) -> Served:
    """A seglam cache, to be asked."""

    def ask(text: str) -> tuple[int, Mapping[str, Any]] | None:
        found = served(cache, text)
        return None if found is None else (found[0], found[1].notes)

    return ask


def by_peer(ask: Ask) -> Served:
    """Another cache, to be asked; it tells nothing."""

    def asked(text: str) -> tuple[int, Mapping[str, Any]] | None:
        at = ask(text)
        return None if at is None else (at, {})

    return asked


def judge_pairs(pairs: Sequence[Pair], ask: Served, questions: Sequence[str], tick: Tick) -> dict[str, Any]:
    """Same pairs and traps served from the pair's own question; and answers of other questions, which are wrong as well."""
    counts: Counter[str] = Counter()
    rows = []
    for pair in pairs:
        own = questions.index(pair.a)
        found = ask(pair.b)
        tick()
        if found is None:
            continue
        number, notes = found
        if number == own:
            counts["same" if pair.same else "trap"] += 1
            counts[f"{pair.category}.{'same' if pair.same else 'trap'}"] += 1
        elif questions[number] != pair.b:  # a trap may be a stored question itself: then its own answer is right
            counts["other"] += 1
        if questions[number] != pair.b and (number != own or not pair.same):
            rows.append({"asked": pair.b, "served": questions[number], "of": pair.a, **notes})
    n = Counter(pair.same for pair in pairs)
    categories = {
        name: share(counts[f"{name}.{'same' if same else 'trap'}"], of)
        for (name, same), of in sorted(Counter((pair.category, pair.same) for pair in pairs).items())
    }
    return {
        "same": share(counts["same"], n[True]),
        "traps": share(counts["trap"], n[False]),
        "other question's answer": counts["other"],
        "by category": categories,
        "examples": rows,
    }


def with_sets(pairs: Sequence[Pair], strangers: Sequence[str], model: Any, tick: Tick, **policy: Any) -> dict[str, Any]:
    """Every stored question has its contrast set, as after an import of a FAQ.

    The strangers are questions of other people to other services, which no look-alike foresaw: each hit is to be read.
    """
    questions = list(dict.fromkeys(pair.a for pair in pairs))
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(
            questions, Path(folder), compiler=model, policy={"compiles_per_hour": 10**6, "contrast": "off", **policy}
        ) as cache,
    ):
        made = sum(cache.crystallise(Request(question)) for question in questions)
        found = judge_pairs(pairs, by(cache), questions, tick)
        sizes = cache.stats().sizes
        hits = [(text, one) for text in strangers if (one := served(cache, text)) is not None]
    told = [{"asked": text, "served": questions[at], **dict(hit.notes), "score": hit.score} for text, (at, hit) in hits]
    sized = {"questions": len(questions), "sets": made, "vectors a question": sizes["wordings"] / made}
    return {**sized, **found, "strangers": share(len(hits), len(strangers)), "strangers served": told}


def without_sets(pairs: Sequence[Pair], tick: Tick, **policy: Any) -> dict[str, Any]:
    """The plain rule, all questions in one cache."""
    questions = list(dict.fromkeys(pair.a for pair in pairs))
    with tempfile.TemporaryDirectory() as folder, opened(questions, Path(folder), policy=policy) as cache:
        return judge_pairs(pairs, by(cache), questions, tick)


def with_wordings(pairs: Sequence[Pair], model: Any, tick: Tick, **policy: Any) -> dict[str, Any]:
    """A handbook: each question stored in several wordings with one answer, no contrast sets. The wordings are the tape's."""
    texts: list[str] = []
    owners: list[int] = []
    questions = list(dict.fromkeys(pair.a for pair in pairs))
    for number, question in enumerate(questions):
        found = parse_contrast(model.complete(contrast_prompt(question)).text, question).same
        texts += [question, *found]
        owners += [number] * (1 + len(found))
    answers = [f"answer {number}: what the handbook says to all who ask for this." for number in owners]
    options = {"answers": answers, "policy": {"contrast": "off", **policy}}
    with tempfile.TemporaryDirectory() as folder, opened(texts, Path(folder), **options) as cache:
        return {"stored": len(texts), **judge_pairs(pairs, by(cache), questions, tick)}


def others_on_pairs(pairs: Sequence[Pair], peers: Sequence[Peer], vectors: Vectors, tick: Tick) -> dict[str, Any]:
    """What other caches serve of the same pairs."""
    questions = list(dict.fromkeys(pair.a for pair in pairs))
    told = {}
    for peer in peers:
        with peer.opened(questions, vectors) as ask:
            told[peer.name] = judge_pairs(pairs, by_peer(ask), questions, tick)
    return told


def stream(
    stored: Sequence[tuple[str, str]],
    asked: Sequence[tuple[str, str]],
    peers: Sequence[Peer],
    vectors: Vectors,
    tick: Tick,
) -> dict[str, Any]:
    """Real questions with intents: hit rate, and hits whose intent is another. Every question is stored, none is learnt from."""
    intents = [intent for _, intent in stored]
    texts = [text for text, _ in stored]
    told: dict[str, Any] = {}
    for peer in peers:
        with peer.opened(texts, vectors) as ask:
            near = [(intent, ask(text)) for text, intent in asked]
        hits = [intents[at] == intent for intent, at in near if at is not None]
        told[peer.name] = {"hits": share(len(hits), len(asked)), "wrong": share(hits.count(False), len(hits))}
    told["seglam, every question its answer"] = _streamed(texts, intents, asked, tick, {})
    # Judged by intent, so one answer for each intent, as in a handbook: only then can a cache see where answers part.
    shared = [f"The page of the handbook about {intent}: what to do, and whom to ask." for intent in intents]
    told["seglam, one answer an intent"] = _streamed(texts, intents, asked, tick, {"answers": shared})
    return told


def _streamed(
    texts: Sequence[str],
    intents: Sequence[str],
    asked: Sequence[tuple[str, str]],
    tick: Tick,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    numbers = {text: number for number, text in enumerate(texts)}
    found = []
    with tempfile.TemporaryDirectory() as folder, opened(texts, Path(folder), **options) as cache:
        for text, intent in asked:
            hit = cache.lookup(Request(text))
            tick()
            if isinstance(hit, Hit):
                wording = str(hit.notes.get("wording", text))
                found.append((intents[numbers[wording]] == intent, text, wording, str(hit.notes.get("rule", "exact"))))
    wrong = [{"asked": text, "served": taken, "rule": rule} for right, text, taken, rule in found if not right]
    return {
        "hits": share(len(found), len(asked)),
        "wrong": share(len(wrong), len(found)),
        "by rule": dict(Counter(rule for *_, rule in found)),
        "examples": wrong,
    }


def fitted(
    stored: Sequence[tuple[str, str]], halves: Sequence[Sequence[tuple[str, str]]], target: float, tick: Tick
) -> dict[str, Any]:
    """A threshold fitted on one half of the questions, with intents as judges, and what it serves of the other half."""
    texts = [text for text, _ in stored]
    intents = [intent for _, intent in stored]
    threshold = Fitted(target=target, start=0.97, floor=0.70, confidence=0.9)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(texts, Path(folder), policy={"threshold": threshold}) as cache,
        opened(texts, Path(folder), policy={"threshold": 0.70}) as loose,
    ):
        for text, intent in halves[0]:
            one = served(loose, text)
            tick()
            if one is not None:
                right = intents[one[0]] == intent
                fingerprint = cache._semantic.fingerprint
                row = Judgement("", fingerprint, texts[one[0]], text, texts[one[0]], READING, one[1].score, right)
                cache.judgements.add(row, 0.0)
        evidence = len(cache.judgements.all())
        hits = []
        for text, intent in halves[1]:
            one = served(cache, text)
            tick()
            if one is not None:
                hits.append(intents[one[0]] == intent)
        generation = cache._store.generation()
        fit = threshold.fit(cache.judgements.evidence("", cache._semantic.fingerprint, READING, generation))
    wrong = hits.count(False)
    return {
        "target": target,
        "judged": evidence,
        "threshold": fit,
        "hits": share(len(hits), len(halves[1])),
        "wrong": share(wrong, len(hits)),
        "upper": upper_bound(wrong, len(hits)),
    }
