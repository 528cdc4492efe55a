"""Outputs and gradients of every function, layer, loss, metric, optimizer ... of Keras.

    KERAS_BACKEND=jax python tools/reference_catalogue.py tests/keras/reference/catalogue.npz

records what the cases of tools/catalogue give under JAX, in float32. tests/keras/
test_keras_catalogue.py
compares Lamella with the file, and fails where a public name of Keras has no case; run the
command again when a case is changed.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import tree

sys.path.insert(0, str(Path(__file__).parent))

from catalogue import CASES, OUTSIDE, generator, lookup

NAMESPACES = (
    "ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "layers", "losses", "metrics",
    "optimizers", "optimizers.schedules", "activations", "initializers", "regularizers",
    "constraints", "random", "quantizers",
)  # fmt: skip


def uncovered() -> list[str]:
    """The public names whose object no case exercises and that are not said to be outside."""
    known = [lookup(key) for key in (*CASES, *OUTSIDE)]
    covered = {id(x) for x in known} | {id(_partner(x)) for x in known}
    names = [
        f"{space}.{name}"
        for space in NAMESPACES
        for name in dir(lookup(space))
        if not name.startswith("_")
    ]
    return [n for n in names if not inspect.ismodule(lookup(n)) and id(lookup(n)) not in covered]


def _partner(x: Any) -> Any:
    """An initializer or regularizer and its lower-case name are one class; others are alone."""
    return getattr(x, "__class__", x) if not inspect.isclass(x) else x


def outputs(result: Any) -> list[np.ndarray]:
    """The arrays of a result in order; texts and numbers are arrays as well."""
    leaves = [keras.ops.convert_to_numpy(x) if keras.ops.is_tensor(x) else np.asarray(x)
              for x in tree.flatten(result)]  # fmt: skip
    return [np.asarray(x) for x in leaves]


def floating(x: Any) -> bool:
    return np.dtype(x.dtype).kind == "f"


def weighted(f: Callable[..., Any], arrays: Sequence[np.ndarray]) -> tuple[Any, list[int]]:
    """A scalar that depends on all float32 outputs of `f`, and the arguments that it takes."""
    positions = [i for i, x in enumerate(arrays) if floating(x)]

    def scalar(*values: Any) -> Any:
        given = list(arrays)
        for i, x in zip(positions, values, strict=True):
            given[i] = x
        total = 0.0
        for k, out in enumerate(x for x in tree.flatten(f(*given)) if keras.ops.is_tensor(x)):
            if keras.backend.standardize_dtype(out.dtype) == "float32":
                weights = np.cos(np.arange(int(np.prod(out.shape))) + k).astype(np.float32)
                total = total + keras.ops.sum(out * weights.reshape(out.shape))
        return total

    return scalar, positions


def record(key: str) -> list[np.ndarray]:
    """Outputs, then gradients, of a case under JAX."""
    import jax

    case = CASES[key]
    f, arrays = case.make(generator(key))
    results = outputs(_compiled(f)(*map(keras.ops.convert_to_tensor, arrays)))
    if not (case.differentiate and any(map(floating, results)) and any(map(floating, arrays))):
        return results
    scalar, positions = weighted(f, arrays)
    gradient = jax.grad(scalar, argnums=tuple(range(len(positions))))
    g = _compiled(gradient)(*(arrays[i] for i in positions))
    return [*results, *map(np.asarray, g)]


def _compiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` compiled by JAX, which is faster, or as it is where JAX cannot."""
    import jax

    def either(*args: Any) -> Any:
        try:
            return jax.jit(f)(*args)
        except (TypeError, IndexError, jax.errors.JAXTypeError):
            return f(*args)

    return either


def pack(path: str, found: dict[str, list[np.ndarray]]) -> None:
    """Numbers in one vector for each dtype, and JSON that tells which are whose."""
    pools: dict[str, list[np.ndarray]] = {}
    index = {}
    for key, results in found.items():
        index[key] = [(x.dtype.str, list(x.shape)) for x in results]
        for x in results:
            pools.setdefault(x.dtype.str, []).append(x.ravel())
    vectors = {name: np.concatenate(parts) for name, parts in pools.items()}
    np.savez_compressed(path, index=np.array(json.dumps(index)), **vectors)


def unpack(path: str | Path) -> dict[str, list[np.ndarray]]:
    """What `pack` wrote."""
    with np.load(path) as file:
        vectors = {name: file[name] for name in file.files}
    position = dict.fromkeys(vectors, 0)
    found: dict[str, list[np.ndarray]] = {}
    for key, results in json.loads(str(vectors["index"])).items():
        found[key] = []
        for dtype, shape in results:
            start, size = position[dtype], int(np.prod(shape))
            found[key].append(vectors[dtype][start : start + size].reshape(shape))
            position[dtype] = start + size
    return found


def main(path: str, *keys: str) -> None:
    """Record all cases, or only `keys` beside what the file has."""
    found = unpack(path) if keys else {}
    for key in keys or CASES:
        found[key] = record(key)
    pack(path, {key: found[key] for key in CASES if key in found})
    print(len(found), "cases,", Path(path).stat().st_size, "bytes; no case:", uncovered())


if __name__ == "__main__":
    main(*sys.argv[1:])
