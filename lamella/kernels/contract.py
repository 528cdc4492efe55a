"""Contractions: matrix products, einsum and every convolution, from an index map to kernels."""

from __future__ import annotations

from functools import partial

from lamella import indexmap
from lamella.indexmap import IndexMap
from lamella.kernels.arithmetic import Arithmetic
from lamella.kernels.contract_combine import combine_chunks, combine_text
from lamella.kernels.contract_gather import gather_form
from lamella.kernels.contract_generic import lower_generic
from lamella.kernels.contract_kernel import ContractionKernel, Store
from lamella.kernels.contract_nest import linear_form
from lamella.kernels.contract_plan import Plan, make_plan
from lamella.kernels.emit_code import Code
from lamella.kernels.kernel import CannotFuse, Kernel, Launch, Lowered
from lamella.native import Target
from lamella.program import Equation, Program
from lamella.types import Type


def lower_contraction(body: Program, target: Target) -> Lowered:
    """The kernels of a `body` with one `contract` equation.

    Raises CannotFuse where the body holds what no epilogue can.
    """
    eq = _contract_equation(body)
    maps = indexmap.parse(eq.attrs["spec"])
    a, b = (v.type for v in eq.operands)
    if len(body.equations) > 1 or body.outputs != eq.results:
        raise CannotFuse("a contraction with other equations")
    out = eq.results[0].type
    lowered = _tiled(maps, a, b, out, target) or lower_generic(maps, a, b, out)
    return _renumbered(lowered, [body.inputs.index(v) for v in eq.operands], len(body.inputs))


def _renumbered(lowered: Lowered, operands: list[int], n_inputs: int) -> Lowered:
    """From arguments (a, b, result, scratch ...) to those of a body with its own inputs."""
    number = lambda i: operands[i] if i < 2 else n_inputs + i - 2  # noqa: E731
    launches = tuple(
        Launch(launch.kernel, tuple(map(number, launch.arguments))) for launch in lowered.launches
    )
    return Lowered(launches, lowered.scratch, lowered.inplace)


def _contract_equation(body: Program) -> Equation:
    found = [eq for eq in body.equations if eq.primitive.family == "contraction"]
    if len(found) != 1:
        raise CannotFuse(f"expected one contract equation, got {len(found)}")
    return found[0]


def _tiled(maps: IndexMap, a: Type, b: Type, out: Type, target: Target) -> Lowered | None:
    """Kernels with register tiles, one for each nest; None where the generic one must do."""
    math = Arithmetic(out.dtype)
    nests = gather_form(maps, a.shape, b.shape, out.shape)
    if nests is None or out.size == 0:
        return None
    plans = []
    for nest in nests:
        loops = linear_form(nest, a.shape, b.shape, out.shape, math.sum_dtype.itemsize)
        plan = loops and make_plan(loops, math.sum_dtype.itemsize, target)
        if plan is None or (_through_scratch(plan, math) and len(nests) > 1):
            return None
        plans.append(plan)
    name = f"contract {maps} {a} {b} {out} {target.vector_bytes}"
    launches = [
        _launch(plan, math, f"{name} nest {i}", a.nbytes + b.nbytes + out.nbytes)
        for i, plan in enumerate(plans)
    ]
    scratch = ()
    if _through_scratch(plans[0], math):
        scratch = (plans[0].partials * out.size * math.sum_dtype.itemsize,)
        launches.append(_combination(plans[0], math, name, out.size))
    return Lowered(tuple(launches), scratch)


def _through_scratch(plan: Plan, math: Arithmetic) -> bool:
    """Whether sums are wider than the result while they are in memory, or in several parts."""
    return plan.partials > 1 or (plan.accumulates and math.element != math.sum)


def _launch(plan: Plan, math: Arithmetic, key: str, nbytes: int) -> Launch:
    """The kernel of one nest; its arguments are a, b and where the sums go."""
    make = partial(_kernel_text, plan, math)
    kernel = Kernel(key, make, plan.n_chunks, (None,) * 3, plan.flops, nbytes)
    return Launch(kernel, (0, 1, 3 if _through_scratch(plan, math) else 2))


def _kernel_text(plan: Plan, math: Arithmetic) -> str:
    code = Code()
    arrays = [code.array(i) for i in range(3)]
    kernel = ContractionKernel(code, math, plan, arrays)
    store = Store(kernel, arrays[2], _through_scratch(plan, math))
    kernel.emit(store, store.start_of_chunk)
    return code.kernel()


def _combination(plan: Plan, math: Arithmetic, name: str, size: int) -> Launch:
    """The kernel that adds the parts."""
    lanes, parts = plan.tile.lanes, plan.partials
    make = partial(combine_text, math, size, parts, lanes)
    chunks = combine_chunks(size, parts, lanes)
    nbytes = size * (parts * math.sum_dtype.itemsize + math.dtype.itemsize)
    kernel = Kernel(f"{name} parts {parts}", make, chunks, (None,) * 2, size * parts, nbytes)
    return Launch(kernel, (3, 2))
