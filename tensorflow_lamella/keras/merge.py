"""The layer Merge and the function merge of Keras 1, over the layers that replaced them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras.src.layers.merging.base_merge import Merge as _Merge  # noqa: F401  (subclassed)

MODES = {
    "sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate",
    "dot": "Dot", "cos": "Dot",
}  # fmt: skip
"""The modes of `merge`, and the layers that they are now."""


def merge_layer(
    mode: str | Callable[..., Any] = "sum", concat_axis: int = -1, dot_axes: Any = -1,
    name: str | None = None, output_shape: Any = None,
) -> keras.layers.Layer:  # fmt: skip
    """The layer that merges as Keras 1 did in `mode`.

    Raises ValueError for a mode that there never was.
    """
    if callable(mode):
        return keras.layers.Lambda(mode, output_shape=output_shape, name=name)
    if mode not in MODES:
        raise ValueError(f"merge: mode {mode!r}; the modes are {', '.join(MODES)}, or a function")
    options: dict[str, Any] = {"name": name}
    if mode == "concat":
        options["axis"] = concat_axis
    if MODES[mode] == "Dot":
        options |= {"axes": dot_axes, "normalize": mode == "cos"}
    return getattr(keras.layers, MODES[mode])(**options)


def merge(inputs: Sequence[Any], mode: Any = "sum", **options: Any) -> Any:
    """`merge([a, b], mode="concat")` on symbolic tensors."""
    return merge_layer(mode, **_known(options))(list(inputs))


class Merge(keras.layers.Layer):
    """`Sequential().add(Merge([left, right], mode="concat"))`: one model of several branches."""

    def __init__(self, layers: Sequence[Any], mode: Any = "sum", **options: Any) -> None:
        super().__init__(name=options.pop("name", None))
        self.branches = list(layers)
        self.merging = merge_layer(mode, **_known(options))

    def call(self, inputs: Sequence[Any]) -> Any:
        parts = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        return self.merging([branch(x) for branch, x in zip(self.branches, parts)])


class MergedSequential(keras.Sequential):
    """A Sequential whose first layer is a Merge: its inputs are those of the branches."""

    def _maybe_rebuild(self) -> None:
        self.build()

    def build(self, input_shape: Any = None) -> None:
        first, *rest = self._layers
        x = first.merging([branch.outputs[0] for branch in first.branches])
        for layer in rest:
            x = layer(x)
        inputs = [tensor for branch in first.branches for tensor in branch.inputs]
        self._functional = keras.Model(inputs, x, name=self.name)
        self.built = True


def starts_with_merge(add_layer: Callable[..., Any]) -> Callable[..., Any]:
    """`Sequential.add` that takes a Merge as the first layer."""

    @functools.wraps(add_layer)
    def method(self: Any, layer: Any, *args: Any, **kwargs: Any) -> None:
        if isinstance(layer, Merge) and not self._layers:
            self.__class__ = MergedSequential
        add_layer(self, layer, *args, **kwargs)

    return method


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """The options that still mean something: masks and tensor indices follow from the rest."""
    kept = ("concat_axis", "dot_axes", "output_shape", "name")
    return {name: value for name, value in options.items() if name in kept}


add, subtract = keras.layers.add, keras.layers.subtract
multiply, average = keras.layers.multiply, keras.layers.average
maximum, minimum = keras.layers.maximum, keras.layers.minimum
concatenate, dot = keras.layers.concatenate, keras.layers.dot
