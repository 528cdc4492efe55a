"""Code: the LLVM text of a kernel with one open block per loop level.

Instructions go to the innermost open level; `with code.hoisted(level)` sends them to an outer one,
in front of the loops that are being built there. So what depends only on outer loops is computed
there, without any pass that moves code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamella.kernels.text import Int, Text, Typed
from lamella.native import Target


class Level:
    """The open block of one loop level: its lines, its last label, what is known there."""

    def __init__(self, label: str) -> None:
        self.lines: list[str] = []
        self.block = label
        self.memo: dict[Any, Any] = {}


class _Hoisted:
    """Takes the levels inside of `level` away, and puts them back."""

    __slots__ = ("inner", "level", "levels")

    def __init__(self, levels: list[Level], level: int) -> None:
        self.levels, self.level = levels, level

    def __enter__(self) -> None:
        self.inner = self.levels[self.level + 1 :]
        del self.levels[self.level + 1 :]

    def __exit__(self, *error: object) -> None:
        assert len(self.levels) == self.level + 1
        self.levels += self.inner


class Code(Text):
    """A Text whose loops are levels.

    `memo(level)` is a dictionary of what has been computed at a level; it goes with the level.
    """

    def __init__(self, target: Target | None = None) -> None:
        self.levels = [Level("entry")]
        #: vectors of 64 bytes can be multiplied by powers of two (AVX-512)
        self.scales = target is not None and target.has("avx512f")
        self.definitions: dict[str, str] = {}  # functions of the module besides the kernel
        super().__init__()

    @property
    def depth(self) -> int:
        """The number of the innermost open level; 0 is the function's entry."""
        return len(self.levels) - 1

    @property  # type: ignore[override]
    def lines(self) -> list[str]:
        return self.levels[-1].lines

    @lines.setter
    def lines(self, lines: list[str]) -> None:
        self.levels[-1].lines = lines

    @property  # type: ignore[override]
    def block(self) -> str:
        return self.levels[-1].block

    @block.setter
    def block(self, label: str) -> None:
        self.levels[-1].block = label

    def kernel(self) -> str:
        """The module: `@kernel` with these instructions, and what it calls."""
        for name in self.definitions:
            self.declared.pop(name, None)
        return super().kernel() + "\n".join([*self.definitions.values(), ""])

    def memo(self, level: int) -> dict[Any, Any]:
        return self.levels[level].memo

    def hoisted(self, level: int) -> _Hoisted:
        """Inside `with code.hoisted(level)`, append to `level` instead of the innermost one."""
        return _Hoisted(self.levels, level)

    def loop(
        self,
        count: Int,
        body: Callable[[Int, list[str]], list[str] | None],
        carried: Sequence[Typed] = (),
        start: Int = 0,
        nonempty: bool = False,
    ) -> list[str]:
        """`for i in range(start, count): carried = body(i, carried)`; returns what is carried out.

        nonempty: the caller knows that start < count.
        """
        if isinstance(count, int) and isinstance(start, int):
            if count <= start:
                return [x for _, x in carried]
            if count - start == 1:
                return body(start, [x for _, x in carried]) or []
            nonempty = True
        i, head, values = self.name(), self.label(), [self.name() for _ in carried]
        inside = head if nonempty else self.label()
        self.levels.append(Level(inside))
        results = body(i, values) or []
        inner = self.levels.pop()
        done, before = self.label(), self.block
        phis = [("i64", i, start, f"{i}.n")]
        triples = zip(carried, values, results, strict=True)
        phis += [(t, x, first, y) for (t, first), x, y in triples]
        heading = [
            f"{x} = phi {t} [{first}, %{before}], [{y}, %{inner.block}]" for t, x, first, y in phis
        ]
        step = f"{i}.n = add nuw nsw i64 {i}, 1"
        if nonempty:
            test = [f"{i}.c = icmp slt i64 {i}.n, {count}",
                    f"br i1 {i}.c, label %{head}, label %{done}"]  # fmt: skip
            self.lines += [f"br label %{head}", f"{head}:", *heading, *inner.lines, step, *test]
        else:
            test = [f"{i}.c = icmp slt i64 {i}, {count}",
                    f"br i1 {i}.c, label %{inside}, label %{done}", f"{inside}:"]  # fmt: skip
            self.lines += [f"br label %{head}", f"{head}:", *heading, *test, *inner.lines,
                           step, f"br label %{head}"]  # fmt: skip
        self.place(done)
        return results if nonempty else values

    def when(  # type: ignore[override]
        self, condition: str, body: Callable[[], list[str] | None], otherwise: Sequence[Typed] = ()
    ) -> list[str]:
        """`body() if condition else otherwise`, one value for each of `otherwise`."""
        inside, done = self.label(), self.label()
        self.levels.append(Level(inside))
        results = body() or []
        inner = self.levels.pop()
        before = self.block
        self.lines += [f"br i1 {condition}, label %{inside}, label %{done}", f"{inside}:"]
        self.lines += [*inner.lines, f"br label %{done}"]
        self.place(done)
        names = []
        for (t, x), y in zip(otherwise, results, strict=True):
            names.append(self.let(f"phi {t} [{x}, %{before}], [{y}, %{inner.block}]"))
        return names
