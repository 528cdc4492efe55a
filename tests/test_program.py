"""Programs as text: golden print-outs, parsing back, verification."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamella
from lamella import ops
from lamella.control import cond, scan, while_loop
from lamella.frontend.trace import trace
from lamella.program import Program, Value
from lamella.text import ParseError, VerificationError, constants_of, format_program, parse, verify
from lamella.transforms import checkpoint, custom_gradient, grad
from lamella.types import DTYPES, Type

F32 = np.dtype(np.float32)


def program_of(f, *shapes, dtype=F32):
    return trace(f, [Type(shape, np.dtype(dtype)) for shape in shapes])[0].verify()


def mlp(x, w, b):
    return [np.maximum(x @ w + b, 0)]


def sgd_step(x, w, b):
    def loss(w, b):
        return np.mean(np.tanh(x @ w + b) ** 2)

    gw, gb = grad(loss, (0, 1))(w, b)
    return [w - 0.1 * gw, b - 0.1 * gb]


def recurrent(h, xs):
    def step(h, x):
        h = np.tanh(h + x)
        return h, cond(np.sum(h) > 0, lambda: h, lambda: h * np.arange(3, dtype=np.float32))

    return scan(step, h, xs)


def newton(x):
    return [while_loop(lambda s: np.abs(s * s - x) > 1e-6, lambda s: (s + x / s) / 2, x)]


def calls(x):
    @custom_gradient
    def clipped(x):
        return x * 2, lambda g: np.clip(g, -1, 1)

    return [checkpoint(lambda x: np.sin(clipped(x)))(x)]


PROGRAMS = {
    "mlp": (mlp, (2, 3), (3, 4), (4,)),
    "sgd_step": (sgd_step, (2, 3), (3, 4), (4,)),
    "recurrent": (recurrent, (3,), (5, 3)),
    "newton": (newton, ()),
    "calls": (calls, (3,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_golden(name, golden):
    f, *shapes = PROGRAMS[name]
    golden(name, str(program_of(f, *shapes)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_parsed_programs_are_the_same(name):
    f, *shapes = PROGRAMS[name]
    program = program_of(f, *shapes)
    text = str(program)
    again = parse(text)
    assert str(again) == text
    assert verify(again) is again
    rng = np.random.default_rng(0)
    inputs = [rng.uniform(0.5, 2, shape).astype(np.float32) for shape in shapes]
    for a, b in zip(program.run(*inputs), again.run(*inputs), strict=True):
        np.testing.assert_array_equal(a, b)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_small_constants_keep_every_bit(data):
    dtype = DTYPES[data.draw(st.sampled_from(sorted(DTYPES)))]
    if dtype == ml_dtypes.bfloat16:
        bits = data.draw(hnp.arrays(np.uint16, (3,), elements=st.integers(0, 0x7F7F)))
        array = bits.view(dtype)
    else:
        array = data.draw(hnp.arrays(dtype, hnp.array_shapes(max_side=2)))
    v = Value(Type(array.shape, dtype))
    again = parse(str(Program((), [], (v,), {v: array}))).run()[0]
    assert again.dtype == dtype
    np.testing.assert_array_equal(again, array)
    if dtype.kind == "f":
        number = ~np.isnan(array)
        np.testing.assert_array_equal(np.signbit(again[number]), np.signbit(array[number]))


@pytest.mark.parametrize("real", [0.0, -0.0, 1.5, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("imaginary", [0.0, -0.0, -2.0, 1e30, np.inf, -np.inf, np.nan])
def test_complex_constants_keep_both_parts(real, imaginary):
    array = np.array([complex(real, imaginary)])
    v = Value(Type(array.shape, array.dtype))
    (again,) = parse(str(Program((), [], (v,), {v: array}))).run()
    for part in (np.real, np.imag):
        np.testing.assert_array_equal(part(again), part(array))
        if not np.isnan(part(array)):
            np.testing.assert_array_equal(np.signbit(part(again)), np.signbit(part(array)))


@settings(deadline=None, max_examples=60)
@given(st.floats(width=64))
def test_attributes_keep_every_bit(value):
    program = program_of(lambda: [ops.full(shape=(2,), dtype="float64", value=value)])
    np.testing.assert_array_equal(parse(str(program)).run()[0], np.full(2, value))


def test_large_constants_are_named_and_given_apart():
    table = np.arange(100.0)
    program = program_of(lambda x: [x + table], (100,), dtype=np.float64)
    text = str(program)
    assert "constant c0: float64[100]\n" in text
    again = parse(text, {"c0": table})
    np.testing.assert_array_equal(again.run(table)[0], table * 2)
    with pytest.raises(
        ParseError, match=r"constant c0: float64\[100\] has no numbers; pass constants="
    ):
        parse(text)
    with pytest.raises(ParseError, match=r"constant c0: expected float64\[100\], got float64\[3\]"):
        parse(text, {"c0": np.zeros(3)})


def test_sources_are_comments():
    program = program_of(lambda x: [np.tanh(x)], (2,))
    text = format_program(program, sources=True)
    assert "# " in text
    assert "test_program.py" in text
    assert str(parse(text)) == str(program)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("program(x: float32[2]) {\n return y\n}",
         "line 2: expected a name defined above, found 'y'"),
        ("program(x: float33[2]) {\n return x\n}", "line 1: expected a dtype, found 'float33'"),
        ("program(x: float32[2], x: float32[2]) { return x }", "expected a new name"),
        ("program(x: float32[2]) {\n y: float32[2] = wobble(x)\n return y }",
         "line 2: expected the name of a primitive, found 'wobble'"),
        ("program(x: float32[2]) {\n y: float32[2] = sum(x) [axes=<f>] return y }",
         "Python function"),
        ("program() { return } extra", "expected 'end', found 'extra'"),
        ("program() { return ; }", "line 1: unexpected ';'"),
        ("program(x: float32[2]) { y: float32[2] = sum(x) [axes=(0)] return y }",
         "expected a tuple"),
    ],
)  # fmt: skip
def test_errors_of_parse(text, message):
    with pytest.raises(ParseError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("program(x: float32[2]) { y: float32[3] = tanh(x) return y }",
         r"equation 0: v1: float32\[3\] = tanh\(v0\)\n  the types must be \(float32\[2\]\)"),
        ("program(x: float32[2], y: float32[3]) { z: float32[2] = add(x, y) return z }",
         "operands must have one type"),
        ("program(x: int32[2]) { y: int32[2] = tanh(x) return y }", "int32 is not supported"),
        ("program(x: float32[2]) { z: float32[2] = call(x) [body=program(a: float32[2]) {\n"
         "b: float64[2] = tanh(a) return b }, vjp=None, checkpoint=False] return z }",
         r"in body: equation 0: v1: float64\[2\] = tanh"),
    ],
)  # fmt: skip
def test_verify_finds_wrong_types(text, message):
    with pytest.raises(VerificationError, match=message):
        parse(text).verify()


def test_verify_finds_broken_ssa_form():
    program = program_of(lambda x: [np.sin(np.tanh(x))], (2,))
    first, second = program.equations
    swapped = Program(program.inputs, [second, first], program.outputs)
    with pytest.raises(VerificationError, match="operand v2 is not defined before"):
        swapped.verify()
    with pytest.raises(VerificationError, match="defined twice"):
        Program(program.inputs, [first, first, second], program.outputs).verify()
    with pytest.raises(VerificationError, match=r"output \?: float32\[2\] is not defined"):
        Program(program.inputs, [], (Value(program.inputs[0].type),)).verify()
    c = Value(Type((2,), F32))
    with pytest.raises(VerificationError, match=r"constant c0 is float64\[3\]"):
        Program((), [], (c,), {c: np.zeros(3)}).verify()


def test_verify_finds_values_that_leak_into_nested_programs():
    program = program_of(lambda x: [checkpoint(np.tanh)(x)], (2,))
    (call,) = program.equations
    body = call.attrs["body"]
    leaking = Program(body.inputs, body.equations, program.inputs)
    call.attrs["body"] = leaking
    with pytest.raises(VerificationError, match="in body: output"):
        program.verify()


def test_large_constants_of_nested_programs_parse_back():
    outer, inner = np.arange(40.0), np.arange(20.0).reshape(4, 5)

    def f(xs):
        total, _ = lamella.scan(lambda c, x: (c + (inner * x).sum(), None), 0.0, xs)
        return total + (outer * xs[0]).sum()

    program = lamella.jit(f).program(np.ones(3))
    arrays = constants_of(program)
    assert {x.size for x in arrays.values()} >= {20, 40}
    again = parse(str(program), arrays).verify()
    assert str(again) == str(program)
    np.testing.assert_array_equal(again.run(np.ones(3))[0], program.run(np.ones(3))[0])
