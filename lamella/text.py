"""Programs as text: print, parse, verify.

    program(v0: float32[2,3], v1: float32[3,4]) {
      constant c0: float32[4] = [0.0, 1.0, 2.0, 3.0]
      constant c1: float32[2,4]
      v2: float32[2,4] = contract(v0, v1) [spec='i k, k j -> i j', shape=(2, 4)]
      v3: float32[2,4] = broadcast(c0) [shape=(2, 4), axes=(1,)]
      v4: float32[2,4] = add(v2, v3)
      return v4
    }

Small constants are written with their numbers; large ones have a name, and `parse` is given their
arrays (`constants_of`). Nested Programs are attributes, indented; their values are numbered anew,
constants go on through the whole text. What follows a `#` is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

from lamella.primitive import PRIMITIVES
from lamella.program import Equation, Program, Value
from lamella.types import Type, dtype_of, type_of

#: Constants of at most so many elements are written out.
SMALL = 16

INDENT = "  "


class VerificationError(Exception):
    """A Program breaks SSA form or its types do not hold."""


class ParseError(ValueError):
    """Text that is not a Program; the message has the line."""


# Printing


def format_program(program: Program, sources: bool = False) -> str:
    """The Program as text; with `sources`, every equation ends in the user's line as a comment."""
    return "\n".join(_lines(program, sources, count()))


def constants_of(program: Program) -> dict[str, np.ndarray]:
    """The arrays of all constants, also of nested Programs, by their names in print.

    `parse(str(program), constants_of(program))` is the Program again.
    """
    arrays = (x for p in _nested(program) for x in p.constants.values())
    return {f"c{i}": x for i, x in enumerate(arrays)}


def _nested(program: Program) -> Iterator[Program]:
    """`program` and the Programs inside it, in the order of print."""
    yield program
    for eq in program.equations:
        for _, inner in eq.programs:
            yield from _nested(inner)


def names_of(program: Program, numbers: Iterator[int] | None = None) -> dict[Value, str]:
    """What values are called in print: v0, v1, ... in order of definition; constants c0, c1, ...

    `numbers` counts the constants, through all Programs of one text.
    """
    numbers = count() if numbers is None else numbers
    results = [v for eq in program.equations for v in eq.results]
    names = {v: f"v{i}" for i, v in enumerate([*program.inputs, *results])}
    names.update({v: f"c{next(numbers)}" for v in program.constants})
    return names


def _lines(program: Program, sources: bool, numbers: Iterator[int]) -> Iterator[str]:
    names = names_of(program, numbers)
    inputs = ", ".join(_declared(v, names) for v in program.inputs)
    yield f"program({inputs}) {{"
    for v, array in program.constants.items():
        small = f" = {_numbers(array)}" if array.size <= SMALL else ""
        yield f"{INDENT}constant {_declared(v, names)}{small}"
    for eq in program.equations:
        lines = format_equation(eq, names, sources, numbers).split("\n")
        yield from (INDENT + line for line in lines)
    yield f"{INDENT}return {', '.join(names.get(v, '?') for v in program.outputs)}".rstrip()
    yield "}"


def format_equation(
    eq: Equation,
    names: Mapping[Value, str],
    sources: bool = False,
    numbers: Iterator[int] | None = None,
) -> str:
    """One equation as text; several lines where it holds Programs (`numbers`: see names_of)."""
    numbers = count() if numbers is None else numbers
    results = ", ".join(_declared(v, names) for v in eq.results)
    operands = ", ".join(names.get(v, "?") for v in eq.operands)
    text = f"{results} = {eq.primitive.name}({operands})".lstrip()
    attrs = [f"{k}={_attribute(v, sources, numbers)}" for k, v in eq.attrs.items()]
    if attrs:
        text += f" [{', '.join(attrs)}]"
    return text + (f"  # {eq.source}" if sources and eq.source else "")


def _declared(v: Value, names: Mapping[Value, str]) -> str:
    return f"{names.get(v, '?')}: {v.type}"


def _attribute(x: Any, sources: bool, numbers: Iterator[int]) -> str:
    if isinstance(x, Program):
        return ("\n" + INDENT).join(_lines(x, sources, numbers))
    if callable(x):
        return f"<{getattr(x, '__qualname__', type(x).__name__)}>"
    return repr(x.item() if isinstance(x, np.generic) else x)


def _numbers(array: np.ndarray) -> str:
    """The elements, exactly, in row-major order."""
    flat = array.reshape(-1)
    if array.dtype.kind not in "biuc":
        flat = flat.astype(np.float64)
    return "[" + ", ".join(repr(x) for x in flat.tolist()) + "]"


# Parsing


def parse(text: str, constants: Mapping[str, Any] | None = None) -> Program:
    """The Program that `text` shows; `constants` maps names to the arrays that text leaves out.

    Raises ParseError where the text is not a Program or a constant is missing.
    """
    parser = _Parser(text, dict(constants or {}))
    program = parser.program()
    parser.expect("end")
    return program


_TOKEN = re.compile(
    r"(?P<space>[ \t\n]+|\#[^\n]*)"
    r"|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<number>[+-]?(?:(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)j?|(?:inf|nan)j?\b))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>[-+(){}\[\]:,=<>.])"
)


class _Parser:
    """Recursive descent over tokens (kind, text, line)."""

    def __init__(self, text: str, constants: dict[str, Any]) -> None:
        self.constants = constants
        self.tokens = list(self._tokenize(text))
        self.at = 0

    def _tokenize(self, text: str) -> Iterator[tuple[str, str, int]]:
        at, line = 0, 1
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ParseError(f"line {line}: unexpected {text[at]!r}")
            if match.lastgroup != "space":
                yield match.lastgroup or "", match.group(), line
            line += match.group().count("\n")
            at = match.end()
        yield "end", "end", line

    def fail(self, expected: str) -> ParseError:
        _, found, line = self.tokens[self.at]
        return ParseError(f"line {line}: expected {expected}, found {found!r}")

    def peek(self, text: str) -> bool:
        return self.tokens[self.at][1] == text

    def accept(self, text: str) -> bool:
        if self.peek(text):
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.fail(repr(text))

    def take(self, kind: str) -> str:
        if self.tokens[self.at][0] != kind:
            raise self.fail(f"a {kind}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def listed(self, close: str, item: Any) -> list[Any]:
        """Items separated by commas, up to `close`."""
        out: list[Any] = []
        while not self.accept(close):
            out.append(item())
            if not self.peek(close):
                self.expect(",")
        return out

    # program, equations

    def program(self) -> Program:
        self.expect("program")
        self.expect("(")
        env: dict[str, Value] = {}
        inputs = self.listed(")", lambda: self.declaration(env))
        self.expect("{")
        constants: dict[Value, np.ndarray] = {}
        while self.accept("constant"):
            v, array = self.constant(env)
            constants[v] = array
        equations = []
        while not self.accept("return"):
            equations.append(self.equation(env))
        outputs = self.listed("}", lambda: self.use(env))
        return Program(tuple(inputs), equations, tuple(outputs), constants)

    def declaration(self, env: dict[str, Value]) -> Value:
        name = self.take("name")
        if name in env:
            self.at -= 1
            raise self.fail(f"a new name ({name} is defined above)")
        self.expect(":")
        env[name] = Value(self.type())
        return env[name]

    def type(self) -> Type:
        try:
            dtype = dtype_of(self.take("name"))
        except TypeError:
            self.at -= 1
            raise self.fail("a dtype") from None
        self.expect("[")
        return Type(tuple(self.listed("]", lambda: int(self.take("number")))), dtype)

    def constant(self, env: dict[str, Value]) -> tuple[Value, np.ndarray]:
        name = self.tokens[self.at][1]
        v = self.declaration(env)
        if self.accept("="):
            self.expect("[")
            numbers = np.array(self.listed("]", self.literal), _exact(v.type.dtype))
            return v, numbers.astype(v.type.dtype).reshape(v.type.shape)
        if name not in self.constants:
            raise ParseError(
                f"constant {name}: {v.type} has no numbers; pass constants={{{name!r}: array}}"
            )
        array = np.asarray(self.constants[name])
        if type_of(array) != v.type:
            raise ParseError(f"constant {name}: expected {v.type}, got {type_of(array)}")
        return v, array

    def use(self, env: dict[str, Value]) -> Value:
        name = self.take("name")
        if name not in env:
            self.at -= 1
            raise self.fail("a name defined above")
        return env[name]

    def equation(self, env: dict[str, Value]) -> Equation:
        new: dict[str, Value] = {}
        results = self.listed("=", lambda: self.declaration(_Both(env, new)))
        primitive = PRIMITIVES.get(self.take("name"))
        if primitive is None:
            self.at -= 1
            raise self.fail("the name of a primitive")
        self.expect("(")
        operands = self.listed(")", lambda: self.use(env))
        attrs = dict(self.listed("]", self.attribute)) if self.accept("[") else {}
        env.update(new)
        return Equation(primitive, tuple(operands), attrs, tuple(results))

    def attribute(self) -> tuple[str, Any]:
        name = self.take("name")
        self.expect("=")
        return name, self.literal()

    def literal(self) -> Any:
        kind, text, _ = self.tokens[self.at]
        if self.peek("program"):
            return self.program()
        if self.peek("<"):
            raise self.fail("a literal (a Python function cannot be parsed back)")
        if kind == "string":
            return _unquote(self.take("string"))
        if kind == "number":
            return self.number()
        if self.accept("("):
            return self.parenthesis()
        names = {"True": True, "False": False, "None": None}
        if text in names:
            self.at += 1
            return names[text]
        raise self.fail("a literal or a program")

    def number(self) -> Any:
        text = self.take("number")
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        return complex(0.0, float(text[:-1])) if text[-1] == "j" else float(text)

    def parenthesis(self) -> Any:
        """A tuple, or a complex number `(1+2j)`."""
        first = self.at
        items = self.listed(")", self.literal) if not self._is_complex() else None
        if items is None:
            real, imaginary = self.take("number"), self.number()
            self.expect(")")
            return complex(float(real), imaginary.imag)
        if len(items) == 1 and self.tokens[self.at - 2][1] != ",":
            self.at = first
            raise self.fail("a tuple")
        return tuple(items)

    def _is_complex(self) -> bool:
        kinds = [kind for kind, _, _ in self.tokens[self.at : self.at + 2]]
        return kinds == ["number", "number"]


class _Both(dict):
    """Names already taken, and where new ones go."""

    def __init__(self, taken: dict[str, Value], new: dict[str, Value]) -> None:
        super().__init__({**taken, **new})
        self.new = new

    def __setitem__(self, name: str, v: Value) -> None:
        super().__setitem__(name, v)
        self.new[name] = v


def _exact(dtype: np.dtype) -> np.dtype:
    """A dtype that holds the printed numbers of `dtype` without loss."""
    return dtype if dtype.kind in "biuc" else np.dtype(np.float64)


def _unquote(text: str) -> str:
    import ast

    return ast.literal_eval(text)


# Verifying


def verify(program: Program) -> Program:
    """`program` itself, if every value is defined once and before use and every type holds.

    Raises VerificationError naming the equation.
    """
    names = names_of(program)
    defined: set[Value] = set()
    _define(program.inputs, defined, "an input", names)
    for v, array in program.constants.items():
        _define([v], defined, "a constant", names)
        if type_of(array) != v.type:
            raise VerificationError(f"constant {names[v]} is {type_of(array)}, its type {v.type}")
    for i, eq in enumerate(program.equations):
        where = f"equation {i}: {format_equation(eq, names).splitlines()[0]}"
        for v in eq.operands:
            if v not in defined:
                raise VerificationError(
                    f"{where}\n  operand {names.get(v, '?')} is not defined before"
                )
        for name, nested in eq.programs:
            _verify_nested(nested, where, name)
        _verify_types(eq, where)
        _define(eq.results, defined, f"a result of {where}", names)
    for v in program.outputs:
        if v not in defined:
            raise VerificationError(f"output {names.get(v, '?')}: {v.type} is not defined")
    return program


def _define(
    values: Sequence[Value], defined: set[Value], what: str, names: Mapping[Value, str]
) -> None:
    for v in values:
        if v in defined:
            raise VerificationError(
                f"{names.get(v, '?')} is defined twice, the second time as {what}"
            )
        defined.add(v)


def _verify_nested(program: Program, where: str, name: str) -> None:
    try:
        verify(program)
    except VerificationError as error:
        raise VerificationError(f"{where}\n  in {name}: {error}") from None


def _verify_types(eq: Equation, where: str) -> None:
    try:
        types = eq.primitive.typing(*(v.type for v in eq.operands), **eq.attrs)
    except (TypeError, ValueError) as error:
        raise VerificationError(f"{where}\n  {error}") from None
    expected = types if isinstance(types, tuple) else (types,)
    got = tuple(v.type for v in eq.results)
    if got != tuple(expected):
        shown = ", ".join(map(str, expected))
        raise VerificationError(f"{where}\n  the types must be ({shown})")
