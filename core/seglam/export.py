"""Export: a procedure as one Python file that answers, explains and tests itself where seglam is not installed.

The file holds the code as it was written, the patterns as data, and, of standalone.py, the definitions that its slot types
need. What stands in its EXAMPLES is what the code answered in the sandbox; so the tests of the file also show whether
Python gives the same answers as the sandbox's language. Nothing of the procedure is run outside the sandbox here.
"""

import ast
import contextlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from seglam import standalone
from seglam.bundle import draft_digest, impersonal
from seglam.dataslots import slot_type
from seglam.definitions import Definitions, literal, raw
from seglam.errors import ConfigurationError, PatternError, ProcedureError
from seglam.guard import Guard
from seglam.procedure import Draft, Procedure, answer
from seglam.sandbox import VERIFY, Sandbox, Status, call_source
from seglam.slots import Slot
from seglam.static import violations

_MOST_EXAMPLES: Final = 20
_DRAWN: Final = 8
_MOST_TRIED: Final = 60
_PATIENCE: Final = 40  # how often a busy sandbox is asked again
_TEST: Final = re.compile(r"test|Test")

_HEAD: Final = '''\
"""{intent}

    from {name} import answer
    answer({request})
    # {told}

answer(text) gives the reply to a request, or None when the request is not exactly of this kind. The code and the patterns are
what was compiled; seglam wrote the rest. PROVENANCE says who compiled it, what the gate found, and in which state it was.
Python 3.11 or newer is all it needs. To test it: python -m pytest {name}.py
seglam runs this code in a sandbox. Here nothing confines it, and a long hostile request may match slowly: read it first.
"""

from __future__ import annotations
'''
_REFUSE: Final = '''\
class Refuse(BaseException):
    """Raised for values that the procedure does not handle; `except Exception` must not swallow it."""
'''
_ANSWER: Final = '''\
def answer(text):
    """The reply to a request; None when it is not of this kind, or when the code refuses its values."""
    params = read_request(PATTERNS, SLOTS, text)
    return None if params is None else reply(params)


def reply(params):
    """The reply for a dictionary of slot values; None when the code refuses them or check() fails."""
    try:
        value = run(**params)
        told = render(value, **params) if check(value, **params) else None
    except (Refuse, Exception):
        return None
    return told if type(told) is str else None
'''
_TESTS: Final = """\
def test_every_example_is_answered_as_in_the_sandbox():
    assert EXAMPLES
    for request, told in EXAMPLES:
        assert answer(request) == told, request


def test_every_near_miss_is_refused():
    for request in NEAR_MISSES:
        assert answer(request) is None, request
"""
_OWN: Final = frozenset({"Refuse", "answer", "reply", "PATTERNS", "SLOTS", "EXAMPLES", "NEAR_MISSES", "PROVENANCE"})


def module(procedure: Procedure, sandbox: Sandbox, *, examples: bool = True) -> str:
    """The file: save it as ``module_name(procedure) + ".py"``.

    Args:
        procedure: in any state, with its evidence loaded.
        sandbox: answers the examples, and the near misses that the patterns take.
        examples: False leaves out what quotes real requests (see ``bundle.impersonal``); made-up ones take their place.

    Raises:
        ProcedureError: the code or a pattern is not what the gate lets through, or no example is answered.
    """
    if found := violations(procedure.draft.source):
        raise ProcedureError(f"only code that passes the static gate is exported: {found[0]}")
    try:
        _ = procedure.draft.guard
    except PatternError as error:
        raise ProcedureError(f"only patterns that parse are exported: {error}") from error
    kept = procedure if examples else impersonal(procedure)
    answered = _answered(kept.draft, (case.text for case in kept.examples), sandbox)
    answered = answered or _answered(kept.draft, _made_up(kept.draft, sandbox), sandbox)
    if not answered:
        raise ProcedureError("no request was found that the procedure answers, so its file could not be tested")
    refused = [text for text in kept.draft.near_misses if _told(kept.draft, text, sandbox) is None]
    try:
        return _file(kept, answered, refused, examples=examples)
    except (TypeError, OSError) as error:  # a slot type of somebody's own; or a package without its sources
        raise ProcedureError(f"what reads the slots cannot be written out: {error}") from error


def module_name(procedure: Procedure) -> str:
    """A name for the file without its ending: words of the intent, and the first digits of the draft's digest."""
    words = "_".join(re.findall(r"[a-z0-9]+", procedure.draft.intent.lower()))[:40].strip("_")
    return f"p_{words}_{draft_digest(procedure.draft)[:8]}" if words else f"p_{draft_digest(procedure.draft)[:8]}"


def _answered(draft: Draft, texts: Iterable[str], sandbox: Sandbox) -> list[tuple[str, str]]:
    """The first requests that are answered, with what the code says now; a recorded reply may be worded otherwise."""
    short = (text for text in texts if len(text) <= standalone.MAX_REQUEST)
    given = ((text, _told(draft, text, sandbox)) for text in short)
    return [*islice(((text, told) for text, told in given if told is not None), _MOST_EXAMPLES)]


def _told(draft: Draft, text: str, sandbox: Sandbox) -> str | None:
    for _ in range(_PATIENCE):
        given = answer(draft, text, sandbox, VERIFY)
        if given.outcome is None or given.outcome.status is not Status.BUSY:
            break
    return given.text


def _made_up(draft: Draft, sandbox: Sandbox) -> list[str]:
    """Requests that each of the patterns accepts: with values that gen() draws, then with random ones."""
    drawn = sandbox.run(call_source(draft.source, f"[gen(seed) for seed in range({_DRAWN})]"), {}, VERIFY)
    texts = []
    for values in drawn.value if drawn.ok and isinstance(drawn.value, list) else ():
        for pattern in draft.guard.patterns if isinstance(values, dict) else ():
            with contextlib.suppress(ConfigurationError):  # it draws for another pattern, or what no request can say
                texts.append(pattern.fill(values))
    for pattern in draft.guard.patterns:
        for seed in range(_DRAWN):
            with contextlib.suppress(PatternError):  # none was found for this seed
                texts.append(pattern.sample(seed))
    return [*dict.fromkeys(texts)][:_MOST_TRIED]


def _file(procedure: Procedure, answered: list[tuple[str, str]], refused: list[str], *, examples: bool) -> str:
    kinds = _kinds(procedure.draft.guard)
    own = Definitions(_OWN)
    own.name(standalone.read_request)
    table = ["SLOTS = {"]
    for kind, slot in kinds.items():
        entry = [*map(raw, slot.expressions), own.reader(slot)]
        table += [f"    {kind!r}: (", *(f"        {part}," for part in entry), "    ),"]
    request, told = min(answered, key=lambda pair: len(pair[0]))
    head = _HEAD.format(
        intent=_prose(procedure.draft.intent),
        name=module_name(procedure),
        request=_prose(repr(request)),
        told=_prose(told),
    )
    facts = _provenance(procedure, examples=examples)
    parts = [
        head + "\n" + "\n".join(sorted(own.imports)),
        f"PROVENANCE = {literal(facts)}\n\nPATTERNS = {literal(procedure.draft.patterns)}",
        f"{_REFUSE}\n\n# The procedure, as the model wrote it.",
        _apart(procedure.draft.source, {*own.names}, own.imports).replace("\r\n", "\n").strip("\n"),
        f"# The answer to a request, the evidence, and its tests.\n\n\n{_ANSWER}",
        f"EXAMPLES = {literal(answered)}\n\nNEAR_MISSES = {literal(refused)}",
        f"{_TESTS}\n\n# How a request is read; written by seglam, and the same for every procedure with these types of slots.",
        "\n".join(own.constants),
        *own.functions,
        "\n".join(
            ["# By type: the longest text that a slot may have, the shortest, and what reads it.", *table, "}"],
        ),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _provenance(procedure: Procedure, *, examples: bool) -> dict[str, Any]:
    made = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=procedure.created)
    facts = {
        "digest": draft_digest(procedure.draft),
        "model": procedure.model,
        "prompt_digest": procedure.prompt_digest,
        "created": made.isoformat(timespec="seconds"),
        "version": procedure.version,
        "origin": procedure.origin,
        "state": procedure.state.value,
        "answer_kind": procedure.draft.answer_kind,
        "stays_true": procedure.draft.staticity,
        "agreements": procedure.agreements,
        "disagreements": procedure.disagreements,
        "examples": "real requests" if examples and procedure.examples else "made up",
        "gate": [(found.stage, "passed" if found.passed else "refused", found.detail) for found in procedure.evidence],
    }
    return {key: value for key, value in facts.items() if value != ""}


def _kinds(guard: Guard) -> dict[str, Slot]:
    """The slot types of a guard, by the text that names them in its templates."""
    found: dict[str, Slot] = {}
    for pattern in guard.patterns:
        for name, kind in standalone.read_pieces(pattern.template):
            if kind:
                found[kind] = pattern.slots[name] if name in pattern.slots else slot_type(kind)  # "_" has no name
    return found


def _prose(text: str) -> str:
    """A text within one line of the docstring."""
    line = " ".join(text.split())
    line = "".join(char if char.isprintable() else "?" for char in line[:500])
    return line.replace("\\", "\\\\").replace('"', '\\"')


class _Renamed(ast.NodeTransformer):
    """Gives names of a module others, everywhere."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit(self, node: ast.AST) -> ast.AST:
        """Rename in a node and below it."""
        if isinstance(node, ast.alias):
            node.asname = self.names.get(node.asname or node.name, node.asname)
            return node
        for attribute in ("id", "name", "arg"):
            if isinstance(value := getattr(node, attribute, None), str):
                setattr(node, attribute, self.names.get(value, value))
        return self.generic_visit(node)


def _import(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    if isinstance(statement, ast.Import):
        return ast.unparse(ast.Import([alias]))
    return ast.unparse(ast.ImportFrom(module=statement.module, names=[alias], level=statement.level))


def _apart(source: str, taken: set[str], imports: set[str]) -> str:
    """The code, with other names for what it calls like something of the file, or what pytest would take for a test."""
    own: set[str] = set()
    tree = ast.parse(source)
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            own |= {alias.asname or alias.name for alias in statement.names if _import(statement, alias) not in imports}
        elif isinstance(statement, ast.FunctionDef | ast.ClassDef):
            own.add(statement.name)
        else:
            own |= {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    clashing = {name for name in own if name in taken or _TEST.match(name)}
    if not clashing:
        return source
    names = {name: f"own_{name}" for name in clashing}
    told = ", ".join(f"{old} is {new}" for old, new in sorted(names.items()))
    return f"# Renamed, because this file uses the names itself: {told}.\n{ast.unparse(_Renamed(names).visit(tree))}"
