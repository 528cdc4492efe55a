"""Loads and stores of dense row-major arrays at an index: contiguous, strided or gathered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamella.kernels.emit_code import Code
from lamella.kernels.emit_index import Index, combination
from lamella.kernels.emit_lanes import BOOL, INT64, UINT16, Lanes, loaded, register_type
from lamella.kernels.half_floats import is_half
from lamella.types import Type

SLACK = 64  # bytes past its end to which every buffer may be read
FAR_BYTES = 8 << 20  # rows of a table that is larger come from memory, not from a cache
SHORT_BYTES, LONG_BYTES = 256, 16 << 10  # rows of so many bytes are asked for whole
LINE = 64  # bytes of a cache line


def offset_of(code: Code, t: Type, at: Sequence[Index]) -> Index:
    """The element's number in a dense row-major array."""
    parts, stride = [], 1
    for i, n in zip(reversed(at), reversed(t.shape), strict=True):
        if n != 1:
            parts.append((i, stride))
        stride *= n
    return combination(code, parts)


def memory_type(t: Type) -> str:
    """The LLVM type of an element in memory; the 16-bit floats travel as i16, bool as i8."""
    if t.dtype == BOOL:
        return "i8"
    return "i16" if is_half(t.dtype) else register_type(t.dtype)


def _mangled(t: Type, width: int) -> str:
    element = {"float": "f32", "double": "f64"}.get(memory_type(t), memory_type(t))
    return f"v{width}{element}"


def _to_register(code: Code, t: Type, ref: str, width: int) -> Lanes:
    if t.dtype == BOOL:
        byte = memory_type(t) if width == 1 else f"<{width} x i8>"
        zero = "0" if width == 1 else "zeroinitializer"
        return Lanes(code, BOOL, width, code.let(f"icmp ne {byte} {ref}, {zero}"))
    if is_half(t.dtype):
        return loaded(Lanes(code, UINT16, width, ref), t.dtype)
    return Lanes(code, t.dtype, width, ref)


def _to_memory(lanes: Lanes, t: Type) -> Lanes:
    if t.dtype == BOOL:
        return lanes.convert_(np.dtype("uint8"))
    return lanes.stored_() if is_half(t.dtype) else lanes


def address(code: Code, pointer: str, t: Type, scalar: Index) -> str:
    """The address of element `scalar`; a constant part is left to the addressing mode."""
    moving = Index(code, scalar.terms)
    key = ("address", pointer, memory_type(t), moving.key)
    memo = code.memo(moving.level)
    if key not in memo:
        with code.hoisted(moving.level):
            memo[key] = code.at(pointer, moving.scalar(), memory_type(t))
    return code.at(memo[key], scalar.constant, memory_type(t))


def tail_mask(code: Code, width: int, valid: int) -> Lanes | None:
    """The constant mask of the first `valid` lanes; None for all."""
    if valid >= width:
        return None
    bits = ", ".join(f"i1 {int(i < valid)}" for i in range(width))
    return Lanes(code, BOOL, width, f"<{bits}>", constant=True)


def _mask(code: Code, width: int, valid: int, guard: Lanes | None) -> Lanes | None:
    tail = tail_mask(code, width, valid)
    if guard is None or tail is None:
        return tail if guard is None else guard.widened(width)
    return guard.widened(width) & tail


def load(code: Code, pointer: str, t: Type, at: Sequence[Index], guard: Lanes | None) -> Lanes:
    """The elements at an index, where `guard` allows it (elsewhere anything)."""
    return load_at(code, pointer, t, offset_of(code, t, at), guard)


def load_at(code: Code, pointer: str, t: Type, offset: Index, guard: Lanes | None) -> Lanes:
    """The elements number `offset`."""
    if offset.width == 1:
        return _load_scalar(code, pointer, t, offset, guard)
    width, step = offset.width, offset.lane_step
    if step == 1 or step == -1:
        return _load_contiguous(code, pointer, t, offset, guard, step)
    mask = _mask(code, width, offset.valid, guard)
    return _load_gathered(code, pointer, t, offset, mask)


def _load_scalar(code: Code, pointer: str, t: Type, offset: Index, guard: Lanes | None) -> Lanes:
    if guard is not None:
        allowed = guard if guard.width == 1 else Lanes(code, BOOL, 1, guard.any_())
        i = Lanes(code, INT64, 1, str(offset.scalar()))
        safe = allowed.select_(i, 0)
        place = code.at(pointer, safe.ref, memory_type(t))
    else:
        place = address(code, pointer, t, offset)
    return _to_register(code, t, code.let(f"load {memory_type(t)}, ptr {place}"), 1)


def _load_contiguous(
    code: Code, pointer: str, t: Type, offset: Index, guard: Lanes | None, step: int
) -> Lanes:
    width, valid = offset.width, offset.valid
    first = offset.without_lanes()
    if step == -1:
        first = first - (width - 1)
    place = address(code, pointer, t, first)
    over = (width - valid) * t.dtype.itemsize
    whole = guard is None and (valid == width or (step == 1 and over <= SLACK))
    vector = f"<{width} x {memory_type(t)}>"
    align = t.dtype.itemsize
    if whole:
        ref = code.let(f"load {vector}, ptr {place}, align {align}")
    else:
        mask = _mask(code, width, valid, guard)
        assert mask is not None
        mask = mask.reversed_() if step == -1 else mask
        name = f"llvm.masked.load.{_mangled(t, width)}.p0"
        code.declared[name] = f"declare {vector} @{name}(ptr, i32, <{width} x i1>, {vector})"
        ref = code.let(f"call {vector} @{name}(ptr {place}, i32 {align}, {mask.type} {mask.ref}, "
                       f"{vector} zeroinitializer)")  # fmt: skip
    lanes = _to_register(code, t, ref, width)
    return lanes.reversed_() if step == -1 else lanes


def _pointers(code: Code, pointer: str, t: Type, offset: Index) -> tuple[str, str]:
    place = address(code, pointer, t, offset.without_lanes())
    lanes = Index(code, {v: c for v, c in offset.terms.items() if v.width > 1}).vector(INT64)
    vector = f"<{offset.width} x ptr>"
    gep = f"getelementptr {memory_type(t)}, ptr {place}, {lanes.type} {lanes.ref}"
    return vector, code.let(gep)


def _load_gathered(code: Code, pointer: str, t: Type, offset: Index, mask: Lanes | None) -> Lanes:
    width = offset.width
    pointers, places = _pointers(code, pointer, t, offset)
    vector = f"<{width} x {memory_type(t)}>"
    name = f"llvm.masked.gather.{_mangled(t, width)}.v{width}p0"
    code.declared[name] = f"declare {vector} @{name}({pointers}, i32, <{width} x i1>, {vector})"
    allowed = mask.ref if mask is not None else "splat (i1 true)"
    ref = code.let(
        f"call {vector} @{name}({pointers} {places}, i32 {t.dtype.itemsize}, "
        f"<{width} x i1> {allowed}, {vector} zeroinitializer)"
    )
    return _to_register(code, t, ref, width)


def prefetch_row(code: Code, pointer: str, t: Type, row: Index) -> None:
    """Ask for a whole row of a large array, in front of the loop that reads it: rows in any order
    come from memory, and such a loop alone has too few of their cache lines under way."""
    nbytes = t.nbytes // t.shape[0]
    known = row.width == 1 and row.level < code.depth
    if not known or t.nbytes < FAR_BYTES or not SHORT_BYTES <= nbytes <= LONG_BYTES:
        return
    memo, key = code.memo(row.level), ("prefetched", pointer, row)
    if key in memo:
        return
    with code.hoisted(row.level):
        start = memo[key] = address(code, pointer, t, row * (t.size // t.shape[0]))
        line = f"[{LINE} x i8]"
        code.loop(-(-nbytes // LINE), lambda i, _: code.prefetch(code.at(start, i, line), True))


def store(code: Code, pointer: str, t: Type, at: Sequence[Index], lanes: Lanes) -> None:
    """Store lanes at an index; lanes beyond the valid ones are not written."""
    offset = offset_of(code, t, at)
    if offset.width == 1:
        lanes = lanes.first()  # one valid lane of a tail
    lanes = _to_memory(lanes.widened(offset.width), t)
    if offset.width == 1:
        code.do(f"store {lanes.type} {lanes.ref}, ptr {address(code, pointer, t, offset)}")
        return
    width, mask = offset.width, tail_mask(code, offset.width, offset.valid)
    if offset.lane_step != 1:
        _scatter(code, pointer, t, offset, lanes, mask)
        return
    place, align = address(code, pointer, t, offset.without_lanes()), t.dtype.itemsize
    if mask is None:
        code.do(f"store {lanes.type} {lanes.ref}, ptr {place}, align {align}")
        return
    name = f"llvm.masked.store.{_mangled(t, width)}.p0"
    code.declared[name] = f"declare void @{name}({lanes.type}, ptr, i32, {mask.type})"
    code.do(f"call void @{name}({lanes.type} {lanes.ref}, ptr {place}, i32 {align}, "
            f"{mask.type} {mask.ref})")  # fmt: skip


def _scatter(
    code: Code, pointer: str, t: Type, offset: Index, lanes: Lanes, mask: Lanes | None
) -> None:
    pointers, places = _pointers(code, pointer, t, offset)
    name = f"llvm.masked.scatter.{_mangled(t, offset.width)}.v{offset.width}p0"
    code.declared[name] = (
        f"declare void @{name}({lanes.type}, {pointers}, i32, <{offset.width} x i1>)"
    )
    allowed = mask.ref if mask is not None else "splat (i1 true)"
    code.do(f"call void @{name}({lanes.type} {lanes.ref}, {pointers} {places}, "
            f"i32 {t.dtype.itemsize}, <{offset.width} x i1> {allowed})")  # fmt: skip
