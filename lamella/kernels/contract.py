"""Contractions: matrix products, einsum and every convolution, from an index map to kernels.

    spec -> pairs            contract_pairs.py    bfloat16: two neighbours are one element
         -> gather form      contract_gather.py   each element of the result is written once
         -> minimal form     contract_minimal.py  3x3 convolutions: fewer multiplications; or
         -> linear form      contract_nest.py     one stride per loop axis and array, padded boxes
         -> padded form      contract_padded.py   padded copies, where boxes would be too large
         -> plan             contract_plan.py     register tile, chunks, blocks
         -> kernel           contract_kernel.py, contract_stage.py, contract_tile.py
         -> prologue         contract_prologue.py the equations in front, while boxes are staged
         -> ending           contract_ending.py   the equations that follow, on the registers

What has no such form is summed element by element (contract_generic.py). Where sums cannot stay in
registers, because they are split over chunks or blocks, they go to a scratch array and a loop
kernel (lamella.kernels.loop) runs the rest of the body on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from lamella import indexmap, ops
from lamella.indexmap import IndexMap, Shape
from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_band import band_of
from lamella.kernels.contract_ending import Epilogue, Store
from lamella.kernels.contract_gather import Nest, gather_form
from lamella.kernels.contract_generic import lower_generic
from lamella.kernels.contract_kernel import ContractionKernel, Emits, Ending, FillOf
from lamella.kernels.contract_minimal import Minimal, minimal_form
from lamella.kernels.contract_minimal_gradient import (
    MinimalGradient,
    gradient_form,
    gradient_text,
)
from lamella.kernels.contract_minimal_kernel import MinimalKernel, filters_text
from lamella.kernels.contract_nest import linear_form
from lamella.kernels.contract_padded import Padding, padded, paddings
from lamella.kernels.contract_pairs import PairProducts, Pairs, pack_chunks, pack_text, pair_form
from lamella.kernels.contract_plan import Plan, make_plans
from lamella.kernels.contract_prologue import Prologue, prologue_of
from lamella.kernels.contract_split import count_blocks
from lamella.kernels.contract_stage import SLACK, panel_grid, panel_layout, panel_text
from lamella.kernels.emit import Emitter
from lamella.kernels.emit_code import Code
from lamella.kernels.kernel import CannotFuse, Kernel, Launch, Lowered
from lamella.kernels.loop import body_key, lower_loop
from lamella.kernels.loop_plan import needed_by
from lamella.kernels.text import Int
from lamella.native import Target
from lamella.program import Builder, Equation, Program, Value, building
from lamella.types import COMPLEX, Type

#: Operands of these types may be computed where they are used: no rounding to memory is left out.
WHOLE = (np.float32, np.float64)


def lower_contraction(body: Program, target: Target) -> Lowered:
    """The kernels of a body of one `contract` equation, what follows it elementwise, and what
    computes its operands elementwise.

    Raises CannotFuse where the body holds something else, or operands are better arrays.
    """
    eq = _contract_equation(body)
    maps = indexmap.parse(eq.attrs["spec"])
    (a, b, out), dtype = _shapes(eq), eq.results[0].type.dtype
    pairs = pair_form(maps, a, b, out, dtype, target)
    math = PairProducts() if pairs else Arithmetic(dtype)
    region = Region(body, eq, math, target, pairs)
    computed = region.computed
    if any(computed) and (pairs or dtype not in WHOLE):
        raise CannotFuse(f"operands of {dtype} products are arrays")
    nests = gather_form(maps, a, b, out) if 0 not in out else None
    if dtype == np.float32 and nests and len(nests) == 1:
        lowered = _lower_minimal(region, nests[0])
        if lowered:
            return lowered
    if pairs:
        in_pairs = gather_form(maps, *pairs.shapes, out) if nests else None
        plans = _plans(in_pairs, pairs.shapes, out, math, target, computed)
    else:
        plans = _plans(nests, (a, b), out, math, target, computed)
    if any(computed) and (plans is None or len(plans) > 1 or _computed_often(plans[0], computed)):
        raise CannotFuse("no box in which to compute an operand once")
    if plans is None:
        region = Region(body, eq, Arithmetic(dtype), target, None)
        plans = region.pad(nests) if nests else None
    if plans is None:
        return region.generic(maps)
    if "band" in eq.attrs and len(plans) == 1:
        band = band_of(eq.attrs["band"], maps.extents(a, b, out), plans[0].loops)
        plans = [replace(plans[0], band=band)]
    return region.tiled(plans)


def _lower_minimal(region: Region, nest: Nest) -> Lowered | None:
    """By minimal filtering, where it is worth it."""
    shapes, target = _shapes(region.eq), region.target
    minimal = minimal_form(nest, *shapes, target)
    gradient = gradient_form(nest, *shapes, target)
    if any(region.computed) and (minimal or gradient):
        raise CannotFuse("minimal filtering reads arrays")
    if minimal:
        return region.minimal(minimal)
    return region.minimal_gradient(gradient) if gradient else None


def _computed_often(plan: Plan, computed: tuple[bool, bool]) -> bool:
    """Would several chunks compute the same part of an operand?"""
    return any(own and not all(op.access[x] for x in plan.grid)
               for own, op in zip(computed, plan.loops.operands))  # fmt: skip


def _contract_equation(body: Program) -> Equation:
    """The contraction of the body; CannotFuse where an epilogue cannot do what else there is."""
    found = [eq for eq in body.equations if eq.primitive.family == "contraction"]
    if len(found) != 1:
        raise CannotFuse(f"expected one contract equation, got {len(found)}")
    (result,) = found[0].results
    if result.type.dtype in COMPLEX:
        raise CannotFuse(f"{result.type}: complex numbers are computed on the host")
    after = {result}
    for eq in body.equations:
        if any(v in after for v in eq.operands):
            if eq.primitive.family != "elementwise":
                raise CannotFuse(f"{eq.primitive} of a contraction's result")
            after.update(eq.results)
    for v in body.outputs:
        if v.type.shape != result.type.shape or v not in after:
            raise CannotFuse(f"an output {v.type} of a contraction to {result.type}")
    return found[0]


def _shapes(eq: Equation) -> tuple[Shape, Shape, Shape]:
    """Of the operands and the result."""
    (a, b), (out,) = eq.operands, eq.results
    return a.type.shape, b.type.shape, out.type.shape


def _plans(nests: list[Nest] | None, operands: tuple[Shape, Shape], out: Shape, math: Arithmetic,
           target: Target, computed: tuple[bool, bool]) -> list[Plan] | None:  # fmt: skip
    """A plan for each nest; None where boxes are too large, an operand that is computed has no box,
    or the generic kernel must do."""
    a, b = operands
    if nests is None:
        return None
    itemsize, shared = math.sum_dtype.itemsize, _shared_axis(nests)
    loops = [linear_form(nest, a, b, out, itemsize, shared, computed) for nest in nests]
    if None in loops:
        return None
    plans = make_plans([x for x in loops if x], itemsize, target, shared)
    if plans and len(plans) > 1 and any(p.partials > 1 or p.accumulates for p in plans):
        return None
    return plans


def _shared_axis(nests: list[Nest]) -> str | None:
    """The axis whose blocks are the chunks of several nests: the images of a batch."""
    if len(nests) == 1:
        return None
    axis = nests[0].maps.out[0].axis
    same = all(axis == nest.maps.out[0].axis for nest in nests)
    return axis if same else None


class Region:
    """Collects the launches of one body and their scratch arrays."""

    def __init__(self, body: Program, eq: Equation, math: Arithmetic, target: Target,
                 pairs: Pairs | None) -> None:  # fmt: skip
        self.body, self.eq, self.math, self.target, self.pairs = body, eq, math, target, pairs
        self.key = body_key(body, target).replace("loop", "contract", 1)
        self.prologue = prologue_of(body, eq)
        self.computed = eq.operands[0] not in body.inputs, eq.operands[1] not in body.inputs
        #: Their arguments; of an operand that is computed any, it is not read.
        self.operands = [body.inputs.index(v) if v in body.inputs else 0 for v in eq.operands]
        self.launches: list[Launch] = []
        self.scratch: list[int] = []
        self.packed: list[int] = []
        self.paddings: dict[int, Padding] = {}

    def _array(self, nbytes: int) -> int:
        """The argument number of a new scratch array."""
        self.scratch.append(nbytes)
        return len(self.body.inputs) + len(self.body.outputs) + len(self.scratch) - 1

    def _launch(self, name: str, make: Callable[[], str], n_chunks: int, flops: int,
                *arguments: int, plan: Plan | None = None) -> None:  # fmt: skip
        types = [v.type for v in (*self.body.inputs, *self.body.outputs)]
        sizes = [t.nbytes for t in types] + self.scratch
        nbytes = sum(sizes[j] for j in arguments)
        blocks = self._blocks(plan) if plan else {}
        run_blocks = self._blocks(plan.runs) if plan else {}
        own, of_runs = (tuple(b.get(j) for j in arguments) for b in (blocks, run_blocks))
        key, runs = f"{self.key} {name}", plan.runs.n_chunks if plan else 1
        kernel = Kernel(key, make, n_chunks, own, flops, nbytes, runs, of_runs)
        self.launches.append(Launch(kernel, arguments))

    def _blocks(self, plan: Plan) -> dict[int, int | None]:
        """{argument: bytes per chunk} of the arrays of which a chunk touches one block only."""
        inputs, outputs = self.body.inputs, self.body.outputs
        block = plan.block(plan.loops.out)
        aligned = _aligned(self.body, self.eq)
        found: dict[int, int | None] = {}
        for j, v in enumerate((*inputs, *outputs)):
            if block and (v in aligned or j >= len(inputs)):
                found[j] = block * v.type.dtype.itemsize
        for k, j in enumerate(self.operands):
            own = plan.operand_block(k) if j in self.packed or self.computed[k] else None
            if own and self.computed[k]:
                found |= dict.fromkeys(self._computed_from(k), own * self.math.dtype.itemsize)
            elif own and self.operands.count(j) == 1:
                found[j] = own * self.math.dtype.itemsize
        return found

    def _computed_from(self, k: int) -> list[int]:
        """The arrays that an element of operand k is computed from, and that are else not read."""
        operand, inputs = self.eq.operands[k], self.body.inputs
        cone = needed_by(self.body, [operand])
        others = {v for e in self.body.equations if e not in cone for v in e.operands}
        views = {v for e in cone if e.primitive.family == "view" for v in e.operands}
        return [j for j, v in enumerate(inputs) if v.type == operand.type
                and v not in others | views and any(v in e.operands for e in cone)]  # fmt: skip

    def pad(self, nests: list[Nest]) -> list[Plan] | None:
        """Plans over operands that are padded first; None where the generic kernel must do."""
        a, b, out = _shapes(self.eq)
        x, y = paddings(nests, a, b)
        shapes = x.shape(a), y.shape(b)
        self.paddings = {k: p for k, p in enumerate((x, y)) if shapes[k] != (a, b)[k]}
        return _plans(padded(nests, x, y), shapes, out, self.math, self.target, (False, False))

    def _packed(self) -> list[int]:
        """The arguments that hold the operands: the arrays, or copies or pairs made of them."""
        found = list(self.operands)
        for k, padding in self.paddings.items():
            copy = padding.program(self.eq.operands[k].type)
            array = self._array(copy.outputs[0].type.nbytes + SLACK)
            self._follow(lower_loop(copy, self.target), [found[k], array])
            found[k] = array
        for k, d in enumerate(self.pairs.packed if self.pairs else ()):
            if d is not None:
                shape = self.eq.operands[k].type.shape
                array = self._array(self.eq.operands[k].type.nbytes + SLACK)
                make = partial(pack_text, shape, d)
                self._launch(f"pack {k}", make, pack_chunks(shape, d), 0, found[k], array)
                found[k] = array
        return found

    def _sources(self, plan: Plan, number: int) -> list[int]:
        """The arguments that hold the operands: the arrays or pairs, or panels made of them."""
        found = list(self.packed)
        for k in (0, 1):
            if plan.shared[k]:
                access, extents = plan.loops.operands[k].access, plan.loops.extents
                panel = panel_layout(plan.tile, access, extents)
                array = self._array(panel.size * self.math.sum_dtype.itemsize + SLACK)
                make = partial(panel_text, self.math, panel, access, extents, plan.tile.lanes)
                chunks = count_blocks(extents, panel_grid(panel, extents[panel.lane]))
                self._launch(f"nest {number} panel {k}", make, chunks, 0, found[k], array)
                found[k] = array
        return found

    def tiled(self, plans: list[Plan]) -> Lowered:
        """The whole body on the registers, if the sums end in them."""
        direct = self.body.outputs == self.eq.results and self.math.result == self.math.sum
        if any(p.partials > 1 or (p.accumulates and not direct) for p in plans):
            return self.in_two_steps(plans[0])
        return self.in_one_step(plans)

    def in_one_step(self, plans: list[Plan]) -> Lowered:
        """Every nest with the whole body; nests with the same chunks are one kernel."""
        self.packed = self._packed()
        sources = [self._sources(plan, i) for i, plan in enumerate(plans)]
        together = len({plan.n_chunks for plan in plans}) == 1
        groups = [range(len(plans))] if together else [[i] for i in range(len(plans))]
        count = len(self.body.inputs) + len(self.body.outputs)
        for group in groups:
            arguments = list(range(count))
            arguments += sorted({j for i in group for j in sources[i] if j >= count})
            places = [[arguments.index(j) for j in sources[i]] for i in group]
            mine = [plans[i] for i in group]
            make = partial(_body_text, mine, places, self.body, self.eq, self.math, self.target)
            flops = self.math.products * sum(plan.flops for plan in mine)
            plan = mine[0] if len(plans) == 1 else None
            name = f"nests {' '.join(map(str, group))}"
            self._launch(name, make, mine[0].n_chunks, flops, *arguments, plan=plan)
        return Lowered(tuple(self.launches), tuple(self.scratch), _inplace(self.body, self.eq))

    def minimal(self, form: Minimal) -> Lowered:
        """A kernel that transforms the filters, and one with the whole body."""
        self.packed = self.operands
        count = len(self.body.inputs) + len(self.body.outputs)
        filters = self._array(form.filter_nbytes)
        make = partial(filters_text, form)
        self._launch("filters", make, form.channels, 0, self.operands[1], filters)
        make = partial(_minimal_text, form, self.body, self.eq, self.math, self.target)
        self._launch("minimal", make, form.plan.n_chunks, form.flops, *range(count), filters,
                     plan=form.plan)  # fmt: skip
        return Lowered(tuple(self.launches), tuple(self.scratch), _inplace(self.body, self.eq))

    def minimal_gradient(self, form: MinimalGradient) -> Lowered:
        """Parts of the sum over the images, then the rest of the body."""
        out = self.eq.results[0].type
        sums = Type((form.parts, *out.shape), out.dtype)
        array = self._array(sums.nbytes)
        make = partial(gradient_text, form, self.math)
        self._launch("minimal", make, form.parts, form.flops, *self.operands, array)
        return self.followed(sums, array)

    def in_two_steps(self, plan: Plan) -> Lowered:
        """Sums to a scratch array [part][result], then the rest of the body over it."""
        self.packed = self._packed()
        out = self.eq.results[0].type
        sources = self._sources(plan, 0)
        sums = Type((plan.partials, *out.shape), self.math.sum_dtype)
        array = self._array(sums.nbytes)
        inputs = sorted({v for e in self.prologue for v in e.operands if v in self.body.inputs},
                        key=self.body.inputs.index)  # fmt: skip
        make = partial(_sums_text, plan, self.body, self.eq, self.math, inputs)
        flops = self.math.products * plan.flops
        numbers = [self.body.inputs.index(v) for v in inputs]
        self._launch("sums", make, plan.n_chunks, flops, *sources, array, *numbers, plan=plan)
        return self.followed(sums, array)

    def generic(self, maps: IndexMap) -> Lowered:
        """Element by element, then the rest of the body."""
        a, b, out = (v.type for v in (*self.eq.operands, *self.eq.results))
        lowered = lower_generic(maps, a, b, out)
        done = self.body.outputs == self.eq.results
        result = len(self.body.inputs) if done else self._array(out.nbytes)
        numbers = [*self.operands, result, *(self._array(n) for n in lowered.scratch)]
        (launch,) = lowered.launches
        self.launches.append(Launch(launch.kernel, tuple(numbers)))
        if done:
            return Lowered(tuple(self.launches), tuple(self.scratch))
        return self.followed(out, result)

    def followed(self, sums: Type, array: int) -> Lowered:
        """A loop kernel for the rest of the body; `array` holds the contraction's sums."""
        n_in, n_out = len(self.body.inputs), len(self.body.outputs)
        rest, used = _rest(self.body, self.eq, sums)
        lowered = lower_loop(rest, self.target)
        self._follow(lowered, [array, *used, *range(n_in, n_in + n_out)])
        inplace = frozenset(
            (used[i - 1], j) for i, j in lowered.inplace
            if i > 0 and used[i - 1] not in self.operands
        )  # fmt: skip
        return Lowered(tuple(self.launches), tuple(self.scratch), inplace)

    def _follow(self, lowered: Lowered, arguments: list[int]) -> None:
        """The launches of a loop between these arguments."""
        numbers = [*arguments, *(self._array(nbytes) for nbytes in lowered.scratch)]
        for launch in lowered.launches:
            here = tuple(numbers[i] for i in launch.arguments)
            self.launches.append(Launch(launch.kernel, here))


def _body_text(plans: list[Plan], places: list[list[int]], body: Program, eq: Equation,
               math: Arithmetic, target: Target) -> str:  # fmt: skip
    """Nests with the whole body; places: the arguments that hold each nest's operands."""
    code = Code(target)
    count = max(len(body.inputs) + len(body.outputs), 1 + max(map(max, places)))
    arrays = [code.array(j) for j in range(count)]
    computed = _computed(code, math, body, eq, dict(zip(body.inputs, arrays)))
    kernels = [ContractionKernel(code, math, plan, [arrays[j] for j in place], computed)
               for plan, place in zip(plans, places)]  # fmt: skip
    return _chunks(code, [(kernel, _ending(kernel, body, eq, arrays)) for kernel in kernels])


def _minimal_text(form: Minimal, body: Program, eq: Equation, math: Arithmetic,
                  target: Target) -> str:  # fmt: skip
    code = Code(target)
    count = len(body.inputs) + len(body.outputs)
    arrays = [code.array(j) for j in range(count + 1)]
    images = arrays[body.inputs.index(eq.operands[0])]
    kernel = MinimalKernel(code, math, form, [images, arrays[count]])
    return _chunks(code, [(kernel, _ending(kernel, body, eq, arrays))])


def _ending(kernel: Emits, body: Program, eq: Equation, arrays: list[str]) -> Ending:
    """What the body does with the sums; arrays: its inputs and outputs, and others."""
    pointers, outputs = dict(zip(body.inputs, arrays)), arrays[len(body.inputs) :]
    if body.outputs == eq.results:
        return Store(kernel, outputs[0], wide=False)
    found = _aligned(body, eq)
    aligned = [v for v in body.inputs if v in found]
    return Epilogue(kernel, body, eq.results[0], pointers, outputs[: len(body.outputs)], aligned)


def _computed(code: Code, math: Arithmetic, body: Program, eq: Equation,
              pointers: Mapping[Value, str]) -> dict[int, FillOf]:  # fmt: skip
    """What fills the boxes of operands that no array holds."""
    emitter = Emitter(body, code, pointers)
    return {k: partial(Prologue, emitter, math, v)
            for k, v in enumerate(eq.operands) if v not in body.inputs}  # fmt: skip


def _sums_text(plan: Plan, body: Program, eq: Equation, math: Arithmetic, inputs: list[Value]
               ) -> str:  # fmt: skip
    """Arguments: the operands, the sums, and what operands are computed from."""
    code = Code()
    a, b, sums, *others = (code.array(j) for j in range(3 + len(inputs)))
    computed = _computed(code, math, body, eq, dict(zip(inputs, others)))
    kernel = ContractionKernel(code, math, plan, [a, b], computed)
    return _chunks(code, [(kernel, Store(kernel, sums, wide=True))])


def _chunks(code: Code, kernels: Sequence[tuple[Emits, Ending]]) -> str:
    def chunk(number: Int, _: list[str]) -> None:
        for kernel, ending in kernels:
            kernel.chunk(number, ending)

    code.loop("%hi", chunk, start="%lo")
    return code.kernel()


def _aligned(body: Program, eq: Equation) -> set[Value]:
    """Inputs of the result's shape of which only the element that is being computed is read."""
    elsewhere, prologue = set(eq.operands), prologue_of(body, eq)
    for other in body.equations:
        if other.primitive.family != "elementwise" or other in prologue:
            elsewhere.update(other.operands)
    shape = eq.results[0].type.shape
    return {v for v in body.inputs if v not in elsewhere and v.type.shape == shape}


def _inplace(body: Program, eq: Equation) -> frozenset[tuple[int, int]]:
    """(input, output) pairs that may share a buffer."""
    aligned = _aligned(body, eq)
    return frozenset(
        (i, j)
        for i, x in enumerate(body.inputs)
        for j, y in enumerate(body.outputs)
        if x in aligned and x.type == y.type
    )


def _rest(body: Program, eq: Equation, sums: Type) -> tuple[Program, list[int]]:
    """The body with the contraction replaced by its sums as input 0; which inputs it still has."""
    out = eq.results[0].type
    after = [e for e in needed_by(body, body.outputs, eq.results) if e is not eq]
    used = [i for i, v in enumerate(body.inputs) if any(v in e.operands for e in after)]
    builder = Builder()
    with building(builder):
        parts = builder.make_value(sums)
        inputs = {i: builder.make_value(body.inputs[i].type) for i in used}
        env: dict[Value, Value] = {body.inputs[i]: v for i, v in inputs.items()}
        env[eq.results[0]] = _total(parts, out)
        env.update({v: builder.lift(x) for v, x in body.constants.items()})
        for e in after:
            result = builder.emit(e.primitive, [env[v] for v in e.operands], e.attrs)
            env.update(zip(e.results, result if isinstance(result, tuple) else (result,)))
    outputs = [env[v] for v in body.outputs]
    return builder.finish([parts, *inputs.values()], outputs), used


def _total(parts: Value, out: Type) -> Value:
    """[part][result] summed over the parts and rounded."""
    total = parts
    if parts.type.shape != out.shape:
        if parts.type.size == math.prod(out.shape):
            total = ops.reshape(parts, shape=out.shape)
        else:
            total = ops.sum(parts, axes=(0,))
    return ops.convert(total, dtype=out.dtype.name) if total.type.dtype != out.dtype else total
