"""tf.estimator: training, evaluation and prediction around a model function, in one process."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import optree

from tensorflow_lamella.core import state
from tensorflow_lamella.errors import OutOfRangeError, unsupported
from tensorflow_lamella.names import export, get
from tensorflow_lamella.v1.app import Options, get_logger
from tensorflow_lamella.v1.datasets import GraphDataset
from tensorflow_lamella.v1.graph import Graph, GraphKeys
from tensorflow_lamella.v1.session import Session
from tensorflow_lamella.v1.train.monitored import (
    CheckpointSaverHook,
    MonitoredSession,
    StopAtStepHook,
)
from tensorflow_lamella.v1.train.saver import CheckpointReader, Saver, latest_checkpoint


class ModeKeys:
    """What a model function is called for."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


export("estimator.ModeKeys", version=1)(ModeKeys)


@export("estimator.EstimatorSpec", version=1)
class EstimatorSpec:
    """What a model function returns."""

    def __init__(self, mode: str, predictions: Any = None, loss: Any = None, train_op: Any = None,
                 eval_metric_ops: Any = None, export_outputs: Any = None,
                 training_chief_hooks: Any = None, training_hooks: Any = None, scaffold: Any = None,
                 evaluation_hooks: Any = None, prediction_hooks: Any = None) -> None:  # fmt: skip
        if mode == ModeKeys.TRAIN and (loss is None or train_op is None):
            raise ValueError("Missing loss or train_op: EstimatorSpec for training needs both.")
        if mode == ModeKeys.EVAL and loss is None:
            raise ValueError("Missing loss: EstimatorSpec for evaluation needs it.")
        if mode == ModeKeys.PREDICT and predictions is None:
            raise ValueError("Missing predictions: EstimatorSpec for prediction needs them.")
        self.mode, self.predictions, self.loss, self.train_op = mode, predictions, loss, train_op
        self.eval_metric_ops = dict(eval_metric_ops or {})
        self.training_hooks = [*(training_hooks or ()), *(training_chief_hooks or ())]
        self.evaluation_hooks = list(evaluation_hooks or ())


@export("estimator.RunConfig", "contrib.learn.RunConfig", version=1)
class RunConfig(Options):
    """Options of an Estimator; `model_dir` and `tf_random_seed` are used."""

    def __init__(self, model_dir: Any = None, tf_random_seed: Any = None, **kwargs: Any) -> None:
        super().__init__(model_dir=model_dir, tf_random_seed=tf_random_seed, **kwargs)


@export("estimator.Estimator", version=1)
class Estimator:
    """Trains, evaluates and predicts with `model_fn(features, labels, mode, params)`.

    Each call builds the model in a graph of its own; the variables are kept in checkpoints in
    `model_dir`, a temporary folder if it is not given.
    """

    def __init__(self, model_fn: Callable[..., Any], model_dir: Any = None, config: Any = None,
                 params: Any = None, warm_start_from: Any = None) -> None:  # fmt: skip
        self._model_fn, self.config, self.params = model_fn, config, params
        given = model_dir or (config.model_dir if isinstance(config, RunConfig) else None)
        self.model_dir = given or tempfile.mkdtemp()
        self._seed = config.tf_random_seed if isinstance(config, RunConfig) else None

    def train(self, input_fn: Callable[[], Any], hooks: Any = None, steps: int | None = None,
              max_steps: int | None = None, saving_listeners: Any = None) -> Estimator:  # fmt: skip
        """Run steps until the data ends, `steps` have been made, or the step is `max_steps`."""
        with self._graph():
            step = get("train.get_or_create_global_step", 1)()
            spec = self._called(input_fn, ModeKeys.TRAIN)
            found = [*(hooks or ()), *spec.training_hooks, CheckpointSaverHook(self.model_dir)]
            if steps is not None or max_steps is not None:
                found.append(StopAtStepHook(steps, max_steps))
            with MonitoredSession(self.model_dir, found) as session:
                if max_steps is not None and int(session.raw_session().run(step)) >= max_steps:
                    return self
                while not session.should_stop():
                    _, loss = session.run([spec.train_op, spec.loss])
                get_logger().info("Loss for final step: %s.", loss)
        return self

    def evaluate(
        self,
        input_fn: Callable[[], Any],
        steps: int | None = None,
        hooks: Any = None,
        checkpoint_path: Any = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """The metrics over the data, with "loss" and "global_step"."""
        with self._graph() as graph:
            step = get("train.get_or_create_global_step", 1)()
            spec = self._called(input_fn, ModeKeys.EVAL)
            metrics = {k: _pair(v) for k, v in spec.eval_metric_ops.items()}
            metrics["loss"] = get("metrics.mean", 1)(spec.loss)
            with self._restored(graph, checkpoint_path) as session:
                session.run(get("local_variables_initializer", 1)())
                for _ in _turns(steps):
                    try:
                        session.run([update for _, update in metrics.values()])
                    except OutOfRangeError:
                        break
                found = session.run({k: value for k, (value, _) in metrics.items()})
                return {**found, "global_step": session.run(step)}

    def predict(
        self,
        input_fn: Callable[[], Any],
        predict_keys: Any = None,
        hooks: Any = None,
        checkpoint_path: Any = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """The predictions, one for each row of the data."""
        with self._graph() as graph:
            get("train.get_or_create_global_step", 1)()
            spec = self._called(input_fn, ModeKeys.PREDICT)
            wanted = spec.predictions
            if predict_keys is not None:
                wanted = {k: wanted[k] for k in predict_keys}
            session = self._restored(graph, checkpoint_path)
        while True:
            try:
                found = session.run(wanted)
            except OutOfRangeError:
                return
            if not yield_single_examples:
                yield found
                continue
            for i in range(len(optree.tree_leaves(found)[0])):
                yield optree.tree_map(lambda x, i=i: x[i], found)

    def _graph(self) -> Any:
        if state.graph() is None:
            raise unsupported("tf.estimator with eager execution", "leave eager execution off")
        graph = Graph()
        graph.seed = self._seed
        return graph.as_default()

    def _called(self, input_fn: Any, mode: str) -> EstimatorSpec:
        features, labels = _inputs(input_fn, mode)
        options = {"mode": mode, "params": self.params, "config": self.config, "labels": labels}
        takes = inspect.signature(self._model_fn).parameters
        named = {k: v for k, v in options.items() if k in takes}
        spec = self._model_fn(features, **named)
        if not isinstance(spec, EstimatorSpec):
            raise ValueError("model_fn should return an EstimatorSpec.")
        return spec

    def _restored(self, graph: Graph, path: Any) -> Session:
        path = path or latest_checkpoint(self.model_dir)
        if path is None:
            raise ValueError(f"Could not find trained model in model_dir: {self.model_dir}.")
        session = Session(graph=graph)
        Saver(graph.get_collection(GraphKeys.GLOBAL_VARIABLES)).restore(session, path)
        return session

    def latest_checkpoint(self) -> str | None:
        """The path of the latest checkpoint."""
        return latest_checkpoint(self.model_dir)

    def get_variable_names(self) -> list[str]:
        """The names of the variables in the latest checkpoint."""
        return sorted(CheckpointReader(self.model_dir).get_variable_to_shape_map())

    def get_variable_value(self, name: str) -> np.ndarray:
        """The value of a variable in the latest checkpoint."""
        return CheckpointReader(self.model_dir).get_tensor(name)

    def export_savedmodel(self, *args: Any, **kwargs: Any) -> Any:
        """An error."""
        raise unsupported("Estimator.export_savedmodel", "keep the checkpoints in model_dir")

    export_saved_model = export_savedmodel


def _pair(metric: Any) -> tuple[Any, Any]:
    return metric[0], metric[1]


def _turns(steps: int | None) -> Any:
    return iter(int, 1) if steps is None else range(steps)


def _inputs(input_fn: Any, mode: str) -> tuple[Any, Any]:
    given = input_fn(mode=mode) if "mode" in inspect.signature(input_fn).parameters else input_fn()
    if isinstance(given, GraphDataset):
        given = given.make_one_shot_iterator().get_next()
    return given if isinstance(given, tuple) and len(given) == 2 else (given, None)


# Inputs


@export("estimator.inputs.numpy_input_fn", version=1)
def numpy_input_fn(x: Any, y: Any = None, batch_size: int = 128, num_epochs: int | None = 1,
                   shuffle: Any = None, queue_capacity: int = 1000,
                   num_threads: int = 1) -> Callable[[], Any]:  # fmt: skip
    """A function that gives batches of the rows of arrays."""
    if shuffle is None:
        raise ValueError("shuffle must be provided and explicitly set as boolean")

    def input_fn() -> Any:
        data = x if y is None else (x, y)
        ds = GraphDataset.from_tensor_slices(data)  # type: ignore[attr-defined]
        if shuffle:
            ds = ds.shuffle(queue_capacity)
        ds = ds.repeat(num_epochs).batch(batch_size)
        return ds.make_one_shot_iterator().get_next()

    return input_fn


@export("estimator.inputs.pandas_input_fn", version=1)
def pandas_input_fn(x: Any, y: Any = None, batch_size: int = 128, num_epochs: int | None = 1,
                    shuffle: Any = None, **unused: Any) -> Callable[[], Any]:  # fmt: skip
    """As numpy_input_fn, for the columns of a DataFrame."""
    columns = {name: np.asarray(x[name]) for name in x.columns}
    labels = None if y is None else np.asarray(y)
    return numpy_input_fn(columns, labels, batch_size, num_epochs, shuffle)


class TrainSpec(NamedTuple):
    """What train_and_evaluate trains with."""

    input_fn: Any
    max_steps: Any = None
    hooks: Any = None


class EvalSpec(NamedTuple):
    """What train_and_evaluate evaluates with."""

    input_fn: Any
    steps: Any = 100
    name: Any = None
    hooks: Any = None
    exporters: Any = None
    start_delay_secs: int = 120
    throttle_secs: int = 600


export("estimator.TrainSpec", version=1)(TrainSpec)
export("estimator.EvalSpec", version=1)(EvalSpec)


@export("estimator.train_and_evaluate", version=1)
def train_and_evaluate(estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec) -> Any:
    """Train, then evaluate: (metrics, None)."""
    estimator.train(train_spec.input_fn, train_spec.hooks, max_steps=train_spec.max_steps)
    return estimator.evaluate(eval_spec.input_fn, eval_spec.steps, eval_spec.hooks), None


# Estimators that are ready made, over numeric columns


class NumericColumn(NamedTuple):
    """A feature that is a number, or an array of them."""

    key: str
    shape: tuple[int, ...]
    normalizer_fn: Any


@export("feature_column.numeric_column", version=1)
def numeric_column(key: str, shape: Any = (1,), default_value: Any = None, dtype: Any = "float32",
                   normalizer_fn: Any = None) -> NumericColumn:  # fmt: skip
    """The feature `key`, a number."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    return NumericColumn(key, sizes, normalizer_fn)


@export("feature_column.input_layer", version=1)
def input_layer(features: Any, feature_columns: Sequence[Any], **unused: Any) -> Any:
    """The columns side by side: (rows, numbers)."""
    if isinstance(feature_columns, NumericColumn):
        feature_columns = [feature_columns]
    parts = []
    for column in sorted(feature_columns, key=lambda c: c.key):
        x = get("cast", 2)(features[column.key], "float32")
        x = get("reshape", 2)(x, [-1, int(np.prod(column.shape))])
        parts.append(column.normalizer_fn(x) if column.normalizer_fn else x)
    return get("concat", 2)(parts, 1)


def _no_column(name: str) -> None:
    def column(*args: Any, **kwargs: Any) -> Any:
        raise unsupported(f"tf.feature_column.{name}", "make numbers of it with NumPy, and "
                          "use tf.feature_column.numeric_column")  # fmt: skip

    column.__doc__ = "An error: only numeric columns are supported."
    export(f"feature_column.{name}", version=1)(column)


for _name in ("bucketized_column", "embedding_column", "indicator_column", "crossed_column",
              "categorical_column_with_vocabulary_list", "categorical_column_with_hash_bucket",
              "categorical_column_with_identity", "shared_embedding_columns"):  # fmt: skip
    _no_column(_name)


def _classes(logits: Any, labels: Any, mode: str, optimizer: Any, n_classes: int) -> EstimatorSpec:
    probabilities = get("nn.softmax", 1)(logits)
    ids = get("argmax", 1)(logits, 1)
    found = {"logits": logits, "probabilities": probabilities, "class_ids": ids[:, None]}
    if mode == ModeKeys.PREDICT:
        return EstimatorSpec(mode, found)
    labels = get("reshape", 2)(get("cast", 2)(labels, "int64"), [-1])
    losses = get("nn.sparse_softmax_cross_entropy_with_logits", 1)(labels=labels, logits=logits)
    loss = get("reduce_sum", 1)(losses)
    metrics = {"accuracy": get("metrics.accuracy", 1)(labels, ids),
               "average_loss": get("metrics.mean", 1)(losses)}  # fmt: skip
    return _finished(mode, found, loss, optimizer, metrics)


def _numbers(logits: Any, labels: Any, mode: str, optimizer: Any, n_classes: int) -> EstimatorSpec:
    found = {"predictions": logits}
    if mode == ModeKeys.PREDICT:
        return EstimatorSpec(mode, found)
    labels = get("reshape", 2)(get("cast", 2)(labels, "float32"), [-1, 1])
    losses = get("square", 2)(logits - labels)
    metrics = {"average_loss": get("metrics.mean", 1)(losses)}
    return _finished(mode, found, get("reduce_sum", 1)(losses), optimizer, metrics)


def _finished(mode: str, found: Any, loss: Any, optimizer: Any, metrics: Any) -> EstimatorSpec:
    train_op = None
    if mode == ModeKeys.TRAIN:
        train_op = optimizer().minimize(loss, get("train.get_global_step", 1)())
    return EstimatorSpec(mode, found, loss, train_op, metrics)


def _optimizer(given: Any, default: str) -> Callable[[], Any]:
    """A function that makes the optimizer anew in each graph."""
    if callable(given):
        return given
    if given is None or isinstance(given, str):
        name = {None: default, "SGD": "GradientDescent"}.get(given, given)
        rate = 0.05 if name == "Adagrad" else 0.2 if name == "Ftrl" else 0.001
        return lambda: get(f"train.{name}Optimizer", 1)(rate)

    def again() -> Any:
        import copy

        fresh = copy.copy(given)
        fresh._slots = {}
        if hasattr(fresh, "_powers"):
            fresh._powers = []
        return fresh

    return again


def _canned(name: str, head: Any, deep: bool) -> None:
    def __init__(self: Any, *args: Any, feature_columns: Any = None, hidden_units: Any = (),
                 model_dir: Any = None, n_classes: int = 2, optimizer: Any = None,
                 activation_fn: Any = None, dropout: Any = None, config: Any = None,
                 label_dimension: int = 1, **unused: Any) -> None:  # fmt: skip
        if args:
            hidden_units, feature_columns = args if deep else ((), args[0])
        made = _optimizer(optimizer, "Adagrad" if deep else "Ftrl")
        activation = activation_fn or get("nn.relu", 2)
        outputs = n_classes if head is _classes else label_dimension

        def model_fn(features: Any, labels: Any, mode: str) -> EstimatorSpec:
            x = input_layer(features, feature_columns)
            for units in hidden_units:
                x = get("layers.dense", 1)(x, units, activation)
                x = get("layers.dropout", 1)(x, dropout or 0.0, training=mode == ModeKeys.TRAIN)
            logits = get("layers.dense", 1)(x, outputs)
            return head(logits, labels, mode, made, n_classes)

        Estimator.__init__(self, model_fn, model_dir, config)

    made = type(name, (Estimator,), {"__init__": __init__, "__doc__":
                                     f"tf.estimator.{name} over numeric columns."})  # fmt: skip
    export(f"estimator.{name}", version=1)(made)


_canned("DNNClassifier", _classes, True)
_canned("DNNRegressor", _numbers, True)
_canned("LinearClassifier", _classes, False)
_canned("LinearRegressor", _numbers, False)
