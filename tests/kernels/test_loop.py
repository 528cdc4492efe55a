"""Loop kernels against the meaning of their bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness import check, chunk_writes, program, run_loop, run_lowered, typed

from lamella import native, ops
from lamella.kernels.kernel import CannotFuse
from lamella.kernels.loop import lower_loop
from lamella.types import bfloat16

rng = np.random.default_rng(0)


def normal(*shape: int, dtype: Any = "float32") -> np.ndarray:
    return np.random.default_rng(shape).normal(size=shape).astype(dtype)


def rows(x: Any, shape: tuple[int, ...]) -> Any:
    """A reduced value repeated along the last axis."""
    return ops.broadcast(x, shape=shape, axes=tuple(range(len(shape) - 1)))


def softmax(x: Any) -> Any:
    shape, last = x.type.shape, (x.type.ndim - 1,)
    e = ops.exp(ops.sub(x, rows(ops.max(x, axes=last), shape)))
    return ops.div(e, rows(ops.sum(e, axes=last), shape))


def layer_norm(x: Any, scale: Any) -> tuple[Any, Any]:
    shape, last = x.type.shape, (x.type.ndim - 1,)
    n = ops.full(shape=shape[:-1], dtype=x.type.dtype.name, value=float(shape[-1]))
    mean = ops.div(ops.sum(x, axes=last), n)
    centred = ops.sub(x, rows(mean, shape))
    variance = ops.div(ops.sum(ops.mul(centred, centred), axes=last), n)
    factor = ops.broadcast(scale, shape=shape, axes=(len(shape) - 1,))
    return ops.mul(ops.mul(centred, rows(ops.rsqrt(variance), shape)), factor), mean


# ------------------------------------------------------------------------- elementwise, views


@pytest.mark.parametrize(
    "shape", [(), (1,), (0,), (3, 0), (5,), (16,), (1000, 7), (3, 5, 70), (2, 40000)]
)
def test_elementwise(shape: tuple[int, ...]) -> None:
    check(lambda x, y: ops.mul(ops.add(x, y), x), normal(*shape), normal(*shape))


@pytest.mark.parametrize("shape", [(512, 128), (37, 10), (4, 3, 33), (3, 50000)])
def test_broadcast_of_rows_and_columns(shape: tuple[int, ...]) -> None:
    def f(x: Any, row: Any, column: Any, one: Any) -> Any:
        y = ops.add(x, ops.broadcast(row, shape=shape, axes=(len(shape) - 1,)))
        y = ops.mul(y, ops.broadcast(column, shape=shape, axes=(0,)))
        return ops.sub(y, ops.broadcast(one, shape=shape, axes=()))

    check(f, normal(*shape), normal(shape[-1]), normal(shape[0]), normal())


@pytest.mark.parametrize(("shape", "axes"), [
    ((64, 48), (1, 0)), ((33, 17), (1, 0)), ((2, 30, 20), (0, 2, 1)), ((4, 5, 6, 7), (3, 1, 0, 2)),
    ((8, 16, 12, 5), (0, 2, 1, 3)), ((300, 200), (1, 0)), ((1, 7), (1, 0)), ((5, 40), (1, 0)),
    ((129, 65), (1, 0)), ((4, 20, 3, 32), (0, 3, 1, 2)),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool"])
def test_transpose(shape: tuple[int, ...], axes: tuple[int, ...], dtype: str) -> None:
    x = (normal(*shape) * 50).astype(dtype)
    y = (normal(*(shape[a] for a in axes)) * 50).astype(dtype)
    check(lambda x, y: ops.maximum(ops.transpose(x, axes=axes), y), x, y)


def test_views() -> None:
    x = normal(6, 35)
    check(lambda x: ops.reshape(x, shape=(7, 30)), x)
    check(lambda x: ops.slice(x, start=(1, 2), stop=(6, 33), step=(2, 3)), x)
    check(lambda x: ops.flip(x, axes=(0, 1)), x)
    check(lambda x: ops.flip(ops.slice(x, start=(0, 3), stop=(6, 30), step=(1, 1)), axes=(1,)), x)
    check(lambda x: ops.pad(x, low=(1, 2), high=(0, 3), value=-1.5), x)
    check(lambda x: ops.pad(ops.reshape(x, shape=(5, 42)), low=(0, 20), high=(2, 0), value=2), x)
    check(lambda x: ops.iota(shape=(5, 70), axis=1, dtype="float32"), x)
    check(lambda x: ops.full(shape=(5, 70), dtype="int8", value=-3), x)
    check(lambda x, y: ops.concatenate(x, y, x, axis=1), x, normal(6, 3))
    check(lambda x, y: ops.concatenate(ops.exp(x), y, axis=0), x, normal(1, 35))


def test_view_of_a_view() -> None:
    def f(x: Any) -> Any:
        y = ops.transpose(ops.reshape(x, shape=(4, 8, 3, 5)), axes=(0, 2, 1, 3))
        y = ops.reshape(y, shape=(12, 40))
        y = ops.pad(y, low=(1, 1), high=(1, 1), value=0)
        return ops.mul(ops.slice(y, start=(0, 0), stop=(14, 42), step=(2, 1)),
                       ops.full(shape=(7, 42), dtype="float32", value=3))  # fmt: skip

    check(f, normal(32, 15))


def test_heads_of_attention_move_without_division() -> None:
    def f(x: Any) -> Any:
        return ops.transpose(ops.reshape(x, shape=(4, 16, 4, 32)), axes=(0, 2, 1, 3))

    body = program(f, typed(4, 16, 128))
    text = lower_loop(body, native.target()).launches[0].kernel.make_text()
    assert "gather" not in text
    check(f, normal(4, 16, 128))


@pytest.mark.parametrize("dtype", ["float16", bfloat16, "float64", "int32", "uint8", "bool"])
def test_mixed_widths_in_one_loop(dtype: Any) -> None:
    def f(x: Any, y: Any) -> Any:
        z = ops.add(ops.convert(x, dtype="float32"), y)
        counted = ops.convert(ops.greater(y, z), dtype="int64")
        return z, ops.convert(z, dtype="float64"), counted, ops.convert(counted, dtype="bool")

    check(f, (normal(300) * 3).astype(dtype), normal(300))


def test_float64_to_float16_among_float16() -> None:
    """LLVM made one rounding of two here, by a function that no library has."""

    def f(g: Any, x: Any, y: Any, keep: Any) -> Any:
        narrow = ops.convert(ops.mul(ops.neg(ops.mul(x, y)), x), dtype="float16")
        return ops.select(keep, ops.mul(ops.add(g, narrow), g), g)

    half, wide = np.full((3, 8), 0.1, "float16"), normal(3, 8, dtype="float64")
    check(f, half, wide, wide + 1, wide > 0, rtol=2e-3)


# ------------------------------------------------------------------------------- reductions


@pytest.mark.parametrize(("shape", "axes"), [
    ((64, 300), (1,)), ((64, 300), (0,)), ((64, 300), (0, 1)), ((5, 7), (1,)), ((5, 7), (0,)),
    ((4096, 128), (0,)), ((60000, 10), (0,)), ((60000, 3), (1,)), ((200, 500), (0, 1)),
    ((8, 16, 16, 32), (0, 1, 2)), ((8, 32, 20, 20), (0, 2, 3)), ((8, 32, 20, 20), (1,)),
    ((8, 32, 20, 20), (2, 3)), ((100000,), (0,)), ((99991,), (0,)), ((3, 4), ()),
    ((1, 5, 1), (0, 2)),
    ((0, 5), (0,)), ((5, 0), (1,)), ((7, 40000), (1,)), ((3000, 33), (0,)), ((2, 3, 4, 5), (1, 3)),
])  # fmt: skip
@pytest.mark.parametrize("name", ["sum", "max"])
def test_reduction(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    if name == "max" and 0 in shape:
        return
    check(lambda x: getattr(ops, name)(x, axes=axes), normal(*shape), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float16", bfloat16, "int32", "uint8", "int64"])
@pytest.mark.parametrize("shape", [(70, 50), (900, 40)])
def test_reduction_of_dtypes(dtype: Any, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).integers(0, 3, shape).astype(dtype)
    for axes in ((0,), (1,), (0, 1)):
        check(lambda x: (ops.sum(x, axes=axes), ops.min(x, axes=axes)), x, rtol=1e-3)  # noqa: B023


@pytest.mark.parametrize(("shape", "axes"), [
    ((49152,), (0,)), ((49152, 10), (0,)), ((30, 49152), (1,)), ((2, 100000, 3), (1, 2)),
    ((40, 1000, 40), (0, 2)), ((64, 33, 77, 16), (0, 1, 2)),
])  # fmt: skip
def test_long_sums_round_as_little_as_pairwise_ones(
    shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).random(shape, dtype="float32")
    body = program(lambda x: ops.sum(x, axes=axes), typed(*shape))
    (actual,) = run_loop(body, x)
    np.testing.assert_allclose(actual, x.sum(axes, dtype="float64"), rtol=8 * 2.0**-24)


def test_reduction_of_bool_and_nan() -> None:
    x = np.random.default_rng(0).random((40, 30)) < 0.03
    check(lambda x: (ops.max(x, axes=(1,)), ops.min(x, axes=(1,))), x)
    y = normal(40, 300)
    y[3, 200], y[5, 0], y[7] = np.nan, np.inf, -np.inf
    check(lambda y: (ops.max(y, axes=(1,)), ops.min(y, axes=(1,)), ops.sum(y, axes=(1,))), y,
          rtol=1e-4, atol=1e-4)  # fmt: skip


@pytest.mark.parametrize(("shape", "axis"), [
    ((512, 10), 1), ((40, 1000), 1), ((1000, 40), 0), ((5120, 10), 0), ((4, 6, 5), 1),
    ((50000,), 0), ((2, 1), 1),
])  # fmt: skip
@pytest.mark.parametrize("dtype", ["float32", "int8", "float64"])
def test_argmax_takes_the_first(shape: tuple[int, ...], axis: int, dtype: str) -> None:
    x = np.random.default_rng(0).integers(-4, 4, shape).astype(dtype)
    check(lambda x: (ops.argmax(x, axis=axis), ops.argmin(x, axis=axis)), x)
    worst = np.full(shape, -np.inf if dtype != "int8" else -128, dtype)
    check(lambda x: ops.argmax(x, axis=axis), worst)


def test_argmax_of_nan() -> None:
    x = normal(8, 100)
    x[2, [40, 70]], x[3, 99], x[4, 0] = np.nan, np.nan, np.nan
    check(lambda x: (ops.argmax(x, axis=1), ops.argmin(x, axis=1)), x)


@pytest.mark.parametrize(
    "shape", [(64, 128), (32, 10), (64, 1000), (4, 8, 32, 32), (2000, 5), (7, 1), (300, 600)]
)
def test_softmax(shape: tuple[int, ...]) -> None:
    check(softmax, normal(*shape) * 5)


@pytest.mark.parametrize("shape", [(300, 128), (33, 70), (4, 20, 16)])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    check(layer_norm, normal(*shape), normal(shape[-1]), rtol=1e-4, atol=1e-5)


def test_batch_statistics_in_one_traversal() -> None:
    def f(x: Any) -> Any:
        return ops.sum(x, axes=(0, 1, 2)), ops.sum(ops.mul(x, x), axes=(0, 1, 2))

    body = program(f, typed(16, 16, 16, 32))
    lowered = lower_loop(body, native.target())
    text = lowered.launches[0].kernel.make_text()
    assert text.count("load <16 x float>") <= 8  # one traversal: each vector is loaded once
    check(f, normal(16, 16, 16, 32), rtol=1e-4, atol=1e-2)


def test_elementwise_result_and_its_sums() -> None:
    def f(g: Any, x: Any) -> Any:
        zero = ops.full(shape=x.type.shape, dtype="float32", value=0)
        masked = ops.select(ops.greater(x, zero), g, zero)
        return masked, ops.sum(masked, axes=(0,))

    for shape in [(40, 30), (2000, 64), (6000, 10)]:
        check(f, normal(*shape), normal(*shape), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [(0, 7), (7, 0), (0, 30000), (30000, 0), (1, 300), (300, 1),
                                   (1, 30000), (30000, 1), (1, 1)])  # fmt: skip
@pytest.mark.parametrize("axis", [0, 1])
def test_a_fold_of_nothing_or_of_one_beside_other_results(shape: Any, axis: int) -> None:
    def sums(x: Any) -> Any:
        y = ops.sum(x, axes=(axis,))
        return ops.neg(x), y, ops.broadcast(y, shape=shape, axes=(1 - axis,))

    check(sums, normal(*shape))
    if shape[axis]:
        check(lambda x: (ops.neg(x), ops.argmax(x, axis=axis), ops.argmin(x, axis=axis)),
              normal(*shape))  # fmt: skip


def test_scalar_loss_of_a_large_batch() -> None:
    def f(x: Any, y: Any) -> Any:
        d = ops.sub(x, y)
        total = ops.sum(ops.mul(d, d), axes=(0, 1))
        return ops.div(total, ops.full(shape=(), dtype="float32", value=120000.0))

    check(f, normal(400, 300), normal(400, 300), rtol=1e-5)


def test_results_do_not_depend_on_threads() -> None:
    parts = [program(lambda x: softmax(x), typed(700, 100)),
             program(lambda x: ops.sum(x, axes=(0,)), typed(5000, 40)),
             program(lambda x: ops.sum(x, axes=(0, 1)), typed(500, 333))]  # fmt: skip
    before = native.num_threads()
    for body in parts:
        x = normal(*body.in_types[0].shape)
        one = run_loop(body, x)
        try:
            native.set_num_threads(3)
            three = run_lowered(lower_loop(body, native.target()), body, [x], serial=False)
        finally:
            native.set_num_threads(before)
        for a, b in zip(one, three):
            np.testing.assert_array_equal(a, b)


def test_a_fold_of_one_element_has_no_rows() -> None:
    check(lambda x: (ops.tanh(x), ops.max(x, axes=(2,))), normal(1, 2, 1))


def test_a_reduction_inside_a_guarded_view() -> None:
    def f(x: Any) -> Any:
        y = ops.broadcast(ops.max(x, axes=(1, 2)), shape=(1, 2, 2), axes=(0,))
        return ops.concatenate(y, ops.tanh(y), axis=0)

    check(f, normal(1, 2, 2))


def test_unrelated_reductions_of_large_arrays_are_refused() -> None:
    def f(x: Any) -> Any:
        return ops.sum(x, axes=(0,)), ops.sum(x, axes=(1,))

    with pytest.raises(CannotFuse):
        lower_loop(program(f, typed(500, 500)), native.target())
    check(f, normal(50, 60), rtol=1e-4, atol=1e-4)


def test_complex_numbers_are_refused() -> None:
    with pytest.raises(CannotFuse, match="complex"):
        lower_loop(program(ops.add, *[typed(5, dtype="complex64")] * 2), native.target())


@pytest.mark.parametrize("n", [100, 200000])
def test_blocks_are_the_bytes_that_a_chunk_writes(n: int) -> None:
    """Chunk by chunk, only the block of the output changes (the last chunk has the rest)."""
    bodies = [
        program(ops.exp, typed(n)),
        program(lambda x: ops.transpose(x, axes=(1, 0)), typed(n // 50, 50)),
        program(lambda x: softmax(x), typed(n // 50, 50)),
    ]
    for body in bodies:
        (launch,) = lower_loop(body, native.target()).launches
        kernel, block = launch.kernel, launch.kernel.blocks[-1]
        if kernel.n_chunks == 1:
            continue
        assert block is not None
        for chunk in (0, 1, kernel.n_chunks - 1):
            written = chunk_writes(launch, body, chunk)
            end = body.out_types[0].nbytes if chunk == kernel.n_chunks - 1 else (chunk + 1) * block
            assert written == (chunk * block, end)


def test_inplace_only_where_an_element_is_read_where_it_is_written() -> None:
    def pairs(f: Any, *types: Any) -> set[tuple[int, int]]:
        return set(lower_loop(program(f, *types), native.target()).inplace)

    t = typed(30, 40)
    assert pairs(ops.add, t, t) == {(0, 0), (1, 0)}
    assert pairs(lambda x: ops.flip(x, axes=(0,)), t) == set()
    assert pairs(softmax, t) == set()
    assert pairs(lambda x: ops.add(x, ops.flip(x, axes=(1,))), t) == set()


# ------------------------------------------------------------------------ windows and gathers


def windows(size: Any, strides: Any, pad: Any) -> dict[str, Any]:
    return {"size": size, "strides": strides, "low": pad, "high": pad}


WINDOWS = [
    ((2, 6, 8, 16), windows((1, 2, 2, 1), (1, 2, 2, 1), (0, 0, 0, 0))),
    ((2, 7, 9, 5), windows((1, 3, 3, 1), (1, 2, 2, 1), (0, 1, 1, 0))),
    ((2, 7, 9, 40), windows((1, 2, 3, 1), (1, 2, 3, 1), (0, 0, 0, 0))),
    ((2, 3, 9, 10), windows((1, 1, 2, 2), (1, 1, 2, 2), (0, 0, 0, 0))),
    ((40,), windows((5,), (1,), (2,))),
    ((1, 9, 9, 3), windows((1, 9, 9, 1), (1, 9, 9, 1), (0, 0, 0, 0))),
]


@pytest.mark.parametrize(("shape", "attrs"), WINDOWS)
def test_windows(shape: tuple[int, ...], attrs: dict[str, Any]) -> None:
    x = np.random.default_rng(0).integers(-3, 4, shape).astype("float32")
    check(lambda x: (ops.window_max(x, **attrs), ops.window_sum(x, **attrs)), x)
    (y,) = program(lambda x: ops.window_max(x, **attrs), typed(*shape)).out_types
    g = np.random.default_rng(1).normal(size=y.shape).astype("float32")
    check(lambda g, x: ops.window_max_gradient(g, x, **attrs), g, x)
    h = np.random.default_rng(2).normal(size=shape).astype("float32")
    check(lambda h, x: ops.window_max_take(h, x, **attrs), h, x)
    x.ravel()[::11] = np.nan
    check(lambda g, x: ops.window_max_gradient(g, x, **attrs), g, x)


@pytest.mark.parametrize("shape", [(16, 14, 14, 16), (16, 13, 15, 20), (3, 2, 40, 300)])
def test_window_gradient_and_its_sums(shape: tuple[int, ...]) -> None:
    attrs = windows((1, 2, 2, 1), (1, 2, 2, 1), (0, 0, 0, 0))
    x = np.random.default_rng(0).integers(-3, 4, shape).astype("float32")
    (y,) = program(lambda x: ops.window_max(x, **attrs), typed(*shape)).out_types

    def f(g: Any, x: Any) -> Any:
        z = ops.window_max_gradient(g, x, **attrs)
        return z, ops.sum(z, axes=(0, 1, 2))

    check(f, np.random.default_rng(1).normal(size=y.shape).astype("float32"), x, atol=1e-4)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "uint64", "int8"])
def test_gather_clips(dtype: str) -> None:
    info = np.iinfo(dtype)
    i = np.array([[0, 1, 5, 6], [7, 100, max(info.min, -3), min(info.max, 2**62)]]).astype(dtype)
    check(lambda x, i: ops.gather(x, i, axis=0), normal(7, 40), i)
    check(lambda x, i: ops.gather(x, i, axis=1), normal(3, 7, 5), i)
    check(lambda x, i: ops.gather(ops.exp(x), i, axis=1), normal(20, 7), i)


def test_long_rows_of_a_large_table_are_asked_for_whole() -> None:
    """Rows come from memory: what is asked for in advance may not reach past what there is."""
    table = normal(5000, 500)  # 10 MB
    i = np.array([[4999, 0, 5000], [-1, 17, 2**31 - 1]], np.int32)
    check(lambda x, i: ops.gather(x, i, axis=0), table, i)
    check(lambda x, i: ops.exp(ops.gather(x, i, axis=0)), table, i)
    body = program(
        lambda x, i: ops.gather(x, i, axis=0), typed(5000, 500), typed(2, 3, dtype="int32")
    )
    assert "llvm.prefetch" in lower_loop(body, native.target()).launches[0].kernel.make_text()


def test_gather_nd_and_dynamic_slice() -> None:
    i = np.random.default_rng(0).integers(-1, 5, (6, 3, 2)).astype("int32")
    check(ops.gather_nd, normal(4, 5, 20), i)
    check(ops.gather_nd, normal(4, 5), i)
    for start in (-4, 0, 3, 100):
        s = np.array(start, "int32")
        check(lambda x, s, t: ops.dynamic_slice(x, s, t, shape=(3, 17)), normal(9, 40), s, s)


def test_one_hot_cross_entropy_reads_its_label() -> None:
    def f(logits: Any, labels: Any) -> Any:
        shape = logits.type.shape
        wide = ops.broadcast(labels, shape=shape, axes=(0,))
        hot = ops.equal(ops.iota(shape=shape, axis=1, dtype="int32"), wide)
        zero = ops.full(shape=shape, dtype="float32", value=0)
        m = ops.max(logits, axes=(1,))
        e = ops.sum(ops.exp(ops.sub(logits, rows(m, shape))), axes=(1,))
        picked = ops.sum(ops.select(hot, logits, zero), axes=(1,))
        return ops.sub(ops.add(ops.log(e), m), picked)

    check(f, normal(100, 10), np.random.default_rng(0).integers(0, 10, 100).astype("int32"))
