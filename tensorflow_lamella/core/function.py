"""tf.function: a Python function traced once for each signature and compiled whole.

Tensors and arrays among the arguments are inputs, everything else is a constant of the signature.
Variables that the function reads and assigns become state that the machine code updates in place,
as in the compiled steps of Keras. Gradients of tapes inside are equations like others.
"""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Hashable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optree
from keras.src.backend.common import KerasVariable

from keras_lamella.src.interrupts import interrupts_afterwards
from keras_lamella.src.variable import Variable, VariableScope
from lamella.compile import Executable, compile_program
from lamella.frontend.trace import trace
from lamella.frontend.tracer import Tracer
from lamella.program import Program, is_building
from lamella.types import Type, dtype_of
from tensorflow_lamella.core import state
from tensorflow_lamella.core.autograph import converted
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.spec import TensorSpec
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import OnlyInPython
from tensorflow_lamella.names import export, put


@dataclass
class Compiled:
    """One signature: its machine code, the variables it uses, and what it returns."""

    program: Program
    executable: Executable
    variables: list[Variable]
    written: list[bool]
    structure: Any = None
    constants: list[Any] = field(default_factory=list)  # of the leaves; _ARRAY where computed

    def run(self, arrays: Sequence[np.ndarray]) -> Any:
        """Call the machine code."""
        held = [v.owned() if w else v._array for v, w in zip(self.variables, self.written)]
        calls_python = self.executable.machine.code.hosts
        with interrupts_afterwards() if calls_python else nullcontext():
            results = iter(self.executable.run([*arrays, *held], 1, {}))
        leaves = [Tensor(next(results)) if c is _ARRAY else c for c in self.constants]
        return optree.tree_unflatten(self.structure, leaves)


_ARRAY = object()


class Function:
    """What `tf.function` returns; see there."""

    def __init__(self, function: Callable[..., Any], input_signature: Any = None,
                 autograph: bool = True) -> None:  # fmt: skip
        functools.update_wrapper(self, function)
        self.name = getattr(function, "__name__", type(function).__name__)
        self.python_function = function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._autograph = autograph
        self._compiled: dict[Hashable, Compiled] = {}
        self._in_python = False
        self._bound: weakref.WeakKeyDictionary[Any, Function] = weakref.WeakKeyDictionary()

    @functools.cached_property
    def _body(self) -> Callable[..., Any]:
        return converted(self.python_function) if self._autograph else self.python_function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if eagerly() or self._in_python:
            return self.python_function(*args, **kwargs)
        if self.input_signature is not None:
            if len(args) == len(self.input_signature) + 1:  # a method, called through its class
                return self.__get__(args[0])(*args[1:], **kwargs)
            args, kwargs = self._as_declared(args, kwargs)
        if is_building() or state.graph() is not None:
            return self._body(*args, **kwargs)
        try:
            compiled, arrays = self._for(args, kwargs)
        except OnlyInPython as error:
            print(f"tf.function {self.name} is not compiled: {error}", file=sys.stderr)
            self._in_python = True
            return self.python_function(*args, **kwargs)
        return compiled.run(arrays)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: one Function for each instance."""
        if instance is None:
            return self
        if instance not in self._bound:
            method = self.python_function.__get__(instance, owner)
            bound = Function(method, self.input_signature, self._autograph)
            self._bound[instance] = bound
        return self._bound[instance]

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> ConcreteFunction:
        """The function for one signature, given as tensors or TensorSpecs with known shapes."""
        if not args and self.input_signature is not None:
            args = self.input_signature
        args, kwargs = optree.tree_map(_sample, (args, kwargs))
        compiled, _ = self._for(args, kwargs)
        return ConcreteFunction(self, compiled)

    def experimental_get_tracing_count(self) -> int:
        """How many signatures were traced."""
        return len(self._compiled)

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The Program of the engine for these arguments; `print` it to read it."""
        return self._for(args, kwargs)[0].program

    def _for(self, args: Any, kwargs: Any) -> tuple[Compiled, list[np.ndarray]]:
        leaves, structure = optree.tree_flatten((args, kwargs), none_is_leaf=True)
        arrays, key = [], [structure]
        for x in leaves:
            if isinstance(x, (Tensor, np.ndarray, np.generic)):
                arrays.append(np.asarray(to_array(x)))
                if arrays[-1].dtype == object:
                    raise OnlyInPython("it is given strings")
                key.append((arrays[-1].shape, arrays[-1].dtype))
            else:
                key.append(_constant_key(x))
        signature = tuple(key)
        if signature not in self._compiled:
            self._compiled[signature] = self._compile(leaves, structure, arrays)
        return self._compiled[signature], arrays

    def _compile(self, leaves: list[Any], structure: Any, arrays: Sequence[np.ndarray]) -> Compiled:
        scope = VariableScope()
        made = Compiled(*[None] * 4)  # type: ignore[arg-type]

        def flat(*tracers: Any) -> list[Any]:
            given = iter(tracers)
            values = [Tensor(next(given)) if is_input(x) else x for x in leaves]
            args, kwargs = optree.tree_unflatten(structure, values)
            with scope:
                out = self._body(*args, **kwargs)
                results, made.structure = optree.tree_flatten(out, none_is_leaf=True)
                computed = [to_array(x) for x in results if _is_computed(x)]
            made.constants = [_ARRAY if _is_computed(x) else x for x in results]
            made.written = [True] * len(computed)
            return [*computed, *scope.assigned.values()]

        types = [Type(x.shape, dtype_of(x.dtype)) for x in arrays]
        made.program, captured = trace(flat, types)
        made.variables = scope.captured(captured)
        position = {id(v): len(types) + i for i, v in enumerate(made.variables)}
        n_out = len(made.written)
        donated = {position[k]: n_out + i for i, k in enumerate(scope.assigned)}
        made.written = [position[id(v)] in donated for v in made.variables]
        made.executable = compile_program(made.program, donated)
        return made

    def _as_declared(self, args: Any, kwargs: Any) -> Any:
        """The arguments as tensors of `input_signature`; TypeError where they do not fit."""
        if kwargs:
            bound = inspect.signature(self.python_function).bind(*args, **kwargs)
            args = bound.args
        assert self.input_signature is not None
        if len(args) != len(self.input_signature):
            raise TypeError(f"{self.name} has an input_signature of {len(self.input_signature)}"
                            f" arguments, {len(args)} were given")  # fmt: skip
        return optree.tree_map(_declared, self.input_signature, tuple(args)), {}


class ConcreteFunction:
    """A Function for one signature."""

    def __init__(self, function: Function, compiled: Compiled) -> None:
        self._function, self._compiled = function, compiled
        self.name = function.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    @property
    def structured_outputs(self) -> Any:
        """TensorSpecs of what it returns."""
        types = iter(self._compiled.program.out_types)
        specs = [TensorSpec(t.shape, t.dtype) if c is _ARRAY else c
                 for c, t in zip(self._compiled.constants, types)]  # fmt: skip
        return optree.tree_unflatten(self._compiled.structure, specs)


def is_input(x: Any) -> bool:
    """Tensors and arrays are inputs of a function; everything else is a constant of it."""
    return isinstance(x, (Tensor, np.ndarray, np.generic))


def _is_computed(x: Any) -> bool:
    return is_input(x) or isinstance(x, (Tracer, KerasVariable))


def _constant_key(x: Any) -> Hashable:
    try:
        hash(x)
    except TypeError:
        return type(x), id(x)
    if isinstance(x, KerasVariable):
        return "variable", id(x)
    return type(x), repr(x) if isinstance(x, (float, complex)) else x


def _declared(spec: Any, x: Any) -> Any:
    if not isinstance(spec, TensorSpec):
        return x
    array = to_array(x, spec.dtype.dtype)
    if not spec.shape.is_compatible_with(array.shape):
        raise TypeError(f"a tensor of shape {array.shape} was given where input_signature says "
                        f"{spec.shape}")  # fmt: skip
    return Tensor(array)


def _sample(x: Any) -> Any:
    if not isinstance(x, TensorSpec):
        return x
    if not x.shape.is_fully_defined():
        raise ValueError(
            f"get_concrete_function: {x} has unknown sizes; a compiled function has "
            "known shapes, give the shape or call the function with tensors"
        )
    return Tensor(np.zeros(tuple(x.shape), x.dtype.dtype))


_eagerly = False


def eagerly() -> bool:
    """Whether functions are to run as plain Python."""
    return _eagerly


@export("config.run_functions_eagerly", "config.experimental_run_functions_eagerly")
def run_functions_eagerly(run_eagerly: bool) -> None:
    """Whether tf.function runs its Python function as it is, to look at values."""
    global _eagerly
    _eagerly = bool(run_eagerly)


put(eagerly, "config.functions_run_eagerly")


@export("function")
def function(
    func: Any = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: Any = None,
    reduce_retracing: bool = False,
    **unused: Any,
) -> Any:
    """Compile a function of tensors, whole: forward, tapes, optimizer, assignments.

    It is traced for each combination of shapes, dtypes and Python values it is called with; Python
    side effects happen while tracing. `if`, `while` and `for` over tensors are converted, as by
    TensorFlow's AutoGraph. `jit_compile` and others have no effect: everything is compiled.

    >>> @tf.function
    ... def norm(x):
    ...     return tf.sqrt(tf.reduce_sum(x * x))
    """
    if func is None:
        return functools.partial(function, input_signature=input_signature, autograph=autograph)
    return Function(func, input_signature, autograph)
