"""float16 and bfloat16 on processors without instructions for them."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_jit import apply
from toy_kernels import elementwise

from lamella import native

ROOT = Path(__file__).parents[2]

FROM_FLOAT16 = """
  %bits = trunc i64 %x to i16
  %half = bitcast i16 %bits to half
  %float = call float @__extendhfsf2(half %half)
  %word = bitcast float %float to i32
  %z = zext i32 %word to i64
  store i64 %z, ptr %y.at
"""
TO_FLOAT16 = """
  %word = trunc i64 %x to i32
  %float = bitcast i32 %word to float
  %half = call half @__truncsfhf2(float %float)
  %bits = bitcast half %half to i16
  %z = zext i16 %bits to i64
  store i64 %z, ptr %y.at
"""
DECLARED = "declare float @__extendhfsf2(half)\ndeclare half @__truncsfhf2(float)\n"

#: Products, sums and conversions in a process whose LLVM knows less of the processor.
OLD_PROCESSOR = """
import sys
import llvmlite.binding as llvm
found = llvm.get_host_cpu_features()
for name in found:
    found[name] &= not name.startswith(tuple(sys.argv[1].split(",")))
llvm.get_host_cpu_features = lambda: found
llvm.get_host_cpu_name = lambda: "x86-64"

import numpy as np
import lamella
from lamella.types import dtype_of
a = np.random.default_rng(0).integers(-8, 9, (37, 40)) / 8
for name in ("float16", "bfloat16"):
    half = dtype_of(name)
    def f(x, y):
        return (x @ y), (y + x.T).astype("float32"), (y.astype("float64") / 3).astype(half)
    for rows in (1, 37):
        x = a[:rows].astype(half)
        for got, wanted in zip(lamella.jit(f)(x, x.T), f(x, x.T)):
            got, wanted = got.astype("float64"), wanted.astype("float64")
            np.testing.assert_allclose(got, wanted, rtol=2**-8)
print(lamella.native.target().vector_bytes)
"""


def test_functions_for_float16():
    """Every float16, and every way in which a float32 can lie between two."""
    halves = np.arange(1 << 16, dtype=np.uint16)
    kernels = {
        f"{text}{DECLARED}": elementwise(text) + DECLARED for text in (FROM_FLOAT16, TO_FLOAT16)
    }
    addresses = native.compile_kernels({key: lambda t=text: t for key, text in kernels.items()})
    extend, narrow = addresses.values()
    with np.errstate(all="ignore"):
        wanted = halves.view(np.float16).astype(np.float32)
        got = apply(extend, halves).astype(np.uint32).view(np.float32)
        np.testing.assert_array_equal(got, wanted)
        exact = wanted.view(np.uint32).astype(np.int64)
        words = (exact[:, None] + [-1, 0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF]).astype(np.uint32)
        powers = np.ldexp(np.float32(1), np.arange(-149, 128))
        floats = np.concatenate([words.ravel().view(np.float32), powers])
        got = apply(narrow, floats.view(np.uint32)).astype(np.uint16).view(np.float16)
        np.testing.assert_array_equal(got, floats.astype(np.float16))
        numbers = ~np.isnan(floats)
        assert (np.signbit(got) == np.signbit(floats))[numbers].all()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="features of x86")
@pytest.mark.parametrize(
    ("missing", "vector_bytes"),
    [("avx512", 32), ("avx512,avx2,fma,f16c", 32), ("avx,fma,f16c,vaes,vpclmul,gfni", 16)],
)
def test_older_processors(missing, vector_bytes):
    done = subprocess.run(
        [sys.executable, "-c", OLD_PROCESSOR, missing],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LAMELLA_CACHE": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.split() == [str(vector_bytes)], done.stderr
