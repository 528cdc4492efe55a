"""Random Programs of every family, for tests that a Program keeps its meaning.

`programs()` is a hypothesis strategy of `Example`s: a Program and arrays for its inputs. A Program
grows equation by equation over a pool of Values, from which any step may take any operand. All
follows from one seed; `reduced` makes a failing example small, which it can do better than
hypothesis, knowing Programs.

What is decided by a rounding error proves nothing, so a Sketch knows which Values are exact, and
only those are compared, truncated, or used as an index.
"""

import itertools
import math
import random
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from program_steps import STEPS, control

from lamella import ops
from lamella.passes.dead import eliminate_dead
from lamella.primitive import PRIMITIVES
from lamella.program import Builder, Program, building
from lamella.types import Type, dtype_of, is_float

#: Results of these are exact where their operands are; so are all integers and bools.
EXACT = frozenset(
    "neg abs sign maximum minimum floor ceil trunc rint copysign select sort argsort top_k "
    "max min argmax argmin cummax cummin gather gather_nd dynamic_slice dynamic_update_slice "
    "window_max window_max_take barrier stop_gradient".split()
) | {name for name, p in PRIMITIVES.items() if p.family == "view"}

DTYPES = (
    *["float32"] * 8, *["float64"] * 3, "float16", "bfloat16", *["int32"] * 3, "int64", "int8",
    "int16", "uint8", "uint16", "uint32", "uint64", "bool", "bool",
)  # fmt: skip
SIZES = (1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33)
MOST_ELEMENTS = 3000
#: Of large Programs: enough for kernels of several chunks, which threads share.
LARGE_SIZES = (600, 250)


@dataclass
class Example:
    """A Program and arrays for its inputs."""

    program: Program
    arrays: list

    def __repr__(self):
        return f"{self.program}\n" + "\n".join(f"{x!r}" for x in self.arrays)


class Choices:
    """Decisions that follow from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def integer(self, low, high):
        return self.random.randint(low, high)

    def among(self, options):
        return self.random.choice(options)

    def once_in(self, n):
        return self.random.random() * n < 1

    def some(self, options, least=0):
        """A random part of `options`, in order."""
        kept = [x for x in options if self.once_in(2)]
        return kept if len(kept) >= least else list(options)[:least]


class Sketch(Builder):
    """A Program being drawn.

    Half of all Programs are dense: of one dtype and two sizes mostly, so that nearly everything can
    be combined with everything. Some of these are large.
    """

    def __init__(self, choices, outer=None):
        super().__init__()
        self.choices, self.outer = choices, outer
        self.pool, self.inputs = [], []
        self.exact = set()
        self.sizes, self.dtypes, self.most_axes, self.most = SIZES, DTYPES, 4, MOST_ELEMENTS
        if outer is not None:
            self.sizes, self.dtypes = outer.sizes, outer.dtypes
            self.most_axes, self.most = outer.most_axes, outer.most
        elif choices.once_in(2):
            self.sizes = [choices.among(SIZES), choices.among(SIZES)]
            self.dtypes, self.most_axes = [*["float32"] * 15, "int32", "float64"], 3
            if choices.once_in(8):
                self.sizes, self.most_axes, self.most = LARGE_SIZES, 2, math.prod(LARGE_SIZES)

    @property
    def depth(self):
        return 0 if self.outer is None else 1 + self.outer.depth

    def emit(self, primitive, operands, attrs):
        out = super().emit(primitive, operands, attrs)
        eq = self.equations[-1]
        same = all(v in self.exact for v in eq.operands)
        for v in eq.results:
            if not is_float(v.type.dtype) or (same and self._keeps(eq)):
                self.exact.add(v)
        return out

    def _keeps(self, eq):
        if eq.primitive is ops.convert:
            return np.can_cast(eq.operands[0].type.dtype, dtype_of(eq.attrs["dtype"]), "safe")
        return eq.primitive.name in EXACT

    def add(self, values):
        """Let later steps use `values`."""
        for v in values if isinstance(values, tuple | list) else (values,):
            if v.type.size <= math.prod(LARGE_SIZES):
                self.pool.append(v)

    # ---- Values of a wanted kind ---------------------------------------------------------------

    def input(self, shape, dtype, exact=True):
        """A new input; inside a nested Program, a constant."""
        t = Type(tuple(shape), dtype_of(dtype))
        if self.outer is not None:
            return self.constant(t)
        v = self.make_value(t)
        self.inputs.append(v)
        return self.known(v, exact)

    def known(self, v, exact=True):
        self.pool.append(v)
        if exact or not is_float(v.type.dtype):
            self.exact.add(v)
        return v

    def constant(self, t):
        """An array or a `full` of type `t`."""
        c = self.choices
        if c.once_in(2) or t.size > 200:
            value = c.among([0, 1, 2, 3]) if t.dtype != bool else bool(c.integer(0, 1))
            if is_float(t.dtype):
                value = c.among([0.0, 1.0, -1.0, 2.0, 0.5, -0.0, 3.0])
            return ops.full(shape=t.shape, dtype=t.dtype.name, value=value)
        return self.known(self.lift(numbers(t, np.random.default_rng(c.integer(0, 99)))))

    def value(self, keep=lambda v: True, recent=True):
        """A Value of the pool that `keep`s, or None; later ones are likelier."""
        found = [v for v in self.pool if keep(v)]
        if not found:
            return None
        if recent and self.choices.once_in(2):
            found = found[-3:]
        return self.choices.among(found)

    def floating(self, keep=lambda v: True):
        return self.value(lambda v: is_float(v.type.dtype) and keep(v)) or self.new(float_only=True)

    def any(self, keep=lambda v: True):
        found = self.value(keep)
        return self.new() if found is None else found

    def new(self, float_only=False, least=0):
        """A new input of random type with at least `least` axes."""
        c = self.choices
        dtype = c.among(self.dtypes)
        if float_only and not is_float(dtype_of(dtype)):
            dtype = "float32"
        return self.input(self.shape(least), dtype)

    def shape(self, least=0):
        c = self.choices
        if self.outer is None and c.once_in(25):
            return c.among(
                [(70_000,), (300, 200), (3, 30_000), (5000, 7), (65, 33, 17), (2, 3, 8192)]
            )
        shape = []
        for _ in range(max(least, c.integer(0, self.most_axes))):
            n = 0 if c.once_in(60) else c.among(self.sizes)
            shape.append(n if n * int(np.prod(shape)) <= self.most else 1)
        return tuple(shape)

    def like(self, t, exact=False):
        """A Value of type `t`, from the pool, made of something in it, or new."""
        c = self.choices

        def fits(v):
            return not exact or v in self.exact

        same = [v for v in self.pool if v.type == t and fits(v)]
        if same and not c.once_in(4):
            return c.among(same[-6:])
        small = [(v, axes) for v in self.pool if v.type.dtype == t.dtype and fits(v)
                 for axes in _placements(v.type.shape, t.shape)]  # fmt: skip
        if small and not c.once_in(3):
            v, axes = c.among(small[-9:])
            return ops.broadcast(v, shape=t.shape, axes=axes)
        if c.once_in(3):
            return self.input(t.shape, t.dtype.name)
        return self.constant(t)

    def conform(self, t):
        """A Value of type `t` that depends on what came before, where that is easy."""
        last = [v for v in self.pool[::-1] if v.type == t]
        if last:
            return self.choices.among(last[:3])
        for v in self.pool[::-1]:
            if v.type.shape == t.shape and (
                is_float(t.dtype) and (is_float(v.type.dtype) or v.type.dtype == bool)
            ):
                return ops.convert(v, dtype=t.dtype.name)
        return self.like(t)

    def clipped(self, v, low, high):
        """`v` between two numbers, and `low` for NaN: safe to convert to an integer."""

        def number(x):
            return ops.full(shape=v.type.shape, dtype=v.type.dtype.name, value=x)

        inside = ops.minimum(ops.maximum(v, number(low)), number(high))
        return ops.select(ops.equal(inside, inside), inside, number(low))

    def nested(self, types, exact, outputs):
        """A Program from inputs of `types`; `outputs(sketch, inputs)` names what it returns."""
        sketch = Sketch(self.choices, self)
        inputs = [sketch.make_value(t) for t in types]
        with building(sketch):
            for v, e in zip(inputs, exact):
                sketch.known(v, e)
            for _ in range(self.choices.integer(0, 4)):
                grow(sketch)
            return sketch.finish(inputs, outputs(sketch, inputs))


def _placements(shape, target):
    """The axes of `target` along which an array of `shape` can be broadcast."""
    return [axes for axes in itertools.combinations(range(len(target)), len(shape))
            if all(n in (1, target[a]) for n, a in zip(shape, axes))]  # fmt: skip


def grow(sketch):
    """One more step."""
    steps = STEPS if sketch.depth < 2 else [s for s in STEPS if s not in control.STEPS]
    results = sketch.choices.among(steps)(sketch)
    if results is not None:
        sketch.add(results)


def numbers(t, rng):
    """Numbers of type `t`: multiples of 1/8 and small integers, sometimes NaN, infinity or -0.0."""
    if t.dtype == bool:
        return rng.random(t.shape) < 0.5
    if not is_float(t.dtype):
        low = 0 if t.dtype.kind == "u" else -9
        return rng.integers(low, 10, t.shape).astype(t.dtype)
    scale = rng.choice([1.0, 1.0, 4.0, 30.0])
    x = np.asarray(np.round(rng.normal(size=t.shape) * scale * 8) / 8).astype(t.dtype)
    if rng.random() < 0.15 and x.size:
        special = rng.choice([np.nan, np.inf, -np.inf, -0.0, 0.0], x.shape)
        x = np.where(rng.random(x.shape) < 0.15, special, x).astype(t.dtype)
    return x


def programs(steps=14):
    """Examples of up to `steps` steps."""
    return st.builds(example, st.integers(0, 2**63), st.just(steps))


def example(seed, steps=14):
    """The Example that follows from `seed`."""
    choices = Choices(seed)
    sketch = Sketch(choices)
    with building(sketch):
        sketch.new()
        for _ in range(choices.integer(1, 2 * steps if sketch.sizes is not SIZES else steps)):
            grow(sketch)
        program = sketch.finish(sketch.inputs, _outputs(sketch))
    rng = np.random.default_rng(seed)
    return Example(program, [numbers(v.type, rng) for v in program.inputs])


def _outputs(sketch):
    """The last Value, and some others: inputs, constants, reshapes, one of them twice."""
    c = sketch.choices
    outputs = [sketch.pool[-1]]
    for _ in range(c.integer(0, 4)):
        v = c.among(sketch.pool)
        if c.once_in(6):
            v = ops.reshape(v, shape=(v.type.size,))
        outputs.append(v)
    if c.once_in(6):
        outputs.append(sketch.constant(Type(sketch.shape(), np.dtype("float32"))))
    if c.once_in(8):
        outputs.append(c.among(outputs))
    return outputs


def reduced(found, fails):
    """A smaller Example for which `fails` is true as well: fewer outputs, fewer equations."""
    while True:
        smaller = next((x for x in _smaller(found) if fails(x)), None)
        if smaller is None:
            return found
        found = smaller


def _smaller(found):
    """Examples with one output less, or with the results of one equation made inputs."""
    program = found.program
    for j in range(len(program.outputs)):
        outputs = program.outputs[:j] + program.outputs[j + 1 :]
        yield _pruned(program.inputs, program, outputs, found.arrays)
    values = interpreted(found)
    for k in reversed(range(len(program.equations))):
        eq = program.equations[k]
        rest = [e for e in program.equations if e is not eq]
        cut = Program(program.inputs, rest, program.outputs, program.constants)
        arrays = [*found.arrays, *(values[v] for v in eq.results)]
        yield _pruned((*program.inputs, *eq.results), cut, program.outputs, arrays)


def interpreted(found):
    """{Value: its array}"""
    program = found.program
    results = tuple(v for eq in program.equations for v in eq.results)
    everything = Program(program.inputs, program.equations, results, program.constants)
    return dict(zip(results, everything.run(*found.arrays)))


def _pruned(inputs, program, outputs, arrays):
    """The Example without what `outputs` do not need."""
    whole = eliminate_dead(Program(tuple(inputs), program.equations, outputs, program.constants))
    used = {v for eq in whole.equations for v in eq.operands} | set(outputs)
    kept = [(v, x) for v, x in zip(inputs, arrays) if v in used]
    whole.inputs = tuple(v for v, _ in kept)
    return Example(whole, [x for _, x in kept])
