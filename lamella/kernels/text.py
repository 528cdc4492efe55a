"""LLVM IR as text: names, integer arithmetic with folded constants, loops, branches.

Integers are i64: a Python int is a constant, a str is the name of an SSA value. Arithmetic on
constants therefore costs nothing, neither here nor in LLVM.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Int = int | str
#: An SSA value of any type that a loop carries: (LLVM type, name).
Typed = tuple[str, str]

_TYPES = {
    "bool": "i8", "float16": "i16", "bfloat16": "i16", "float32": "float", "float64": "double",
    **{f"{sign}int{n}": f"i{n}" for sign in ("", "u") for n in (8, 16, 32, 64)},
}  # fmt: skip


def scalar_type(dtype: np.dtype) -> str:
    """The LLVM type of an array element; bool is a byte, half floats are their bits."""
    return _TYPES[dtype.name]


def vector_type(scalar: str, lanes: int) -> str:
    """`<lanes x scalar>`, or the scalar itself for one lane."""
    return scalar if lanes == 1 else f"<{lanes} x {scalar}>"


class Text:
    """One function under construction: `let` appends an instruction and gives its name."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.block = "entry"
        self._count = 0
        self._arrays: dict[int, str] = {}

    # ------------------------------------------------------------------------- instructions

    def name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def do(self, line: str) -> None:
        self.lines.append(line)

    def let(self, instruction: str) -> str:
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"{name} = {instruction}")
        return name

    def call(self, result: str, function: str, *arguments: Typed, flags: str = "") -> str:
        """Call an intrinsic or a C function, which is declared as needed."""
        types = ", ".join(t for t, _ in arguments)
        self.declared[function] = f"declare {result} @{function}({types})"
        values = ", ".join(f"{t} {x}" for t, x in arguments)
        return self.let(f"call {flags}{result} @{function}({values})")

    def prefetch(self, pointer: str, near: bool = False) -> None:
        """Have a line fetched into the second-level cache, or the first; the address may be any."""
        self.declared["llvm.prefetch.p0"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
        self.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 {3 if near else 2}, i32 1)")

    # ------------------------------------------------------------------------------ integers

    def add(self, x: Int, y: Int) -> Int:
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0 or y == 0:
            return y if x == 0 else x
        return self.let(f"add nsw i64 {x}, {y}")

    def sub(self, x: Int, y: Int) -> Int:
        if isinstance(x, int) and isinstance(y, int):
            return x - y
        return x if y == 0 else self.let(f"sub nsw i64 {x}, {y}")

    def mul(self, x: Int, y: Int) -> Int:
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if x == 0 or y == 0:
            return 0
        if x == 1 or y == 1:
            return y if x == 1 else x
        return self.let(f"mul nsw i64 {x}, {y}")

    def div(self, x: Int, y: int) -> Int:
        """x // y for x >= 0."""
        if isinstance(x, int):
            return x // y
        return x if y == 1 else self.let(f"udiv i64 {x}, {y}")

    def mod(self, x: Int, y: int) -> Int:
        """x % y for x >= 0."""
        if isinstance(x, int):
            return x % y
        return 0 if y == 1 else self.let(f"urem i64 {x}, {y}")

    def minimum(self, x: Int, y: Int) -> Int:
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        return self.call("i64", "llvm.smin.i64", ("i64", str(x)), ("i64", str(y)))

    def maximum(self, x: Int, y: Int) -> Int:
        if isinstance(x, int) and isinstance(y, int):
            return max(x, y)
        return self.call("i64", "llvm.smax.i64", ("i64", str(x)), ("i64", str(y)))

    def linear(self, terms: Sequence[tuple[Int, int]], offset: Int = 0) -> Int:
        """sum(x * k) + offset."""
        total: Int = offset
        for x, k in terms:
            total = self.add(total, self.mul(x, k))
        return total

    # ------------------------------------------------------------------------------- memory

    def at(self, pointer: str, index: Int, scalar: str) -> str:
        """The address of element `index` of an array of `scalar`."""
        if index == 0:
            return pointer
        return self.let(f"getelementptr {scalar}, ptr {pointer}, i64 {index}")

    def array(self, j: int) -> str:
        """The address of the j-th argument array, which is loaded once: ask in the entry block."""
        if j not in self._arrays:
            slot = self.let(f"load i64, ptr {self.at('%ids', j, 'i64')}")
            self._arrays[j] = self.let(f"load ptr, ptr {self.at('%table', slot, 'ptr')}")
        return self._arrays[j]

    # -------------------------------------------------------------------------- control flow

    def label(self) -> str:
        self._count += 1
        return f"b{self._count}"

    def place(self, label: str) -> None:
        self.do(f"{label}:")
        self.block = label

    def loop(
        self,
        count: Int,
        body: Callable[[Int, list[str]], list[str] | None],
        carried: Sequence[Typed] = (),
        start: Int = 0,
    ) -> list[str]:
        """`for i in range(start, count): carried = body(i, carried)`; what is carried out."""
        if isinstance(count, int) and isinstance(start, int) and count - start <= 1:
            values = [x for _, x in carried]
            return (body(start, values) or []) if count - start == 1 else values
        i, head, inside, done = self.name(), self.label(), self.label(), self.label()
        values = [self.name() for _ in carried]
        before = self.block
        self.do(f"br label %{head}")
        self.place(head)
        phis = len(self.lines)
        self.lines += [""] * (1 + len(values))
        self.do(f"{i}.c = icmp slt i64 {i}, {count}")
        self.do(f"br i1 {i}.c, label %{inside}, label %{done}")
        self.place(inside)
        results = body(i, values) or []
        self.do(f"{i}.n = add nuw nsw i64 {i}, 1")
        self.do(f"br label %{head}")
        self.lines[phis] = f"{i} = phi i64 [{start}, %{before}], [{i}.n, %{self.block}]"
        for k, ((t, first), x, y) in enumerate(zip(carried, values, results, strict=True)):
            self.lines[phis + 1 + k] = f"{x} = phi {t} [{first}, %{before}], [{y}, %{self.block}]"
        self.place(done)
        return values

    def when(self, condition: str, body: Callable[[], None]) -> None:
        """`if condition: body()`."""
        inside, done = self.label(), self.label()
        self.do(f"br i1 {condition}, label %{inside}, label %{done}")
        self.place(inside)
        body()
        self.do(f"br label %{done}")
        self.place(done)

    # --------------------------------------------------------------------------- the module

    def kernel(self) -> str:
        """The module: `@kernel` with these instructions."""
        return "\n".join([
            "define void @kernel(ptr %table, ptr %ids, i64 %lo, i64 %hi) {",
            "entry:", *self.lines, "ret void", "}", *self.declared.values(), "",
        ])  # fmt: skip
