"""Compiling, and what is kept on disk."""

import ctypes
import os
from pathlib import Path

import numpy as np
import pytest
from toy_kernels import TEXTS, kernel

from lamella import native
from lamella.native import cache, jit


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache, in memory and on disk."""
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    monkeypatch.setattr(jit, "_loaded", {})
    return tmp_path / "deep" / "cache"


def compiled(name="increment", salt=""):
    """Address of a kernel, and whether its text was asked for."""
    asked = []

    def make():
        asked.append(name)
        return TEXTS[name]

    return native.compile_kernels({name: make}, salt)[name], bool(asked)


def apply(address, x, dtype=np.int64):
    """Run all chunks of an elementwise kernel."""
    x = np.asarray(x, np.int64)
    y = np.zeros(x.size, np.int64)
    table = np.array([x.ctypes.data, y.ctypes.data], np.uintp)
    ids = np.arange(2)
    function = ctypes.CFUNCTYPE(
        None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64
    )(address)
    function(table.ctypes.data, ids.ctypes.data, 0, x.size)
    return y.view(dtype)


def forget(monkeypatch):
    """As a new process would begin."""
    monkeypatch.setattr(jit, "_loaded", {})


def test_memory_then_disk(folder, monkeypatch):
    first, asked = compiled()
    assert asked
    assert compiled() == (first, False)
    forget(monkeypatch)
    again, asked = compiled()
    assert not asked
    assert again != first
    assert apply(first, [1, 2]).tolist() == apply(again, [1, 2]).tolist() == [2, 3]


def test_salt_and_key_tell_kernels_apart(folder):
    assert compiled(salt="a")[0] != compiled(salt="b")[0]
    assert compiled(salt="a")[0] != compiled("rotate", salt="a")[0]


@pytest.mark.parametrize("damage", ["truncate", "flip", "foreign", "empty", "directory", "garbage"])
def test_damaged_entries_are_rebuilt(folder, monkeypatch, damage):
    compiled()
    (entry,) = folder.glob("*.code")
    good = entry.read_bytes()
    if damage == "directory":
        entry.unlink()
        entry.mkdir()
    elif damage == "foreign":  # a good entry under a wrong name
        compiled("rotate")
        (other,) = set(folder.glob("*.code")) - {entry}
        entry.write_bytes(other.read_bytes())
    else:
        flipped = good[:-9] + bytes([good[-9] ^ 1]) + good[-8:]
        entry.write_bytes(
            {"truncate": good[:-100], "flip": flipped, "empty": b"", "garbage": b"x" * 999}[damage]
        )
    forget(monkeypatch)
    address, asked = compiled()
    assert asked
    assert apply(address, [1, 2]).tolist() == [2, 3]
    if damage != "directory":
        assert entry.read_bytes() == good


def test_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("LAMELLA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    forget(monkeypatch)
    for _ in range(2):
        address, asked = compiled()
        assert asked
        assert apply(address, [1]).tolist() == [2]
        forget(monkeypatch)
    assert cache.size() == (0, 0)


def test_cache_off(folder, monkeypatch):
    monkeypatch.setenv("LAMELLA_CACHE", "0")
    compiled()
    assert cache.folder() is None
    assert not folder.exists()


def test_size_clear_and_trim(folder):
    for k in range(6):
        cache.write(f"{k}", b"x" * 1000)
        os.utime(folder / f"{k}.code", (k, k))
    count, nbytes = cache.size()
    assert count == 6
    assert nbytes > 6000
    cache.trim(limit=nbytes)
    assert cache.size() == (count, nbytes)
    cache.trim(limit=nbytes - 1)
    assert cache.read("0") is None
    assert cache.read("5") == b"x" * 1000
    assert cache.size()[1] <= nbytes // 2
    cache.clear()
    assert cache.size() == (0, 0)
    assert not list(folder.iterdir())


def test_default_folder(monkeypatch):
    monkeypatch.delenv("LAMELLA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.folder() == Path("/somewhere/lamella")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder().name == "lamella"


def test_many_at_once(folder, monkeypatch):
    """Several threads compile; a second process loads them all from disk."""
    names = [(name, k) for name in TEXTS for k in range(8)]
    makers = {f"{name} {k}": (lambda name=name: TEXTS[name]) for name, k in names}
    for _ in range(2):
        addresses = native.compile_kernels(makers)
        assert len(set(addresses.values())) == len(names)
        for k in range(8):
            assert apply(addresses[f"increment {k}"], [5]).tolist() == [6]
            assert apply(addresses[f"table {k}"], [0, 3, 2]).tolist() == [0, 9, 4]
        forget(monkeypatch)
        makers = dict.fromkeys(makers)  # no text is asked for now


def test_libm_is_found():
    result = apply(kernel("libm"), [0, 1, 2], np.float32)[::2]
    np.testing.assert_allclose(result, np.exp([0, 1, 2]), rtol=1e-6)


def test_errors_show_the_text(folder):
    with pytest.raises(ValueError, match="LLVM cannot parse") as error:
        native.compile_kernels({"bad": lambda: "define void @kernel() {\n  nonsense\n}"})
    assert "   2   nonsense" in str(error.value)
    with pytest.raises(ValueError, match="does not define @kernel"):
        native.compile_kernels({"nameless": lambda: "define void @other() {\n  ret void\n}"})
    assert apply(compiled()[0], [1]).tolist() == [2]


def test_assembly():
    assert "kernel:" in native.assembly(TEXTS["increment"])


def test_target():
    here = native.target()
    assert here.vector_bytes in (16, 32, 64)
    assert here.has("avx512f") == (here.vector_bytes == 64)
    assert 1 <= here.cores <= os.cpu_count()
    assert 8 << 10 <= here.l1d <= here.l2 <= 1 << 30


def test_processor_that_llvm_does_not_know(monkeypatch):
    """Without features the baseline of the architecture is used, and code still compiles."""
    from lamella.native import processor as module

    def fail():
        raise RuntimeError("unknown")

    monkeypatch.setattr(module.llvm, "get_host_cpu_features", fail)
    monkeypatch.setattr(module, "CACHES", Path("/nowhere"))
    generic = module.target.__wrapped__()
    assert (generic.cpu, generic.features, generic.vector_bytes) == ("", "", 16)
    assert (generic.l1d, generic.bf16, generic.amx_bf16) == (32 << 10, False, False)
    assert generic.machine().emit_object(module.llvm.parse_assembly(TEXTS["increment"]))
