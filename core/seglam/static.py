"""The static gate: what a procedure's source may contain, decided on its syntax tree before anything runs.

It is not the boundary (the sandbox is). It keeps procedures deterministic, stateless and readable, and it turns what the
sandbox's language lacks into sentences that a model can act on. Everything is an allow-list: what is not named is refused.
"""

import ast
import unicodedata
import warnings
from collections.abc import Iterator
from typing import Final

from seglam.language import LANGUAGE_RULES, MAX_DEPTH, MAX_LINES, MAX_NODES, MAX_SOURCE, REQUIRED
from seglam.syntax import Syntax, arguments

__all__ = ["LANGUAGE_RULES", "memorised", "unread", "vacuous", "violations", "years"]

MAX_FOUND: Final = 20


def violations(source: str) -> list[str]:
    """What the static gate has against a procedure's source.

    Returns:
        One sentence with its line for each fault, in the order of lines, at most MAX_FOUND; empty when it passes.
    """
    if faults := list(_text_faults(source)):
        return faults[:MAX_FOUND]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an invalid escape such as "\d" in a plain string is a fault
            module = ast.parse(source)
    except SyntaxError as error:
        return [f"line {error.lineno or 1}: {error.msg}"]
    except (ValueError, RecursionError, MemoryError) as error:
        return [f"line 1: the source cannot be parsed: {error or type(error).__name__}"]
    if faults := list(_size_faults(module)):
        return faults
    syntax = Syntax(module)
    _contract(syntax, module)
    found = sorted(set(syntax.found))
    return [f"line {line}: {fault}" for line, fault in found[:MAX_FOUND]]


def _text_faults(source: str) -> Iterator[str]:
    if len(source) > MAX_SOURCE:
        yield f"line 1: the source has {len(source)} characters; at most {MAX_SOURCE} are allowed"
        return
    lines = source.rstrip("\n").split("\n")
    if len(lines) > MAX_LINES:
        yield f"line {MAX_LINES + 1}: the source has {len(lines)} lines; at most {MAX_LINES} are allowed"
    for number, line in enumerate(lines, 1):
        for character in line.removesuffix("\r"):
            # Cf holds the bidirectional controls, which make code read differently from what it does.
            if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and character != "\t":
                yield f"line {number}: the control character U+{ord(character):04X} is not allowed; write an escape in a string"
                break


def _size_faults(module: ast.Module) -> Iterator[str]:
    waiting: list[tuple[ast.AST, int]] = [(module, 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            yield f"line {getattr(node, 'lineno', 1)}: nested too deeply (over {MAX_DEPTH} levels); split it into functions"
            return
        for child in ast.iter_child_nodes(node):
            # A chain of elif nests in the tree, but not for a reader.
            flat = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            waiting.append((child, depth if flat else depth + 1))
    if count > MAX_NODES:
        yield f"line 1: the source is too large ({count} syntax nodes; at most {MAX_NODES}); keep to one way of solving it"


def _contract(syntax: Syntax, module: ast.Module) -> None:
    """The functions that a procedure must have, and that they agree about its slots."""
    for name in REQUIRED:
        if name not in syntax.functions:
            syntax.say(module, f"def {name}({'slots' if name == 'run' else 'value, slots'}) is missing")
    for name in (*REQUIRED, "gen"):
        if name in syntax.functions:
            _signature(syntax, syntax.functions[name])
    if "run" in syntax.functions:
        _slots(syntax, syntax.functions["run"])


def _slots(syntax: Syntax, run: ast.FunctionDef) -> None:
    slots = [argument.arg for argument in arguments(run)]
    for slot in slots:
        # Slots become global names before the module runs; its own name would take the slot's place.
        if slot in syntax.top:
            syntax.say(run, f"the slot {slot!r} has the name of something at module level; rename one of them")
    for name in ("check", "render"):
        other = syntax.functions.get(name)
        if other is None or other.args.kwarg is not None:
            continue
        if {argument.arg for argument in arguments(other)[1:]} != set(slots):
            syntax.say(other, f"{name} must take (value, {', '.join(slots)}): the same slots as run")


def _signature(syntax: Syntax, node: ast.FunctionDef) -> None:
    name, given = node.name, node.args
    names = [argument.arg for argument in arguments(node)]
    if given.posonlyargs or given.vararg or (given.kwarg and name in ("run", "gen")):
        stars = " and **" if name in ("run", "gen") else ""
        syntax.say(node, f"{name} takes plain named parameters only, without / and *{stars}")
    if not any(isinstance(part, ast.Return) and part.value is not None for part in ast.walk(node)):
        syntax.say(node, f"{name} must return a value")
    if name == "gen" and len(names) != 1:
        syntax.say(node, "gen takes exactly one parameter: def gen(seed)")
    if name not in ("check", "render"):
        return
    if not given.args or len(given.defaults) == len(given.args):
        syntax.say(node, f"the first parameter of {name} is the value that run returned: def {name}(value, ...)")
    elif not any(isinstance(part, ast.Name) and part.id == names[0] for part in ast.walk(node)):
        what = "test whether it is plausible" if name == "check" else "it is what must be told"
        syntax.say(node, f"{name} never looks at {names[0]!r}: {what}")


def _functions(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


def _reads(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def unread(source: str, *functions: str) -> list[str]:
    """The slots that none of these functions of a source without violations reads, in order; run() alone if none is named."""
    known = _functions(source)
    read = {name for function in functions or ("run",) for name in _reads(known[function])}
    return [argument.arg for argument in arguments(known["run"]) if argument.arg not in read]


def vacuous(source: str) -> bool:
    """Whether check() of a source without violations can tell nothing: it compares the value with no slot and no bound."""
    check = _functions(source)["check"]
    value, *slots = [argument.arg for argument in arguments(check)]
    known = {*slots, *([check.args.kwarg.arg] if check.args.kwarg else [])}
    for node in ast.walk(check):
        if not isinstance(node, ast.Compare | ast.Call):
            continue
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else [node]
        if len({ast.dump(side) for side in sides}) < len(sides) and len(sides) == 2:  # noqa: PLR2004 - x == x
            continue
        if _reads(node) & known or any(
            isinstance(p, ast.Constant) and p.value not in (None, True) for p in ast.walk(node)
        ):
            return False
    return value in _reads(check) and bool(known or slots)


_YEARS: Final = range(1900, 2101)


def years(source: str) -> list[int]:
    """The years in arithmetic or in calls outside gen(): a program that holds the present year is wrong in the next.

    Round ones (2000) are far more often amounts, and no present year for long.
    """
    module = ast.parse(source)
    constants = {
        node.targets[0].id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    found: set[int] = set()
    for name, function in _functions(source).items():
        for node in ast.walk(function) if name != "gen" else ():
            parts: list[ast.expr] = []
            if isinstance(node, ast.BinOp):
                parts = [node.left, node.right]
            elif isinstance(node, ast.Call):
                parts = [*node.args, *(keyword.value for keyword in node.keywords)]
            for part in parts:
                value = constants.get(part.id) if isinstance(part, ast.Name) else getattr(part, "value", None)
                if type(value) is int and value in _YEARS and value % 100:
                    found.add(value)
    return sorted(found)


def memorised(source: str) -> Iterator[tuple[str, str]]:
    """The tables of a source outside gen(): each pair of a literal that is asked for and the literal that it leads to.

    Dictionary entries, and the values that are returned or bound where something equals a literal; numbers as plain text.
    """
    for statement in ast.parse(source).body:
        for node in ast.walk(statement) if getattr(statement, "name", "") != "gen" else ():
            if isinstance(node, ast.Dict):
                pairs = [(_literals(key), _literals(value)) for key, value in zip(node.keys, node.values, strict=True)]
            elif isinstance(node, ast.If):
                results = [inner.value for inner in node.body if isinstance(inner, ast.Return | ast.Assign)]
                pairs = [(_literals(node.test), [text for value in results for text in _literals(value)])]
            elif isinstance(node, ast.IfExp):
                pairs = [(_literals(node.test), _literals(node.body))]
            else:
                continue
            yield from ((asked, given) for ask, give in pairs for asked in ask for given in give)


def _literals(node: ast.AST | None) -> list[str]:
    return [
        str(part.value)
        for part in (ast.walk(node) if node is not None else ())
        if isinstance(part, ast.Constant) and type(part.value) in (str, int, float)
    ]
