"""``seglam questions ...``: contrast sets, complaints and reliability of the semantic tier; ``seglam tune``."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seglam import contrastfile
from seglam.cache import Cache
from seglam.contrast import Sense
from seglam.desk import FileArgument, JsonOption, existing
from seglam.embed import as_embedder
from seglam.errors import ConfigurationError
from seglam.exchange import Hit, Request
from seglam.labels import Pair, scored
from seglam.thresholds import Judged, curve

app = typer.Typer(no_args_is_help=True, help="See and steer what counts as the same question.")

IdArgument = Annotated[int, typer.Argument(metavar="ID", help="A question's number, as `list` shows it.")]
NamespaceOption = Annotated[str, typer.Option(help="Of the application's requests.")]
VaryOption = Annotated[str, typer.Option(help="The context.")]
EngineOption = Annotated[str, typer.Option(help="Who answers.")]
_THRESHOLDS = tuple(round(0.70 + 0.02 * step, 2) for step in range(15))


@app.command("list")
def list_(file: FileArgument, as_json: JsonOption = False) -> None:
    """Questions that have a contrast set, or were to get one."""
    with existing(file) as cache:
        found = cache.wordbook.questions()
    rows = [{"id": q.id, "state": q.state, "model": q.model, "reason": q.reason, "question": q.text} for q in found]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("id", "state", "model", "reason", "question")
    for row in rows:
        table.add_row(*(Text(str(value)[:100]) for value in row.values()))
    Console().print(table)


@app.command()
def why(file: FileArgument, number: IdArgument, as_json: JsonOption = False) -> None:
    """What a question's wordings and look-alikes are, who wrote them, and from which prompt."""
    with existing(file) as cache:
        question = next((q for q in cache.wordbook.questions() if q.id == number), None)
        if question is None:
            raise ConfigurationError(f"ID: there is no question {number}")
        known = cache.wordbook.wordings_of(question.key)
    if as_json:
        rows = [{"id": w.id, "sense": w.sense, "text": w.text, "origin": w.origin} for w in known]
        print(json.dumps({**asdict(question), "wordings": rows}, indent=2))
        return
    console = Console()
    console.print(Text(question.text))
    console.print(
        f"{question.state}; written by {question.model or 'nobody'}, prompt {question.prompt_digest[:12] or '-'}"
    )
    table = Table("id", "sense", "origin", "text")
    for w in known:
        table.add_row(str(w.id), w.sense, w.origin, Text(w.text))
    console.print(table)


@app.command()
def add(
    file: FileArgument,
    number: IdArgument,
    text: Annotated[str, typer.Argument(help="A wording.")],
    other: Annotated[bool, typer.Option("--other", help="It needs another answer.")] = False,
) -> None:
    """Put a wording on a side of a question's line."""
    with existing(file) as cache:
        question = next((q for q in cache.wordbook.questions() if q.id == number), None)
        if question is None:
            raise ConfigurationError(f"ID: there is no question {number}")
        cache.teach(question.key, text, Sense.OTHER if other else Sense.SAME)
    print("added")


@app.command()
def remove(
    file: FileArgument, wordings: Annotated[list[int], typer.Argument(help="Numbers of wordings, as `why` shows them.")]
) -> None:
    """Take wordings away."""
    with existing(file) as cache:
        print(f"{cache.wordbook.remove(wordings)} removed")


@app.command()
def export(file: FileArgument) -> None:
    """All contrast sets as JSON Lines: question, same, other, model, namespace."""
    with existing(file) as cache:
        for question in cache.wordbook.questions():
            print(contrastfile.line(question, cache.wordbook.wordings_of(question.key)))


@app.command("import")
def import_(
    file: FileArgument,
    sets: Annotated[Path, typer.Argument(help="JSON Lines, as `export` writes them.")],
    namespace: NamespaceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take over contrast sets for the questions of a namespace: all of the file or nothing; a second time changes nothing."""
    with existing(file) as cache:
        try:
            found = cache.import_questions(_text(sets, "SETS").split("\n"), namespace)
        except ConfigurationError as error:
            raise ConfigurationError(f"SETS, {error}") from None
    if as_json:
        print(json.dumps(asdict(found), indent=2))
        return
    print(f"{found.questions} questions, {found.wordings} new wordings; {found.known} known, {found.left_out} left out")


@app.command()
def wrong(
    file: FileArgument,
    text: Annotated[str, typer.Argument(help="What was asked.")],
    namespace: NamespaceOption = "",
    vary: VaryOption = "",
    engine: EngineOption = "",
) -> None:
    """Say that the answer which the cache gives to this text is wrong: it is not given again."""
    with existing(file) as cache:
        found = cache.lookup(Request(text, vary, engine, namespace))
        if not isinstance(found, Hit):
            raise ConfigurationError(f"TEXT: the cache has no answer to it ({found.why})")
        cache.wrong(found)
    print(f"noted: {found.source} does not answer it any more")


@app.command()
def reliability(file: FileArgument, as_json: JsonOption = False) -> None:
    """The share of wrong hits by meaning, from hits that the model answered all the same, with 95 % intervals."""
    with existing(file) as cache:
        found = cache.judgements.reliability()
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    table = Table("rule", "side of the A/B test", "judged", "wrong", "undecided", "share wrong", "at most")
    for one in found:
        share = f"{one.low:.1%} to {one.high:.1%}"
        counts = (str(one.judged), str(one.wrong), str(one.undecided))
        table.add_row(one.rule, one.arm or "-", *counts, share, f"{one.upper:.1%}")
    Console().print(table)


@app.command()
def labels(
    file: FileArgument,
    forget: Annotated[str, typer.Option(metavar="SOURCE", help="Drop the pairs of this source.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Labelled pairs that are kept as evidence, by source: what `tune --store` put there."""
    with existing(file) as cache:
        gone = cache.labels.forget(forget) if forget else 0
        found = [asdict(one) for one in cache.labels.sources()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if forget:
        print(f"{gone} forgotten")
    table = Table("source", "namespace", "embedder", "pairs", "wrong")
    for one in found:
        table.add_row(*(Text(str(value)[:60]) for value in one.values()))
    Console().print(table)


def tune(
    file: Annotated[Path, typer.Argument(help='JSON Lines of {"a": ..., "b": ..., "same_answer": true or false}.')],
    target: Annotated[float, typer.Option(help="Wrong hits among hits that you accept.")] = 0.01,
    embedder: Annotated[str, typer.Option(help="A sentence-transformers model; default: the embedded one.")] = "",
    store: Annotated[Path | None, typer.Option(help="A cache's file: keep the pairs there, as evidence.")] = None,
    namespace: NamespaceOption = "",
    as_json: JsonOption = False,
) -> None:
    """Recall against wrong hits by threshold, from labelled pairs; and the threshold that keeps to a target."""
    pairs = list(_pairs(file))
    found = scored(pairs, as_embedder(embedder or None))
    rows = curve((Judged(one.score, one.right) for one in found if not one.refused), _THRESHOLDS)
    total = sum(one.right for one in found)
    for row in rows:
        row["recall"] = (row["served"] - row["wrong"]) / total if total else 0.0
    picked, proved = _picked(rows, target)
    source = _stored(store, pairs, namespace, embedder) if store else ""
    told = {"pairs": len(found), "target": target, "threshold": picked, "proved": proved, "source": source}
    if as_json:
        print(json.dumps({**told, "curve": rows}, indent=2))
        return
    console = Console()
    console.print(_curve(rows, len(found)))
    if picked is None:
        console.print(f"No threshold keeps to {target:.1%} wrong hits on these pairs.")
    else:
        how = "proved (95 %)" if proved else "seen, not proved: too few pairs"
        console.print(f"Policy(threshold={picked:.2f})  at most {target:.1%} of the hits wrong: {how}.")
    if source:
        console.print(
            f"Kept as evidence for Fitted and PerEntry thresholds, until judged hits take its place: source {source}."
        )


def _stored(file: Path, pairs: Sequence[Pair], namespace: str, embedder: str) -> str:
    if not file.is_file():
        raise ConfigurationError(f"--store: there is no file {str(file)!r}")
    with Cache.open(file, embedder=embedder or None) as cache:
        return cache.labels.add(pairs, namespace=namespace)


def _curve(rows: Sequence[Mapping[str, float]], pairs: int) -> Table:
    table = Table(title=f"{pairs} pairs; value guards on", title_justify="left")
    for column in ("threshold", "served", "recall", "wrong", "share wrong", "at most (95 %)"):
        table.add_column(column, justify="right")
    for row in rows:
        numbers = (f"{row['served']:.0f}", f"{row['recall']:.1%}", f"{row['wrong']:.0f}")
        table.add_row(f"{row['threshold']:.2f}", *numbers, f"{row['wrong_share']:.1%}", f"{row['upper']:.1%}")
    return table


def _picked(rows: Sequence[Mapping[str, float]], target: float) -> tuple[float | None, bool]:
    """The lowest threshold that keeps to the target with all above it: by its bound, else by what was seen."""
    for name in ("upper", "wrong_share"):
        served = [row for row in rows if row["served"]]
        proved = [row["threshold"] for row in served if row[name] <= target]
        failed = [row["threshold"] for row in served if row["wrong_share"] > target]
        above = [threshold for threshold in proved if threshold > max(failed, default=-1.0)]
        if above:
            return min(above), name == "upper"
    return None, False


def _text(file: Path, argument: str) -> str:
    if not file.is_file():
        raise ConfigurationError(f"{argument}: there is no file {str(file)!r}")
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{argument}: cannot be read as UTF-8: {type(error).__name__}") from None


def _pairs(file: Path) -> Iterator[tuple[str, str, bool]]:
    for number, line in enumerate(_text(file, "FILE").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
            pair = (row["a"], row["b"], row["same_answer"])
        except (ValueError, KeyError, TypeError):
            pair = None
        if pair is None or not all(isinstance(text, str) for text in pair[:2]) or not isinstance(pair[2], bool):
            raise ConfigurationError(
                f'FILE, line {number}: expected {{"a": text, "b": text, "same_answer": true or false}}'
            )
        yield pair
