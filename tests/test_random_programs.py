"""Compiled Programs mean what the interpreter says: random Programs of every family.

The sweep, `pytest -m slow tests/test_random_programs.py`, tries LAMELLA_SWEEP examples (2000) of
each kind.
"""

import os
from unittest import mock

import pytest
from agreement import assert_agree, disagreement, has_float16, perturbed_runs
from hypothesis import HealthCheck, Phase, given, settings
from programs import Example, example, programs, reduced

from lamella import ops
from lamella.autodiff import backward
from lamella.compile import compile_program
from lamella.compile.executable import aligned_copy
from lamella.frontend.trace import trace
from lamella.passes import PIPELINE
from lamella.program import current_builder
from lamella.text import constants_of, parse
from lamella.types import is_float

SWEEP = int(os.environ.get("LAMELLA_SWEEP", "2000"))
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None,
         "phases": [Phase.generate]}  # fmt: skip


def check_passes(example):
    """Every pass leaves a valid Program of the same meaning."""
    before = example.program.verify()
    for step in PIPELINE:
        after = step(before).verify()
        assert_agree(
            before, example.arrays, after.run(*example.arrays), context=f"{step.__name__}: "
        )
        before = after


def check_compiled(example):
    """Machine code returns what the interpreter returns, twice."""
    executable = compile_program(example.program)
    kept = [x.copy() for x in example.arrays]
    first = executable(*example.arrays)
    copies = [y.copy() for y in first]
    second = executable(*example.arrays)
    assert_agree(example.program, example.arrays, copies)
    for a, b, c in zip(copies, first, second):
        assert a.tobytes() == b.tobytes() == c.tobytes()
    for a, b in zip(kept, example.arrays):
        assert a.tobytes() == b.tobytes()


def check_gradient(example):
    """So does the gradient of a random scalar of its outputs."""
    found = gradient(example.program)
    if found is not None:
        found.verify()
        check_compiled(Example(found, example.arrays))


def gradient(program):
    """(inputs) -> the cotangents of all floating point inputs; None where there is no gradient."""
    floats = [i for i, t in enumerate(program.in_types) if is_float(t.dtype)]
    ends = [j for j, t in enumerate(program.out_types) if is_float(t.dtype)]
    if not floats or not ends or holds(program, "while_loop"):
        return None

    def f(*xs):
        start = len(current_builder().equations)
        ys = current_builder().inline(program, xs)
        weights = [ops.full(shape=ys[j].type.shape, dtype=ys[j].type.dtype.name, value=0.5 + j)
                   for j in ends]  # fmt: skip
        return backward(start, [ys[j] for j in ends], weights, [xs[i] for i in floats])

    return trace(f, program.in_types)[0]


def holds(program, name):
    return any(eq.primitive.name == name or any(holds(p, name) for _, p in eq.programs)
               for eq in program.equations)  # fmt: skip


def check_in_place(example):
    """Three steps that overwrite their donated inputs, in three calls and in one; on threads."""
    program, arrays = example.program, example.arrays
    donated = donations(program)
    expected = three_steps(program, arrays, donated)
    samples = perturbed_runs(lambda: three_steps(program, arrays, donated))
    with mock.patch("lamella.compile.SERIAL_BELOW", 0):
        once = compile_program(program, donated)
        thrice = compile_program(program, donated, repeated=True)
    state = [aligned_copy(x, t) for x, t in zip(arrays, program.in_types)]
    for _ in range(3):
        out = once.run(state)
    wrong = disagreement(expected, out, samples, has_float16(program))
    assert wrong is None, f"three calls, donated={donated}: {wrong}"
    for i, j in donated.items():
        assert out[j] is state[i]
    state = [aligned_copy(x, t) for x, t in zip(arrays, program.in_types)]
    wrong = disagreement(expected, thrice.run(state, 3), samples, has_float16(program))
    assert wrong is None, f"three rounds, donated={donated}: {wrong}"


def donations(program):
    """{input: output of the same type}, as many as there are."""
    free = list(enumerate(program.out_types))
    donated = {}
    for i, t in enumerate(program.in_types):
        match = next((j for j, u in free if u == t), None)
        if match is not None:
            donated[i] = match
            free = [(j, u) for j, u in free if j != match]
    return donated


def three_steps(program, arrays, donated):
    state = list(arrays)
    for _ in range(3):
        out = program.run(*state)
        for i, j in donated.items():
            state[i] = out[j]
    return out


def check_text(example):
    """What is printed can be parsed, prints alike and means the same."""
    program = example.program
    text = str(program)
    parsed = parse(text, constants_of(program)).verify()
    assert str(parsed) == text
    for a, b in zip(program.run(*example.arrays), parsed.run(*example.arrays)):
        assert a.dtype == b.dtype
        assert a.tobytes() == b.tobytes()


CHECKS = [check_passes, check_compiled, check_gradient, check_in_place, check_text]


def fails(check, example):
    try:
        check(example)
    except Exception:
        return True
    return False


def explained(check, example):
    """Run `check`; where it fails, run it on a smaller example that fails, for its message."""
    try:
        check(example)
    except Exception:
        smaller = reduced(example, lambda x: fails(check, x))
        print(smaller)
        check(smaller)
        raise


@pytest.mark.parametrize("check", CHECKS)
def test_random_programs(check):
    @settings(max_examples=60, derandomize=True, **QUIET)
    @given(programs())
    def run(example):
        explained(check, example)

    run()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("seed", [45869540, 1552805217, 4464])
def test_found_by_sweeps(seed, check):
    """float64 made float16 by a function that is nowhere; a NaN beside what is out of bounds; a sum
    of 600 equal numbers, in which NumPy errs by 122 units in the last place, and the kernel by 6.
    """
    check(example(seed))


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_sweep(check):
    ran = 0

    @settings(max_examples=SWEEP, **QUIET)
    @given(programs())
    def run(example):
        nonlocal ran
        ran += 1
        explained(check, example)

    try:
        run()
    finally:
        print(f"\n{check.__name__}: {ran} programs")
