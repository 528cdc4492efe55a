"""The rewrite table: the one place that knows primitives by name.

Every rule is a function `rule(out, operands, attrs)` that returns what the equation can be replaced
by (a Value, or equations emitted into `out`), or None. The picture is its docstring. Floating point
rules keep NaN, infinities and rounding: x*0 stays, x/c stays unless 1/c is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from lamella import ops
from lamella.indexmap import IndexMap, parse, permute_operand
from lamella.passes.rewrite import Rewriter, map_nested
from lamella.primitive import Primitive
from lamella.program import Equation, Program, Value, building
from lamella.types import is_float

Rule = Callable[["Simplifier", tuple[Value, ...], dict[str, Any]], Any]
RULES: dict[str, list[Rule]] = {}

#: Results of at most this many elements are computed now where all operands are constants.
FOLD_SIZE = 1024
#: A sum of at most so many padded arrays may be a concatenation.
MOST_PIECES = 16


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule in the table for the primitives `names`."""

    def enter(f: Rule) -> Rule:
        for name in names:
            RULES.setdefault(name, []).append(f)
        return f

    return enter


def simplify(program: Program) -> Program:
    """One forward sweep: each equation is rewritten until no rule applies."""
    out = Simplifier(program)
    with building(out):
        for eq in program.equations:
            operands = tuple(out.new[v] for v in eq.operands)
            out.from_line(eq.source)
            replacement = out.rewrite(eq.primitive, operands, eq.attrs)
            if replacement is not None:
                out.replace(eq, replacement)
            else:
                out.keep(eq, map_nested(eq, simplify))
    return out.result(program)


class Simplifier(Rewriter):
    """A Rewriter whose own equations are simplified as they are emitted."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.rectified: dict[Value, Value] = {}  # x <= 0 -> select(x <= 0, 0, x)

    def rewrite(self, primitive: Primitive, operands: tuple[Value, ...], attrs: Any) -> Any:
        """What `primitive(*operands)` simplifies to, or None."""
        for f in RULES.get(primitive.name, ()):
            replacement = f(self, operands, attrs)
            if replacement is not None:
                return replacement
        if any(v.type.size == 0 for v in operands):
            return self.of_nothing(primitive, operands, attrs)
        return self.fold(primitive, operands, attrs)

    def of_nothing(self, primitive: Primitive, operands: tuple[Value, ...], attrs: Any) -> Any:
        """f(empty) -> empty; a fold or a contraction of nothing -> its neutral element"""
        if primitive.family in ("control", "host") or "opaque" in primitive.traits:
            return None
        result = primitive.typing(*(v.type for v in operands), **attrs)
        if isinstance(result, tuple):
            return None
        value = 0
        if primitive.family == "reduction" and result.size:
            value = primitive.lower.identity(result.dtype)
        elif primitive.family != "contraction" and result.size:
            return None
        return ops.full(shape=result.shape, dtype=result.dtype.name, value=value)

    def fold(self, primitive: Primitive, operands: tuple[Value, ...], attrs: Any) -> Any:
        """f(constants) -> constant, where there are few elements"""
        if primitive.family not in ("elementwise", "reduction", "view") or not operands:
            return None
        if "opaque" in primitive.traits:
            return None
        arrays = []
        for v in operands:
            arrays.append(self.array(v))
            if arrays[-1] is None:
                return None
        result = primitive.typing(*(v.type for v in operands), **attrs)
        if result.size > FOLD_SIZE:
            return None
        with np.errstate(all="ignore"):
            y = np.asarray(primitive.numpy(*arrays, **attrs), result.dtype).reshape(result.shape)
        if y.size and y.tobytes() == np.full_like(y, y.flat[0]).tobytes():
            return ops.full(shape=result.shape, dtype=result.dtype.name, value=y.flat[0].item())
        return self.lift(y)

    def emit(self, primitive: Any, operands: Any, attrs: dict[str, Any]) -> Any:
        values = tuple(self.lift(x) for x in operands)
        replacement = self.rewrite(primitive, values, attrs)
        return self.append(primitive, values, attrs) if replacement is None else replacement

    def append(self, primitive: Any, operands: Any, attrs: dict[str, Any]) -> Any:
        """The equation as it is."""
        return super().emit(primitive, operands, attrs)

    def made_by(self, value: Value, name: str) -> Equation | None:
        """The equation that defines `value` if it is a `name`."""
        eq = self.definition.get(value)
        return eq if eq is not None and eq.primitive.name == name else None

    def scalar(self, value: Value) -> Any:
        """The one number that all elements of `value` are, or None if that is not known."""
        eq = self.made_by(value, "full")
        if eq is not None:
            return value.type.dtype.type(eq.attrs["value"])
        array = self.constants.get(value)
        return array.reshape(())[()] if array is not None and array.size == 1 else None

    def array(self, value: Value) -> np.ndarray | None:
        """The elements of `value` where they are known and few."""
        if value.type.size > FOLD_SIZE:
            return None
        eq = self.made_by(value, "full")
        if eq is not None:
            return np.full(value.type.shape, eq.attrs["value"], value.type.dtype)
        return self.constants.get(value)


def _full(value: Value, x: Any) -> Value:
    return ops.full(shape=value.type.shape, dtype=value.type.dtype.name, value=x)


# ---- neutral elements --------------------------------------------------------------------------


def neutral(name: str, element: float, sides: tuple[int, ...]) -> None:
    def apply(out: Simplifier, operands: tuple[Value, ...], attrs: dict[str, Any]) -> Any:
        for side in sides:
            if out.scalar(operands[side]) == element:
                return operands[1 - side]
        return None

    apply.__doc__ = f"{name}(x, {element}) -> x"
    rule(name)(apply)


neutral("mul", 1, (0, 1))
neutral("div", 1, (1,))
neutral("power", 1, (1,))


@rule("add", "sub")
def add_zero(out: Simplifier, operands: tuple[Value, ...], attrs: dict[str, Any]) -> Any:
    """x + -0.0 -> x; x - 0.0 -> x; integers: x + 0 -> x (x + 0.0 would turn -0.0 into 0.0)"""
    x, c = operands[0], out.scalar(operands[1])
    if c is None or c != 0:
        return None
    return x if not is_float(x.type.dtype) or np.signbit(c) else None


@rule("div")
def divide_by_power_of_two(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """x / 2**k -> x * 2**-k, which is exact"""
    c = out.scalar(operands[1])
    if c is None or not is_float(operands[1].type.dtype) or not np.isfinite(c) or c == 0:
        return None
    mantissa, exponent = math.frexp(float(c))
    if abs(mantissa) != 0.5 or abs(exponent) > 14:
        return None
    return ops.mul(operands[0], _full(operands[1], 1.0 / float(c)))


@rule("power")
def small_powers(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """x**2 -> x*x; x**3 -> x*x*x; x**-1 -> 1/x"""
    x, c = operands[0], out.scalar(operands[1])
    if c is None or not is_float(x.type.dtype):
        return None
    if c == 2:
        return ops.mul(x, x)
    if c == 3:
        return ops.mul(ops.mul(x, x), x)
    return ops.div(_full(x, 1.0), x) if c == -1 else None


@rule("neg")
def double_negation(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """-(-x) -> x"""
    eq = out.made_by(operands[0], "neg")
    return eq.operands[0] if eq else None


@rule("add")
def add_negated(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """x + (-y) -> x - y"""
    eq = out.made_by(operands[1], "neg")
    return ops.sub(operands[0], eq.operands[0]) if eq else None


@rule("add")
def add_pieces(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """pad(a) + pad(b) + ... -> concatenate(a, b, ...), the gradient of a split (where a piece is
    -0.0 the sum is 0.0)"""
    pads: list[Equation] = []
    stack = list(operands)
    while stack:
        v = stack.pop()
        add, pad = out.made_by(v, "add"), out.made_by(v, "pad")
        if (pad is None and add is None) or len(pads) == MOST_PIECES:
            return None
        stack += add.operands if add else ()
        pads += [pad] if pad else []
    sides = [(*pad.attrs["low"], *pad.attrs["high"]) for pad in pads]
    ndim = operands[0].type.ndim
    axes = {i % ndim for side in sides for i, n in enumerate(side) if n}
    if len(axes) != 1 or any(pad.attrs["value"] != 0 for pad in pads):
        return None
    (axis,) = axes
    pads.sort(key=lambda pad: pad.attrs["low"][axis])
    pieces = [pad.operands[0] for pad in pads]
    ends = np.cumsum([0, *(v.type.shape[axis] for v in pieces)]).tolist()
    if [pad.attrs["low"][axis] for pad in pads] != ends[:-1] or pads[-1].attrs["high"][axis]:
        return None
    return ops.concatenate(*pieces, axis=axis)


@rule("select")
def known_condition(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """select(True, x, y) -> x; select(False, x, y) -> y; select(c, x, x) -> x"""
    condition, x, y = operands
    if x is y:
        return x
    c = out.scalar(condition)
    return None if c is None else (x if c else y)


@rule("select")
def sign_of_rectified(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """y = select(x <= 0, 0, x); select(x <= 0, 0, g) -> select(y <= 0, 0, g): who reads y anyway
    needs neither x nor the condition"""
    condition, zero, x = operands
    test = out.made_by(condition, "less_equal")
    if test is None or out.scalar(zero) != 0 or out.scalar(test.operands[1]) != 0:
        return None
    if x is test.operands[0]:
        y = out.append(ops.select, operands, attrs)
        return out.rectified.setdefault(condition, y)
    y = out.rectified.get(condition)
    return None if y is None else ops.select(ops.less_equal(y, _full(y, 0)), zero, x)


@rule("convert")
def convert_nothing(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """convert(x, its own dtype) -> x; a -> b -> c is a -> c where b holds all of a (b not bool)"""
    x = operands[0]
    if x.type.dtype.name == attrs["dtype"]:
        return x
    eq = out.made_by(x, "convert")
    if eq is None or x.type.dtype == bool:
        return None
    source = eq.operands[0]
    holds_all = np.can_cast(source.type.dtype, x.type.dtype, "safe") and (
        source.type.dtype.itemsize < 8 or not is_float(x.type.dtype)
    )  # NumPy calls int64 -> float64 safe
    return ops.convert(source, dtype=attrs["dtype"]) if holds_all else None


# ---- views -------------------------------------------------------------------------------------


@rule("stop_gradient")
def drop_marker(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """stop_gradient(x) -> x: gradients have been taken"""
    return operands[0]


@rule("reshape")
def merge_reshapes(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """reshape(x, its own shape) -> x; reshape(reshape(x)) -> reshape(x); reshape(full) -> full"""
    x, shape = operands[0], attrs["shape"]
    if x.type.shape == shape:
        return x
    eq = out.made_by(x, "reshape")
    if eq:
        return ops.reshape(eq.operands[0], shape=shape)
    full = out.made_by(x, "full")
    return ops.full(**{**full.attrs, "shape": shape}) if full else None


@rule("transpose")
def merge_transposes(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """transpose(x, identity) -> x; transpose(transpose(x)) -> transpose(x);
    moving only axes of size 1 -> reshape
    """
    x, axes = operands[0], attrs["axes"]
    if axes == tuple(range(len(axes))):
        return x
    eq = out.made_by(x, "transpose")
    if eq:
        inner = eq.attrs["axes"]
        return ops.transpose(eq.operands[0], axes=tuple(inner[a] for a in axes))
    full = out.made_by(x, "full")
    shape = tuple(x.type.shape[a] for a in axes)
    if full:
        return ops.full(**{**full.attrs, "shape": shape})
    moved = [a for a in axes if x.type.shape[a] != 1]
    return ops.reshape(x, shape=shape) if moved == sorted(moved) else None


@rule("broadcast")
def merge_broadcasts(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """broadcast(x) to its own shape -> x; broadcast(broadcast(x)) -> broadcast(x);
    broadcast(full) -> full
    """
    x, shape, axes = operands[0], attrs["shape"], attrs["axes"]
    if x.type.shape == shape and axes == tuple(range(len(shape))):
        return x
    value = out.scalar(x)
    if value is not None:
        return ops.full(shape=shape, dtype=x.type.dtype.name, value=value.item())
    eq = out.made_by(x, "broadcast")
    if eq:
        inner = tuple(axes[a] for a in eq.attrs["axes"])
        return ops.broadcast(eq.operands[0], shape=shape, axes=inner)
    return None


@rule("sum", "max", "min", "prod")
def fold_nothing(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """sum over no axes -> x"""
    return operands[0] if not attrs["axes"] else None


@rule("sum", "max", "min", "prod")
def fold_ones(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """sum over axes of size 1 -> reshape"""
    x = operands[0]
    if all(x.type.shape[a] == 1 for a in attrs["axes"]):
        shape = tuple(n for i, n in enumerate(x.type.shape) if i not in attrs["axes"])
        return ops.reshape(x, shape=shape)
    return None


@rule("argmax", "argmin")
def only_choice(out: Simplifier, operands: tuple[Value, ...], attrs: dict[str, Any]) -> Any:
    """argmax over an axis of size 1 -> 0"""
    x, axis = operands[0].type, attrs["axis"]
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    return ops.full(shape=shape, dtype="int64", value=0) if x.shape[axis] == 1 else None


@rule("contract")
def contract_transposed(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """contract(transpose(a), b) -> contract(a, b) with the axes of a's index map permuted"""
    for i, x in enumerate(operands):
        eq = out.made_by(x, "transpose")
        if eq:
            spec = permute_operand(attrs["spec"], i, eq.attrs["axes"])
            values = tuple(eq.operands[0] if j == i else y for j, y in enumerate(operands))
            return ops.contract(*values, **{**attrs, "spec": spec})
    return None


@rule("contract")
def contract_scattered(out: Simplifier, operands: tuple[Value, ...], attrs: Any) -> Any:
    """contract to "n c 2y+i" -> transpose(contract to "n 2y+i c"): rows that are written in steps
    have no vectors"""
    maps, shape = parse(attrs["spec"]), attrs["shape"]
    last = len(maps.out) - 1
    bare = [d for d, dim in enumerate(maps.out) if d > 0 and dim.axis and shape[d] > 1]
    if not bare or all(abs(k) == 1 for _, k in maps.out[last].terms):
        return None
    order = [*(d for d in range(last + 1) if d != bare[-1]), bare[-1]]
    moved = IndexMap(maps.a, maps.b, tuple(maps.out[d] for d in order))
    product = ops.contract(
        *operands, **{**attrs, "spec": str(moved), "shape": tuple(shape[d] for d in order)}
    )
    return ops.transpose(product, axes=tuple(order.index(d) for d in range(last + 1)))
