"""Contractions: matrix products, einsum and every convolution, from an index map to kernels.

    spec -> gather form      contract_gather.py   each element of the result is written once
         -> linear form      contract_nest.py     one stride per loop axis and array, padded boxes
         -> plan             contract_plan.py     register tile, chunks, blocks
         -> kernel           contract_kernel.py, contract_stage.py, contract_tile.py
         -> ending           contract_ending.py   the equations that follow, on the registers

What has no such form is summed element by element (contract_generic.py). Where sums cannot stay in
registers, because they are split over chunks or blocks, they go to a scratch array and a loop kernel
(lamella.kernels.loop) runs the rest of the body on it.
"""

from __future__ import annotations

import math
from functools import partial

from lamella import indexmap, ops
from lamella.indexmap import IndexMap
from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_ending import Epilogue, Store
from lamella.kernels.contract_gather import gather_form
from lamella.kernels.contract_generic import lower_generic
from lamella.kernels.contract_kernel import ContractionKernel
from lamella.kernels.contract_nest import linear_form
from lamella.kernels.contract_plan import Plan, make_plan
from lamella.kernels.emit_code import Code
from lamella.kernels.kernel import CannotFuse, Kernel, Launch, Lowered
from lamella.kernels.loop import body_key, lower_loop
from lamella.native import Target
from lamella.program import Builder, Equation, Program, Value, building
from lamella.types import COMPLEX, Type


def lower_contraction(body: Program, target: Target) -> Lowered:
    """The kernels of a body of one `contract` equation and what follows it elementwise.

    Raises CannotFuse where the body holds something else.
    """
    eq = _contract_equation(body)
    maps = indexmap.parse(eq.attrs["spec"])
    math = Arithmetic(eq.results[0].type.dtype)
    plans = _plans(maps, eq, math, target)
    if plans is None:
        return _generic(body, eq, maps, target)
    if _through_scratch(plans, eq, body, math):
        return _in_two_steps(body, eq, plans[0], math, target)
    key = body_key(body, target).replace("loop", "contract", 1)
    launches = [
        _launch(plan, body, eq, math, f"{key} nest {i}") for i, plan in enumerate(plans)
    ]
    return Lowered(tuple(launches), inplace=_inplace(body, eq))


def _contract_equation(body: Program) -> Equation:
    """The contraction of the body; CannotFuse where an epilogue cannot do what else there is."""
    found = [eq for eq in body.equations if eq.primitive.family == "contraction"]
    if len(found) != 1:
        raise CannotFuse(f"expected one contract equation, got {len(found)}")
    (result,) = found[0].results
    if result.type.dtype in COMPLEX:
        raise CannotFuse(f"{result.type}: complex numbers are computed on the host")
    if any(v not in body.inputs for v in found[0].operands):
        raise CannotFuse("the operands of a contraction must be arrays")
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


def _plans(maps: IndexMap, eq: Equation, math: Arithmetic, target: Target) -> list[Plan] | None:
    """A plan for each nest; None where the generic kernel must do."""
    a, b, out = (v.type.shape for v in (*eq.operands, *eq.results))
    nests = gather_form(maps, a, b, out)
    if nests is None or 0 in out:
        return None
    plans = []
    for nest in nests:
        loops = linear_form(nest, a, b, out, math.sum_dtype.itemsize)
        plan = loops and make_plan(loops, math.sum_dtype.itemsize, target)
        if plan is None or (len(nests) > 1 and (plan.partials > 1 or plan.accumulates)):
            return None
        plans.append(plan)
    return plans


# ----------------------------------------------------------------------------------- one step


def _launch(plan: Plan, body: Program, eq: Equation, math: Arithmetic, key: str) -> Launch:
    """The kernel of one nest with the whole body; its arguments are inputs and outputs."""
    values = (*body.inputs, *body.outputs)
    make = partial(_body_text, plan, body, eq, math)
    nbytes = sum(v.type.nbytes for v in values)
    kernel = Kernel(key, make, plan.n_chunks, (None,) * len(values), plan.flops, nbytes)
    return Launch(kernel, tuple(range(len(values))))


def _body_text(plan: Plan, body: Program, eq: Equation, math: Arithmetic) -> str:
    code = Code()
    pointers = {v: code.array(j) for j, v in enumerate((*body.inputs, *body.outputs))}
    kernel = ContractionKernel(code, math, plan, [pointers[v] for v in eq.operands])
    ending: Epilogue | Store
    if body.outputs == eq.results:
        ending = Store(kernel, pointers[eq.results[0]], wide=False)
    else:
        pointers.pop(eq.results[0], None)
        outputs = {v: code.array(len(body.inputs) + j) for j, v in enumerate(body.outputs)}
        ending = Epilogue(kernel, body, eq.results[0], {**pointers, **outputs})
    kernel.emit(ending, ending.start_of_chunk)
    return code.kernel()


def _inplace(body: Program, eq: Equation) -> frozenset[tuple[int, int]]:
    """(input, output) pairs where the input is read only at the element that is written."""
    elsewhere = set(eq.operands)
    for other in body.equations:
        if other.primitive.family != "elementwise":
            elsewhere.update(other.operands)
    return frozenset(
        (i, j)
        for i, x in enumerate(body.inputs)
        for j, y in enumerate(body.outputs)
        if x not in elsewhere and x.type == y.type
    )


# ---------------------------------------------------------------------------------- two steps


def _through_scratch(plans: list[Plan], eq: Equation, body: Program, math: Arithmetic) -> bool:
    """Whether a second kernel must finish what the first has summed."""
    direct = body.outputs == eq.results and math.element == math.sum
    return any(p.partials > 1 or (p.accumulates and not direct) for p in plans)


def _in_two_steps(
    body: Program, eq: Equation, plan: Plan, math: Arithmetic, target: Target
) -> Lowered:
    """Sums to a scratch array [part][result], then the rest of the body over it."""
    out = eq.results[0].type
    scratch = Type((plan.partials, *out.shape), math.sum_dtype)
    a, b = (body.inputs.index(v) for v in eq.operands)
    sums = len(body.inputs) + len(body.outputs)
    key = f"contract {eq.attrs['spec']} {eq.operands[0].type} {eq.operands[1].type} {out} sums"
    nbytes = scratch.nbytes + sum(v.type.nbytes for v in eq.operands)
    make = partial(_sums_text, plan, math)
    kernel = Kernel(key + f" {target.vector_bytes}", make, plan.n_chunks, (None,) * 3,
                    plan.flops, nbytes)  # fmt: skip
    first = Launch(kernel, (a, b, sums))
    return _followed(body, eq, first, scratch, target)


def _sums_text(plan: Plan, math: Arithmetic) -> str:
    code = Code()
    a, b, sums = (code.array(j) for j in range(3))
    kernel = ContractionKernel(code, math, plan, [a, b])
    store = Store(kernel, sums, wide=True)
    kernel.emit(store, store.start_of_chunk)
    return code.kernel()


def _generic(body: Program, eq: Equation, maps: IndexMap, target: Target) -> Lowered:
    """Element by element, then the rest of the body."""
    a, b, out = (v.type for v in (*eq.operands, *eq.results))
    x, y = (body.inputs.index(v) for v in eq.operands)
    lowered = lower_generic(maps, a, b, out)
    n = len(body.inputs)
    if body.outputs == eq.results:
        numbers = (x, y, n, n + 1)
        (launch,) = lowered.launches
        arguments = numbers[: len(launch.arguments)]
        return Lowered((Launch(launch.kernel, arguments),), lowered.scratch)
    sums = n + len(body.outputs)
    numbers = (x, y, sums, sums + 1)
    (launch,) = lowered.launches
    first = Launch(launch.kernel, numbers[: len(launch.arguments)])
    return _followed(body, eq, first, out, target, lowered.scratch)


def _followed(
    body: Program, eq: Equation, first: Launch, sums: Type, target: Target,
    more: tuple[int, ...] = (),
) -> Lowered:  # fmt: skip
    """`first`, which leaves the contraction in a scratch array, then a loop kernel for the rest."""
    n_in, n_out = len(body.inputs), len(body.outputs)
    rest, used = _rest(body, eq, sums)
    lowered = lower_loop(rest, target)
    scratch = (sums.nbytes, *more)
    numbers = [n_in + n_out, *used, *range(n_in, n_in + n_out)]
    numbers += [n_in + n_out + len(scratch) + k for k in range(len(lowered.scratch))]
    launches = [
        Launch(x.kernel, tuple(numbers[i] for i in x.arguments)) for x in lowered.launches
    ]
    inplace = {(used[i - 1], j) for i, j in lowered.inplace if i > 0}
    inplace = {(i, j) for i, j in inplace if body.inputs[i] not in eq.operands}
    return Lowered((first, *launches), (*scratch, *lowered.scratch), frozenset(inplace))


def _rest(body: Program, eq: Equation, sums: Type) -> tuple[Program, list[int]]:
    """The body with the contraction replaced by its sums as input 0; which inputs it still has."""
    out = eq.results[0].type
    used = [i for i, v in enumerate(body.inputs)
            if any(v in e.operands for e in body.equations if e is not eq)]  # fmt: skip
    builder = Builder()
    with building(builder):
        parts = builder.make_value(sums)
        inputs = {i: builder.make_value(body.inputs[i].type) for i in used}
        env: dict[Value, Value] = {body.inputs[i]: v for i, v in inputs.items()}
        env[eq.results[0]] = _total(parts, out)
        env.update({v: builder.lift(x) for v, x in body.constants.items()})
        for e in body.equations:
            if e is not eq:
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
