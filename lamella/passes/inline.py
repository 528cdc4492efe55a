"""call -> its body: after differentiation a call has no meaning of its own."""

from __future__ import annotations

from lamella.passes.rewrite import Rewriter, map_nested
from lamella.program import Program


def inline_calls(program: Program) -> Program:
    """call(x) {body} -> body(x), in nested Programs too."""
    out = Rewriter(program)
    for eq in program.equations:
        if "inline" in eq.primitive.traits:
            body = inline_calls(eq.attrs["body"])
            out.replace(eq, out.inline(body, [out.new[v] for v in eq.operands]))
        else:
            out.keep(eq, map_nested(eq, inline_calls))
    return out.result(program)
