"""Words in compiled steps: what is computed from them alone is computed by Python before the step.

A step is traced with `Words` in the places of the words of its batch. A layer for words, or a
function of NumPy, that is called with nothing else computes at once: words are Words again, numbers
are a Tracer, which becomes an input of the step. For later batches the same is computed again.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optree

from keras_lamella.src.variable import outside_of_steps
from keras_lamella.src.words.traced import Recipe, Words, is_words
from lamella.frontend.trace import Trace
from lamella.frontend.tracer import ConcreteValueError, Tracer
from lamella.program import Program, Value
from lamella.types import type_of


class Host:
    """Python's part of a step that is traced for `batch`, the arrays of one batch.

    recipes: how Python makes the numbers that the traced step takes after those of the batch.
    """

    def __init__(self, batch: Sequence[np.ndarray]) -> None:
        self._batch = batch
        self._outer = Trace()  # owns the Tracers of the numbers
        self._made: dict[int, tuple[Tracer, Recipe]] = {}
        self.recipes: list[Recipe] = []

    def with_words(self, numbers: Sequence[Any]) -> tuple[Any, ...]:
        """The leaves of the batch: the traced numbers, Words in their places between them."""
        rest = iter(numbers)
        return tuple(
            Words(x, operator.itemgetter(i), self._compute) if is_words(x) else next(rest)
            for i, x in enumerate(self._batch)
        )

    def numbers_first(
        self, program: Program, captured: Sequence[Value]
    ) -> tuple[Program, list[Value]]:
        """The Program with Python's numbers before what else it captured, and what that is."""
        order = sorted(range(len(captured)), key=lambda i: id(captured[i]) not in self._made)
        self.recipes = [self._made[id(v)][1] for v in captured if id(v) in self._made]
        first = len(program.inputs) - len(captured)
        inputs = (*program.inputs[:first], *(program.inputs[first + i] for i in order))
        rest = [captured[i] for i in order[len(self.recipes) :]]
        return replace(program, inputs=inputs), rest

    def _compute(self, f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """`f(*args, **kwargs)` with some Words among the arguments: Words or a Tracer."""
        leaves, structure = optree.tree_flatten((args, kwargs))
        if any(isinstance(x, Tracer) for x in leaves):
            raise ConcreteValueError("words are computed before the step, numbers within it")

        def recipe(batch: Sequence[np.ndarray]) -> Any:
            values = [x.recipe(batch) if isinstance(x, Words) else x for x in leaves]
            args, kwargs = optree.tree_unflatten(structure, values)
            return f(*args, **kwargs)

        with outside_of_steps():
            out = recipe(self._batch)
        if not isinstance(out, np.ndarray):
            raise ConcreteValueError(f"{f!r} of words is no array: {out!r}")
        if is_words(out):
            return Words(out, recipe, self._compute)
        tracer = self._outer.make_tracer(type_of(out))
        self._made[id(tracer)] = tracer, recipe
        return tracer


def on_host(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The `call` of a layer for words, which Words are computed with before the step."""

    @functools.wraps(call)
    def call_on_host(self: Any, inputs: Any) -> Any:
        for x in optree.tree_leaves(inputs):
            if isinstance(x, Words):
                return x.compute(functools.partial(call, self), (inputs,), {})
        return call(self, inputs)

    return call_on_host
