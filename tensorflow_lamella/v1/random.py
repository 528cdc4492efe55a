"""Random tensors of graphs: new numbers in every run, the same ones in every session after a seed.

A draw is keyed by the seed of its operation and by a counter that the session keeps.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from keras.src.random.seed_generator import make_default_seed

from keras_lamella.src import variates
from lamella.frontend.tracer import Tracer
from lamella.program import current_builder
from lamella.types import Type
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.names import export
from tensorflow_lamella.v1 import abstract, evaluate
from tensorflow_lamella.v1.graph import get_default_graph, make_operation
from tensorflow_lamella.v1.recorder import in_graph, replaces
from tensorflow_lamella.v1.tensor import GraphTensor, give_outputs

_SEED = Type((2,), np.dtype(np.uint32))


class _Counter:
    """The variable of a session that counts draws."""

    flexible = False

    def new_slot(self) -> Any:
        from tensorflow_lamella.v1.session import Slot, initial_array

        return Slot(initial_array(np.dtype(np.uint32), ()), initialized=True)


COUNTER = _Counter()


def random_operation(fn: Any, args: Any, kwargs: dict[str, Any], seed: int | None, name: str,
                     type: str) -> GraphTensor:  # fmt: skip
    """A node that applies `fn(key, *args, **kwargs)`, key uint32[2]."""
    op = make_operation(fn, args, kwargs, name=name, type=type, kind="random")
    op.attributes["seed"] = _operation_seed(op, seed)
    op.attributes["random"] = True
    return give_outputs(op)[0]


def _operation_seed(op: Any, seed: int | None) -> np.ndarray:
    """As in TensorFlow it depends on the graph's seed, and on the operation's own or its place.

    Without either it is drawn from Python's `random`, as Keras draws its own.
    """
    if op.graph.seed is None and seed is None:
        return np.asarray(make_default_seed(), np.uint32)
    place = op.number if seed is None else seed
    return np.asarray(zlib.crc32(f"{op.graph.seed} {place}".encode()), np.uint32)


def _draw(frame: Any, op: Any) -> Any:
    count = frame.run.value(COUNTER)
    frame.run.assign(COUNTER, count + np.uint32(1))
    key = np.stack([np.asarray(op.attributes["seed"]), count])
    return op([frame.value(t) for t in op.inputs], key)


def _types(op: Any, world: Any) -> Any:
    values = [abstract.value(t, world) for t in op.inputs]
    return abstract.traced(lambda xs: op(xs[1:], xs[0]), [_SEED, *values])


evaluate.RULES["random"] = _draw
abstract.RULES["random"] = _types


@export("set_random_seed", "random.set_random_seed", version=1)
def set_random_seed(seed: int) -> None:
    """Make the random tensors of the default graph (or of eager execution) repeatable."""
    import keras

    keras.utils.set_random_seed(int(seed))
    get_default_graph().seed = int(seed)


replaces("random.set_seed", "set_random_seed")(set_random_seed)


def _scalars(*values: Any) -> Any:
    return [to_array(v) for v in values]


def _normal(key: Any, shape: Any, mean: Any, stddev: Any, dtype: Any, limit: Any) -> Any:
    kind = numpy_dtype(dtype)
    inner = kind if kind.itemsize >= 4 else np.dtype(np.float32)
    options = {} if limit is None else {"limit": limit}
    x = variates.normal(key, sizes(_plain(shape)), inner, **options)
    return (x * to_array(stddev, inner) + to_array(mean, inner)).astype(kind)


def _plain(shape: Any) -> Any:
    """A shape whose sizes may be arrays."""
    if isinstance(shape, (list, tuple)):
        return tuple(int(np.asarray(to_array(getattr(d, "value", d)))) for d in shape)
    found = to_array(shape) if not isinstance(shape, int) else shape
    return found


def _uniform(key: Any, shape: Any, low: Any, high: Any, dtype: Any) -> Any:
    kind, wanted = numpy_dtype(dtype), sizes(_plain(shape))
    if kind.kind in "iu":
        u = variates.unit_interval(key, wanted, np.dtype(np.float64))
        low, high = (to_array(v).astype(np.float64) for v in (low, high))
        return np.floor(low + u * (high - low)).astype(kind)
    inner = kind if kind.itemsize >= 4 else np.dtype(np.float32)
    u = variates.unit_interval(key, wanted, inner)
    low, high = to_array(low, hint=inner).astype(inner), to_array(high, hint=inner).astype(inner)
    return (low + u * (high - low)).astype(kind)


@in_graph("random_normal", "random.normal", eager="random.normal")
@replaces("random.normal")
def random_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32",
                  seed: int | None = None, name: str | None = None) -> GraphTensor:  # fmt: skip
    """Normal numbers."""
    return random_operation(_normal, (shape, mean, stddev, dtype, None), {}, seed,
                            name or "random_normal", "RandomStandardNormal")  # fmt: skip


@in_graph("truncated_normal", "random.truncated_normal", eager="random.truncated_normal")
@replaces("random.truncated_normal")
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32",
                     seed: int | None = None, name: str | None = None) -> GraphTensor:  # fmt: skip
    """Normal numbers no farther than two standard deviations from the mean."""
    return random_operation(_normal, (shape, mean, stddev, dtype, 2.0), {}, seed,
                            name or "truncated_normal", "TruncatedNormal")  # fmt: skip


@in_graph("random_uniform", "random.uniform", eager="random.uniform")
@replaces("random.uniform")
def random_uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32",
                   seed: int | None = None, name: str | None = None) -> GraphTensor:  # fmt: skip
    """Uniform numbers from `minval` (included) to `maxval` (not included)."""
    if maxval is None:
        if numpy_dtype(dtype).kind in "iu":
            raise ValueError("Must specify maxval for integer dtype")
        maxval = 1
    return random_operation(_uniform, (shape, minval, maxval, dtype), {}, seed,
                            name or "random_uniform", "RandomUniform")  # fmt: skip


def _shuffle(key: Any, value: Any) -> Any:
    value = to_array(value)
    words = variates.bits(key, (value.shape[0],), beside=value)
    order = np.argsort(words, kind="stable")
    if isinstance(order, Tracer):
        value = current_builder().lift(value)  # np.take looks at the type of its first argument
    return np.take(value, order, axis=0)


@in_graph("random_shuffle", "random.shuffle", eager="random.shuffle")
@replaces("random.shuffle")
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> GraphTensor:
    """The rows of `value` in a random order."""
    return random_operation(_shuffle, (value,), {}, seed, name or "RandomShuffle", "RandomShuffle")


def _multinomial(key: Any, logits: Any, num_samples: Any, dtype: Any) -> Any:
    logits = to_array(logits)
    rows, classes = logits.shape
    words = variates.bits(key, (rows, int(num_samples), classes), beside=logits)
    u = variates.open_interval(words, np.dtype(np.float32))
    noisy = logits.astype(np.float32)[:, None, :] - np.log(-np.log(u))
    return np.argmax(noisy, axis=-1).astype(numpy_dtype(dtype))


@in_graph("multinomial", "random.multinomial", "random.categorical", eager="random.categorical")
@replaces("random.categorical")
def categorical(logits: Any, num_samples: Any, dtype: Any = "int64", seed: int | None = None,
                name: str | None = None, output_dtype: Any = None) -> GraphTensor:  # fmt: skip
    """Classes drawn from each row of unnormalised log-probabilities: (rows, num_samples)."""
    return random_operation(_multinomial, (logits, num_samples, output_dtype or dtype or "int64"),
                            {}, seed, name or "multinomial", "Multinomial")  # fmt: skip


def _gamma(key: Any, shape: Any, alpha: Any, beta: Any, dtype: Any) -> Any:
    kind = numpy_dtype(dtype)
    alpha, beta = (
        to_array(v, hint=kind).astype(kind) for v in (alpha, 1.0 if beta is None else beta)
    )
    full = (*sizes(_plain(shape)), *np.broadcast_shapes(alpha.shape, beta.shape))
    words = variates.bits(key, (variates.GAMMA_WORDS, *full), beside=alpha)
    return (variates.gamma(np.broadcast_to(alpha, full), words) / beta).astype(kind)


@in_graph("random_gamma", "random.gamma", eager="random.gamma")
@replaces("random.gamma")
def random_gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32",
                 seed: int | None = None, name: str | None = None) -> GraphTensor:  # fmt: skip
    """Gamma-distributed numbers: `shape` of them for each alpha and beta."""
    return random_operation(_gamma, (shape, alpha, beta, dtype), {}, seed, name or "random_gamma",
                            "RandomGamma")  # fmt: skip
