"""The measured limits are those of a processor."""

import numpy as np

from lamella import native
from lamella.native import peak
from lamella.native.team import aligned


def test_the_peaks_are_plausible():
    found = native.peaks()
    assert 1 < found.gflops < 1e6
    assert 0.5 < found.memory < 1e5
    assert found.cached > 0.5 * found.memory


def test_the_reading_kernel_reads_every_byte():
    """The sum over two chunks, as each chunk adds its own block."""
    width = native.target().vector_bytes // 4
    text = peak.reads(width)
    code = native.Code()
    code.call(native.compile_kernels({text: lambda: text})[text], 2, [0, 1])
    array, sums = aligned(2 * peak.BLOCK).view(np.float32), aligned(256).view(np.float32)
    array[:] = np.arange(array.size) % 7
    pointers = np.array([array.ctypes.data, sums.ctypes.data], np.uintp)
    native.Machine(code, slots=2, serial=True).run(pointers)
    assert sums.sum() == array.sum()
