"""Do two evaluations of one Program agree? By as much as rounding may explain, and no more.

How far rounding can move each element is measured: the interpreter runs a few times more with every
rounded result moved at random by a few units in the last place, every zero's sign, the elements of
a fold in another order, and folds of more precise numbers (adding equal ones errs all one way).
What moves far (cancellation, long sums) may differ far; what changes altogether (a comparison of
two numbers that are nearly equal) proves nothing; all else must be the same, NaN and infinities
included.
"""

from unittest import mock

import ml_dtypes
import numpy as np
from programs import EXACT

from lamella import evaluate as interpreter
from lamella import indexmap, ops
from lamella.types import COMPLEX, bfloat16, is_float

#: Units in the last place by which one result is moved.
ULPS = 4
#: The signs of zeros and the units in the last place, in each further run. The last has the numbers
#: of the expected results: what is unclear with them shows there.
RUNS = ((1.0, ULPS), (-1.0, ULPS), (None, ULPS), (None, ULPS), (1.0, 0))
#: A difference may be so many times what was measured.
MARGIN = 16


def eps(dtype):
    return 2.0**-8 if dtype == bfloat16 else float(np.finfo(dtype).eps)


def tiny(dtype):
    return 2.0**-126 if dtype == bfloat16 else float(np.finfo(dtype).tiny)


def largest(dtype):
    return ml_dtypes.finfo(dtype).max


def wider(dtype):
    return np.float64 if dtype.itemsize < 8 else np.longdouble


class Perturbed:
    """An interpreter that rounds at random; zeros get the sign `zeros`, None: a random one."""

    def __init__(self, seed, zeros, ulps):
        self.rng = np.random.default_rng(seed)
        self.zeros, self.ulps = zeros, ulps

    def __call__(self, program, arrays):
        env = {**program.constants, **dict(zip(program.inputs, map(np.asarray, arrays)))}
        with np.errstate(all="ignore"):
            for eq in program.equations:
                operands = [env[v] for v in eq.operands]
                out = self.apply(eq, operands)
                for v, x in zip(eq.results, out if isinstance(out, tuple) else (out,)):
                    env[v] = np.asarray(x, v.type.dtype).reshape(v.type.shape)
        return tuple(env[v] for v in program.outputs)

    def apply(self, eq, operands):
        name, family = eq.primitive.name, eq.primitive.family
        dtype = eq.results[0].type.dtype if eq.results else None
        if family == "control" or name in EXACT or not is_float(dtype):
            return eq.primitive.numpy(*operands, **eq.attrs)
        if eq.primitive is ops.convert:
            exact = np.can_cast(operands[0].dtype, dtype, "safe") or not is_float(operands[0].dtype)
            y = eq.primitive.numpy(*operands, **eq.attrs)
            return y if exact else self.moved(y)
        if family == "contraction" and self.unclear(eq, operands):
            return np.full(eq.results[0].type.shape, np.nan)
        if family == "reduction":
            operands = [self.shuffled(operands[0], eq.attrs["axes"])]
        if family != "elementwise":
            operands = [self.moved(x) if is_float(x.dtype) else x for x in operands]
        if family == "reduction" and self.zeros is None:
            operands = [operands[0].astype(wider(dtype))]
        y = self.moved(np.asarray(eq.primitive.numpy(*operands, **eq.attrs), dtype))
        if eq.primitive is ops.prod:
            y = np.where(self.order_decides(operands[0], eq.attrs["axes"]), np.nan, y)
        if name in ("lgamma", "digamma"):  # their zeros are not at representable numbers
            y = (y + self.noise(np.ones(np.shape(y), dtype))).astype(dtype)
        return y

    def unclear(self, eq, operands):
        """Is there a product with an infinity of which it is not clear what it adds? Most of the
        runs say so, the others go on.

        With an element out of bounds it is 0 in meaning; a kernel may multiply by 0, which is NaN.
        And the sum of one operand alone may be taken before its product with the other, or after.
        """
        maps = indexmap.parse(eq.attrs["spec"])
        plain = all(dim.axis for dim in (*maps.a, *maps.b, *maps.out))
        in_a, in_b, in_out = (
            {axis for dim in dims for axis, _ in dim.terms} for dims in (maps.a, maps.b, maps.out)
        )
        plain &= (in_a ^ in_b) <= in_out
        finite = all(np.isfinite(x.astype(np.float64)).all() for x in operands)
        return not plain and not finite and self.zeros is not None

    def order_decides(self, x, axes):
        """Which products overflow in one order of their factors and meet a zero first in another?
        Half the runs say so, the others go on."""
        size = np.abs(x.astype(np.float64))
        overflows = np.log(np.maximum(size, 1)).sum(axes) > np.log(float(largest(x.dtype)))
        return overflows & (x == 0).any(axes) & (self.zeros is not None)

    def shuffled(self, x, axes):
        for axis in axes:
            x = np.take(x, self.rng.permutation(x.shape[axis]), axis)
        return x

    def noise(self, x):
        """Some units in the last place of x, up or down, and never few: ulps/2 to ulps."""
        u = self.rng.uniform(self.ulps / 2, self.ulps, x.shape) * self.rng.choice([-1, 1], x.shape)
        return (u * eps(x.dtype) * x.astype(np.float64)).astype(x.dtype)

    def moved(self, x):
        x = np.asarray(x)
        y = np.where(np.isfinite(x.astype(np.float64)), x + self.noise(x), x)
        sign = self.zeros or self.rng.choice([-1.0, 1.0], x.shape)
        return np.where(x == 0, sign * 0.0, y).astype(x.dtype)


def perturbed_runs(run):
    """What `run()` returns under interpreters that round at random."""
    found = []
    for seed, (zeros, ulps) in enumerate(RUNS):
        with mock.patch.object(interpreter, "evaluate", Perturbed(seed, zeros, ulps)):
            found.append(run())
    return found


def disagreement(expected, actual, samples, overflows=False):
    """The first difference between two lists of arrays that rounding does not explain, or None.

    overflows: infinities and NaN may stem from float16 results that the other side never rounds.
    """
    for k, (e, a, *near) in enumerate(zip(expected, actual, *samples, strict=True)):
        if (e.shape, e.dtype) != (a.shape, a.dtype):
            return f"output {k}: expected {e.dtype}{e.shape}, got {a.dtype}{a.shape}"
        wrong = _wrong(e, a, near, overflows)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            return (
                f"output {k}: {int(wrong.sum())} of {wrong.size} elements differ; at {at} expected "
                f"{e[at]!r}, got {a[at]!r}, rounding gives {[x[at] for x in near]}"
            )
    return None


def _wrong(e, a, near, overflows):
    if not is_float(e.dtype):
        stable = np.ones(e.shape, bool)
        for x in near:
            stable &= x == e
        return stable & (a != e) if e.dtype not in COMPLEX else np.zeros(e.shape, bool)
    dtype = e.dtype
    e, a, *near = (np.asarray(x, np.float64) for x in (e, a, *near))
    with np.errstate(all="ignore"):
        finite, same = np.isfinite(e), (a == e) | (np.isnan(a) & np.isnan(e))
        settled, spread = np.ones(e.shape, bool), np.zeros(e.shape)
        for x in near:
            settled &= np.where(finite, np.isfinite(x), (x == e) | (np.isnan(x) & np.isnan(e)))
            spread = np.fmax(spread, np.abs(x - e))
        allowed = MARGIN * spread + 2 * ULPS * eps(dtype) * np.abs(e) + 4 * tiny(dtype)
        wrong = np.where(finite, ~(np.abs(a - e) <= allowed), ~same & (not overflows))
    return settled & wrong


def has_float16(program):
    """Does any Value of the Program hold float16, whose range is easily left?"""
    values = [*program.inputs, *(v for eq in program.equations for v in eq.results)]
    inner = (p for eq in program.equations for _, p in eq.programs)
    return any(v.type.dtype == np.float16 for v in values) or any(map(has_float16, inner))


def assert_agree(program, arrays, *actual, context=""):
    """Each list of arrays in `actual` is what `program` returns on `arrays`, but for rounding."""
    expected = program.run(*arrays)
    samples = perturbed_runs(lambda: program.run(*arrays))
    for result in actual:
        wrong = disagreement(expected, result, samples, has_float16(program))
        assert wrong is None, f"{context}{wrong}\n{program}"
