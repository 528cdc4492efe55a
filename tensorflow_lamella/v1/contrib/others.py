"""The small things that programs took from tf.contrib, and clear errors for the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get, put
from tensorflow_lamella.v1.tensor import constant_value

export("contrib.util.constant_value", "get_static_value", version=1)(constant_value)


@export("contrib.util.make_tensor_proto", version=1)
def make_tensor_proto(*args: Any, **kwargs: Any) -> Any:
    """An error."""
    raise unsupported("tf.contrib.util.make_tensor_proto", "use arrays")


@export("contrib.util.make_ndarray", version=1)
def make_ndarray(tensor: Any) -> np.ndarray:
    """An array of the numbers."""
    return np.asarray(tensor)


# tf.contrib.eager


class _Variable:
    """tfe.Variable: an eager variable."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return get("Variable", 2)(*args, **kwargs)


put(_Variable, "contrib.eager.Variable", version=1)


class _Iterator:
    """tfe.Iterator(dataset): its elements."""

    def __new__(cls, dataset: Any) -> Any:
        return iter(dataset)


put(_Iterator, "contrib.eager.Iterator", version=1)


@export("contrib.eager.Network", version=1)
class Network(keras.Model):
    """tfe.Network: a Keras model that is told of its layers, as keras.Model finds them itself."""

    def track_layer(self, layer: Any) -> Any:
        """The layer."""
        return layer


@export("contrib.eager.gradients_function", version=1)
def gradients_function(f: Callable[..., Any], params: Any = None) -> Callable[..., Any]:
    """The derivatives of f with respect to its arguments, as a list."""
    both = value_and_gradients_function(f, params)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


@export("contrib.eager.value_and_gradients_function", version=1)
def value_and_gradients_function(f: Callable[..., Any], params: Any = None) -> Callable[..., Any]:
    """(value, derivatives with respect to the arguments)."""

    def call(*args: Any, **kwargs: Any) -> Any:
        tensors = [get("convert_to_tensor", 2)(x) for x in args]
        chosen = range(len(tensors)) if params is None else params
        with get("GradientTape", 2)() as tape:
            for x in tensors:
                tape.watch(x)
            value = f(*tensors, **kwargs)
        return value, tape.gradient(value, [tensors[i] for i in chosen])

    return call


@export("contrib.eager.implicit_value_and_gradients", version=1)
def implicit_value_and_gradients(f: Callable[..., Any]) -> Callable[..., Any]:
    """(value, pairs of derivative and variable) over the variables that f reads."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with get("GradientTape", 2)() as tape:
            value = f(*args, **kwargs)
        variables = tape.watched_variables()
        return value, list(zip(tape.gradient(value, variables), variables))

    return call


@export("contrib.eager.implicit_gradients", version=1)
def implicit_gradients(f: Callable[..., Any]) -> Callable[..., Any]:
    """Pairs of derivative and variable over the variables that f reads."""
    both = implicit_value_and_gradients(f)
    return lambda *args, **kwargs: both(*args, **kwargs)[1]


def _later(name: str, target: str) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        return get(target, 2)(*args, **kwargs)

    call.__doc__ = f"tf.{target}."
    export(name, version=1)(call)


_later("contrib.eager.defun", "function")
_later("contrib.eager.py_func", "py_function")
_later("contrib.eager.num_gpus", "config.list_logical_devices")
_later("contrib.nn.alpha_dropout", "nn.dropout")


class _EagerMetric:
    """A Keras metric whose `result()` and call tfe's programs use."""

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        self._metric = getattr(keras.metrics, kind)(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 2:  # labels, predictions that are classes
            args = tuple(np.asarray(x) for x in args)
        return self._metric.update_state(*args, **kwargs)

    def result(self) -> Any:
        """The value so far."""
        return get("convert_to_tensor", 2)(np.asarray(self._metric.result()))


export("contrib.eager.metrics.Mean", version=1)(lambda *a, **k: _EagerMetric("Mean", *a, **k))
export("contrib.eager.metrics.Accuracy", version=1)(
    lambda *a, **k: _EagerMetric("Accuracy", *a, **k)
)


def _absent(instead: str, *names: str) -> None:
    for name in names:

        def call(*args: Any, _name: str = name, **kwargs: Any) -> Any:
            raise unsupported(f"tf.contrib.{_name}", instead)

        call.__doc__ = f"An error: {instead}."
        export(f"contrib.{name}", version=1)(call)


_absent(
    "write the loop with tf.nn.dynamic_rnn, tf.scan and a cell",
    "seq2seq.BasicDecoder",
    "seq2seq.dynamic_decode",
    "seq2seq.TrainingHelper",
    "seq2seq.GreedyEmbeddingHelper",
    "seq2seq.BeamSearchDecoder",
    "seq2seq.LuongAttention",
    "seq2seq.BahdanauAttention",
    "seq2seq.AttentionWrapper",
    "legacy_seq2seq.embedding_attention_seq2seq",
)
_absent(
    "use tf.estimator.Estimator with a model function, or Keras",
    "learn.DNNClassifier",
    "learn.LinearClassifier",
    "learn.LinearRegressor",
    "learn.DNNRegressor",
    "learn.Estimator",
    "learn.SKCompat",
    "learn.Experiment",
    "tensor_forest.random_forest.TensorForestEstimator",
    "slim.learning.train",
    "training.train",
    "gan.gan_model",
    "crf.crf_log_likelihood",
    "crf.viterbi_decode",
)
_absent(
    "use sklearn.cluster.KMeans or sklearn.mixture.GaussianMixture",
    "factorization.KMeansClustering",
    "factorization.GMM",
    "factorization.gmm",
)
_absent("use tf.layers or Keras", "cudnn_rnn.CudnnLSTM", "cudnn_rnn.CudnnGRU",
        "distributions.Normal", "distributions.Categorical", "distributions.Bernoulli",
        "image.rotate", "opt.ScipyOptimizerInterface")  # fmt: skip


@export("contrib.seq2seq.sequence_loss", "contrib.legacy_seq2seq.sequence_loss_batch", version=1)
def sequence_loss(logits: Any, targets: Any, weights: Any, average_across_timesteps: bool = True,
                  average_across_batch: bool = True, softmax_loss_function: Any = None,
                  name: str | None = None) -> Any:  # fmt: skip
    """The cross entropy of (batch, time, classes) with (batch, time) classes, weighted."""
    f = softmax_loss_function or get("nn.sparse_softmax_cross_entropy_with_logits", 1)
    losses = f(labels=targets, logits=logits) * weights
    total = get("math.reduce_sum", 2)
    if average_across_timesteps and average_across_batch:
        return total(losses) / (total(weights) + 1e-12)
    if average_across_batch:
        return total(losses, axis=0) / (total(weights, axis=0) + 1e-12)
    if average_across_timesteps:
        return total(losses, axis=1) / (total(weights, axis=1) + 1e-12)
    return losses


@export("contrib.legacy_seq2seq.sequence_loss_by_example", "nn.seq2seq.sequence_loss_by_example",
        version=1)  # fmt: skip
def sequence_loss_by_example(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    softmax_loss_function: Any = None,
    name: str | None = None,
) -> Any:
    """The weighted cross entropies of lists over time, summed for each row."""
    f = softmax_loss_function or get("nn.sparse_softmax_cross_entropy_with_logits", 1)
    losses = [f(labels=t, logits=x) * w for x, t, w in zip(logits, targets, weights)]
    loss, weight = get("add_n", 1)(losses), get("add_n", 1)(list(weights))
    return loss / (weight + 1e-12) if average_across_timesteps else loss
