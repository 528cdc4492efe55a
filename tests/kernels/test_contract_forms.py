"""Every form of contraction against its NumPy meaning: shapes that divide nothing, all roles."""

import dataclasses

import pytest
from contraction import check
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella import native

MATRIX = [(1, 1, 1), (1, 40, 64), (40, 1, 64), (2, 17, 7), (13, 10, 64), (33, 17, 1), (33, 40, 7),
          (13, 129, 65), (1, 10, 300), (130, 70, 20)]  # fmt: skip


@pytest.mark.parametrize("layout", ["i k, k j -> i j", "k i, k j -> i j", "i k, j k -> i j",
                                    "k i, j k -> i j", "i k, k j -> j i"])  # fmt: skip
@pytest.mark.parametrize(("m", "n", "k"), MATRIX)
def test_matrix(layout, m, n, k):
    size = {"i": m, "j": n, "k": k}
    operands, result = layout.split(" -> ")
    shapes = [tuple(size[x] for x in dims.split()) for dims in (*operands.split(", "), result)]
    check(layout, *shapes)


@pytest.mark.parametrize(
    ("spec", "a", "b", "shape"),
    [("b i k, b k j -> b i j", (3, 5, 7), (3, 7, 18), (3, 5, 18)),
     ("b h i k, b h j k -> b h i j", (2, 3, 20, 8), (2, 3, 21, 8), (2, 3, 20, 21)),
     ("b i h k, b j h k -> b h i j", (2, 20, 3, 8), (2, 21, 3, 8), (2, 3, 20, 21)),
     ("b h i j, b j h k -> b i h k", (2, 3, 20, 21), (2, 21, 3, 8), (2, 20, 3, 8)),
     ("i, j -> i j", (20,), (30,), (20, 30)),
     ("i, i ->", (1000,), (1000,), ()),
     ("i j, i j ->", (30, 41), (30, 41), ()),
     ("i j, -> j i", (30, 41), (), (41, 30)),
     ("i j, i j -> i j", (30, 41), (30, 41), (30, 41)),
     ("i j, j -> i", (300, 41), (41,), (300,)),
     ("i j, i -> j", (300, 41), (300,), (41,)),
     ("i k, l -> i", (5, 3), (4,), (5,)),
     ("i, k -> i j", (5,), (3,), (5, 2)),
     ("i j k, k j l -> i l", (6, 5, 4), (4, 5, 20), (6, 20)),
     ("i k, k j -> i j", (300, 2000), (2000, 20), (300, 20)),
     ("i k, j k -> i j", (40, 2000), (200, 2000), (40, 200))],
)  # fmt: skip
def test_einsum(spec, a, b, shape):
    for seed in (0, 1):
        check(spec, a, b, shape, seed=seed)


def convolution(n, size, c, o, kernel, stride, dilation, pad, groups=1, first=False):
    """(spec, x, kernel, y) of a convolution of any rank; groups are an axis; channels anywhere."""
    rank = len(size)
    out = [(s + pad[0] + pad[1] - dilation * (k - 1) - 1) // stride + 1
           for s, k in zip(size, kernel)]  # fmt: skip
    dims = [f"{stride if stride > 1 else ''}{y}+{dilation if dilation > 1 else ''}{i}-{pad[0]}"
            for y, i in zip("zyx"[-rank:], "hij"[-rank:])]  # fmt: skip
    inner, taps = " ".join(dims), " ".join("hij"[-rank:])
    space, g = " ".join("zyx"[-rank:]), "g " if groups > 1 else ""
    x, f, y = f"n {inner} {g}c", f"{g}{taps} c o", f"n {space} {g}o"
    shape = (groups,) if groups > 1 else ()
    xs, fs, ys = (n, *size, *shape, c), (*shape, *kernel, c, o), (n, *out, *shape, o)
    if first:
        x, y = f"n {g}c {inner}", f"n {g}o {space}"
        xs, ys = (n, *shape, c, *size), (n, *shape, o, *out)
    return (x, xs), (f, fs), (y, ys)


CONVOLUTIONS = [
    # n, size, c, o, kernel, stride, dilation, pad
    (2, (9, 7), 5, 17, (3, 3), 1, 1, (1, 1)), (2, (8, 8), 16, 16, (3, 3), 1, 1, (1, 1)),
    (2, (9, 7), 5, 6, (3, 3), 2, 1, (1, 1)), (2, (8, 10), 3, 20, (3, 3), 2, 1, (0, 1)),
    (2, (9, 9), 3, 4, (3, 2), 3, 1, (1, 1)), (1, (11, 9), 4, 5, (3, 3), 1, 2, (2, 2)),
    (1, (12, 9), 4, 5, (2, 3), 2, 2, (1, 1)), (2, (6, 6), 8, 33, (1, 1), 1, 1, (0, 0)),
    (2, (7, 6), 8, 10, (1, 1), 2, 1, (0, 0)), (3, (13, 10), 1, 32, (10, 4), 2, 1, (4, 1)),
    (2, (20,), 6, 18, (5,), 1, 1, (2, 2)), (2, (21,), 3, 4, (4,), 2, 1, (0, 3)),
    (1, (4, 5, 6), 3, 7, (2, 3, 3), 1, 1, (1, 1)), (2, (5, 6, 5), 2, 18, (3, 3, 3), 2, 1, (1, 1)),
    (2, (5, 5), 3, 1, (3, 3), 1, 1, (1, 1)), (1, (4, 4), 2, 3, (5, 5), 1, 1, (4, 4)),
]  # fmt: skip


@pytest.mark.parametrize("role", ["forward", "input", "weight"])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize("case", CONVOLUTIONS, ids=str)
def test_convolution(case, first, role):
    x, f, y = convolution(*case, first=first)
    check_role(x, f, y, role)


@pytest.mark.parametrize("role", ["forward", "input", "weight"])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
def test_groups(first, role):
    x, f, y = convolution(2, (7, 6), 3, 5, (3, 3), 1, 1, (1, 1), groups=4, first=first)
    check_role(x, f, y, role)


@pytest.mark.parametrize("role", ["forward", "input", "weight"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [3, 16, 40])
def test_depthwise(channels, stride, role):
    s = "2" if stride == 2 else ""
    h, w = -(-9 // stride), -(-6 // stride)
    x = (f"n {s}y+i-1 {s}x+j-1 c", (3, 9, 6, channels))
    check_role(x, ("i j c", (3, 3, channels)), ("n y x c", (3, h, w, channels)), role)


@pytest.mark.parametrize("role", ["forward", "input", "weight"])
@pytest.mark.parametrize("taps", [(3, 3), (5, 5), (1, 7)])
def test_depthwise_of_wide_images(taps, role):
    """Several tiles in a row, and a part of one."""
    i, j = taps
    x = (f"n y+i-{i // 2} x+j-{j // 2} c", (2, 7, 37, 16))
    check_role(x, ("i j c", (i, j, 16)), ("n y x c", (2, 7, 37, 16)), role)


@pytest.mark.parametrize("role", ["forward", "input", "weight"])
def test_depthwise_with_multiplier(role):
    x = ("n y+i-1 x+j-1 c", (2, 6, 5, 6))
    check_role(x, ("i j c m", (3, 3, 6, 3)), ("n y x c m", (2, 6, 5, 6, 3)), role)


def check_role(x, f, y, role, **options):
    """Compare with the meaning; returns the Lowered."""
    a, b, out = {"forward": (x, f, y), "input": (y, f, x), "weight": (x, y, f)}[role]
    return check(f"{a[0]}, {b[0]} -> {out[0]}", a[1], b[1], out[1], **options)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("role", ["forward", "input", "weight"])
@pytest.mark.parametrize("case", [
    (1, (1, 1), 1024, 40, (7, 7), 1, 2, (6, 6)),  # an image that is mostly padding
    (1, (3, 3), 130, 512, (3, 3), 1, 1, (0, 1)),  # an image that is smaller than its large filters
    (1, (16, 16), 300, 1024, (1, 1), 2, 1, (0, 0)),  # long sums for every other element
    (1, (20, 200), 400, 5, (3, 3), 1, 2, (2, 2)),  # rows too long for a band
], ids=str)  # fmt: skip
def test_whatever_the_sizes_are_convolutions_are_tiled(case, role, dtype):
    lowered = check_role(*convolution(*case), role, dtype=dtype)
    assert not any("generic" in launch.kernel.key for launch in lowered.launches)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int32", "uint8", "int64"])
@pytest.mark.parametrize("role", ["forward", "input", "weight"])
def test_dtypes(dtype, role):
    check_role(*convolution(2, (8, 6), 5, 17, (3, 3), 2, 1, (1, 1)), role, dtype=dtype)
    check("i k, j k -> i j", (9, 70), (35, 70), (9, 35), dtype=dtype)


@pytest.mark.parametrize("vector_bytes", [16, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_narrow_vectors(vector_bytes, dtype):
    """Processors with AVX2, or with no more than SSE or NEON, in their tile sizes."""
    target = dataclasses.replace(native.target(), vector_bytes=vector_bytes)
    x, f, y = convolution(2, (8, 6), 5, 17, (3, 3), 2, 1, (1, 1))
    for a, b, out in ((x, f, y), (y, f, x), (x, y, f)):
        check(f"{a[0]}, {b[0]} -> {out[0]}", a[1], b[1], out[1], dtype=dtype, target=target)
    check("i k, j k -> i j", (9, 70), (35, 70), (9, 35), dtype=dtype, target=target)
    check("i j, j -> i", (30, 41), (41,), (30,), dtype=dtype, target=target)


def affine(x, y, k, m, offset):
    """`kx+my+offset` as it stands in a spec."""
    terms = [(k, x), (m, y)] if x != y else [(k + m, x)]
    signed = [("-" if c < 0 else "+", "" if abs(c) == 1 else abs(c), z) for c, z in terms if c]
    text = "".join(f"{sign}{c}{z}" for sign, c, z in signed)
    return text.removeprefix("+") + (f"{offset:+d}" if offset or not text else "")


@st.composite
def specs(draw):
    """A random contraction: einsum-like, with perhaps a dimension made of two axes."""
    axes = "abcdef"[: draw(st.integers(1, 5))]
    size = {x: draw(st.sampled_from([1, 2, 3, 5, 17, 33])) for x in axes}
    letters = st.lists(st.sampled_from(axes), max_size=4, unique=True)
    roles = [draw(letters) for _ in range(3)]
    dims = [[(x, size[x]) for x in role] for role in roles]
    used = sorted({x for role in roles for x in role})
    if used and draw(st.booleans()):
        x, y = draw(st.sampled_from(used)), draw(st.sampled_from(used))
        k, m = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, -1]))
        text = affine(x, y, k, m, draw(st.integers(-2, 2)))
        if text not in axes:
            length = draw(st.integers(1, k * size[x] + abs(m) * size[y] + 2))
            dims[draw(st.integers(0, 2))].append((text, length))
    return tuple(dims), {x: size[x] for x in used}


@settings(max_examples=60, deadline=None)
@given(specs())
def test_random_specs(case):
    dims, size = case
    work = 1
    for n in size.values():
        work *= n
    names = [" ".join(text for text, _ in role) for role in dims]
    shapes = [tuple(n for _, n in role) for role in dims]
    if work <= 100_000:
        check(f"{names[0]}, {names[1]} -> {names[2]}", *shapes)
