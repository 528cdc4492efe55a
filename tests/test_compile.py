"""What a user of lamella.jit can rely on, whatever the Program is."""

import gc
import logging
import resource
import signal
import threading

import numpy as np
import pytest

import lamella
from lamella import native, ops
from lamella.compile import compile_program
from lamella.compile.executable import aligned_copy
from lamella.compile.schedule import schedule
from lamella.program import Builder, Program, building
from lamella.text import parse
from lamella.types import Type, bfloat16, type_of

X = np.arange(12, dtype=np.float32).reshape(3, 4)


def aligned(x):
    """An array that machine code may use where it lies."""
    return aligned_copy(x, type_of(x))


def counted(f, **options):
    """(compiled f, a list that grows with every trace)"""
    traces = []

    def g(*args, **kwargs):
        traces.append(args)
        return f(*args, **kwargs)

    return lamella.jit(g, **options), traces


# ---- one compilation for one signature ---------------------------------------------------------


def test_traced_once_for_a_shape_and_dtype():
    g, traces = counted(lambda x: x * 2)
    for x in (X, X + 1, X.copy()):
        np.testing.assert_array_equal(g(x), x * 2)
    assert len(traces) == 1
    for x in (X[:2], X.astype("float64"), X[0]):
        y = g(x)
        np.testing.assert_array_equal(y, x * 2)
        assert y.dtype == x.dtype
    assert len(traces) == 4


def test_python_numbers_are_constants_of_the_code():
    g, traces = counted(lambda x, k, name: x * k if name == "times" else x + k)
    np.testing.assert_array_equal(g(X, 2.0, "times"), X * 2)
    np.testing.assert_array_equal(g(X, 3.0, "times"), X * 3)
    np.testing.assert_array_equal(g(X, 3.0, "plus"), X + 3)
    assert len(traces) == 3
    assert g(X, 1, "plus").dtype == np.float32
    assert np.signbit(g(X[:1] * 0, -0.0, "times")).all()
    assert not np.signbit(g(X[:1] * 0, 0.0, "times")).any()


def test_numpy_scalars_are_arrays():
    g, traces = counted(lambda x, k: x * k)
    for k in (1, 2, 3):
        np.testing.assert_array_equal(g(X, np.float32(k)), X * k)
    assert len(traces) == 1


def test_nested_structures():
    def f(tree, scale=1.0):
        return {"sum": [a + scale for a in tree["a"]], "none": None, "b": (tree["b"], -tree["b"])}

    out = lamella.jit(f)({"a": [X, X[0]], "b": X[:, 1]}, scale=2.0)
    assert list(out) == ["sum", "none", "b"] or sorted(out) == ["b", "none", "sum"]
    assert out["none"] is None
    np.testing.assert_array_equal(out["sum"][1], X[0] + 2)
    np.testing.assert_array_equal(out["b"][1], -X[:, 1])
    assert isinstance(out["b"], tuple)


def test_many_signatures_warn(caplog):
    g = lamella.jit(lambda x: x + 1)
    with caplog.at_level(logging.WARNING, "lamella"):
        for n in range(32):
            g(np.zeros(n, np.float32))
    assert "32 signatures" in caplog.text


def test_jit_within_jit_is_part_of_it():
    inner, traces = counted(lambda x: np.tanh(x))
    outer = lamella.jit(lambda x: inner(x) + inner(x[:2]).sum())
    np.testing.assert_allclose(outer(X), np.tanh(X) + np.tanh(X[:2]).sum(), rtol=1e-6)
    assert len(traces) == 2


# ---- arguments of every layout ------------------------------------------------------------------


def unaligned(x):
    data = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:]
    return data.view(x.dtype).reshape(x.shape)


LAYOUTS = {
    "negative stride": lambda x: x[::-1, ::-1],
    "every second": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "Fortran": np.asfortranarray,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "repeated by stride 0": lambda x: np.broadcast_to(x[:1], x.shape),
    "unaligned": unaligned,
    "odd address": lambda x: np.concatenate([np.zeros(1, x.dtype), x.ravel()])[1:].reshape(x.shape),
    "read-only": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "no elements": lambda x: x[:0],
    "subclass": lambda x: x.view(type("Sub", (np.ndarray,), {})),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_layout(layout, dtype):
    x = LAYOUTS[layout](np.arange(35, dtype=dtype).reshape(5, 7) + 1)
    before = x.copy()
    y, total = lamella.jit(lambda x: (x * 2 + x[:, ::-1], x.sum(axis=0)))(x)
    np.testing.assert_array_equal(y, np.asarray(x * 2 + x[:, ::-1]))
    np.testing.assert_array_equal(total, np.asarray(x).sum(axis=0))
    assert y.dtype == np.dtype(dtype)
    assert type(y) is np.ndarray
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_of_a_donated_array(layout):
    x = LAYOUTS[layout](np.arange(35, dtype=np.float32).reshape(5, 7) + 1)
    expected = np.asarray(x) * 2 + np.asarray(x).sum(axis=0)
    y = lamella.jit(lambda x: x * 2 + x.sum(axis=0), donate_argnums=0)(x)
    np.testing.assert_array_equal(y, expected)


def test_arrays_at_the_end_of_a_page():
    """Kernels read a little past the end: what lies there must not be touched or needed."""
    g = lamella.jit(lambda x: x + 1)
    room = np.zeros(3 * 4096, np.uint8)
    start = -room.ctypes.data % 4096
    for end in (4096, 4096 - 4, 4096 - 60, 4096 - 64, 4096 - 68):
        x = room[start + end - 40 : start + end].view(np.float32)
        x[:] = np.arange(10)
        np.testing.assert_array_equal(g(x), np.arange(10) + 1)


# ---- results ------------------------------------------------------------------------------------


def test_results_belong_to_the_caller():
    g = lamella.jit(lambda x: (np.tanh(x), x.sum(axis=0), x, x[0], np.float32(7) * np.ones(3)))
    first = g(X)
    kept = [y.copy() for y in first]
    second = g(X + 100)
    for y, k, z in zip(first, kept, second):
        np.testing.assert_array_equal(y, k)
        assert y.flags.writeable
        assert not any(np.shares_memory(y, other) for other in (*second, X) if other is not y)
        z[...] = 5
    for y, k in zip(g(X), kept):
        np.testing.assert_array_equal(y, k)


def test_an_argument_returned_is_a_copy():
    x = X.copy()
    (y, z) = lamella.jit(lambda x: (x, x))(x)
    assert not np.shares_memory(x, y)
    assert not np.shares_memory(y, z)
    y[:] = 0
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(z, X)


def test_constants_are_those_of_the_first_call():
    table = np.array([1.0, 2.0, 3.0], np.float32)
    g = lamella.jit(lambda x: (x + table, np.ones(2), 4, True))
    expected = X[:, :3] + table
    y, ones, four, yes = g(X[:, :3])
    table[:] = 0
    ones[:] = 9
    np.testing.assert_array_equal(y, expected)
    y, ones, four, yes = g(X[:, :3])
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(ones, [1, 1])
    assert four == 4
    assert yes == True  # noqa: E712


# ---- donation -----------------------------------------------------------------------------------


def test_a_donated_array_becomes_the_result():
    g = lamella.jit(lambda w, x: (w - 0.5 * x, (w * x).sum()), donate_argnums=0)
    w = aligned(X)
    new, dot = g(w, X)
    assert np.shares_memory(new, w)
    np.testing.assert_array_equal(new, X - 0.5 * X)
    np.testing.assert_allclose(dot, (X * X).sum())


def test_what_is_not_donated_is_never_written():
    x, w = aligned(X), aligned(X)
    lamella.jit(lambda w, x: (x * 2, w + x), donate_argnums=0)(w, x)
    np.testing.assert_array_equal(x, X)


def test_an_update_comes_as_soon_as_its_gradient_is_known():
    builder = Builder()
    with building(builder):
        w, x = (builder.make_value(Type((1 << 16,), np.dtype("float32"))) for _ in range(2))
        gradient = ops.neg(x)
        further = ops.tanh(ops.exp(gradient))
        updated = ops.sub(w, gradient)
    program = builder.finish([w, x], [further, updated])
    names = [eq.primitive.name for eq in schedule(program, donated={0: 1}).equations]
    assert names == ["neg", "sub", "exp", "tanh"]


def test_an_update_through_a_reshape_is_early_too():
    builder = Builder()
    with building(builder):
        w, x = (builder.make_value(Type((1 << 16,), np.dtype("float32"))) for _ in range(2))
        further = ops.tanh(ops.exp(x))
        updated = ops.reshape(ops.sub(w, x), shape=(1 << 8, 1 << 8))
    program = builder.finish([w, x], [further, updated])
    names = [eq.primitive.name for eq in schedule(program, donated={0: 1}).equations]
    assert names == ["sub", "reshape", "exp", "tanh"]


def test_donated_arrays_that_trade_places():
    a, b = aligned(X), aligned(X + 100)
    first, second = lamella.jit(lambda a, b: (b, a), donate_argnums=(0, 1))(a, b)
    np.testing.assert_array_equal(first, X + 100)
    np.testing.assert_array_equal(second, X)


def test_a_donated_array_given_twice():
    """Where two arguments are one array, writing one must not change the other."""
    x = aligned(X)
    y, z = lamella.jit(lambda a, b: (a + 1, (a * b).T), donate_argnums=0)(x, x)
    np.testing.assert_array_equal(y, X + 1)
    np.testing.assert_array_equal(z, (X * X).T)
    both = aligned(X)
    y, z = lamella.jit(lambda a, b: (a + 1, a + b), donate_argnums=(0, 1))(both, both)
    np.testing.assert_array_equal(y, X + 1)
    np.testing.assert_array_equal(z, X + X)


def test_a_donated_array_that_overlaps_another():
    room = aligned(np.arange(40, dtype=np.float32))
    a, b = room[:32], room[8:]

    def f(a, b):
        new = a * 2
        return new, b + np.sort(new)[-1]  # b is read when `new` is there

    expected = f(a, b)
    y, z = lamella.jit(f, donate_argnums=0)(a, b)
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_array_equal(z, expected[1])


def test_donated_numbers_and_read_only_arrays_are_left_alone():
    x = aligned(X)
    x.flags.writeable = False
    g = lamella.jit(lambda x, k: (x * 2, k + 1), donate_argnums=(0, 1))
    y, k = g(x, np.float32(3))
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, X * 2)
    assert k == 4


# ---- errors -------------------------------------------------------------------------------------


def test_an_error_while_tracing_leaves_all_usable():
    fail = [True]

    def f(x):
        y = x * 2
        if fail[0]:
            raise KeyError("mine")
        return y

    g = lamella.jit(f)
    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            g(X)
    fail[0] = False
    np.testing.assert_array_equal(g(X), X * 2)
    np.testing.assert_array_equal(np.tanh(X), np.tanh(X))


def test_a_question_for_numbers_names_the_line():
    def f(x):
        return x if x.sum() > 0 else -x

    with pytest.raises(TypeError, match=r"test_compile\.py"):
        lamella.jit(f)(X)


def test_an_error_in_a_callback_reaches_the_caller():
    g = lamella.jit(lambda x: np.linalg.cholesky(x) + 1)
    good, bad = np.eye(3), -np.eye(3)
    for _ in range(3):
        with pytest.raises(np.linalg.LinAlgError):
            g(bad)
        np.testing.assert_array_equal(g(good), np.eye(3) + 1)


def test_a_type_without_meaning_is_named():
    with pytest.raises(TypeError, match="not supported"):
        lamella.jit(lambda x: x)(np.array(["a"]))


def test_keyboard_interrupt_while_tracing():
    press = [True]

    def f(x):
        if press.pop() if press else False:
            signal.raise_signal(signal.SIGINT)
        return x + 1

    g = lamella.jit(f)
    with pytest.raises(KeyboardInterrupt):
        g(X)
    np.testing.assert_array_equal(g(X), X + 1)


def test_keyboard_interrupt_while_running():
    def step(c, _):
        return np.sin(c) + c, None

    g = lamella.jit(lambda c: lamella.scan(step, c, None, length=300)[0])
    x = np.ones((300, 300), np.float32)
    expected = g(x)
    timer = threading.Timer(0.005, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        _ = [g(x) for _ in range(10_000)]
    timer.join()
    np.testing.assert_array_equal(g(x), expected)


# ---- threads, memory ----------------------------------------------------------------------------


def test_threads_may_call_one_function_at_once():
    g = lamella.jit(lambda x, w: np.tanh(x @ w).sum(axis=1))
    rng = np.random.default_rng(0)
    w = rng.normal(size=(40, 30)).astype("float32")
    xs = [rng.normal(size=(20 + k % 2, 40)).astype("float32") for k in range(6)]
    expected = [np.tanh(x @ w).sum(axis=1) for x in xs]
    wrong = []

    def work(k):
        for _ in range(50):
            if not np.allclose(g(xs[k], w), expected[k], rtol=1e-3, atol=1e-4):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_ten_thousand_calls_in_flat_memory():
    g = lamella.jit(lambda w, x: (w - 0.1 * (w @ x), {"loss": (w * w).sum()}), donate_argnums=0)
    w, x = aligned(np.eye(30, dtype=np.float32)), np.eye(30, dtype=np.float32)[::-1] * 1e-3

    def calls(n, w):
        for _ in range(n):
            w, _ = g(w, x)
        return w

    w = calls(500, w)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    calls(10_000, w)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2_000  # kB


# ---- the same bits on any number of threads ------------------------------------------------------


def big_reductions(x):
    m = x.max(axis=1, keepdims=True)
    e = np.exp(x - m)
    return x.sum(), x.mean(axis=0), x.var(), e / e.sum(axis=1, keepdims=True), np.argmax(x)


def matmuls(x):
    return x @ x.T[:, :200], np.tanh(x.T[:300] @ x), (x @ x[0]).sum()


def convolutions(x):
    images = x[:, :256].reshape(-1, 16, 16, 1)[:64] + np.ones(8, np.float32)
    w = x[:9, :64].reshape(3, 3, 8, 8)
    spec = "n y+i-1 x+j-1 c, i j c o -> n y x o"
    y = ops.contract(images, w, spec=spec, shape=(64, 16, 16, 8))
    back = ops.contract(images, y, spec="n y+i-1 x+j-1 c, n y x o -> i j c o", shape=(3, 3, 8, 8))
    return np.maximum(y, 0), back


def scattered_rows(x):
    """The gradient of a convolution in steps, channels first: its rows have no vectors."""
    y, w = x[:64, :128].reshape(4, 32, 8, 8), x[:9, :64].reshape(3, 3, 2, 32)
    spec = "n o y x, i j c o -> n c 2y+i-1 2x+j-1"
    return np.maximum(ops.contract(y, w, spec=spec, shape=(4, 2, 16, 16)), 0)


def scans(x):
    def step(h, row):
        h = np.tanh(h @ x[:400, :400] * 0.05 + row[:400])
        return h, h.sum()

    return lamella.scan(step, np.zeros((8, 400), np.float32), x[:50])


def dropout(x):
    counter = ops.reshape(ops.iota(shape=(x.size,), axis=0, dtype="uint32"), shape=x.shape)
    keys = [ops.full(shape=x.shape, dtype="uint32", value=k) for k in (7, 11)]
    keep = ops.philox(counter, *keys) > np.uint64(2**63)
    return np.where(keep, x * 2, 0), np.where(keep, x, 0).sum()


def gradients(x):
    def loss(w):
        return (np.tanh(x @ w) ** 2).mean() + np.log(np.exp(x[:64] @ w).sum(axis=1)).sum()

    return lamella.grad(loss)(x.T[:, :100] * 0.01)


def attention(x):
    q = x.reshape(-1)[: 32 * 64 * 4 * 32].reshape(32, 64, 4, 32)
    scores = np.einsum("bthd,bshd->bhts", q, q)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("bhts,bshd->bthd", weights / weights.sum(axis=-1, keepdims=True), q)


@pytest.fixture
def team():
    before = native.num_threads()
    yield native.set_num_threads
    native.set_num_threads(before)


@pytest.mark.parametrize(
    "f",
    [big_reductions, matmuls, convolutions, scattered_rows, scans, dropout, gradients, attention],
    ids=lambda f: f.__name__,
)
def test_same_bits_on_any_number_of_threads(f, team):
    x = np.random.default_rng(0).normal(size=(600, 500)).astype("float32")
    g = lamella.jit(f)
    runs = []
    for n in (1, 2, 3, 4, 2):
        team(n)
        out = g(x)
        out = [y for part in (out if isinstance(out, tuple) else (out,))
               for y in (part if isinstance(part, tuple) else (part,))]  # fmt: skip
        runs.append([y.tobytes() for y in out])
    assert all(run == runs[0] for run in runs)
    for y, e in zip(out, g.program(x).run(x), strict=True):
        np.testing.assert_allclose(y, e, rtol=2e-3, atol=1e-3 * max(1e-6, np.abs(e).max()))


# ---- the same value in several kernels ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float16", bfloat16])
def test_the_largest_element_is_the_largest_in_every_kernel(dtype):
    """The gradient of a maximum finds its element again, though kernels round at other places."""

    def largest(x, b):
        y = x - np.sum(x, axis=1, keepdims=True)
        return np.max(y * y + b)

    def gradients(x, b):
        g, h = lamella.grad(largest, argnums=(0, 1))(x, b)
        return g, h, np.sum(g, axis=1)

    compiled = lamella.jit(gradients)
    for seed in range(10):
        x, b = np.random.default_rng(seed).normal(size=(2, 66, 16)).astype(dtype)
        g, h, sums = compiled(x, b)
        np.testing.assert_allclose(h.astype("float64").sum(), 1, rtol=1e-2)
        rows = h.astype("float64").any(axis=1)
        assert np.isfinite(g.astype("float64")).all()
        assert ((sums != 0) == rows).all()


def test_kernels_that_hand_on_blocks_are_a_chain():
    """The scores of attention pass from kernel to kernel in parts that stay in the cache, and so do
    the weights: neither is ever a whole array."""

    def attend(q, k, v):
        scores = np.einsum("bthd,bshd->bhts", q, k)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.einsum("bhts,bshd->bthd", weights / weights.sum(axis=-1, keepdims=True), v)

    rng = np.random.default_rng(1)
    q, k, v = rng.normal(size=(3, 32, 128, 4, 16)).astype("float32")
    program = lamella.jit(attend).program(q, k, v)
    executable = compile_program(program)
    kinds = [line.text.split()[0] for line in executable.machine.code.instructions]
    assert kinds == ["SCRATCH", "SCRATCH", "CALL_ANY", "STOP"]
    np.testing.assert_allclose(*executable(q, k, v), *program.run(q, k, v), rtol=1e-4, atol=1e-5)


def test_a_chain_is_not_cut_by_sums_of_its_parts():
    """A normalized layer backwards: the gradient, two products with it, and sums of all of them."""

    def layer(x, w, y, g):
        centred = g - y * 0.5
        back = centred @ w
        total = centred.sum(axis=0)
        return x.T @ centred, back.sum(axis=0) + total, back * 2.0

    rng = np.random.default_rng(2)
    x, y, g = rng.normal(size=(3, 12_800, 64)).astype("float32")
    w = rng.normal(size=(64, 64)).astype("float32")
    program = lamella.jit(layer).program(x, w, y, g)
    executable = compile_program(program)
    chains = [i.text for i in executable.machine.code.instructions if "chain of" in i.text]
    assert [text.count(" + ") >= 2 for text in chains] == [True]
    for result, expected in zip(executable(x, w, y, g), program.run(x, w, y, g)):
        np.testing.assert_allclose(result, expected, rtol=1e-3, atol=2e-2)


@pytest.mark.parametrize("shape", [(37, 61, 24), (64, 9, 8, 20), (100, 25, 5, 64), (3, 900, 17)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_sums_within_images(shape, threads, team):
    """Two folds, one after the other, of every image; they are chunks of whole images."""

    def within(x, scale):
        inner = tuple(range(1, x.ndim - 1))
        means = x.mean(axis=inner, keepdims=True)
        return means, (scale * np.square(x - means)).max(axis=inner), np.argmax(x, axis=1)

    rng = np.random.default_rng(5)
    x, scale = rng.normal(size=shape).astype("float32"), rng.random(shape[-1]).astype("float32")
    team(threads)
    results = lamella.jit(within)(x, scale)
    for result, expected in zip(results, within(x.astype("float64"), scale)):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_a_region_that_is_joined_late_makes_no_cycle():
    """`u` is read through two sorts, and then its region reads the maximum."""

    def f(a, x):
        u = a * 2.0
        later = np.sort(np.sort(u)[::-1])
        return np.max(x) + u, np.exp(x) * later[:1]

    a, x = np.array([3.0, 1.0, 2.0]), np.arange(5.0)
    for compiled, expected in zip(lamella.jit(f)(a, x), f(a, x)):
        np.testing.assert_allclose(compiled, expected)


def test_a_reshape_follows_the_view_whose_array_it_shares():
    """The barrier is an array, since the scan reads it, and part of the loop with the maximum."""
    text = """program(v0: float32[1], v1: float32[]) {
      v2: float32[] = barrier(v1)
      v3: float32[1] = reshape(v2) [shape=(1,)]
      v4: float32[1] = cummin(v3) [axis=0, reverse=True]
      v5: float32[1] = maximum(v3, v0)
      v6: float32[], v7: float32[1] = scan(v2, v5, v1, v4, v4) [body=program(v0: float32[], v1: float32[1], v2: float32[], v3: float32[], v4: float32[]) {
          return v3, v2
        }, n_consts=2, n_carry=1, length=1, reverse=False]
      return v6, v7
    }"""  # noqa: E501
    program = parse(text).verify()
    arrays = np.array([-2.0], np.float32), np.array(-3.0, np.float32)
    for result, expected in zip(compile_program(program)(*arrays), program.run(*arrays)):
        np.testing.assert_array_equal(result, expected)


def test_a_step_of_a_scan_waits_once():
    """At its end: the carry is double buffered, and what came before is waited for in front."""

    def recurrent(u, x, h):
        return lamella.scan(lambda h, row: (np.tanh(row + h @ u), None), h, x)[0]

    rng = np.random.default_rng(1)
    u, x, h = (rng.normal(size=s).astype("float32") for s in ((256, 256), (9, 64, 256), (64, 256)))
    program = lamella.jit(recurrent).program(u, x, h)
    lines = [i.text for i in compile_program(program).machine.code.instructions]
    start, end = (next(i for i, t in enumerate(lines) if t.startswith(w)) for w in ("FOR", "END"))
    assert sum(t.startswith("BARRIER") for t in lines[start:end]) == 1, lines
    np.testing.assert_allclose(*program.run(u, x, h), recurrent(u, x, h), rtol=1e-3, atol=1e-4)


def test_nothing_of_a_compiled_program_is_kept():
    def bodies():
        gc.collect()
        return sum(isinstance(x, Program) for x in gc.get_objects())

    before = bodies()
    f = lamella.jit(lambda x, y: np.tanh(x @ y).sum(axis=0))
    f(X, X.T.copy())
    assert bodies() <= before
