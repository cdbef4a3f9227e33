"""Functions of this package as text that runs without it: each with everything that it uses, and nothing else.

What a name stands for is looked up in the living function, so the text cannot fall behind the package: functions are copied,
constants written out, the standard library imported. What a function inherited from the function that made it (the bounds of
``words(1,4)``) stands in its first lines.
"""

import ast
import inspect
import re
import sys
import textwrap
import types
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

from seglam.slots import Slot

_WIDTH: Final = 110
_NOQA: Final = re.compile(r"[ \t]*# noqa.*")
_PACKAGE: Final = __name__.partition(".")[0]
_PLAIN: Final = (bool, int, float, Decimal, type(None))


class Definitions:
    """A growing set of definitions, in an order in which Python can read them.

    Args:
        taken: names that mean something else in the file.

    Attributes:
        names: what each name of the file stands for.
        imports: lines.
        constants, functions: their texts.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.names: dict[str, Any] = {name: object() for name in taken}
        self.imports: set[str] = set()
        self.constants: list[str] = []
        self.functions: list[str] = []

    def name(self, value: Any, wanted: str = "") -> str:
        """Define a module, class, function or constant with all that it needs; the name that it has in the file.

        Raises:
            TypeError: it cannot be written out.
        """
        wanted = wanted or value.__name__
        number, name = 1, wanted
        while name in self.names:
            if self.names[name] is value:
                return name
            number += 1
            name = f"{wanted}_{number}"  # two modules may use one name for two things
        self.names[name] = value
        home = getattr(value, "__module__", "") if callable(value) else ""
        if isinstance(value, types.ModuleType):
            self._import("import ", value.__name__, value.__name__, name)
        elif home and home.partition(".")[0] != _PACKAGE:
            self._import(f"from {home} import ", home, value.__name__, name)
        elif callable(value):
            self.functions.append(self._function(inspect.unwrap(value), name))
        else:
            self.constants.append(f"{name} = {self._literal(value)}")
        return name

    def reader(self, slot: Slot) -> str:
        """Define what reads a slot's text; the name of the function."""
        known = next(
            (name for name, value in self.names.items() if isinstance(value, Slot) and value.type == slot.type), ""
        )
        if known or "<locals>" not in slot.parse.__qualname__:
            return known or self.name(slot.parse)
        wanted = name = "read_" + re.sub(r"[^a-z0-9]+", "_", slot.type.lower()).strip("_")[:30].strip("_")
        number = 1
        while name in self.names:  # money(€) and money(£)
            number += 1
            name = f"{wanted}_{number}"
        self.names[name] = slot
        self.functions.append(self._function(slot.parse, name))
        return name

    def _import(self, line: str, module: str, own: str, name: str) -> None:
        if module.partition(".")[0] not in sys.stdlib_module_names or not own.isidentifier():
            raise TypeError(f"{own} of {module} cannot be written out: it is not of the standard library")
        self.imports.add(line + (own if own == name else f"{own} as {name}"))

    def _function(self, function: Callable[..., Any], name: str) -> str:
        if not isinstance(function, types.FunctionType) or not function.__name__.isidentifier():
            raise TypeError(f"{function!r} cannot be written out: only functions with a name can")
        text = _NOQA.sub("", textwrap.dedent(inspect.getsource(function))).rstrip()
        for used in sorted(_used(text) - {function.__name__}):
            if used in function.__globals__ and used not in function.__code__.co_freevars:
                given = self.name(function.__globals__[used], used)
                text = text if given == used else re.sub(rf"(?<![\w.]){used}(?!\w)", given, text)
        text = re.sub(rf"(?<![\w.]){function.__name__}(?=\()", name, text)
        node = ast.parse(text).body[0]
        assert isinstance(node, ast.FunctionDef)
        lines, first = text.split("\n"), node.body[0].lineno - 1
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        inherited = [self._inherited(cell, held.cell_contents) for cell, held in cells if cell != function.__name__]
        return "\n".join(
            [*lines[:first], *(textwrap.indent(part, "    ") for part in inherited if part), *lines[first:]]
        )

    def _inherited(self, name: str, value: Any) -> str:
        """What gives a function a name that it had from the one around it."""
        if isinstance(value, Slot):
            namespace = self.name(types.SimpleNamespace)
            return f"{name} = {namespace}(parse={self.reader(value)})"
        if callable(value):
            if "<locals>" in getattr(value, "__qualname__", ""):
                return self._function(value, name)
            given = self.name(value)
            return "" if given == name else f"{name} = {given}"
        return f"{name} = {self._literal(value)}"

    def _literal(self, value: Any) -> str:
        text = literal(value)
        for module, mark in ((re, "re.compile("), (Decimal, "Decimal(")):
            if mark in text:
                self.name(module)
        return text


def literal(value: Any) -> str:  # noqa: PLR0911 - one for each kind of data
    """The Python text of plain data.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, str | bytes):
        return raw(value)
    if isinstance(value, re.Pattern):
        flags = value.flags & ~re.UNICODE
        return f"re.compile({raw(value.pattern)}{f', {flags}' if flags else ''})"
    if isinstance(value, frozenset):
        words = sorted(value, key=repr)
        if len(words) > 8 and all(isinstance(word, str) and word.split() == [word] for word in words):  # noqa: PLR2004 - reads better
            return f"frozenset(\n{_folded([f'{word} ' for word in words], quoted=True)}\n    .split()\n)"
        return f"frozenset({literal(words)})"
    if isinstance(value, dict):
        items = [f"{literal(key)}: {literal(item)}" for key, item in value.items()]
        short = ", ".join(items)
        return f"{{{short}}}" if len(short) < _WIDTH else f"{{\n{_folded([f'{item}, ' for item in items])}\n}}"
    if isinstance(value, list | tuple):
        items = [literal(item) for item in value]
        left, right = "[]" if isinstance(value, list) else "()"
        short = ", ".join(items) + ("," if isinstance(value, tuple) and len(items) == 1 else "")
        inside = short if len(short) < _WIDTH else "\n" + "".join(f"    {item},\n" for item in items)
        return f"{left}{inside}{right}"
    if isinstance(value, _PLAIN):
        return repr(value)
    raise TypeError(f"a {type(value).__name__} cannot be written out")


def raw(text: str | bytes) -> str:
    """A literal of a text, raw where a raw one can hold it."""
    if isinstance(text, bytes):
        return f"b{raw(text.decode('ascii'))}" if text.isascii() else repr(text)
    fits = text.isprintable() and "\\" in text and '"' not in text and not text.endswith("\\")
    return f'r"{text}"' if fits else repr(text)


def _folded(items: Iterable[str], *, quoted: bool = False) -> str:
    """Items on indented lines of readable length."""
    lines: list[str] = []
    line = ""
    for item in items:
        if line and len(line) + len(item) > _WIDTH:
            lines, line = [*lines, line], ""
        line += item
    return "\n".join(f"    {one!r}" if quoted else f"    {one.rstrip()}" for one in [*lines, line])


def _used(text: str) -> set[str]:
    """The names that a function looks up when it runs, and for its defaults; not those of annotations."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
