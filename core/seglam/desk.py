"""``seglam procedures ...``: the curator's work at the command line."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from seglam.bundle import hmac_signer, hmac_verifier
from seglam.cache import Cache
from seglam.errors import ConfigurationError
from seglam.policy import Policy
from seglam.procedure import Procedure

app = typer.Typer(no_args_is_help=True, help="See, question and steer the procedures of a cache.")

FileArgument = Annotated[Path, typer.Argument(help="The cache's file.")]
IdArgument = Annotated[int, typer.Argument(metavar="ID", help="A procedure's number, as `list` shows it.")]
ByOption = Annotated[str, typer.Option("--by", help="Who decides; kept with the evidence.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
KeyOption = Annotated[Path | None, typer.Option("--key", help="A file with the key of an HMAC-SHA-256 signature.")]
OutOption = Annotated[Path | None, typer.Option("--out", help="The file to write; default: standard output.")]
ExamplesOption = Annotated[bool, typer.Option(help="With the real requests that it was made from.")]


def existing(file: Path, embedder: str | None = None) -> Cache:
    """The cache in a file that is there already; without background work, for the application may have another embedder.

    Raises:
        ConfigurationError: it is not.
    """
    if not file.is_file():
        raise ConfigurationError(f"FILE: there is no file {str(file)!r}")
    return Cache.open(file, policy=Policy(reembed=False), embedder=embedder)


@app.command("list")
def list_(file: FileArgument, as_json: JsonOption = False) -> None:
    """Every version of every procedure: its state, hits, and comparisons with the model."""
    with existing(file) as cache:
        found = cache.procedures()
    if as_json:
        print(json.dumps([_as_json(procedure) for procedure in found], indent=2))
        return
    table = Table("id", "class", "version", "state", "origin", "hits", "agreed", "disagreed", "intent")
    for p in found:
        numbers = [str(n) for n in (p.hits, p.agreements, p.disagreements)]
        state = f"{p.state}{' (pinned)' if p.pinned else ''}"
        table.add_row(str(p.id), str(p.class_id), str(p.version), state, p.origin, *numbers, Text(p.draft.intent))
    Console().print(table)


@app.command()
def uncovered(
    file: FileArgument,
    namespace: Annotated[str, typer.Option(help="Of the application's requests.")] = "",
    vary: Annotated[str, typer.Option(help="The context.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Kinds of requests without a procedure: how many were seen, and why the compiler declined or failed."""
    with existing(file) as cache:
        found = cache.curator.uncovered(namespace=namespace, vary=vary)
    rows = [
        {"class": g.id, "state": g.state, "cases": len(g.cases), "tries": g.tries, "reason": g.reason} for g in found
    ]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("class", "state", "cases", "tries", "reason", "a request")
    for row, group in zip(rows, found, strict=True):
        table.add_row(
            *(Text(str(value)) for value in row.values()), Text(group.cases[0].text[:80] if group.cases else "")
        )
    Console().print(table)


@app.command()
def why(file: FileArgument, number: IdArgument, as_json: JsonOption = False) -> None:
    """Why a version was made, what it was held against, and what came of it."""
    with existing(file) as cache:
        account = cache.curator.why(number)
    procedure = account.procedure
    if as_json:
        cases = [asdict(case) for case in account.cases]
        print(json.dumps({**_as_json(procedure), "cases": cases, "difference": account.difference}, indent=2))
        return
    console = Console()
    made = datetime.fromtimestamp(procedure.created, UTC).strftime("%Y-%m-%d %H:%M UTC")
    parent = "" if procedure.parent is None else f" from procedure {procedure.parent}"
    console.print(f"[bold]{procedure.draft.intent}[/bold]", highlight=False)
    console.print(f"{procedure.origin}{parent} on {made} by {procedure.model or 'nobody'}; state: {procedure.state}")
    console.print(f"digest of the prompt: {procedure.prompt_digest or 'none'}")
    for pattern in procedure.draft.patterns:
        console.print(Text(f"  pattern  {pattern}"))
    console.print(Syntax(procedure.draft.source.strip(), "python", word_wrap=True))
    for finding in procedure.evidence:
        console.print(
            Text(f"  {'passed ' if finding.passed else 'REFUSED'} {finding.stage}: {finding.detail or 'agreed'}")
        )
    for case in account.cases:
        console.print(Text(f"  case ({case.verdict}) {case.text!r} -> {case.answer!r}"))
    if account.difference:
        console.print(Syntax(account.difference, "diff", word_wrap=True))


@app.command()
def approve(file: FileArgument, number: IdArgument, by: ByOption = "") -> None:
    """Let a version answer on your word (also: roll back to an earlier one)."""
    with existing(file) as cache:
        cache.curator.approve(number, by=by)
    print(f"procedure {number} is live")


@app.command()
def retire(file: FileArgument, number: IdArgument, by: ByOption = "") -> None:
    """Stop a version from answering."""
    with existing(file) as cache:
        cache.curator.retire(number, by=by)
    print(f"procedure {number} is retired")


@app.command()
def pin(
    file: FileArgument, number: IdArgument, off: Annotated[bool, typer.Option("--off", help="No longer.")] = False
) -> None:
    """Keep a version from being replaced, merged or retired by itself."""
    with existing(file) as cache:
        cache.curator.pin(number, pinned=not off)
    print(f"procedure {number} is {'no longer ' if off else ''}pinned")


@app.command()
def edit(
    file: FileArgument,
    number: IdArgument,
    source: Annotated[Path | None, typer.Option(help="A file with the new code.")] = None,
    patterns: Annotated[Path | None, typer.Option(help="A file with the new templates, one per line.")] = None,
    by: ByOption = "",
) -> None:
    """Put your own version through the gate; it then runs in shadow."""
    code = None if source is None else _read("--source", source)
    lines = None if patterns is None else [line for line in _read("--patterns", patterns).splitlines() if line.strip()]
    with existing(file) as cache:
        new = cache.curator.edit(number, source=code, patterns=lines, by=by)
    print(f"procedure {new} passed the gate and runs in shadow")


@app.command()
def export(file: FileArgument, number: IdArgument, out: OutOption = None, examples: ExamplesOption = True) -> None:
    """Write a version as a Python file that runs, and tests itself, without seglam."""
    with existing(file) as cache:
        _write(cache.curator.module(number, examples=examples), out)


@app.command()
def pack(file: FileArgument, out: OutOption = None, key: KeyOption = None, examples: ExamplesOption = True) -> None:
    """Write all live procedures as one bundle."""
    sign = None if key is None else hmac_signer(_key(key))
    with existing(file) as cache:
        _write(cache.curator.pack(sign=sign, examples=examples), out)


@app.command()
def unpack(
    file: FileArgument,
    bundle: Annotated[Path, typer.Argument(help="The bundle.")],
    namespace: Annotated[str, typer.Option(help="Where its procedures may answer.")] = "",
    vary: Annotated[str, typer.Option(help="The context in which they may answer.")] = "",
    engine: Annotated[str, typer.Option(help="Whose requests they may answer under Policy(bind_engine=True).")] = "",
    key: KeyOption = None,
) -> None:
    """Put the procedures of a bundle through the gate; those that pass run in shadow."""
    verify = None if key is None else hmac_verifier(_key(key))
    text = _read("BUNDLE", bundle)
    with existing(file) as cache:
        for procedure in cache.curator.unpack(text, namespace=namespace, vary=vary, engine=engine, verify=verify):
            refused = next((f"{f.stage}: {f.detail}" for f in procedure.evidence if not f.passed), "")
            print(f"procedure {procedure.id} {procedure.state}: {procedure.draft.intent}{refused and ' - ' + refused}")


def _as_json(procedure: Procedure) -> dict[str, Any]:
    draft = procedure.draft
    return {
        **{name: getattr(procedure, name) for name in ("id", "class_id", "version", "origin", "parent", "pinned")},
        **{name: getattr(procedure, name) for name in ("hits", "agreements", "disagreements", "created", "used")},
        **{name: getattr(procedure, name) for name in ("namespace", "vary", "model", "prompt_digest")},
        **{name: getattr(draft, name) for name in ("intent", "answer_kind", "staticity", "patterns", "source")},
        "state": procedure.state.value,
        "near_misses": draft.near_misses,
        "examples": [{"request": case.text, "reply": case.answer} for case in procedure.examples],
        "evidence": [finding.as_json() for finding in procedure.evidence],
    }


def _read(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"{name}: {str(file)!r} cannot be read ({type(error).__name__})") from error


def _key(file: Path) -> bytes:
    return _read("--key", file).strip().encode()


def _write(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--out: {str(out)!r} cannot be written ({error.strerror})") from error
