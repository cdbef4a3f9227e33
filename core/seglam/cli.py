"""The ``seglam`` command: thin, over the same methods that programs use."""

import json
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from seglam import desk, questions
from seglam.desk import FileArgument, JsonOption, existing
from seglam.errors import ConfigurationError, MissingExtraError, SeglamError
from seglam.llm import CallableModel, Completion, Model
from seglam.procedure import Procedure

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="A reasoning cache: see what it learnt and what it saved."
)
_BLOCKS = " ▁▂▃▄▅▆▇█"
_HEIGHT = 5

app.add_typer(desk.app, name="procedures")
app.add_typer(questions.app, name="questions")
app.command()(questions.tune)


@app.command()
def demo(
    model: Annotated[
        str, typer.Option(help="A live model as provider:name; default: replies recorded from a real one.")
    ] = "",
    size: Annotated[int, typer.Option(help="Requests in the stream (the recording holds the default).")] = 420,
    seed: Annotated[int, typer.Option(help="Of the stream (the recording holds the default).")] = 2026,
    as_json: JsonOption = False,
) -> None:
    """Play a stream of office requests through LangChain, LlamaIndex and the core, and show what was learnt."""
    from seglam.demo.play import play

    console = Console()
    started = time.perf_counter()
    live = _live_model(model) if model else None
    if as_json:
        played = play(live, seed=seed, size=size)
        print(json.dumps(played.as_json(), indent=2))
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("an office at work", total=size)
            played = play(
                live, seed=seed, size=size, progress=lambda done, of: bar.update(task, completed=done, total=of)
            )
        _show(console, played, time.perf_counter() - started)
    if played.wrong_hits or played.errors:
        raise typer.Exit(1)


def _live_model(name: str) -> Model:
    """A model by provider:name, through LangChain's own registry of providers."""
    if ":" not in name:
        raise ConfigurationError(f"--model: expected provider:name, for example openai:gpt-5-mini, got {name!r}")
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        raise MissingExtraError(
            f"--model needs LangChain's providers: pip install langchain langchain-{name.partition(':')[0]}"
        ) from error
    chat = init_chat_model(name, temperature=0)

    def complete(prompt: str) -> Completion:
        return Completion(str(chat.invoke(prompt).text))

    model = CallableModel(complete)
    model.name = name
    return model


def _show(console: Console, played: Any, seconds: float) -> None:
    table = Table(title=f"{len(played.steps)} requests; the model: {played.model}", title_justify="left")
    for column in ("answered by", "requests", "share", "right", "wrong", "no known truth"):
        table.add_column(column, justify="left" if column == "answered by" else "right")
    for name, row in played.by_tier().items():
        share = f"{row['requests'] / len(played.steps):.1%}"
        wrong = Text(str(row["wrong"]), style="bold red" if row["wrong"] and name != "model" else "")
        label = "the model" if name == "model" else f"{name} tier"
        table.add_row(label, str(row["requests"]), share, str(row["right"]), wrong, str(row["unknown"]))
    console.print(table)
    console.print(
        f"Served without the model: [bold]{played.served:.1%}[/bold]   wrong hits: [bold]{played.wrong_hits}[/bold]   "
        f"model calls: {played.answers} answers + {played.compiles} procedures   {seconds:.1f} s"
    )
    console.print(_curve(played.curve()))
    stats = played.stats
    asked = stats.compile_calls + stats.vote_calls + stats.contrast_calls
    console.print(
        f"Saved: {stats.saved_calls} calls, about {stats.saved_input_tokens + stats.saved_output_tokens:,} tokens; spent on "
        f"compiling: {asked} calls, about {stats.compile_input_tokens + stats.compile_output_tokens:,} tokens."
    )
    flavours = ", ".join(f"{name} {row['hits']}/{row['requests']}" for name, row in played.by_flavour().items())
    console.print(f"Hits by kind of request: {flavours}.")
    korean = [step for step in played.steps if any("가" <= character <= "힣" for character in step.item.text)]
    if korean:
        hits = sum(step.tier is not None for step in korean)
        console.print(
            f"Korean: {hits} of {len(korean)} were exact hits or procedures, the rest honest misses. The embedded model knows "
            "English only; for wordings in other languages: Cache.open(..., embedder='<a multilingual sentence-transformers "
            "model>')."
        )
    example = played.example()
    if example is not None:
        _show_procedure(console, example)
    for error in played.errors:
        console.print(f"[bold red]check: {error}[/bold red]")


def _curve(values: list[float]) -> Panel:
    """Columns of model calls for each request, drawn in eighths of a line."""
    top = max([*values, 1e-9])
    rows = []
    for line in range(_HEIGHT - 1, -1, -1):
        cells = [min(max(value / top * _HEIGHT - line, 0.0), 1.0) for value in values]
        label = f"{top:5.2f} " if line == _HEIGHT - 1 else " 0.00 " if line == 0 else "      "
        rows.append(label + "".join(_BLOCKS[round(cell * 8)] * 4 + " " for cell in cells))
    last = f"      first {' ' * (5 * len(values) - 17)} last part"
    return Panel(
        Text("\n".join([*rows, last])), title="model calls (answers and procedures) for each request", expand=False
    )


def _show_procedure(console: Console, procedure: Procedure) -> None:
    draft = procedure.draft
    passed = ", ".join(finding.stage for finding in procedure.evidence if finding.passed)
    console.print(
        Panel(
            Text("\n".join([draft.intent, "", *(f"pattern  {pattern}" for pattern in draft.patterns)])),
            title=f"one crystallised procedure: {procedure.hits} hits, made from {len(procedure.examples)} answers",
        )
    )
    console.print(Syntax(draft.source.strip(), "python", word_wrap=True))
    console.print(f"[dim]written by {procedure.model}; passed: {passed}[/dim]")


@app.command()
def stats(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show what a cache did and saved."""
    from dataclasses import asdict

    with existing(file) as cache:
        found = cache.stats()
    if as_json:
        rates = {"hit_rate": found.hit_rate, "calls_per_set": found.calls_per_set}
        print(json.dumps({**asdict(found), **rates}, indent=2))
        return
    table = Table(show_header=False)
    shown_rates = {"hit_rate": f"{found.hit_rate:.1%}", "calls_per_set": f"{found.calls_per_set:.2f}"}
    for name, value in {**asdict(found), **shown_rates}.items():
        shown = ", ".join(f"{key} {number}" for key, number in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name.replace("_", " "), shown or "none")
    Console().print(table)


@app.command()
def check(file: FileArgument, as_json: JsonOption = False) -> None:
    """Prove that file and index are whole and agree."""
    with existing(file) as cache:
        problems = cache.check()
    if as_json:
        print(json.dumps({"problems": problems}))
    else:
        for problem in problems:
            print(problem)
        print(f"{len(problems)} problems" if problems else "all is well")
    if problems:
        raise typer.Exit(1)


@app.command()
def reembed(
    file: FileArgument,
    embedder: Annotated[
        str, typer.Option(help="The application's: a sentence-transformers name or path; default: the embedded model.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Also what running processes still compare.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the vectors of every other embedder anew with this one, now."""
    with existing(file, embedder or None) as cache:
        left = cache.reembedding.run(force=force)
        spaces = cache.stats().spaces
    if as_json:
        print(json.dumps({"left": left, "spaces": spaces}))
    else:
        for name, count in sorted(spaces.items()):
            print(f"{count:>9,} {name or 'waiting'}")
        print(f"{left} left to processes that work with them" if left else "all texts are of one embedder")


def main() -> None:
    """Run the command; an error of seglam is one line and exit status 2."""
    try:
        app()
    except SeglamError as error:
        print(f"seglam: {error}", file=sys.stderr)
        raise SystemExit(2) from None
