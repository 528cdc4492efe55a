"""Derivatives against finite differences and known formulas; control flow against plain Python."""

import numpy as np
import pytest

from lamella.control import (
    associative_scan,
    cond,
    fori_loop,
    map_,
    scan,
    switch,
    while_loop,
)
from lamella.frontend.trace import run, trace
from lamella.transforms import (
    checkpoint,
    custom_gradient,
    grad,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from lamella.types import Type

RNG = np.random.default_rng(0)
DOUBLE = np.dtype(np.float64)


def check_grad(f, *args):
    """The gradient of scalar f, along one random direction, against a central difference."""
    grads = grad(f, tuple(range(len(args))))(*args)
    directions = [RNG.normal(size=np.shape(x)) for x in args]
    h = 1e-6
    ahead, behind = (f(*(x + s * h * d for x, d in zip(args, directions))) for s in (1, -1))
    expected = (ahead - behind) / (2 * h)
    np.testing.assert_allclose(
        sum(np.sum(g * d) for g, d in zip(grads, directions)), expected, rtol=2e-6
    )


X, W, V = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 4)), RNG.normal(size=4)

SMOOTH = {
    "mlp": lambda x, w, v: np.mean((np.tanh(x @ w + v) @ v) ** 2),
    "softmax": lambda x, w, v: np.sum(np.log(np.sum(np.exp(x @ w), 1)) * np.arange(5.0)),
    "einsum": lambda x, w, v: np.einsum("ij,jk,k,ij->", x, w, v, x),
    "norm": lambda x, w, v: np.linalg.norm(x @ w - v),
    "layer norm": lambda x, w, v: np.sum(
        (x - np.mean(x, 1, keepdims=True)) / np.std(x, 1)[:, None] @ w * v
    ),
    "indexing": lambda x, w, v: np.sum(x[::2, [0, 2, 0]] * w[0, :3]) + v[-1] * x[1, 2] ** 3,
    "where": lambda x, w, v: (
        np.sum(np.where(x > 0, x**2, np.sin(x))) + np.sum(np.abs(w)) + np.max(v)
    ),
    "stack": lambda x, w, v: np.sum(np.stack([v, v**2]) * np.concatenate([w[:1], w[1:2] * v])),
    "pad": lambda x, w, v: (
        np.sum(np.pad(x, 2, "reflect") ** 2) + np.sum(np.roll(w, 1) * w) + np.sum(np.tile(v, 3))
    ),
    "sort": lambda x, w, v: (
        np.sum(np.sort(x, 0) * np.arange(15.0).reshape(5, 3)) + np.median(w) + np.ptp(v)
    ),
    "cumulative": lambda x, w, v: (
        np.sum(np.cumsum(x, 0) ** 2) + np.sum(np.cumprod(w, 1)) + np.prod(v)
    ),
    "convolve": lambda x, w, v: np.sum(np.convolve(x[:, 0], v) ** 2) + np.linalg.det(w[:, :3]),
    "statistics": lambda x, w, v: (
        np.sum(np.var(x, 0)) + np.quantile(w, 0.3) + np.average(v, weights=v**2)
    ),
    "fft": lambda x, w, v: (
        np.sum(np.abs(np.fft.fft(x, axis=0))) + np.sum(np.fft.irfft(v) ** 2) + np.sum(w)
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_of_numpy_programs(name):
    check_grad(SMOOTH[name], X, W, V)


@pytest.mark.parametrize("name", [n for n in SMOOTH if n not in ("sort", "statistics", "fft")])
def test_gradients_of_gradients(name):
    f = SMOOTH[name]
    check_grad(lambda x, w, v: np.sum(np.sin(grad(f)(x, w, v))), X, W, V)


def test_scalar_formulas():
    np.testing.assert_allclose(grad(np.sin)(0.5), np.cos(0.5))
    np.testing.assert_allclose(grad(grad(grad(np.sin)))(0.5), -np.cos(0.5))
    np.testing.assert_allclose(grad(lambda x: x**0.5)(4.0), 0.25)
    assert grad(lambda x: x**2)(0.0) == 0
    assert grad(lambda x: 3.0)(1.0) == 0


def test_arguments_and_aux():
    def f(x, p, *, scale):
        return scale * np.sum(x * p["a"][0] + p["b"]), {"twice": 2 * x}

    params = {"a": (np.array([1.0, 2.0]),), "b": np.zeros(2), "none": None}
    (value, aux), (gx, gp) = value_and_grad(f, (0, 1), has_aux=True)(np.ones(2), params, scale=3.0)
    assert value == 9
    np.testing.assert_array_equal(aux["twice"], [2, 2])
    np.testing.assert_array_equal(gx, [3, 6])
    np.testing.assert_array_equal(gp["a"][0], [3, 3])
    assert gp["none"] is None
    gradient, aux = grad(f, 1, has_aux=True)(np.ones(2), params, scale=3.0)
    np.testing.assert_array_equal(gradient["b"], [3, 3])


def test_gradient_keeps_dtype():
    for dtype in (np.float16, np.float32, np.float64):
        assert grad(lambda x: np.sum(x * 2.5))(np.ones(2, dtype)).dtype == dtype


def test_other_arguments_stay_python_values():
    f = grad(lambda x, n, name: np.sum(x) * n if name == "sum" else 0.0)
    np.testing.assert_array_equal(f(np.ones(2), 3, "sum"), [3, 3])


def test_only_the_argument_counts_not_the_closure():
    def outer(x):
        return grad(lambda y: x * y)(x)  # d/dy x*y at y = x

    assert run(outer, 3.0) == 3
    assert grad(lambda x: outer(x) * x)(3.0) == 6


def test_nested_gradients_do_not_mix():
    assert grad(lambda w: grad(lambda x: x * w * w)(3.0))(2.0) == 4
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(5.0) == 1


@pytest.mark.parametrize(
    ("f", "x", "message"),
    [
        (
            lambda x: x * 2,
            np.ones(3),
            r"must return a scalar, got float64\[3\]; reduce it with np.sum",
        ),
        (lambda x: np.sum(x), np.ones(3, int), r"argument 0 is int64\[3\]; only floating point"),
        (lambda p: np.sum(p["a"]), {"a": np.ones(3, int)}, r"argument 0\['a'\] is int64"),
        (lambda x: (x, x), 1.0, "return a scalar, got tuple.*has_aux"),
        (lambda x: x > 0, 1.0, r"real floating point scalar, got bool\[\]"),
    ],
)
def test_errors_of_grad(f, x, message):
    with pytest.raises(TypeError, match=message):
        grad(f)(x)


def test_errors_of_argnums_and_aux():
    with pytest.raises(TypeError, match="argnums 1 with 1"):
        grad(lambda x: x, 1)(1.0)
    with pytest.raises(TypeError, match=r"must return \(value, aux\)"):
        grad(lambda x: x, has_aux=True)(1.0)


# vjp, jvp, vmap


def test_vjp():
    (product, total), pullback = vjp(lambda x, y: (x * y, x + y), 2.0, 3.0)
    assert (product, total) == (6, 5)
    assert pullback((1.0, 0.0)) == (3, 2)
    assert pullback((0.0, 10.0)) == (10, 10)
    out, pullback, aux = vjp(lambda x: (x * x, {"x": x}), 2.0, has_aux=True)
    assert (out, aux["x"], pullback(1.0)[0]) == (4, 2, 4)
    with pytest.raises(
        TypeError, match=r"a cotangent is float64\[2\] where the value is float64\[\]"
    ):
        pullback(np.ones(2))
    with pytest.raises(TypeError, match="structure"):
        pullback((1.0, 2.0))
    with pytest.raises(TypeError, match=r"int64\[\]; expected a floating"):
        vjp(lambda x: x, 1)


def test_vjp_inside_a_gradient():
    def f(x):
        y, pullback = vjp(np.sin, x)
        return y * pullback(2.0)[0]  # 2 sin x cos x = sin 2x

    np.testing.assert_allclose(grad(f)(0.3), 2 * np.cos(0.6))


def test_jvp():
    value, tangent = jvp(lambda x, w: np.tanh(x @ w), (X, W), (X * 0 + 1, W * 0))
    h = 1e-6
    np.testing.assert_allclose(value, np.tanh(X @ W))
    np.testing.assert_allclose(
        tangent, (np.tanh((X + h) @ W) - np.tanh((X - h) @ W)) / (2 * h), atol=1e-8
    )
    value, tangent, aux = jvp(lambda x: (x**3, x + 1), (2.0,), (1.0,), has_aux=True)
    assert (value, tangent, aux) == (8, 12, 3)
    np.testing.assert_allclose(grad(lambda x: jvp(np.sin, (x,), (1.0,))[1])(0.4), -np.sin(0.4))


def test_hessian_by_composition():
    def hessian(f):
        return lambda x: vmap(lambda e: jvp(grad(f), (x,), (e,))[1])(np.eye(x.shape[0]))

    a = RNG.normal(size=(4, 4))
    np.testing.assert_allclose(hessian(lambda x: x @ a @ x / 2)(V), (a + a.T) / 2, atol=1e-12)


def test_vmap():
    def f(x, w):
        return np.tanh(x @ w)

    np.testing.assert_allclose(vmap(f, (0, None))(X, W), f(X, W))
    np.testing.assert_allclose(vmap(f, (None, 1), 1)(X, W), f(X, W))
    np.testing.assert_allclose(
        vmap(lambda p: p["a"] * p["b"], ({"a": 0, "b": None},))({"a": X, "b": 2.0}), 2 * X
    )
    per_example = vmap(grad(lambda w, x: np.sum(np.sin(x @ w))), (None, 0))(W, X)
    expected = np.stack([grad(lambda w, x=x: np.sum(np.sin(x @ w)))(W) for x in X])
    np.testing.assert_allclose(per_example, expected)
    twice = vmap(vmap(lambda x, y: x * y, (0, None)), (None, 0))(V, X[:, 0])
    np.testing.assert_allclose(twice, np.outer(X[:, 0], V))


def test_vmap_of_what_does_not_depend_on_the_axis():
    np.testing.assert_array_equal(vmap(lambda x: 2.0)(np.ones(3)), [2, 2, 2])
    y, z = vmap(lambda x: (x, V), out_axes=(0, None))(X)
    assert (y.shape, z.shape) == ((5, 3), (4,))
    with pytest.raises(ValueError, match="out_axes is None"):
        vmap(lambda x: x, out_axes=None)(X)
    with pytest.raises(ValueError, match=r"one common size, got \[0\]: 5, \[1\]: 4"):
        vmap(lambda x, v: v)(X, V)
    with pytest.raises(ValueError, match="no axis 2"):
        vmap(lambda x: x, 2)(X)


# stop_gradient, checkpoint, custom_gradient


def test_stop_gradient():
    assert grad(lambda x: x * stop_gradient({"a": x})["a"])(3.0) == 3
    np.testing.assert_array_equal(stop_gradient(V), V)


def test_checkpoint_computes_again():
    f = checkpoint(lambda x, scale: np.sum(np.sin(np.sin(x))) * scale)

    def plain(x):
        return np.sum(np.sin(np.sin(x))) * 2

    np.testing.assert_allclose(grad(f)(V, scale=2), grad(plain)(V))
    np.testing.assert_allclose(f(V, scale=2), plain(V))

    def sines(f):
        program, _ = trace(lambda x: [grad(f)(x)], [Type((4,), DOUBLE)])
        return str(program).count("= sin(")

    assert sines(lambda x: f(x, scale=2)) > sines(plain)


def test_custom_gradient():
    @custom_gradient
    def clipped(x):
        return x * 1.0, lambda g: np.clip(g, -1, 1)

    assert grad(lambda x: 5.0 * clipped(x))(2.0) == 1
    assert clipped(2.0) == 2
    np.testing.assert_array_equal(
        vmap(grad(lambda x, s: s * clipped(x)))(np.ones(3), np.array([0.5, 2, -7])), [0.5, 1, -1]
    )


def test_custom_gradient_of_several_values_and_closures():
    def outer(x, y):
        scale = 2 * x

        @custom_gradient
        def f(p):
            z = np.exp(p["y"])
            return (z, z * scale), lambda ga, gb: {"y": ga * 100 + gb * z}

        a, b = f({"y": y})
        return a + b

    gx, gy = grad(outer, (0, 1))(3.0, 0.0)
    assert (gx, gy) == (0, 101)  # nothing flows to what the function closes over

    def total(x):
        return np.sum(scan(lambda c, _: (c + outer(x, c * 0.0), c), x, None, 2)[0])

    assert np.isfinite(grad(total)(1.0))


def test_custom_gradient_differentiates_again():
    @custom_gradient
    def square(x):
        return x * x, lambda g: g * 2 * x

    assert grad(grad(square))(3.0) == 2


def test_errors_of_custom_gradient():
    wrong_count = custom_gradient(lambda x, y: (x * y, lambda g: g))
    with pytest.raises(TypeError, match="2 arguments, its gradient function returned 1"):
        grad(lambda x: wrong_count(x, x))(1.0)
    wrong_shape = custom_gradient(lambda x: (np.sum(x), lambda g: g))
    with pytest.raises(TypeError, match=r"shape \(\) for an operand float64\[4\]"):
        grad(wrong_shape)(V)


# Control flow: eager and traced give the same


def both(f, *args):
    """f on arrays (plain Python) and traced; equal results, which are returned."""
    plain, traced = f(*args), run(f, *args)
    np.testing.assert_allclose(traced, plain)
    return traced


def test_cond():
    def f(x):
        return cond(x > 0, lambda v: v * 2, lambda v: -v * x, x)

    assert both(f, np.array(3.0)) == 6
    assert both(f, np.array(-3.0)) == -9
    assert grad(f)(3.0) == 2
    assert grad(f)(-3.0) == 6
    np.testing.assert_array_equal(vmap(f)(np.array([1.0, -2.0])), [2, -4])


def test_cond_branches_may_return_python_numbers():
    assert run(lambda x: cond(x > 0, lambda: x, lambda: 0), np.float32(2)).dtype == np.float32
    assert cond(np.True_, lambda: 1, lambda: 2) == 1


def test_switch():
    def f(i, x):
        return switch(i, [lambda v: v, np.sin, lambda v: v * x], x)

    for i in (-3, 0, 1, 2, 9):
        both(f, np.int32(i), np.array(0.5))
    assert grad(f, 1)(np.int32(2), 0.5) == 1


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: cond(x > 0, lambda: {"a": x}, lambda: {"a": x[None]}),
         r"result\['a'\] is float64\[1\] in one and float64\[\] in the other"),
        (lambda x: cond(x > 0, lambda: x, lambda: (x,)), "same structure"),
        (lambda x: cond(x > 0, lambda: x, lambda: x.astype(np.float32)), "is float32"),
        (lambda x: cond(np.stack([x, x]) > 0, lambda: x, lambda: x), "scalar predicate, got bool"),
        (lambda x: switch(x, [lambda: x]), "integer scalar as index"),
    ],
)  # fmt: skip
def test_errors_of_branches(f, message):
    with pytest.raises(TypeError, match=message):
        run(f, 1.0)


def test_scan():
    def f(c, x):
        return scan(lambda c, x: (c * x["a"], {"y": c + x["b"]}), c, {"a": x, "b": x[::-1]})[1]["y"]

    both(f, np.array(2.0), V)
    check_grad(lambda c, x: np.sum(f(c, x) ** 2), np.array(2.0), V)
    check_grad(lambda c, x: np.sum(grad(lambda c: np.sum(f(c, x) ** 3))(c)), np.array(2.0), V)


def test_scan_in_reverse_unrolled_and_by_length():
    def f(x):
        return scan(lambda c, r: (c + r, c * r), 0.0, x, reverse=True)

    np.testing.assert_allclose(run(f, V)[1], f(V)[1])
    unrolled = run(lambda x: scan(lambda c, r: (c + r, c * r), 0.0, x, unroll=True)[1], V)
    np.testing.assert_allclose(unrolled, scan(lambda c, r: (c + r, c * r), 0.0, V)[1])
    assert both(lambda x: scan(lambda c, _: (c * 2, None), x, None, 5)[0], np.array(1.0)) == 32
    carry, ys = run(lambda x: scan(lambda c, r: (c + r, r), x, np.zeros(0)), 1.0)
    assert (carry, ys.shape) == (1, (0,))
    assert scan(lambda c, r: (c, r), 1.0, np.zeros((0, 2)))[1].shape == (0, 2)


def test_scan_inside_scan_with_captured_weights():
    def f(w, x):
        def row(c, r):
            inner = scan(lambda d, s: (np.tanh(d * w + s), d), c, r)[0]
            return inner, inner * w

        return np.sum(scan(row, 0.5, x)[1])

    both(f, np.array(0.7), X)
    check_grad(f, np.array(0.7), X)


def test_python_numbers_in_a_carry_take_the_dtype_of_the_arrays():
    carry, ys = run(lambda x: scan(lambda c, r: (c + r, c), 0, x), np.ones(3, np.float32))
    assert carry.dtype == ys.dtype == np.float32


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: scan(lambda c, _: ({"a": c["a"][None]}, None), {"a": x}, None, 3),
         r"carry\['a'\] went in as float64\[\] and came out as float64\[1\]"),
        (lambda x: scan(lambda c, _: (c.astype(np.float32), None), x, None, 3),
         "came out as float32"),
        (lambda x: scan(lambda c, _: ((c, c), None), x, None, 3), "keep its structure"),
        (lambda x: scan(lambda c, _: c, x, None, 3), r"must return \(carry, y\)"),
        (lambda x: while_loop(lambda c: c < 3, lambda c: c[None], x), "while_loop: the carry"),
        (lambda x: while_loop(lambda c: c[None] < np.ones(2), lambda c: c, x), "must be a scalar"),
    ],
)  # fmt: skip
def test_errors_of_carries(f, message):
    with pytest.raises(TypeError, match=message):
        run(f, 1.0)


def test_errors_of_lengths():
    with pytest.raises(ValueError, match="one common length"):
        scan(lambda c, x: (c, x), 0.0, (V, X))
    with pytest.raises(ValueError, match=r"one common length.*none"):
        scan(lambda c, x: (c, x), 0.0)
    with pytest.raises(ValueError, match="no axis to go along"):
        scan(lambda c, x: (c, x), 0.0, np.float64(1))


def test_while_loop():
    assert both(lambda x: while_loop(lambda s: s < 100, lambda s: 2 * s, x), np.array(3)) == 192

    def limited(x):
        return while_loop(lambda s: s < 100, lambda s: 2 * s, x, maximum_iterations=2)

    assert both(limited, np.array(3)) == 12

    def root(a):
        return while_loop(lambda s: np.abs(s * s - a) > 1e-12, lambda s: (s + a / s) / 2, 1.0)

    np.testing.assert_allclose(both(root, np.array(2.0)), np.sqrt(2))
    np.testing.assert_allclose(vmap(root)(np.array([2.0, 9.0])), np.sqrt([2, 9]))
    with pytest.raises((TypeError, NotImplementedError), match=r"fori_loop|scan"):
        grad(root)(2.0)


def test_fori_loop():
    def power(x):
        return fori_loop(1, 5, lambda i, s: s * x * i, 1.0)

    assert both(power, np.array(2.0)) == 24 * 16
    assert grad(power)(2.0) == 24 * 32

    def traced_bound(n, x):
        return fori_loop(0, n, lambda i, s: s + i * x, x)

    assert both(traced_bound, np.array(4), np.array(1.5)) == 1.5 + 6 * 1.5


def test_map():
    def f(x):
        return map_(lambda r: (np.sum(r), r[0] * r), x)

    for a, b in zip(f(X), run(f, X)):
        np.testing.assert_allclose(a, b)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8])
def test_associative_scan(n):
    x = RNG.normal(size=(2, n))
    both(lambda x: associative_scan(np.add, x, axis=1), x)
    np.testing.assert_allclose(associative_scan(np.add, x, axis=1), np.cumsum(x, 1))
    backwards = associative_scan(np.add, x, reverse=True, axis=1)
    np.testing.assert_allclose(backwards, np.cumsum(x[:, ::-1], 1)[:, ::-1])

    def affine(p, q):
        return (p[0] * q[0], q[0] * p[1] + q[1])

    a, b = RNG.normal(size=(2, n))
    c, expected = 0.0, []
    for i in range(n):
        c = a[i] * c + b[i]
        expected.append(c)
    np.testing.assert_allclose(associative_scan(affine, (a, b))[1], expected)
