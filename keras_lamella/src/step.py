"""A training, test or prediction step as machine code.

`StepFunction(f)` calls `f(batch)` once with traced arrays and traced variables. What comes out is
a Program from (data, variables) to (results, assigned variables) that updates the variables' arrays
in place. Array data goes through many steps in one native call: the compiled code gathers each
batch by its row numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree
from keras.src.backend import config

from keras_lamella.src.interrupts import interrupts_afterwards
from keras_lamella.src.variable import Variable, VariableScope, value_of
from keras_lamella.src.words.host import Host
from keras_lamella.src.words.traced import Recipe, is_words
from lamella import garbage, ops
from lamella.compile import Executable, compile_program
from lamella.compile.executable import aligned_empty
from lamella.frontend.trace import trace
from lamella.types import Type, dtype_of, type_of


@dataclass(frozen=True)
class Block:
    """`steps` batches of array data.

    arrays: the whole data, rows first; structure: how they make a batch. Batch k has the rows
    `rows[k]`, (steps, batch) int64; without `rows` the batches follow each other from row `start`.
    """

    arrays: tuple[np.ndarray, ...]
    structure: Any
    batch: int
    steps: int
    rows: np.ndarray | None = None
    start: int = 0

    def batches(self) -> Iterator[Any]:
        """The batches as nested arrays."""
        for k in range(self.steps):
            first = self.start + k * self.batch
            rows = slice(first, first + self.batch) if self.rows is None else self.rows[k]
            yield optree.tree_unflatten(self.structure, [a[rows] for a in self.arrays])

    def gathered(self) -> Block:
        """The same batches in arrays of their own, one after the other."""
        if self.rows is None:
            return self
        arrays = tuple(a[self.rows.reshape(-1)] for a in self.arrays)
        return Block(arrays, self.structure, self.batch, self.steps)


@dataclass
class _Compiled:
    executable: Executable
    variables: list[Variable]  # in the order of the inputs after the data
    written: list[bool]
    structure: Any
    stacked: Sequence[int]


class StepFunction:
    """`f(batch)` compiled for every signature of the batch that it meets.

    Args:
        f: takes a batch (nested arrays), reads and assigns Keras variables, returns nested arrays.
        concatenate: join the results of several batches along their rows; otherwise the results of
            the last batch are returned.
    """

    def __init__(self, f: Callable[[Any], Any], concatenate: bool = False) -> None:
        self._f = f
        self._concatenate = concatenate
        self._compiled: dict[Hashable, _Compiled] = {}
        self._recipes: dict[Hashable, Sequence[Recipe]] = {}  # of batches with words

    def __call__(self, data: Iterable[Any]) -> Any:
        """The results on batches and Blocks."""
        results = [self._run_block(x) if isinstance(x, Block) else self._run_batch(x) for x in data]
        return join(results) if self._concatenate else results[-1]

    def compiled(self, batch: Any) -> Callable[[Sequence[np.ndarray]], Any]:
        """The step for batches of these types, as a function of the batch's arrays."""
        arrays, structure = optree.tree_flatten(batch)
        found = self._get("batch", arrays, structure)
        return lambda arrays: _run(found, arrays, 1, {})

    def _run_batch(self, batch: Any) -> Any:
        leaves, structure = optree.tree_flatten(batch)
        arrays = [batch_array(x) for x in leaves]
        if any(map(is_words, arrays)):
            return self._run_words(arrays, structure)
        compiled = self._get("batch", arrays, structure)
        return _run(compiled, arrays, 1, {})

    def _run_words(self, arrays: Sequence[np.ndarray], structure: Any) -> Any:
        """A batch with words: Python computes the numbers that the step needs of them."""
        batch = (structure, *((x.shape, None if is_words(x) else x.dtype) for x in arrays))
        given = [x for x in arrays if not is_words(x)]
        key, made = self._made(batch, arrays)
        if batch not in self._recipes or key not in self._compiled:
            host = Host(arrays)
            compiled = self._compile("batch", list(map(type_of, given)), structure, host)
            self._recipes[batch] = host.recipes
            key, made = self._made(batch, arrays)
            self._compiled[key] = compiled
        return _run(self._compiled[key], [*given, *made], 1, {})

    def _made(self, batch: Hashable, arrays: Sequence[np.ndarray]) -> tuple[Any, list[np.ndarray]]:
        """The numbers made of the words, and the key of the step that takes them."""
        made = [np.asarray(recipe(arrays)) for recipe in self._recipes.get(batch, ())]
        return ("words", batch, *((x.shape, x.dtype) for x in made)), made

    def _run_block(self, block: Block) -> Any:
        if self._concatenate:
            block = block.gathered()
        if block.rows is not None:
            arrays = [*block.arrays, block.rows]
            compiled = self._get("gather", arrays, block.structure)
            return _run(compiled, arrays, block.steps, {})
        stop = block.start + block.batch * block.steps
        arrays = [a[block.start : stop].reshape(block.steps, block.batch, *a.shape[1:])
                  for a in block.arrays]  # fmt: skip
        compiled = self._get("rows", arrays, block.structure)
        outputs = {}
        for j in compiled.stacked:
            t = compiled.executable.out_types[j]
            outputs[j] = aligned_empty(Type((block.steps * t.shape[0], *t.shape[1:]), t.dtype))
        return _run(compiled, arrays, block.steps, outputs)

    def _get(self, mode: str, arrays: Sequence[np.ndarray], structure: Any) -> _Compiled:
        key = (mode, structure, *((_step_shape(mode, i, len(arrays), x), x.dtype)
                                  for i, x in enumerate(arrays)))  # fmt: skip
        if key not in self._compiled:
            types = [Type(shape, dtype_of(dtype)) for shape, dtype in key[2:]]
            self._compiled[key] = self._compile(mode, types, structure)
        return self._compiled[key]

    @garbage.kept()
    def _compile(
        self, mode: str, types: Sequence[Type], structure: Any, host: Host | None = None
    ) -> _Compiled:
        scope = VariableScope()
        result: list[Any] = []

        def flat(*leaves: Any) -> list[Any]:
            if mode == "gather":
                *arrays, rows = leaves
                leaves = tuple(ops.gather(a, rows, axis=0) for a in arrays)
            if host is not None:
                leaves = host.with_words(leaves)
            with scope:
                out = self._f(optree.tree_unflatten(structure, leaves))
                out_leaves, out_structure = optree.tree_flatten(out)
                out_leaves = [value_of(x) for x in out_leaves]
            result.append((out_structure, len(out_leaves)))
            return [*out_leaves, *scope.assigned.values()]

        program, captured = trace(flat, types)
        if host is not None:
            program, captured = host.numbers_first(program, captured)
            types = program.in_types[: len(types) + len(host.recipes)]
        out_structure, n_out = result[0]
        variables = scope.captured(captured)
        position = {id(v): len(types) + i for i, v in enumerate(variables)}
        donated = {position[k]: n_out + i for i, k in enumerate(scope.assigned)}
        sliced = {"batch": (), "gather": (len(types) - 1,), "rows": tuple(range(len(types)))}[mode]
        stacked = tuple(range(n_out)) if mode == "rows" and self._concatenate else ()
        executable = compile_program(
            program, donated, sliced=sliced, stacked=stacked, repeated=mode != "batch"
        )
        written = [position[id(v)] in donated for v in variables]
        return _Compiled(executable, variables, written, out_structure, stacked)


def _run(compiled: _Compiled, arrays: Sequence[np.ndarray], steps: int,
         outputs: dict[int, np.ndarray]) -> Any:  # fmt: skip
    state = [v.owned() if w else v._array for v, w in zip(compiled.variables, compiled.written)]
    calls_python = compiled.executable.machine.code.hosts
    with interrupts_afterwards() if calls_python else nullcontext():
        results = compiled.executable.run([*arrays, *state], steps, outputs)
    n = len(results) - sum(compiled.written)
    return optree.tree_unflatten(compiled.structure, results[:n])


def _step_shape(mode: str, i: int, n: int, x: np.ndarray) -> tuple[int, ...]:
    """The shape of argument `i` of `n` as one step sees it."""
    sliced = mode == "rows" or (mode == "gather" and i == n - 1)
    return x.shape[1:] if sliced else x.shape


def batch_array(x: Any) -> np.ndarray:
    """A part of a batch as an array; float64 becomes floatx, as in all of Keras's data."""
    array = np.asarray(x)
    return array.astype(config.floatx()) if array.dtype == np.float64 else array


def join(results: Sequence[Any]) -> Any:
    """Nested arrays, joined along their rows."""
    if len(results) == 1:
        return results[0]
    return optree.tree_map(lambda *rows: np.concatenate(rows), *results)
