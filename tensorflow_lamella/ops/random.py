"""tf.random: draws from counter-based generators, whose state is a variable like others.

A compiled function that draws advances the state; the numbers are those of the same seed at any
number of threads, and not those of TensorFlow.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from keras.src import backend
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import (
    GLOBAL_SEED_GENERATOR,
    SeedGenerator,
    make_default_seed,
)

from lamella.frontend.tracer import Tracer
from tensorflow_lamella.core.convert import to_array
from tensorflow_lamella.core.dispatch import Array, op, wrap
from tensorflow_lamella.core.dtypes import numpy_dtype
from tensorflow_lamella.core.shape import sizes
from tensorflow_lamella.core.tensor import Tensor
from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, put

draw = backend.random

_generators: dict[int | None, SeedGenerator] = {}
_seed: int | None = None


class Given(SeedGenerator):
    """Keras's random functions with this key, two words, instead of a state."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def next(self, ordered: bool = True) -> Any:
        return self._key


def set_seed(seed: Any) -> None:
    """All draws from here on follow from `seed`, those of Keras's initialisers and layers too."""
    global _seed
    _seed = int(seed)
    for op_seed, generator in _generators.items():  # compiled functions hold on to them
        generator.state.assign(np.array([_start(op_seed), 0], np.uint32))
    random.seed(_seed)  # Keras draws the seeds of its initialisers from it
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, SeedGenerator(_seed))


put(set_seed, "random.set_seed")


def source(seed: Any) -> SeedGenerator:
    """The generator of the draws with this op seed: the global one for None."""
    seed = None if seed is None else int(seed)
    if seed not in _generators:
        _generators[seed] = SeedGenerator(_start(seed))
    return _generators[seed]


def _start(seed: int | None) -> int:
    """The seed of a generator: from both seeds, or drawn as Keras draws its own."""
    words = [w & 0xFFFFFFFF for w in (_seed, seed) if w is not None]
    words = words or [make_default_seed()]
    return int(np.random.SeedSequence(words).generate_state(1)[0] & 0x7FFFFFFF)


def uniform_numbers(shape: Any, seed: Any = None) -> Any:
    """float32 in [0, 1)."""
    return draw.uniform(sizes(shape), dtype="float32", seed=source(seed))


def _key(seed: Any) -> Given:
    """The key of a stateless draw: any two integers."""
    words = to_array(seed)
    return Given(words.astype(np.uint32))


def _normal(shape: Any, mean: Any, stddev: Any, dtype: Any, seed: Any, truncated: bool) -> Any:
    kind = numpy_dtype(dtype)
    mean, stddev = to_array(mean).astype(kind), to_array(stddev).astype(kind)
    f = draw.truncated_normal if truncated else draw.normal
    return f(sizes(shape), dtype=kind.name, seed=seed) * stddev + mean


def _uniform(shape: Any, minval: Any, maxval: Any, dtype: Any, seed: Any) -> Any:
    kind = numpy_dtype(dtype)
    if maxval is None:
        if kind.kind in "iu":
            raise ValueError(f"Must specify maxval for integer dtype {kind.name}")
        maxval = 1
    if kind.kind in "iu":
        return draw.randint(sizes(shape), minval, maxval, kind.name, seed)
    low, high = to_array(minval).astype(kind), to_array(maxval).astype(kind)
    return low + draw.uniform(sizes(shape), dtype=kind.name, seed=seed) * (high - low)


@op("random.normal")
def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32",
           seed: Any = None) -> Any:  # fmt: skip
    return _normal(shape, mean, stddev, dtype, source(seed), False)


@op("random.truncated_normal")
def truncated_normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32",
                     seed: Any = None) -> Any:  # fmt: skip
    """Normal numbers, drawn again beyond two standard deviations."""
    return _normal(shape, mean, stddev, dtype, source(seed), True)


@op("random.uniform")
def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32",
            seed: Any = None) -> Any:  # fmt: skip
    return _uniform(shape, minval, maxval, dtype, source(seed))


@op("random.shuffle")
def shuffle(value: Array, seed: Any = None) -> Any:
    """The rows in random order."""
    order = np.argsort(draw.uniform((value.shape[0],), dtype="float32", seed=source(seed)))
    return np.take(value, order, axis=0)


@op("random.categorical")
def categorical(logits: Array, num_samples: Any, dtype: Any = None, seed: Any = None) -> Any:
    kind = numpy_dtype(dtype or "int64")
    return draw.categorical(logits, int(num_samples), kind.name, source(seed))


def _gamma(shape: Any, alpha: Any, beta: Any, dtype: Any, seed: Any) -> Any:
    kind = numpy_dtype(dtype)
    alpha = to_array(alpha).astype(kind)
    rate = None if beta is None else to_array(beta).astype(kind)
    inner = alpha.shape if rate is None else np.broadcast_shapes(alpha.shape, rate.shape)
    whole = (*sizes(shape), *inner)
    x = draw.gamma(whole, np.broadcast_to(alpha, whole), kind.name, seed)
    return x if rate is None else x / rate


@op("random.gamma")
def gamma(shape: Any, alpha: Any, beta: Any = None, dtype: Any = "float32",
          seed: Any = None) -> Any:  # fmt: skip
    return _gamma(shape, alpha, beta, dtype, source(seed))


@op("random.poisson")
def poisson(shape: Any, lam: Any, dtype: Any = "float32", seed: Any = None) -> Any:
    return _poisson(shape, lam, dtype, source(seed))


def _poisson(shape: Any, lam: Any, dtype: Any, seed: SeedGenerator) -> Any:
    rate, key = to_array(lam), seed.next()
    if isinstance(rate, Tracer) or isinstance(key, Tracer):
        raise unsupported("tf.random.poisson inside of a compiled function", "draw it outside")
    rng = np.random.Generator(np.random.Philox(np.asarray(key).astype(np.uint64)))
    return rng.poisson(rate, (*sizes(shape), *rate.shape)).astype(numpy_dtype(dtype))


@op("random.stateless_normal")
def stateless_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0,
                     dtype: Any = "float32", alg: Any = None) -> Any:  # fmt: skip
    return _normal(shape, mean, stddev, dtype, _key(seed), False)


@op("random.stateless_truncated_normal")
def stateless_truncated_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0,
                               dtype: Any = "float32", alg: Any = None) -> Any:  # fmt: skip
    return _normal(shape, mean, stddev, dtype, _key(seed), True)


@op("random.stateless_uniform")
def stateless_uniform(shape: Any, seed: Any, minval: Any = 0, maxval: Any = None,
                      dtype: Any = "float32", alg: Any = None) -> Any:  # fmt: skip
    return _uniform(shape, minval, maxval, dtype, _key(seed))


@op("random.stateless_categorical")
def stateless_categorical(logits: Array, num_samples: Any, seed: Any, dtype: Any = "int64") -> Any:
    return draw.categorical(logits, int(num_samples), numpy_dtype(dtype).name, _key(seed))


@op("random.stateless_gamma")
def stateless_gamma(shape: Any, seed: Any, alpha: Any, beta: Any = None,
                    dtype: Any = "float32") -> Any:  # fmt: skip
    alpha = to_array(alpha)
    own = shape[len(shape) - alpha.ndim :] if alpha.ndim else ()
    return _gamma(sizes(shape)[: len(shape) - len(own)], alpha, beta, dtype, _key(seed))


@op("random.stateless_poisson")
def stateless_poisson(shape: Any, seed: Any, lam: Any, dtype: Any = "int32") -> Any:
    rate = to_array(lam)
    return _poisson(sizes(shape)[: len(shape) - rate.ndim], rate, dtype, _key(seed))


@op("random.split", "random.experimental.stateless_split")
def split(seed: Array, num: int = 2, alg: Any = None) -> Any:
    """New keys from one."""
    words = draw.randint((num, 2), 0, 2**31 - 1, "int32", _key(seed))
    return words.astype(seed.dtype)


@op("random.fold_in", "random.experimental.stateless_fold_in")
def fold_in(seed: Array, data: Array, alg: Any = None) -> Any:
    """A key from a key and a number."""
    mixed = np.stack(
        [seed[0].astype(np.uint32), seed[1].astype(np.uint32) + data.astype(np.uint32)]
    )
    return draw.randint((2,), 0, 2**31 - 1, "int32", Given(mixed)).astype(seed.dtype)


@export("random.experimental.stateless_shuffle")
def stateless_shuffle(value: Any, seed: Any, alg: Any = None, name: Any = None) -> Tensor:
    """The rows in an order that follows from `seed`."""
    return _stateless_shuffle(value, seed)


@op("_stateless_shuffle")
def _stateless_shuffle(value: Array, seed: Any) -> Any:
    order = np.argsort(draw.uniform((value.shape[0],), dtype="float32", seed=_key(seed)))
    return np.take(value, order, axis=0)


@export("random.Generator")
class Generator:
    """A generator with its own state.

    >>> g = tf.random.Generator.from_seed(1)
    >>> g.normal([2]).shape
    TensorShape([2])
    """

    def __init__(self, copy_from: Any = None, state: Any = None, alg: Any = None) -> None:
        self._source = SeedGenerator(0)
        if copy_from is not None:
            self._source.state.assign(copy_from._source.state)
        elif state is not None:
            self.reset(state)

    @classmethod
    def from_seed(cls, seed: Any, alg: Any = None) -> Generator:
        """The generator of this seed."""
        made = cls()
        made.reset_from_seed(seed)
        return made

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Generator:
        """A generator that differs from run to run."""
        return cls.from_seed(random.SystemRandom().getrandbits(31))

    @classmethod
    def from_state(cls, state: Any, alg: Any = None) -> Generator:
        """The generator with this state."""
        return cls(state=state)

    @property
    def state(self) -> Tensor:
        """Two words: seed and count."""
        return wrap(self._source.state.value)

    def reset(self, state: Any) -> None:
        """Take this state."""
        self._source.state.assign(to_array(state).astype(np.uint32)[:2])

    def reset_from_seed(self, seed: Any) -> None:
        """Begin again with this seed."""
        self._source.state.assign(np.array([int(seed) & 0xFFFFFFFF, 0], np.uint32))

    def skip(self, delta: Any) -> None:
        """Advance as `delta` draws would."""
        state = self._source.state
        state.assign(state.value + np.array([0, int(delta)], np.uint32))

    def split(self, count: int = 1) -> list[Generator]:
        """`count` new generators."""
        return [Generator.from_seed(int(s)) for s in np.asarray(self.make_seeds(count))[0]]

    def make_seeds(self, count: int = 1) -> Tensor:
        """Keys for stateless draws, (2, count)."""
        return wrap(draw.randint((2, count), 0, 2**31 - 1, "int64", self._source))

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = "float32",
               name: Any = None) -> Tensor:  # fmt: skip
        """As tf.random.normal."""
        return wrap(_normal(_plain(shape), mean, stddev, dtype, self._source, False))

    def truncated_normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0,
                         dtype: Any = "float32", name: Any = None) -> Tensor:  # fmt: skip
        """As tf.random.truncated_normal."""
        return wrap(_normal(_plain(shape), mean, stddev, dtype, self._source, True))

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = "float32",
                name: Any = None) -> Tensor:  # fmt: skip
        """As tf.random.uniform."""
        return wrap(_uniform(_plain(shape), minval, maxval, dtype, self._source))

    def binomial(self, shape: Any, counts: Any, probs: Any, dtype: Any = "int32",
                 name: Any = None) -> Tensor:  # fmt: skip
        """Numbers of successes."""
        found = draw.binomial(
            _plain(shape),
            to_array(counts).astype(np.float32),
            to_array(probs).astype(np.float32),
            "float32",
            self._source,
        )
        return wrap(found.astype(numpy_dtype(dtype)))


def _plain(shape: Any) -> tuple[int, ...]:
    return sizes(np.asarray(shape) if isinstance(shape, Tensor) else shape)


_global: Generator | None = None


@export("random.get_global_generator")
def get_global_generator() -> Generator:
    """The generator that the program shares."""
    global _global
    if _global is None:
        _global = Generator.from_non_deterministic_state()
    return _global


@export("random.set_global_generator")
def set_global_generator(generator: Generator) -> None:
    """Make `generator` the shared one."""
    global _global
    _global = generator


def global_seed() -> int | None:
    """What tf.random.set_seed set."""
    return _seed
