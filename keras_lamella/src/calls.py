"""`model(x)` outside of steps, compiled: for serving one request after the other.

Keras computes a call layer by layer: half a millisecond of Python for a small network. A model of
Keras's own layers that is called again and again with arrays of the same types is compiled, and
its calls cost a tenth of that. Whenever somebody could see a difference Keras makes the call: for
layers and functions of other people, losses and masks, calls within calls, scopes, traces, tapes.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import optree
from keras.src import backend
from keras.src.backend import config
from keras.src.backend.common import global_state
from keras.src.trainers import trainer as base_trainer

from keras_lamella.src import layer
from keras_lamella.src.step import StepFunction
from keras_lamella.src.tensor import Tensor
from lamella.frontend.tracer import Tracer
from lamella.program import is_building

log = logging.getLogger("lamella.keras")

#: How often a call must come to be compiled, which takes as long as dozens of calls by Keras.
OFTEN = 8
#: So many types of arguments of one model are compiled.
KEPT = 32
#: Scopes that change what a call means.
SCOPES = ("current_call_ctx", "stateless_scope", "symbolic_scope", "autocast_scope")
MODELS = ("keras.src.models.functional", "keras.src.models.sequential")
#: What a model keeps for training, which its calls do not read.
TRAINING = frozenset(
    {"history", "optimizer", "stop_training", "stop_evaluating", "stop_predicting"}
    | vars(base_trainer.Trainer()).keys()
    | {f"{kind}_function" for kind in ("train", "test", "predict")}
    | {"_eval_epoch_iterator", "_compile_config", "_compiled_trainable_state", "_calls"}
)

Arrays = Sequence[np.ndarray]
State = list[tuple[Any, dict[str, Any]]]

#: What a compiled call takes.
_ARRAYS = (np.ndarray, Tensor)

#: The answer that means: Keras must make this call.
UNKNOWN = object()


class Calls:
    """The compiled calls of one model, forgotten when anything about its layers changes."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._changes = -1  # of any layer, when this model was looked at last
        self._state: State = []
        self._counts: dict[Hashable, int] = {}
        self._compiled: dict[Hashable, Callable[[Arrays], Any]] = {}

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What `model(*args, **kwargs)` is, or UNKNOWN."""
        if len(args) != 1 or not kwargs.keys() <= {"training"} or is_building():
            return UNKNOWN
        x = args[0]
        leaves, structure = ([x], None) if type(x) in _ARRAYS else optree.tree_flatten(x)
        if any(type(leaf) not in _ARRAYS for leaf in leaves):
            return UNKNOWN
        if any(global_state.get_global_attribute(scope) is not None for scope in SCOPES):
            return UNKNOWN
        if self._changes != layer.changes():
            self._look()
        types = [(leaf.shape, leaf.dtype) for leaf in leaves]
        key = (structure, kwargs.get("training"), config.floatx(), config.epsilon(), *types)
        compiled = self._compiled.get(key)
        if compiled is None:
            compiled = self._often(key, x, kwargs)
        if compiled is None or any(backend.get_keras_mask(leaf) is not None for leaf in leaves):
            return UNKNOWN
        return compiled(leaves)

    def _look(self) -> None:
        """Forget everything if a layer is not as it was."""
        self._changes = layer.changes()
        state = _state(self._model)
        if not _same(state, self._state):
            self._state = state
            self._counts.clear()
            self._compiled.clear()

    def _often(self, key: Hashable, x: Any, kwargs: dict[str, Any]) -> Any:
        """The call, compiled now that it has come often; None before, and where it cannot be."""
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] != OFTEN or len(self._compiled) >= KEPT:
            return None
        if not _is_plain(self._model):
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # Keras warns at every call
                self._compiled[key] = StepFunction(self._traceable(kwargs)).compiled(x)
        except Exception as error:  # Keras raises it again, or computes what cannot be traced
            log.debug("model(x) stays with Keras: %s", error)
        return self._compiled.get(key)

    def _traceable(self, kwargs: dict[str, Any]) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            out = self._model(x, **kwargs)
            for leaf in optree.tree_leaves(out):
                if not isinstance(leaf, Tracer) or backend.get_keras_mask(leaf) is not None:
                    raise TypeError(f"an output is {leaf!r}, or has a mask")
            if not _same(_state(self._model), self._state):
                raise TypeError("the call leaves something in its layers")
            return out

        return call


def _state(model: Any) -> State:
    """Every layer and its attributes, with the items of lists and dicts."""
    return [
        (part, {
            name: _items(value) for name, value in vars(part).items()
            if part is not model or name not in TRAINING
        })
        for part in model._flatten_layers()
    ]  # fmt: skip


def _items(value: Any) -> Any:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return tuple(value) if isinstance(value, (list, set)) else value


def _same(a: State, b: State) -> bool:
    return len(a) == len(b) and all(
        x is y and s.keys() == t.keys() and all(_equal(s[name], t[name]) for name in s)
        for (x, s), (y, t) in zip(a, b)
    )


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    return isinstance(a, (bool, int, float, str)) and a == b


def _is_plain(model: Any) -> bool:
    """Is all that a call runs Keras's own?"""
    return (
        type(model).__module__ in MODELS
        and base_trainer.model_supports_jit(model)
        and all(
            _is_keras(part) and all(_is_keras(x) for x in state.values() if callable(x))
            for part, state in _state(model)
        )
    )


def _is_keras(x: Any) -> bool:
    module = getattr(x, "__module__", None) or type(x).__module__
    return module.startswith(("keras.src.", "keras_lamella."))
