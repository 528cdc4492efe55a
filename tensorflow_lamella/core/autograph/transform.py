"""The rewrite of a function's syntax tree.

    if x > 0:                  def body(): nonlocal y; y = x
        y = x            ->    def orelse(): nonlocal y; y = -x
    else:                      ops.if_(x > 0, body, orelse, get, put, ("y",))
        y = -x

`get` and `put` read and write the names that the statement assigns. Before that, `return`, `break`
and `continue` in branches become assignments to names of our own.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

OPERATORS = "autograph__"
RETURNED, BROKEN, CONTINUED = "returned__", "broken__", "continued__"


class Unconvertible(Exception):
    """The function holds something that is left to Python."""


def transform(function: ast.FunctionDef) -> bool:
    """Rewrite a function in place; whether there was anything to rewrite."""
    if not _has_control_flow(function):
        return False
    if any(
        isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await, ast.Global)) for n in _own(function)
    ):
        raise Unconvertible
    _explicit_super(function)
    tail = Returns().rewrite(function)
    rewriter = Rewriter()
    body = rewriter.block(function.body)
    parameters = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
    declared = {n for s in _own(function) if isinstance(s, ast.Nonlocal) for n in s.names}
    begin = [_assign(name, _call("Undefined", ast.Constant(name)))
             for name in sorted(rewriter.names - parameters - declared)]  # fmt: skip
    function.body = [*begin, *body, *tail]
    return True


def _has_control_flow(function: ast.FunctionDef) -> bool:
    kinds = (ast.If, ast.While, ast.For, ast.IfExp, ast.BoolOp, ast.Not, ast.Assert, ast.Call)
    return any(isinstance(n, kinds) for n in _own(function))


def _own(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes below, without those of nested functions and classes."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield from _own(child)


def _explicit_super(function: ast.FunctionDef) -> None:
    """`super()` as `super(__class__, self)`: it will stand in an inner function."""
    if not function.args.args:
        return
    first = function.args.args[0].arg
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id="super"), args=[]):
                node.args = [ast.Name("__class__", ast.Load()), ast.Name(first, ast.Load())]


# -- return ----------------------------------------------------------------------------------


class Returns:
    """`return` in branches: what follows a branch that returns moves into the other one."""

    def rewrite(self, function: ast.FunctionDef) -> list[ast.stmt]:
        """Rewrite where it is needed; the statements to put at the function's end."""
        inner = [n for n in _own(function) if _returns(n)]
        if any(isinstance(n, (ast.For, ast.While)) for n in inner):
            raise Unconvertible
        if not any(isinstance(n, ast.If) for n in inner):
            return []
        if any(isinstance(n, (ast.Try, ast.With)) for n in inner):
            raise Unconvertible
        function.body = self._block([*function.body, *_ends(function.body)])
        return [ast.Return(_call("returned", _load(RETURNED)))]

    def _block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for i, statement in enumerate(body):
            if isinstance(statement, ast.Return):
                value = statement.value or ast.Constant(None)
                return [*out, ast.copy_location(_assign(RETURNED, value), statement)]
            if isinstance(statement, ast.If) and _returns(statement):
                rest = body[i + 1 :]
                branches = [b if _always(b) else [*b, *rest, *_ends(rest)]
                            for b in (statement.body, statement.orelse)]  # fmt: skip
                statement.body, statement.orelse = map(self._block, branches)
                return [*out, statement]
            out.append(statement)
        return out


def _ends(rest: list[ast.stmt]) -> list[ast.stmt]:
    """The `return None` that Python thinks behind a block that does not return."""
    return [] if rest and _always(rest) else [ast.Return(ast.Constant(None))]


def _returns(node: ast.AST) -> bool:
    return any(isinstance(n, ast.Return) for n in _own(node))


def _always(body: list[ast.stmt]) -> bool:
    """Whether a block surely returns (or raises) at its end."""
    for statement in body:
        if isinstance(statement, (ast.Return, ast.Raise)):
            return True
        branches = (statement.body, statement.orelse) if isinstance(statement, ast.If) else ([],)
        if all(map(_always, branches)):
            return True
    return False


# -- the rewrite of statements ---------------------------------------------------------------


class Rewriter(ast.NodeTransformer):
    """Turns control flow into calls of the operators; `names` are those that it has to define."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._count = 0

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The statements, rewritten."""
        out: list[ast.stmt] = []
        for statement in body:
            found = self.visit(statement)
            out += found if isinstance(found, list) else [found]
        return out

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return node  # converted when it is called

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if not isinstance(node.target, ast.Name):
            return self.generic_visit(node)
        if node.value is None:
            return _at(node, ast.Pass())
        return _at(node, _assign(node.target.id, self.visit(node.value)))

    def visit_If(self, node: ast.If) -> Any:
        test = self.visit(node.test)
        names = _assigned([*node.body, *node.orelse])
        body, orelse = self.block(node.body), self.block(node.orelse)
        return self._with_state(node, names, "if_", [test], [("body", [], body),
                                                             ("orelse", [], orelse)])  # fmt: skip

    def visit_While(self, node: ast.While) -> Any:
        if node.orelse:
            raise Unconvertible
        body, flags, before = self._jumps(node.body)
        names = _assigned(body)
        test = self.visit(node.test)
        if BROKEN in flags:
            stop = flags[BROKEN]
            test = _call("and_", _thunk(_call("not_", _load(stop))), _thunk(test))
        made = self._with_state(node, names, "while_", [_thunk(test)],
                                [("body", [], self.block(body))])  # fmt: skip
        return [*before, *made]

    def visit_For(self, node: ast.For) -> Any:
        if node.orelse:
            raise Unconvertible
        body, flags, before = self._jumps(node.body)
        if BROKEN in flags:
            body = [ast.If(_call("not_", _load(flags[BROKEN])), body, [])]
        names = _assigned([ast.Assign([node.target], ast.Constant(None)), *body])
        item = self._name("item")
        begin = ast.copy_location(ast.Assign([node.target], _load(item)), node)
        stop = ast.Constant(flags.get(BROKEN))
        made = self._with_state(node, names, "for_", [_iterable(self.visit(node.iter)), stop],
                                [("body", [item], [begin, *self.block(body)])])  # fmt: skip
        return [*before, *made]

    def _jumps(self, body: list[ast.stmt]) -> tuple[list[ast.stmt], dict[str, str], list[Any]]:
        """A loop's body without break and continue, the names that stand for them, and what to do
        before the loop."""
        inside = list(_own_of_loop(ast.Module(body, [])))
        kinds = {type(n) for n in inside}
        if any(isinstance(n, (ast.Try, ast.With)) and _jumps_inside(n) for n in inside):
            raise Unconvertible
        flags = {flag: self._name(flag) for flag, kind in ((BROKEN, ast.Break),
                                                           (CONTINUED, ast.Continue))
                 if kind in kinds}  # fmt: skip
        before = [_assign(name, ast.Constant(False)) for name in flags.values()]
        if flags:
            body = _guarded(body, flags)
        if CONTINUED in flags:
            body = [_assign(flags[CONTINUED], ast.Constant(False)), *body]
        return body, flags, before

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        self.generic_visit(node)
        if _binds(node):
            return node
        return _at(node, _call("choose", node.test, _thunk(node.body), _thunk(node.orelse)))

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        self.generic_visit(node)
        if _binds(node):
            return node
        name = "and_" if isinstance(node.op, ast.And) else "or_"
        return _at(node, _call(name, *map(_thunk, node.values)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        return _at(node, _call("not_", node.operand)) if isinstance(node.op, ast.Not) else node

    def visit_Assert(self, node: ast.Assert) -> Any:
        self.generic_visit(node)
        message = node.msg or ast.Constant("")
        return _at(node, ast.Expr(_call("assert_", node.test, _thunk(message))))

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, (ast.Name, ast.Attribute)) and not _is_ours(node.func):
            node.func = _at(node.func, _call("function", node.func))
        return node

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{kind.rstrip('_')}_{self._count}__"

    def _with_state(
        self,
        node: ast.stmt,
        names: list[str],
        operator: str,
        given: list[ast.expr],
        functions: list[tuple[str, list[str], list[ast.stmt]]],
    ) -> list[ast.stmt]:
        """The functions of a statement, and the call of its operator."""
        self.names.update(names)
        out: list[ast.stmt] = []
        made: list[ast.expr] = []
        outer = [ast.Nonlocal(names)] if names else []
        for kind, parameters, body in functions:
            name = self._name(kind)
            out.append(_function(name, parameters, [*outer, *(body or [ast.Pass()])]))
            made.append(_load(name))
        get, put = self._name("get"), self._name("put")
        values = ast.Tuple([_load(n) for n in names], ast.Load())
        out.append(_function(get, [], [ast.Return(values)]))
        targets = ast.Tuple([ast.Name(n, ast.Store()) for n in names], ast.Store())
        assign = ast.Assign([targets], _load("values__"))
        out.append(_function(put, ["values__"], [*outer, assign] if names else [ast.Pass()]))
        labels = ast.Tuple([ast.Constant(n) for n in names], ast.Load())
        call = _call(operator, *given, *made, _load(get), _load(put), labels)
        out.append(ast.Expr(call))
        for statement in out:
            _at(node, statement)
        return out


def _is_ours(func: ast.expr) -> bool:
    """Whether it is one of the operators already, or looks at the frame that calls it."""
    match func:
        case ast.Name(id="super" | "locals" | "globals" | "vars" | "print"):
            return True
        case ast.Attribute(value=ast.Name(id=name)):
            return name == OPERATORS
    return False


def _own_of_loop(node: ast.AST) -> Iterable[ast.AST]:
    """The nodes below that belong to the same loop."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While)):
            continue
        yield child
        yield from _own_of_loop(child)


def _jumps_inside(node: ast.AST) -> bool:
    return any(isinstance(n, (ast.Break, ast.Continue)) for n in _own_of_loop(node))


def _guarded(body: list[ast.stmt], flags: dict[str, str]) -> list[ast.stmt]:
    """break and continue as flags; what follows one that may be set is done only if it is not."""
    out: list[ast.stmt] = []
    for i, statement in enumerate(body):
        if isinstance(statement, (ast.Break, ast.Continue)):
            flag = BROKEN if isinstance(statement, ast.Break) else CONTINUED
            return [*out, _at(statement, _assign(flags[flag], ast.Constant(True)))]
        if isinstance(statement, ast.If) and _jumps_inside(statement):
            statement.body = _guarded(statement.body, flags)
            statement.orelse = _guarded(statement.orelse, flags)
            rest = _guarded(body[i + 1 :], flags)
            if not rest:
                return [*out, statement]
            free = _call("free", *map(_load, flags.values()))
            return [*out, statement, _at(statement, ast.If(free, rest, []))]
        out.append(statement)
    return out


def _assigned(body: Iterable[ast.stmt]) -> list[str]:
    """The names that statements assign, in order of appearance."""
    found: dict[str, None] = {}
    for statement in body:
        for node in [statement, *_own(statement)]:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found[node.id] = None
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found[node.name] = None
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= {(a.asname or a.name).partition(".")[0]: None for a in node.names}
    return [n for n in found if not (n.endswith("__") and n.startswith(("item", "values")))]


def _binds(node: ast.AST) -> bool:
    return any(isinstance(n, (ast.NamedExpr, ast.Yield, ast.Await)) for n in ast.walk(node))


def _iterable(node: ast.expr) -> ast.expr:
    """`range(n)` and `tf.range(n)` are asked for in a way that takes a traced n."""
    match node:
        case ast.Call(
            func=ast.Call(args=[ast.Name(id="range") | ast.Attribute(attr="range") as f])
        ):
            return _at(node, ast.Call(_attribute("range_"), [f, *node.args], node.keywords))
    return node


# -- pieces of syntax ------------------------------------------------------------------------


def _load(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())


def _attribute(name: str) -> ast.expr:
    return ast.Attribute(_load(OPERATORS), name, ast.Load())


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(_attribute(name), list(args), [])


def _assign(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _arguments(names: list[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])


def _thunk(body: ast.expr) -> ast.expr:
    return ast.Lambda(_arguments([]), body)


def _function(name: str, parameters: list[str], body: list[Any]) -> ast.FunctionDef:
    made = ast.parse(f"def {name}(): pass").body[0]
    assert isinstance(made, ast.FunctionDef)
    made.args, made.body = _arguments(parameters), body
    return made


def _at(where: ast.AST, node: Any) -> Any:
    """`node` and what is below it and has no line, at the line of `where`."""
    for part in ast.walk(node):
        if not hasattr(part, "lineno") and hasattr(part, "_attributes") and part._attributes:
            ast.copy_location(part, where)
    return node
