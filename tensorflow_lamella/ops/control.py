"""Control flow over tensors: cond, while_loop, map_fn, scan and the like.

Where numbers are known (eagerly, in a tape) Python runs the branches and loops; in a compiled
function they become those of the engine, and what they assign to variables is carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree
from keras.src import backend

import lamella
from tensorflow_lamella.core import state
from tensorflow_lamella.core.convert import raw, to_array
from tensorflow_lamella.core.dispatch import wrap
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import InvalidArgumentError
from tensorflow_lamella.names import export

core = backend.core


def arrays(tree: Any) -> Any:
    """Tensors in a nested structure as arrays; Python's numbers too."""
    return optree.tree_map(to_array, tree)


def tensors(tree: Any) -> Any:
    """Arrays in a nested structure as tensors."""
    return optree.tree_map(wrap, tree)


def _branch(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` of tensors as a function of arrays."""
    return lambda *args: arrays(f(*tensors(args)))


@export("cond")
def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: Any = None) -> Any:
    """`true_fn()` where the scalar `pred` is true, else `false_fn()`.

    >>> tf.cond(x > 0, lambda: x, lambda: -x)
    """
    condition = to_array(pred)
    if not state.is_traced_value(condition):
        return true_fn() if condition else false_fn()
    return tensors(core.cond(condition, _branch(true_fn), _branch(false_fn)))


@export("switch_case")
def switch_case(branch_index: Any, branch_fns: Any, default: Any = None, name: Any = None) -> Any:
    """The branch of that number; `default`, or the last branch, for other numbers."""
    given = branch_fns.items() if isinstance(branch_fns, dict) else (
        f if isinstance(f, tuple) else (i, f) for i, f in enumerate(branch_fns)
    )  # fmt: skip
    functions = {int(i): f for i, f in given}
    index = to_array(branch_index)
    last = default or functions[max(functions)]
    table = [functions.get(i, last) for i in range(max(functions) + 1)] + [last]
    if not state.is_traced_value(index):
        i = int(index)
        return table[i if 0 <= i < len(table) else -1]()
    inside = (index >= 0) & (index < len(table))
    place = np.where(inside, index, np.asarray(len(table) - 1, index.dtype))
    return tensors(core.switch(place, [_branch(f) for f in table]))


@export("case")
def case(pred_fn_pairs: Any, default: Any = None, exclusive: bool = False, strict: bool = False,
         name: Any = None) -> Any:  # fmt: skip
    """The function of the first predicate that is true, else `default`."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)

    def rest(k: int) -> Any:
        if k == len(pairs):
            if default is None:
                raise InvalidArgumentError("tf.case: no predicate is true and there is no default")
            return default()
        pred, f = pairs[k]
        if k == len(pairs) - 1 and default is None and state.is_traced_value(to_array(pred)):
            return f()
        return cond(pred, f, lambda: rest(k + 1))

    return rest(0)


@export("while_loop")
def while_loop(cond: Any, body: Any, loop_vars: Any, shape_invariants: Any = None,
               parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
               maximum_iterations: Any = None, name: Any = None) -> Any:  # fmt: skip
    """Repeat `body` while `cond` holds, over a list of (nested) tensors.

    In a compiled function there is no gradient through it, since the number of rounds is unknown;
    tf.scan, tf.map_fn and `for i in tf.range(n)` have one.
    """
    limit = None if maximum_iterations is None else int(maximum_iterations)
    several = isinstance(loop_vars, (list, tuple))
    start = arrays(tuple(loop_vars)) if several else (to_array(loop_vars),)
    leaves, structure = optree.tree_flatten(start)

    def step(*flat: Any) -> Any:
        out = body(*tensors(optree.tree_unflatten(structure, flat)))
        out = arrays(tuple(out) if isinstance(out, (list, tuple)) and several else (out,))
        return [_like(y, x) for y, x in zip(optree.tree_leaves(out), flat, strict=True)]

    def test(*flat: Any) -> Any:
        return np.reshape(to_array(cond(*tensors(optree.tree_unflatten(structure, flat)))), ())

    found = core.while_loop(test, step, list(leaves), limit)
    out = tensors(optree.tree_unflatten(structure, list(found)))
    return (list(out) if isinstance(loop_vars, list) else out) if several else out[0]


def _like(y: Any, x: Any) -> Any:
    return y.astype(x.dtype) if y.dtype != x.dtype else y


def _rows(tree: Any) -> int:
    return optree.tree_leaves(tree)[0].shape[0]


@export("map_fn")
def map_fn(fn: Any, elems: Any, dtype: Any = None, parallel_iterations: Any = None,
           back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True,
           name: Any = None, fn_output_signature: Any = None) -> Any:  # fmt: skip
    """`fn` on every row (of tensors in any nesting), the results stacked."""
    xs = arrays(elems)
    return tensors(core.map(_branch(fn), xs))


@export("vectorized_map")
def vectorized_map(fn: Any, elems: Any, fallback_to_while_loop: bool = True,
                   warn: bool = True) -> Any:  # fmt: skip
    """`fn` on all rows at once."""
    return tensors(lamella.vmap(_branch(fn))(arrays(elems)))


@export("scan")
def scan(fn: Any, elems: Any, initializer: Any = None, parallel_iterations: int = 10,
         back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True,
         reverse: bool = False, name: Any = None) -> Any:  # fmt: skip
    """All partial results of `a = fn(a, x)` along the rows."""
    xs = arrays(elems)
    first = None
    if initializer is None:
        k = -1 if reverse else 0
        first = optree.tree_map(lambda x: x[k], xs)
        xs = optree.tree_map(lambda x: x[:-1] if reverse else x[1:], xs)
    start = arrays(first if initializer is None else initializer)

    def step(carry: Any, x: Any) -> Any:
        out = arrays(fn(tensors(carry), tensors(x)))
        return out, out

    ys = core.scan(step, start, xs, reverse=reverse)[1] if _rows(xs) else None
    if first is not None:
        ys = optree.tree_map(lambda a: a[None], first) if ys is None else optree.tree_map(
            lambda a, y: np.concatenate([y, a[None]] if reverse else [a[None], y]), first, ys
        )  # fmt: skip
    return tensors(ys)


def _fold(fn: Any, elems: Any, initializer: Any, reverse: bool) -> Any:
    found = scan(fn, elems, initializer, reverse=reverse)
    return optree.tree_map(lambda x: x[0 if reverse else -1], found)


@export("foldl")
def foldl(fn: Any, elems: Any, initializer: Any = None, parallel_iterations: int = 10,
          back_prop: bool = True, swap_memory: bool = False, name: Any = None) -> Any:  # fmt: skip
    """The last of `a = fn(a, x)` along the rows."""
    return _fold(fn, elems, initializer, False)


@export("foldr")
def foldr(fn: Any, elems: Any, initializer: Any = None, parallel_iterations: int = 10,
          back_prop: bool = True, swap_memory: bool = False, name: Any = None) -> Any:  # fmt: skip
    """As foldl, from the last row to the first."""
    return _fold(fn, elems, initializer, True)


@export("custom_gradient")
def custom_gradient(f: Any) -> Any:
    """A function with its own derivative: `f(*args)` returns (value, gradient function)."""

    def on_arrays(*args: Any) -> Any:
        y, rule = f(*tensors(args))

        def gradient(*cotangents: Any) -> Any:
            found = rule(*tensors(cotangents))
            several = isinstance(found, (list, tuple))
            out = [None if g is None else to_array(g) for g in (found if several else [found])]
            return tuple(out) if len(out) > 1 else out[0]

        return arrays(y), gradient

    inner = lamella.custom_gradient(on_arrays)

    def decorated(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise TypeError("tf.custom_gradient: pass the tensors by position")
        return tensors(inner(*arrays(args)))

    decorated.__name__ = getattr(f, "__name__", "custom_gradient")
    return decorated


@export("recompute_grad")
def recompute_grad(f: Any) -> Any:
    """`f`, computed again in the backward pass instead of kept."""

    def recomputed(*args: Any, **kwargs: Any) -> Any:
        inner = lamella.checkpoint(lambda *xs: arrays(f(*tensors(xs), **kwargs)))
        return tensors(inner(*arrays(args)))

    return recomputed


@export("grad_pass_through")
def grad_pass_through(f: Any) -> Any:
    """`f`, with the derivative of the identity."""

    def passing(x: Any) -> Tensor:
        x = Tensor(to_array(x))
        stopped = Tensor(lamella.stop_gradient(raw(f(x)) - raw(x)))
        return x + stopped

    return passing


@export("TensorArray")
class TensorArray:
    """A list of tensors that a loop writes and reads; `write` returns the array to go on with.

    In a compiled loop it must have a fixed size and an element shape (given, or known from a write
    before the loop).
    """

    def __init__(
        self,
        dtype: Any,
        size: Any = None,
        dynamic_size: Any = None,
        clear_after_read: Any = None,
        tensor_array_name: Any = None,
        handle: Any = None,
        flow: Any = None,
        infer_shape: bool = True,
        element_shape: Any = None,
        colocate_with_first_write_call: bool = True,
        name: Any = None,
    ) -> None:
        from tensorflow_lamella.core.dtypes import as_dtype

        self.dtype = as_dtype(dtype)
        self.dynamic_size = bool(dynamic_size)
        self.element_shape = element_shape
        self._elements: list[Any] = [None] * int(0 if size is None else size)
        self._stacked: Any = None  # one array instead of the list, inside of compiled loops

    def write(self, index: Any, value: Any, name: Any = None) -> TensorArray:
        """The array with `value` at `index`."""
        index, array = to_array(index), to_array(value, self.dtype.dtype)
        if self._stacked is None and not state.is_traced_value(index):
            i = int(index)
            if i >= len(self._elements) and self.dynamic_size:
                self._elements.extend([None] * (i + 1 - len(self._elements)))
            if i >= len(self._elements):
                raise InvalidArgumentError(f"TensorArray: index {i} with size {self._size()}; "
                                           "give dynamic_size=True")  # fmt: skip
            made = self._copy() if state.is_traced() else self
            made._elements[i] = array
            return made
        made = self._copy()
        made._stacked = lamella.update(self._array(array.shape), index, array)
        return made

    def read(self, index: Any, name: Any = None) -> Tensor:
        """The tensor at `index`."""
        index = to_array(index)
        if self._stacked is None and not state.is_traced_value(index):
            found = self._elements[int(index)]
            if found is None:
                raise InvalidArgumentError(f"TensorArray: element {int(index)} was not written")
            return wrap(found)
        return wrap(np.take(self._array(None), index, axis=0))

    def stack(self, name: Any = None) -> Tensor:
        """All tensors in one, along a new first axis."""
        return wrap(self._array(None))

    def concat(self, name: Any = None) -> Tensor:
        """All tensors joined along their first axis."""
        if self._stacked is not None:
            return wrap(np.reshape(self._stacked, (-1, *self._stacked.shape[2:])))
        return wrap(np.concatenate(self._elements))

    def unstack(self, value: Any, name: Any = None) -> TensorArray:
        """The array of the rows of `value`."""
        made = self._copy()
        made._elements, made._stacked = list(to_array(value)), None
        return made

    def gather(self, indices: Any, name: Any = None) -> Tensor:
        """The tensors at `indices`, stacked."""
        return wrap(np.take(self._array(None), to_array(indices), axis=0))

    def scatter(self, indices: Any, value: Any, name: Any = None) -> TensorArray:
        """The array with the rows of `value` at `indices`."""
        made = self
        for i, row in zip(np.asarray(to_array(indices)), to_array(value)):
            made = made.write(i, row)
        return made

    def size(self, name: Any = None) -> Tensor:
        """How many tensors there are."""
        return wrap(np.array(self._size(), np.int32))

    def like(self, other: TensorArray) -> TensorArray:
        """This array, its elements of the shape that they have in `other` where it is not known."""
        if self._stacked is None and self.element_shape is None:
            self.element_shape = other._array(None).shape[1:]
        return self

    def identity(self) -> TensorArray:
        """This array."""
        return self

    def close(self, name: Any = None) -> None:
        """Nothing to do: memory is freed by itself."""

    def _size(self) -> int:
        return len(self._elements) if self._stacked is None else self._stacked.shape[0]

    def _copy(self) -> TensorArray:
        made = TensorArray(self.dtype, self._size(), self.dynamic_size,
                           element_shape=self.element_shape)  # fmt: skip
        made._elements, made._stacked = list(self._elements), self._stacked
        return made

    def _array(self, shape: Any) -> Any:
        """The elements stacked; those that were not written are zeros."""
        if self._stacked is not None:
            return self._stacked
        known = next((x.shape for x in self._elements if x is not None), shape)
        if known is None and self.element_shape is not None:
            known = tuple(self.element_shape)
        if known is None:
            raise InvalidArgumentError(
                "TensorArray: the shape of its elements is not known here; give element_shape="
            )
        if not self._elements:
            return np.zeros((0, *known), self.dtype.dtype)
        empty = np.zeros(tuple(known), self.dtype.dtype)
        return np.stack([empty if x is None else x for x in self._elements])


def _flatten_array(x: TensorArray) -> Any:
    return (x._array(None),), (x.dtype, x.dynamic_size)


def _unflatten_array(about: Any, children: Any) -> TensorArray:
    dtype, dynamic = about
    (stacked,) = children
    made = TensorArray(dtype, 0, dynamic)
    made._stacked = to_array(stacked)
    return made


optree.register_pytree_node(TensorArray, _flatten_array, _unflatten_array, namespace="tensorflow")
