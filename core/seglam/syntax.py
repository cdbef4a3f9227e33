"""The static gate's rules about single nodes of the syntax tree: what is not in the language's tables is a fault.

Every fault is a sentence that says what to write instead, because a model is going to read it.
"""

import ast
import contextlib
import string
from typing import Final

from seglam.language import (
    BUILTINS,
    CONSTRUCTORS,
    EXCEPTIONS,
    LACKING_ATTRIBUTES,
    LACKING_MEMBERS,
    LACKING_MODULES,
    LACKING_NAMES,
    LACKING_NODES,
    MAX_ELEMENTS,
    MAX_INTEGER,
    MAX_PATTERN,
    MAX_STRING,
    METHODS,
    MODULES,
    MUTATORS,
    PROPERTIES,
    REQUIRED,
    TYPE_NAMES,
)

_NODES: Final = (
    "Module FunctionDef ClassDef Return Assign AugAssign AnnAssign For While If Match Raise Try Assert Import ImportFrom"
    " Nonlocal Expr Pass Break Continue BoolOp NamedExpr BinOp UnaryOp Lambda IfExp Dict Set ListComp SetComp DictComp"
    " GeneratorExp Compare Call FormattedValue JoinedStr Constant Attribute Subscript Starred Name List Tuple Slice"
    " comprehension ExceptHandler arguments arg keyword alias match_case"
    " expr_context boolop operator unaryop cmpop pattern"
)
_ALLOWED: Final = tuple(getattr(ast, name) for name in _NODES.split())
_REGEX_CALLS: Final = frozenset({"compile", "findall", "finditer", "fullmatch", "match", "search", "split", "sub"})
_MATCHERS: Final = frozenset({"findall", "finditer", "fullmatch", "match", "search"})
_ENDLESS: Final = frozenset({"count", "cycle"})
_METHODS: Final = frozenset().union(*METHODS.values())
_PROPERTIES: Final = frozenset().union(*PROPERTIES.values())
_JUMPS: Final = (ast.Return, ast.Break, ast.Continue)


class Syntax:
    """One pass over a module. An ``_on_...`` method looks at the nodes of its type; nesting must have been limited before.

    Attributes:
        found: (line, fault) pairs.
        functions: the module's functions.
        top: name bound at module level -> its statement.
    """

    def __init__(self, module: ast.Module) -> None:
        self.found: list[tuple[int, str]] = []
        self._module = module
        self._aliases: dict[str, str] = {}  # local name -> module, of ``import module``
        self._members: dict[
            str, tuple[str, str]
        ] = {}  # local name -> (module, member), of ``from module import member``
        self.top: dict[str, ast.stmt] = {}
        self.functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
        self._fields = {name for node in ast.walk(module) for name in _field_names(node)}
        self._bound = {name for node in ast.walk(module) for name in _binds(node)}
        for statement in module.body:
            self._statement(statement)
        self._visit(module, module, frozenset())

    def say(self, node: ast.AST, fault: str) -> None:
        """Note a fault at a node's line."""
        self.found.append((getattr(node, "lineno", 1), fault))

    # The module's body.

    def _statement(self, node: ast.stmt) -> None:
        names: list[str] = []
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Import(names=aliases):
                names = [name for alias in aliases for name in _binds(alias)]
                self._aliases |= {alias.asname or alias.name: alias.name for alias in aliases}
            case ast.ImportFrom(names=aliases, module=module):
                names = [name for alias in aliases for name in _binds(alias)]
                self._members |= {alias.asname or alias.name: (module or ".", alias.name) for alias in aliases}
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                names = [name]
                if value is None or not self._constant(value):
                    self.say(
                        node,
                        f"the module-level value {name} must be a literal or a constant; compute it inside a function",
                    )
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case _ if isinstance(node, _ALLOWED):  # what is not allowed anywhere is reported, with advice, by _visit
                self.say(
                    node,
                    "at module level only imports, def, and NAME = constant are allowed; move this into a function",
                )
        for name in names:
            if name in self.top:
                self.say(node, f"{name!r} is defined twice at module level; use another name")
            self.top[name] = node

    def _constant(self, node: ast.expr) -> bool:
        match node:
            case ast.Constant() | ast.Name():
                return True
            case ast.Attribute(value=ast.Name(id=name)):
                return name in self._aliases or name in self._members
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                parts = [*node.args, *(keyword.value for keyword in node.keywords)]
                return name in CONSTRUCTORS and all(map(self._constant, parts))
            case ast.UnaryOp() | ast.BinOp() | ast.Tuple() | ast.List() | ast.Set() | ast.Dict() | ast.Subscript():
                return all(self._constant(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
        return False

    # Every node.

    def _visit(self, node: ast.AST, parent: ast.AST, local: frozenset[str]) -> None:
        if not isinstance(node, _ALLOWED):
            name = type(node).__name__
            self.say(node, LACKING_NODES.get(name, f"{name} is not part of the language"))
            return
        for name in _binds(node):
            self._binding(node, name, parent)
        if isinstance(
            node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            inner = list(ast.walk(node))
            local |= {name for part in inner if part is not node for name in _binds(part)}
        visit = getattr(self, f"_on_{type(node).__name__.lower()}", None)
        if visit is not None:
            visit(node, parent, local)
        for child in ast.iter_child_nodes(node):
            self._visit(child, node, local)

    def _binding(self, node: ast.AST, name: str, parent: ast.AST) -> None:
        plain_import = isinstance(node, ast.alias) and node.asname is None
        method = isinstance(parent, ast.ClassDef)
        if not name.isascii():
            self.say(node, f"the name {name!r} has other than ASCII letters")
        elif name.startswith("__"):
            self.say(node, f"the name {name!r} begins with two underscores; use another name, or a plain function")
        elif (name in BUILTINS or name in LACKING_NAMES or name == "Refuse") and not plain_import and not method:
            self.say(node, f"{name!r} is predefined and must not be bound again; use another name (also for a slot)")
        elif name in self._aliases or name in self._members or name in REQUIRED:
            at_top = isinstance(node, ast.alias) or parent is self._module or self.top.get(name) is parent
            if not at_top and not method:
                self.say(node, f"{name!r} is already a name of the module; use another name")

    def _on_import(self, node: ast.Import, parent: ast.AST, _local: frozenset[str]) -> None:
        self._imported_at_top(node, parent)
        for alias in node.names:
            if alias.name not in MODULES:
                self._no_module(node, alias.name)

    def _on_importfrom(self, node: ast.ImportFrom, parent: ast.AST, _local: frozenset[str]) -> None:
        self._imported_at_top(node, parent)
        module = node.module or "."
        if module not in MODULES or node.level:
            self._no_module(node, module)
            return
        for alias in node.names:
            self._member(node, module, alias.name)

    def _imported_at_top(self, node: ast.stmt, parent: ast.AST) -> None:
        if parent is not self._module:
            self.say(node, "import at the top of the module only")

    def _no_module(self, node: ast.AST, name: str) -> None:
        advice = LACKING_MODULES.get(name.partition(".")[0], f"there are {', '.join(sorted(MODULES))}")
        self.say(node, f"the module {name!r} is not available; {advice}")

    def _member(self, node: ast.AST, module: str, name: str) -> None:
        if name not in MODULES[module]:
            advice = LACKING_MEMBERS.get(name) or f"there are {', '.join(sorted(MODULES[module]))}"
            self.say(node, f"{module}.{name} is not available; {advice}")

    def _on_functiondef(self, node: ast.FunctionDef, _parent: ast.AST, _local: frozenset[str]) -> None:
        for decorator in node.decorator_list:
            self.say(
                decorator, "function decorators are not available; every call starts afresh, so caches are useless"
            )
        self._defaults(node.args)

    def _on_lambda(self, node: ast.Lambda, _parent: ast.AST, _local: frozenset[str]) -> None:
        self._defaults(node.args)

    def _defaults(self, arguments: ast.arguments) -> None:
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None and not _immutable(default):
                self.say(default, "a default argument must be a literal that cannot change; use None and set it inside")

    def _on_classdef(self, node: ast.ClassDef, _parent: ast.AST, _local: frozenset[str]) -> None:
        if node.bases or node.keywords:
            self.say(node, "class inheritance is not available; use functions, tuples, or a @dataclass without bases")
        names = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        plain = all(isinstance(n, ast.Name | ast.Attribute) and ast.unparse(n).endswith("dataclass") for n in names)
        if len(names) != 1 or not plain:
            self.say(node, "a class must be a plain @dataclass; use functions and tuples instead")

    def _on_excepthandler(self, node: ast.ExceptHandler, _parent: ast.AST, _local: frozenset[str]) -> None:
        if node.type is None:
            self.say(node, "a bare except is not allowed; name the exception, such as except ValueError")

    def _on_try(self, node: ast.Try, _parent: ast.AST, _local: frozenset[str]) -> None:
        for statement in node.finalbody:
            for part in ast.walk(statement):
                if isinstance(part, _JUMPS):
                    self.say(
                        part, "return, break and continue are not allowed in finally: they would swallow a refusal"
                    )

    def _on_name(self, node: ast.Name, parent: ast.AST, _local: frozenset[str]) -> None:
        name = node.id
        if not isinstance(node.ctx, ast.Load):
            return
        if name == "Refuse":
            if not (isinstance(parent, ast.Call) and parent.func is node):
                self.say(node, 'Refuse is used only as raise Refuse("why"); it cannot be caught or passed on')
        elif name not in self._bound and name not in BUILTINS:
            if name in LACKING_NAMES:
                self.say(node, f"{name} is not available; {LACKING_NAMES[name]}")
            else:
                self.say(node, f"the name {name!r} is not defined" + (f"; import {name}" if name in MODULES else ""))

    def _on_attribute(self, node: ast.Attribute, parent: ast.AST, _local: frozenset[str]) -> None:
        name, base = node.attr, node.value
        called = isinstance(parent, ast.Call) and parent.func is node
        if isinstance(base, ast.Name) and base.id in self._aliases:
            if self._aliases[base.id] in MODULES:
                self._member(node, self._aliases[base.id], name)
        elif name.startswith("_"):
            self.say(node, f"the attribute {name!r} begins with an underscore")
        elif isinstance(node.ctx, ast.Store) and not (isinstance(base, ast.Name) and base.id == "self"):
            self.say(node, "attributes are not assigned; make a new object, or use a dict")
        elif name in LACKING_ATTRIBUTES and name not in self._fields:
            self.say(node, LACKING_ATTRIBUTES[name])
        elif name in _METHODS and name not in self._fields:
            unbound = isinstance(base, ast.Name) and base.id in TYPE_NAMES and name != "fromkeys"
            if not called or unbound:
                self.say(
                    node,
                    f"methods are not values, and are not called on a type; write lambda x: x.{name}(...), or x.{name}(...)",
                )
        elif name not in _PROPERTIES and name not in self._fields:
            self.say(node, f"the attribute {name!r} is not available; write it out with what the rules name")

    def _on_matchclass(self, node: ast.MatchClass, _parent: ast.AST, _local: frozenset[str]) -> None:
        for name in node.kwd_attrs:
            if name not in _PROPERTIES and name not in self._fields:
                self.say(node, f"the attribute {name!r} is not available in a pattern; use an if")

    def _on_call(self, node: ast.Call, parent: ast.AST, local: frozenset[str]) -> None:
        function, first = node.func, node.args[0] if node.args else None
        if isinstance(function, ast.Name):
            self._named_call(node, function.id, parent)
        if isinstance(function, ast.Attribute):
            if function.attr in MUTATORS:
                self._changed(node, function.value, local)
            if function.attr == "format":
                self._format_call(node, function.value)
        module, member = self._origin(function)
        if module == "random" and not node.args:
            self.say(node, "random.Random needs the seed: random.Random(seed)")
        if module == "re" and member in _REGEX_CALLS:
            self._pattern(node, first)
            self._replacement(node.args[1:2] if member == "sub" else [])
        elif module is None and isinstance(function, ast.Attribute):
            if function.attr in _MATCHERS and len(node.args) > 1:
                self.say(node, f"pattern.{function.attr}(text, pos) is not available; slice the text: text[pos:]")
            self._replacement(node.args[0:1] if function.attr == "sub" else [])

    def _replacement(self, arguments: list[ast.expr]) -> None:
        for part in arguments:
            if isinstance(part, ast.Lambda) or (isinstance(part, ast.Name) and part.id in self.functions):
                self.say(part, "re.sub with a function is not available; loop over finditer() and join the pieces")

    def _named_call(self, node: ast.Call, name: str, parent: ast.AST) -> None:
        keywords = {keyword.arg for keyword in node.keywords}
        if name == "Refuse" and not isinstance(parent, ast.Raise):
            self.say(node, 'Refuse is used only as raise Refuse("why")')
        elif name == "next" and node.args and isinstance(node.args[0], ast.GeneratorExp):
            self.say(node, "a generator expression is a list here; write next(iter([... for ...]), default)")
        elif name == "round" and (len(node.args) > 1 or "ndigits" in keywords):
            self.say(
                node,
                'round(x, n) differs from CPython on ties; use f"{x:.2f}" or Decimal(x).quantize(Decimal("0.01"), ROUND_HALF_UP)',
            )
        elif name == "pow" and len(node.args) > 2 and isinstance(node.args[1], ast.UnaryOp):  # noqa: PLR2004 - its modulus
            self.say(node, "pow with a negative exponent and a modulus is not available; search the inverse in a loop")
        elif name in EXCEPTIONS and len(node.args) > 1:
            self.say(node, f"{name} takes one argument, a string")

    def _origin(self, function: ast.expr) -> tuple[str | None, str]:
        """(module, member) of what is called, or (None, "")."""
        match function:
            case ast.Attribute(value=ast.Name(id=base), attr=attr) if base in self._aliases:
                return self._aliases[base], attr
            case ast.Name(id=name) if name in self._members:
                return self._members[name]
        return None, ""

    def _pattern(self, node: ast.Call, pattern: ast.expr | None) -> None:
        if isinstance(pattern, ast.Name) and isinstance(found := self.top.get(pattern.id), ast.Assign):
            pattern = found.value
        if not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
            self.say(node, "a regular expression must be a string literal (or a module-level constant that is one)")
        elif len(pattern.value) > MAX_PATTERN:
            self.say(node, f"the regular expression has {len(pattern.value)} characters; at most {MAX_PATTERN}")

    def _format_call(self, node: ast.Call, text: ast.expr) -> None:
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str)):
            self.say(node, "format() is only called on a string literal; better, write an f-string")
            return
        with contextlib.suppress(ValueError):  # a malformed one fails in the sandbox, with a good message
            for _text, field, spec, _conversion in string.Formatter().parse(text.value):
                if set(field or "") & set(".[") or "{" in (spec or ""):
                    self.say(node, "a format field must be a plain name or number; better, write an f-string")

    def _on_subscript(self, node: ast.Subscript, _parent: ast.AST, local: frozenset[str]) -> None:
        if isinstance(node.ctx, ast.Store):
            self._changed(node, node.value, local)

    def _changed(self, node: ast.AST, target: ast.expr, local: frozenset[str]) -> None:
        while isinstance(target, ast.Subscript | ast.Attribute):
            target = target.value
        # bisect.insort and the like are calls of a module, no change of it
        if isinstance(target, ast.Name) and target.id in self.top.keys() - self._aliases.keys() - local:
            self.say(
                node,
                f"{target.id!r} is a constant of the module and must not be changed; copy it into a local variable",
            )

    def _on_constant(self, node: ast.Constant, _parent: ast.AST, _local: frozenset[str]) -> None:
        value = node.value
        if isinstance(value, str) and len(value) > MAX_STRING:
            self.say(node, f"a string of {len(value)} characters; at most {MAX_STRING}")
        elif type(value) is int and abs(value) >= MAX_INTEGER:
            self.say(node, "an integer literal of 10**18 or more; compute it, as in 10**20")
        elif isinstance(value, bytes | complex) or value is ...:
            self.say(node, f"{value!r:.20} is not part of the language; use str, int, float or Decimal")

    def _on_list(self, node: ast.List | ast.Tuple | ast.Set, _parent: ast.AST, _local: frozenset[str]) -> None:
        if len(node.elts) > MAX_ELEMENTS:
            self.say(
                node, f"a literal of {len(node.elts)} elements; at most {MAX_ELEMENTS}: compute instead of tabulating"
            )

    _on_tuple = _on_set = _on_list

    def _on_dict(self, node: ast.Dict, _parent: ast.AST, _local: frozenset[str]) -> None:
        if len(node.keys) > MAX_ELEMENTS:
            self.say(
                node, f"a literal of {len(node.keys)} elements; at most {MAX_ELEMENTS}: compute instead of tabulating"
            )

    def _on_for(self, node: ast.For | ast.comprehension, _parent: ast.AST, _local: frozenset[str]) -> None:
        source = node.iter
        if isinstance(source, ast.Set | ast.SetComp) or (
            isinstance(source, ast.Call)
            and isinstance(source.func, ast.Name)
            and source.func.id in ("set", "frozenset")
        ):
            self.say(source, "a set has no dependable order; iterate over sorted(...)")
        if isinstance(node, ast.comprehension) and isinstance(source, ast.Call):
            module, member = self._origin(source.func)
            if module == "itertools" and member in _ENDLESS:
                self.say(source, f"a comprehension builds the whole list; put itertools.islice around {member}()")

    _on_comprehension = _on_for


def arguments(node: ast.FunctionDef) -> list[ast.arg]:
    """All named parameters of a function."""
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _binds(node: ast.AST) -> tuple[str, ...]:
    """The names that this node itself binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
            return (name,)
        case ast.Name(id=name, ctx=ast.Store()):
            return (name,)
        case ast.alias(name=name, asname=asname):
            return (asname or name.split(".")[0],)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return (name,)
        case ast.MatchMapping(rest=str(name)):
            return (name,)
    return ()


def _field_names(node: ast.AST) -> list[str]:
    """The attributes that a node gives to objects of the module: fields and methods of a dataclass, names of a namedtuple."""
    match node:
        case ast.ClassDef(body=body):
            fields = [
                part.target.id for part in body if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name)
            ]
            return fields + [part.name for part in body if isinstance(part, ast.FunctionDef)]
        case ast.Call(
            func=ast.Name(id="namedtuple") | ast.Attribute(attr="namedtuple"), args=[_, ast.Constant(value=str(names))]
        ):
            return names.replace(",", " ").split()
        case ast.Call(
            func=ast.Name(id="namedtuple") | ast.Attribute(attr="namedtuple"),
            args=[_, ast.List(elts=names) | ast.Tuple(elts=names)],
        ):
            return [part.value for part in names if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return []


def _immutable(node: ast.expr) -> bool:
    match node:
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.Tuple(elts=elements):
            return all(map(_immutable, elements))
    return False
