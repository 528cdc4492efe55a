"""Sums over the steps of a scan: kept in the carry, or one contraction after the scan.

The cotangent of a weight is a sum over steps t of products such as contract(h[t], g[t]). Adding a
matrix to an accumulator in every step moves more memory than keeping h and g of all steps and
contracting once over t as well, which is also the better shaped product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lamella import indexmap, ops
from lamella.program import Equation, Value


@dataclass(frozen=True)
class Term:
    """A part of the sum: finish(*operands of all steps) is its sum over the steps."""

    operands: tuple[Value, ...]
    finish: Callable[..., Any]


@dataclass(frozen=True)
class Sum:
    """accumulated: values to add up in the carry; terms: what can wait until after the scan."""

    accumulated: list[Value]
    terms: list[Term]

    @property
    def operands(self) -> list[Value]:
        """What the terms need of every step."""
        return [v for term in self.terms for v in term.operands]

    def finish(self, total: Value | None, whole: Mapping[Value, Value]) -> Value:
        """The sum, given the total of what was accumulated and the arrays of all steps."""
        parts = [] if total is None else [total]
        parts += [term.finish(*(whole[v] for v in term.operands)) for term in self.terms]
        out = parts[0]
        for part in parts[1:]:
            out = ops.add(out, part)
        return out


def split_sum(
    value: Value, made_by: Mapping[Value, Equation], free: set[Value], fixed: set[Value]
) -> Sum:
    """How to sum `value`, of the backward body, over all steps.

    made_by: the backward body's definitions. free: values whose arrays of all steps exist anyway;
    values that a term makes exist are added. fixed: values without an array of all steps.
    """
    result = Sum([], [])
    for leaf, term in _terms(value, made_by):
        if term is None or not _pays(term, leaf, free, fixed):
            result.accumulated.append(leaf)
        else:
            result.terms.append(term)
            free.update(term.operands)
    return result


def _pays(term: Term, leaf: Value, free: set[Value], fixed: set[Value]) -> bool:
    new = sum(v.type.size for v in dict.fromkeys(term.operands) if v not in free)
    return not any(v in fixed for v in term.operands) and new <= 2 * leaf.type.size


def _terms(value: Value, made_by: Mapping[Value, Equation]) -> list[tuple[Value, Term | None]]:
    """Values that add up to `value`, each with its Term if it has one."""
    eq = made_by.get(value)
    if eq is None:
        return [(value, None)]
    if eq.primitive is ops.add:
        return [t for v in eq.operands for t in _terms(v, made_by)]
    if eq.primitive is ops.contract:
        return [(value, Term(eq.operands, _contract_steps(eq.attrs)))]
    if eq.primitive is ops.sum:
        return [(value, Term(eq.operands, _sum_steps(eq.attrs)))]
    if eq.primitive in (ops.reshape, ops.transpose):
        inner = _terms(eq.operands[0], made_by)
        if len(inner) == 1 and inner[0][1] is not None:
            return [(value, _then(inner[0][1], eq))]
    return [(value, None)]


def _contract_steps(attrs: dict[str, Any]) -> Callable[..., Any]:
    """The contraction over the axes of one step and over the steps."""

    def finish(a: Value, b: Value) -> Value:
        maps = indexmap.parse(attrs["spec"])
        step = (indexmap.Affine(((maps.fresh(), 1),)),)
        spec = indexmap.IndexMap(step + maps.a, step + maps.b, maps.out)
        return ops.contract(a, b, spec=str(spec), shape=attrs["shape"])

    return finish


def _sum_steps(attrs: dict[str, Any]) -> Callable[..., Any]:
    axes = (0, *(a + 1 for a in attrs["axes"]))
    return lambda x: ops.sum(x, axes=axes)


def _then(term: Term, eq: Equation) -> Term:
    """`term` followed by a view."""
    return Term(term.operands, lambda *xs: eq.primitive(term.finish(*xs), **eq.attrs))
