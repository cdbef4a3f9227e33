"""Small defects put into a sound draft: in its code (as mutation testing does), and in its patterns (made wider)."""

import ast
import copy
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from seglam.errors import SeglamError
from seglam.procedure import Draft

_COMPARE: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
}  # fmt: skip
_OPERATORS: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.FloorDiv: ast.Mod, ast.Mod: ast.FloorDiv,
}  # fmt: skip
_OWN: Final = frozenset({"check", "gen"})
"""Functions that are left alone: a defect in what guards the answer is no wrong answer."""
_SLOT: Final = re.compile(r"\{(\w+):([^{}]*)\}")
_WORD: Final = re.compile(r"(?<![\w\\{:|(,])[A-Za-z]{3,}(?![\w}:|(),])")
_WIDER: Final = {
    "integer": ("decimal", "word", "words(1,4)"),
    "decimal": ("words(1,4)",),
    "name": ("words(1,6)", "text(60)"),
    "word": ("words(1,6)", "text(60)"),
    "words": ("words(1,12)", "text(120)"),
    "oneof": ("word", "words(1,4)"),
    "quoted": ("text(120)",),
    "list": ("text(200)",),
    "block": ("text(2000)",),
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A draft with one defect, and what the defect is."""

    draft: Draft
    what: str


def mutants(draft: Draft, rng: random.Random) -> Iterator[Mutant]:
    """All mutants of a draft that can be read, code and patterns in turn, in random order, each once."""
    sources, patterns = list(_of_source(draft)), list(_of_patterns(draft, rng))
    rng.shuffle(sources)
    rng.shuffle(patterns)
    seen = {(draft.source, draft.patterns)}
    while sources or patterns:
        for some in (sources, patterns):
            if not some:
                continue
            mutant = some.pop()
            mark = (mutant.draft.source, mutant.draft.patterns)
            if mark in seen or not _readable(mutant.draft):
                continue
            seen.add(mark)
            yield mutant


def _readable(draft: Draft) -> bool:
    try:
        _ = draft.guard
    except SeglamError:
        return False
    return True


# -- code --------------------------------------------------------------------------------------------------------------


def _of_source(draft: Draft) -> Iterator[Mutant]:
    tree = ast.parse(draft.source)
    functions = [n for n in tree.body if not (isinstance(n, ast.FunctionDef) and n.name in _OWN)]
    places = [node for part in functions for node in ast.walk(part)]
    for number, node in enumerate(places):
        for name, change in _CHANGES.items():
            if change(copy.deepcopy(node)) is None:
                continue
            other = copy.deepcopy(tree)
            parts = [n for n in other.body if not (isinstance(n, ast.FunctionDef) and n.name in _OWN)]
            target = [node for part in parts for node in ast.walk(part)][number]
            new = change(target)
            if new is None or not _put(other, target, new):
                continue
            yield Mutant(replace(draft, source=ast.unparse(ast.fix_missing_locations(other)) + "\n"), f"code: {name}")
    yield from _swapped(draft, tree)


def _put(tree: ast.AST, old: ast.AST, new: ast.AST) -> bool:
    """Put a node in another's place; False where that stands nowhere."""
    if old is new:
        return True
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
                return True
            if isinstance(value, list) and any(entry is old for entry in value):
                setattr(parent, name, [new if entry is old else entry for entry in value])
                return True
    return False


def _constant(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return None
    if isinstance(node.value, int):
        return ast.Constant(node.value + 1)
    if isinstance(node.value, str) and re.fullmatch(r"\d+(\.\d+)?", node.value):
        last = node.value[-1]
        return ast.Constant(node.value[:-1] + str((int(last) + 1) % 10))
    return None


def _comparison(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARE:
        node.ops = [_COMPARE[type(node.ops[0])]()]
        return node
    return None


def _operator(node: ast.AST) -> ast.AST | None:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        node.op = _OPERATORS[type(node.op)]()
        return node
    return None


def _factor(node: ast.AST) -> ast.AST | None:
    return node.left if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div) else None


def _off_by_one(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) != 1:
        return None
    if node.func.id == "range":
        return ast.Call(node.func, [ast.BinOp(node.args[0], ast.Sub(), ast.Constant(1))], [])
    return ast.BinOp(node, ast.Add(), ast.Constant(1)) if node.func.id in ("len", "int", "abs") else None


_CHANGES: Final[dict[str, Callable[[ast.AST], ast.AST | None]]] = {
    "constant changed": _constant,
    "comparison flipped": _comparison,
    "operator swapped": _operator,
    "factor dropped": _factor,
    "off by one": _off_by_one,
}


def _swapped(draft: Draft, tree: ast.Module) -> Iterator[Mutant]:
    """run() with two slots of one type in each other's place."""
    types = dict(pair for pattern in draft.patterns for pair in _SLOT.findall(pattern))
    pairs = [(a, b) for a in sorted(types) for b in sorted(types) if a < b and types[a] == types[b]]
    for a, b in pairs:
        other = copy.deepcopy(tree)
        for part in other.body:
            if isinstance(part, ast.FunctionDef) and part.name == "run":
                for node in (n for line in part.body for n in ast.walk(line)):
                    if isinstance(node, ast.Name) and node.id in (a, b):
                        node.id = b if node.id == a else a
        yield Mutant(replace(draft, source=ast.unparse(other) + "\n"), "code: slots swapped")


# -- patterns ----------------------------------------------------------------------------------------------------------


def _of_patterns(draft: Draft, rng: random.Random) -> Iterator[Mutant]:
    for number, pattern in enumerate(draft.patterns):
        for slot in _SLOT.finditer(pattern):
            kind = slot[2].partition("(")[0].strip()
            for wider in _WIDER.get(kind, ()):
                if wider == slot[2]:
                    continue
                # The same type wherever the slot stands, or the patterns contradict each other.
                changed = tuple(p.replace(slot[0], f"{{{slot[1]}:{wider}}}") for p in draft.patterns)
                yield Mutant(replace(draft, patterns=changed), f"pattern: {kind} widened")
        words = list(_WORD.finditer(_SLOT.sub(lambda found: "\0" * len(found[0]), pattern)))
        for word in rng.sample(words, min(3, len(words))):
            for kind in ("words(1,4)", "text(60)"):
                opened = f"{pattern[: word.start()]}{{gap:{kind}}}{pattern[word.end() :]}"
                # Alone: the other patterns have no such slot to give to run().
                yield Mutant(
                    replace(draft, patterns=(opened,), source=_reading(draft.source, "gap")),
                    f"pattern: literal replaced ({number})".partition(" (")[0],
                )


def _reading(source: str, slot: str) -> str:
    """The module with one more slot, which run() looks at but does not use."""
    tree = ast.parse(source)
    for part in tree.body:
        if isinstance(part, ast.FunctionDef) and part.name in ("run", "check", "render"):
            part.args.kwonlyargs.append(ast.arg(slot))
            part.args.kw_defaults.append(ast.Constant(""))
            if part.name == "run":
                part.body.insert(0, ast.parse(f"if not {slot}:\n    raise Refuse('nothing')").body[0])
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
