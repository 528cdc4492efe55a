"""Values and derivatives agree with those that real TensorFlow recorded."""

from pathlib import Path

import numpy as np
import pytest
import tf2_cases

REFERENCE = np.load(Path(__file__).parent / "reference.npz")
FAMILIES = list(tf2_cases.CASES)


#: TensorFlow looks the weights of the cubic up in a table of 1,024.
ROUGH = {"tf.image.resize(PIC, [9, 8], method='bicubic')": 1e-3}


def recorded(expression, name=""):
    key = f"{expression}|{name}".replace("/", "÷")
    return REFERENCE[key] if key in REFERENCE.files else None


def weights(shape):
    return np.cos(np.arange(int(np.prod(shape)), dtype="float64")).reshape(tuple(shape))


def check(expression, name, found, rtol=2e-4, atol=2e-5):
    want = recorded(expression, name)
    found = np.asarray(found)
    if found.dtype == object:
        found = found.astype("S")
    elif not name:
        assert found.dtype == want.dtype, f"{expression}: {found.dtype}, not {want.dtype}"
    assert found.shape == want.shape, f"{expression} {name}: {found.shape}, not {want.shape}"
    if want.dtype.kind in "fc":
        about = f"{expression} {name}"
        least = ROUGH.get(expression, 0.0)
        np.testing.assert_allclose(found, want, max(rtol, least), max(atol, least), err_msg=about)
    else:
        assert np.array_equal(found, want), f"{expression} {name}: {found}, not {want}"


def evaluate(tf, expression, inputs):
    return eval(expression, {"tf": tf, "np": np, **inputs})


@pytest.fixture(scope="module")
def inputs(tf):
    return {name: tf.constant(x) for name, x in tf2_cases.INPUTS.items()}


def failures(run, expressions):
    """The messages of the expressions for which `run` fails."""
    found = []
    for expression in expressions:
        try:
            run(expression)
        except Exception as error:
            found.append(f"{expression}: {type(error).__name__}: {str(error)[:300]}")
    return "\n".join(found)


@pytest.mark.parametrize("family", FAMILIES)
def test_value(tf, inputs, family):
    def run(expression):
        check(expression, "", evaluate(tf, expression, inputs))

    assert failures(run, (e for e, _, _ in tf2_cases.lines(family))) == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_derivative(tf, family):
    """Of a weighted sum, with an eager tape."""

    def run(expression):
        inputs = {name: tf.constant(x) for name, x in tf2_cases.INPUTS.items()}
        floats = [k for k, x in inputs.items() if recorded(expression, k) is not None]
        with tf.GradientTape() as tape:
            tape.watch([inputs[k] for k in floats])
            value = evaluate(tf, expression, inputs)
            total = tf.reduce_sum(value * tf.cast(weights(value.shape), value.dtype))
        for k, g in zip(floats, tape.gradient(total, [inputs[k] for k in floats])):
            assert g is not None, f"{expression}: no derivative with respect to {k}"
            check(expression, k, g, rtol=2e-3, atol=2e-4)

    assert failures(run, (e for e, _, d in tf2_cases.lines(family) if d)) == ""


@pytest.mark.parametrize("family", [f for f in FAMILIES if f != "strings"])
def test_compiled(tf, family):
    """Values and derivatives inside of a tf.function: all expressions of a family in one."""
    chosen = [(e, d) for e, compiled, d in tf2_cases.lines(family) if compiled]
    numeric = {k: x for k, x in tf2_cases.INPUTS.items() if x.dtype != object}
    problems = []

    @tf.function
    def everything(inputs):
        values = {}
        for i, (expression, derivative) in enumerate(chosen):
            floats = [k for k in inputs if derivative and recorded(expression, k) is not None]
            try:
                with tf.GradientTape() as tape:
                    tape.watch([inputs[k] for k in floats])
                    value = evaluate(tf, expression, inputs)
                    if derivative:
                        scale = tf.cast(weights(value.shape), value.dtype)
                        total = tf.reduce_sum(value * scale)
                grads = tape.gradient(total, [inputs[k] for k in floats]) if derivative else []
            except Exception as error:
                problems.append(f"{expression}: {type(error).__name__}: {str(error)[:300]}")
                continue
            values[str(i)] = value
            values |= {f"{i} {k}": g for k, g in zip(floats, grads)}
        return values

    found = everything({k: tf.constant(x) for k, x in numeric.items()})

    def run(key):
        i, _, name = key.partition(" ")
        bounds = {"rtol": 2e-3, "atol": 2e-4} if name else {}
        check(chosen[int(i)][0], name, found[key], **bounds)

    assert "\n".join(problems) + failures(run, found) == ""


def test_the_reference_is_of_these_cases():
    missing = [e for f in FAMILIES for e, _, _ in tf2_cases.lines(f) if recorded(e) is None]
    assert missing == []
