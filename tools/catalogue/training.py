"""Losses, metrics, optimizers, schedules, activations, regularizers, constraints, quantizers."""

from __future__ import annotations

import inspect

import keras
import numpy as np
from keras import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    optimizers,
    quantizers,
    regularizers,
)

from catalogue.cases import add, arrays, count, function, outside, real

# -- losses: (targets, predictions) by what they expect ----------------------------------------

TARGETS = {
    "numbers": "real 4 3, real 4 3",
    "positive": "positive 4 3, positive 4 3",
    "shares": "share 4 3, share 4 3",
    "flags": "bits 4 3, share 4 3",
    "signs": "bits 4 3, real 4 3",
    "classes": "count 4, share 4 7",
    "maps": "share 2 3 3 1, share 2 3 3 1",
}
LOSSES = {
    "binary_crossentropy": "flags", "binary_focal_crossentropy": "flags",
    "categorical_crossentropy": "shares", "categorical_focal_crossentropy": "shares",
    "categorical_generalized_cross_entropy": "classes", "categorical_hinge": "signs",
    "cosine_similarity": "numbers", "dice": "maps", "hinge": "signs", "huber": "numbers",
    "kl_divergence": "shares", "log_cosh": "numbers", "mean_absolute_error": "numbers",
    "mean_absolute_percentage_error": "positive", "mean_squared_error": "numbers",
    "mean_squared_logarithmic_error": "positive", "poisson": "positive",
    "sparse_categorical_crossentropy": "classes", "squared_hinge": "signs", "tversky": "maps",
}  # fmt: skip
FUNCTIONS = {
    "categorical_generalized_cross_entropy":
    lambda y, p: losses.categorical_generalized_cross_entropy(y, p, 0.7),
}  # fmt: skip
CLASSES = {
    "kl_divergence": "KLDivergence", "categorical_generalized_cross_entropy":
    "CategoricalGeneralizedCrossEntropy",
}  # fmt: skip


def camel(name: str) -> str:
    return CLASSES.get(name) or "".join(word.capitalize() for word in name.split("_"))


def targets(kind):
    """float targets, one-hot where they stand for classes."""

    def make(rng):
        y, p = arrays(rng, TARGETS[kind])
        y = y.astype(np.float32) if y.dtype == bool else y
        if kind == "shares":
            y, p = y / y.sum(-1, keepdims=True), p / p.sum(-1, keepdims=True)
        return y, p

    return make


for _name, _kind in LOSSES.items():
    for _key, _f in ((_name, FUNCTIONS.get(_name, getattr(losses, _name))), (camel(_name), None)):

        def _loss(rng, f=_f, name=_key, make=targets(_kind)):
            y, p = make(rng)
            weight = rng.random(len(y)).astype(np.float32)
            g = f or (lambda y, p: getattr(losses, name)()(y, p, sample_weight=weight))
            return (lambda p: g(y, p)), [p]

        add(f"losses.{_key}", _loss)


def _embeddings(rng):
    x = real(rng, 6, 4)
    return lambda x: losses.Circle()(np.int32([0, 1, 0, 1, 2, 2]), x / 3), [x]


def _labels(f):
    def make(rng):
        y = count(rng, 2, 3)
        return lambda x: f(y, x), [real(rng, 2, 7, 8)]

    return make


add("losses.Circle", _embeddings)
add("losses.circle", lambda rng: (
    lambda x: losses.circle(np.int32([0, 1, 0, 1]), x), [real(rng, 4, 4) / 3]))  # fmt: skip
add("losses.CTC", _labels(lambda y, x: losses.CTC()(y, x)))
add("losses.ctc", _labels(losses.ctc))
for _reduction in ("sum", "none", "mean_with_sample_weight"):
    function(f"losses.MeanSquaredError, {_reduction}", "real 4 3, real 4 3, positive 4",
             lambda y, p, w, r=_reduction: losses.MeanSquaredError(reduction=r)(y, p, w)
)  # fmt: skip

# -- metrics -----------------------------------------------------------------------------------

_AT = {"num_thresholds": 20}
METRICS: dict[str, tuple[str, dict]] = {
    "AUC": ("flags", _AT), "Accuracy": ("classes alike", {}), "BinaryAccuracy": ("flags", {}),
    "BinaryCrossentropy": ("flags", {}),
    "BinaryIoU": ("flags", {"target_class_ids": [0, 1], "threshold": 0.4}),
    "CategoricalAccuracy": ("shares", {}), "CategoricalCrossentropy": ("shares", {}),
    "CategoricalHinge": ("signs", {}), "ConcordanceCorrelation": ("numbers", {}),
    "CosineSimilarity": ("numbers", {}), "F1Score": ("flags", {"threshold": 0.5}),
    "FBetaScore": ("flags", {"beta": 2.0, "threshold": 0.5}), "FalseNegatives": ("flags", {}),
    "FalsePositives": ("flags", {}), "Hinge": ("signs", {}),
    "IoU": ("classes alike", {"num_classes": 7, "target_class_ids": [1, 2]}),
    "KLDivergence": ("shares", {}), "LogCoshError": ("numbers", {}),
    "MeanAbsoluteError": ("numbers", {}), "MeanAbsolutePercentageError": ("positive", {}),
    "MeanIoU": ("classes alike", {"num_classes": 7}),
    "MeanMetricWrapper": ("numbers", {"fn": losses.mean_squared_error}),
    "MeanSquaredError": ("numbers", {}), "MeanSquaredLogarithmicError": ("positive", {}),
    "OneHotIoU": ("shares", {"num_classes": 3, "target_class_ids": [0, 2]}),
    "OneHotMeanIoU": ("shares", {"num_classes": 3}), "PearsonCorrelation": ("numbers", {}),
    "Poisson": ("positive", {}), "Precision": ("flags", {}),
    "PrecisionAtRecall": ("flags", {"recall": 0.5, **_AT}), "R2Score": ("numbers", {}),
    "Recall": ("flags", {}), "RecallAtPrecision": ("flags", {"precision": 0.5, **_AT}),
    "RootMeanSquaredError": ("numbers", {}),
    "SensitivityAtSpecificity": ("flags", {"specificity": 0.5, **_AT}),
    "SparseCategoricalAccuracy": ("classes", {}), "SparseCategoricalCrossentropy": ("classes", {}),
    "SparseTopKCategoricalAccuracy": ("classes", {"k": 2}),
    "SpecificityAtSensitivity": ("flags", {"sensitivity": 0.5, **_AT}),
    "SquaredHinge": ("signs", {}), "TopKCategoricalAccuracy": ("shares", {"k": 2}),
    "TrueNegatives": ("flags", {}), "TruePositives": ("flags", {}),
}  # fmt: skip
TARGETS["classes alike"] = "count 4 3, count 4 3"


def updated(metric):
    """Two updates from the state of `metric` on, its variables and its result."""

    def f(*batches):
        state = [v.value for v in metric.variables]
        for batch in zip(*[iter(batches)] * (len(batches) // 2)):
            state = metric.stateless_update_state(state, *batch)
        return metric.stateless_result(state), state

    return f


for _name, (_kind, _arguments) in METRICS.items():

    def _metric(rng, cls=getattr(metrics, _name), make=targets(_kind), arguments=_arguments):
        metric, first, second = cls(**arguments), make(rng), make(rng)
        metric(*first)  # makes the variables
        return updated(metric), [*first, *second]

    add(f"metrics.{_name}", _metric, differentiate=False)
for _name in ("Mean", "Sum"):
    add(f"metrics.{_name}", lambda rng, cls=getattr(metrics, _name): (
        updated(cls()), arrays(rng, "real 3, real 3")), differentiate=False)  # fmt: skip
for _name, _kind in {
    "binary_accuracy": "flags", "categorical_accuracy": "shares",
    "concordance_correlation": "numbers", "pearson_correlation": "numbers",
    "sparse_categorical_accuracy": "classes",
}.items():  # fmt: skip
    add(f"metrics.{_name}", lambda rng, f=getattr(metrics, _name), make=targets(_kind): (
        f, list(make(rng))), differentiate=False)  # fmt: skip
for _name, _kind in {
    "top_k_categorical_accuracy": "shares", "sparse_top_k_categorical_accuracy": "classes",
}.items():  # fmt: skip
    add(f"metrics.{_name}", lambda rng, f=getattr(metrics, _name), make=targets(_kind): (
        lambda y, p: f(y, p, k=2), list(make(rng))), differentiate=False)  # fmt: skip

# -- optimizers: three steps, all of their state -----------------------------------------------

OPTIMIZERS: dict[str, dict] = {
    "Adadelta": {}, "Adafactor": {}, "Adagrad": {}, "Adam": {}, "Adam, amsgrad": {"amsgrad": True},
    "AdamW": {"weight_decay": 0.1}, "Adamax": {}, "Ftrl": {"l1_regularization_strength": 0.01},
    "Lamb": {}, "Lion": {}, "Muon": {}, "Nadam": {}, "RMSprop": {"centered": True, "momentum": 0.5},
    "SGD": {}, "SGD, nesterov": {"momentum": 0.9, "nesterov": True}, "ScheduleFreeAdamW": {},
    "Adam, clipped": {"global_clipnorm": 0.5, "use_ema": True, "ema_overwrite_frequency": 2},
    "SGD, accumulating": {"gradient_accumulation_steps": 2},
}  # fmt: skip


def steps(optimizer, rng):
    """Three steps of `optimizer` on a matrix and a vector."""
    variables = [keras.Variable(real(rng, 4, 3)), keras.Variable(real(rng, 3))]
    optimizer.build(variables)

    def f(*gradients):
        weights = [v.value for v in variables]
        state = [v.value for v in optimizer.variables]
        for g in zip(gradients[::2], gradients[1::2]):
            weights, state = optimizer.stateless_apply(state, g, weights)
        return weights, [s for s, v in zip(state, optimizer.variables) if "float" in v.dtype]

    return f, arrays(rng, ", ".join(["real 4 3, real 3"] * 3))


for _key, _arguments in OPTIMIZERS.items():
    add(f"optimizers.{_key}", lambda rng, arguments=_arguments,
        cls=getattr(optimizers, _key.partition(",")[0]): steps(cls(0.05, **arguments), rng),
        differentiate=False)  # fmt: skip
add("optimizers.LossScaleOptimizer", lambda rng: steps(
    optimizers.LossScaleOptimizer(optimizers.Adam(0.05), initial_scale=8.0, dynamic_growth_steps=2),
    rng), differentiate=False)  # fmt: skip


def _two_optimizers(rng):
    table = optimizers.OptimizerMap(optimizers.SGD(0.1), {"nothing": optimizers.Adam(0.1)})
    return steps(optimizers.MultiOptimizer(table), rng)


add("optimizers.MultiOptimizer", _two_optimizers, differentiate=False)
outside("optimizers.OptimizerMap", "a dictionary, part of the case of MultiOptimizer")

SCHEDULES: dict[str, tuple] = {
    "CosineDecay": (0.1, 20, 0.1, "cd", 0.3, 5), "CosineDecayRestarts": (0.1, 6),
    "ExponentialDecay": (0.1, 10, 0.5), "InverseTimeDecay": (0.1, 10, 0.5),
    "PiecewiseConstantDecay": ([4, 9], [0.1, 0.05, 0.01]), "PolynomialDecay": (0.1, 12, 0.01, 2.0),
}  # fmt: skip
for _name, _values in SCHEDULES.items():
    function(f"optimizers.schedules.{_name}", "", lambda values=_values,
             cls=getattr(optimizers.schedules, _name): [
                 cls(*values)(np.int32(step)) for step in range(0, 24, 3)])  # fmt: skip

# -- activations, regularizers, constraints, quantizers ----------------------------------------

for _name, _f in inspect.getmembers(activations, inspect.isfunction):
    if _name not in ("deserialize", "serialize", "get", "sparsemax"):
        _arguments = (0.1, 2.0) if _name == "threshold" else ()
        function(f"activations.{_name}", "real 3 4",
                 lambda x, f=_f, more=_arguments: f(x, *more))  # fmt: skip
outside("activations.sparsemax", "see ops.sparsemax")
for _name, _arguments in {"L1": (0.1,), "L2": (0.1,), "L1L2": (0.1, 0.2),
                          "OrthogonalRegularizer": (0.1,)}.items():  # fmt: skip
    function(f"regularizers.{_name}", "real 4 3", getattr(regularizers, _name)(*_arguments))
for _name in ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"):
    function(f"constraints.{_name}", "real 4 3", getattr(constraints, _name)())
function("quantizers.AbsMaxQuantizer", "real 4 6", quantizers.AbsMaxQuantizer(axis=-1),
         differentiate=False)  # fmt: skip
function("quantizers.abs_max_quantize", "real 4 6",
         lambda x: quantizers.abs_max_quantize(x, axis=-1), differentiate=False)  # fmt: skip
function("quantizers.abs_max_quantize_grouped_with_zero_point", "real 8 6",
         lambda x: quantizers.abs_max_quantize_grouped_with_zero_point(x, 4),
         differentiate=False)  # fmt: skip
function("quantizers.fake_quant_with_min_max_vars", "real 4 6",
         lambda x: quantizers.fake_quant_with_min_max_vars(x, -1.0, 1.5))  # fmt: skip
function("quantizers.pack_int4", "whole 6 3",
         lambda x: quantizers.pack_int4(keras.ops.cast(x, "int8"))[0], jit=False)  # fmt: skip
function("quantizers.unpack_int4", "whole 3 3",
         lambda x: quantizers.unpack_int4(keras.ops.cast(x, "int8"), 6))  # fmt: skip
function("quantizers.quantize_and_dequantize", "real 4 6, positive",
         lambda x, s: quantizers.quantize_and_dequantize(
             x, s, "float8_e4m3fn", "float32"), differentiate=False)  # fmt: skip
function("quantizers.compute_float8_scale", "positive, positive",
         lambda a, s: quantizers.compute_float8_scale(a, s, 448.0), differentiate=False
)  # fmt: skip
function("quantizers.compute_float8_amax_history", "real 4 6, positive 5",
         quantizers.compute_float8_amax_history, differentiate=False)  # fmt: skip

# -- random numbers: the moments and quantiles of large draws ----------------------------------

DRAWS = (60, 500)


def statistics(x):
    x = keras.ops.convert_to_numpy(x).astype(np.float64)
    return np.array([x.mean(), x.std(), *np.quantile(x, [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1])[1:-1]])


def drawn_from(key, f, spread=1.0):
    """The distribution of f(), whose numbers are about `spread` wide."""
    add(key, lambda rng: (lambda: statistics(f()), []), differentiate=False, jit=False, rtol=0,
        atol=0.025 * spread)  # fmt: skip


R = keras.random
drawn_from("random.normal", lambda: R.normal(DRAWS, 1.0, 2.0, seed=1), 2.0)
drawn_from("random.uniform", lambda: R.uniform(DRAWS, -1.0, 2.0, seed=1))
drawn_from("random.truncated_normal", lambda: R.truncated_normal(DRAWS, 1.0, 2.0, seed=1), 2.0)
drawn_from("random.randint", lambda: R.randint(DRAWS, -50, 50, seed=1), 50)
drawn_from("random.beta", lambda: R.beta(DRAWS, 2.0, 3.0, seed=1))
drawn_from("random.gamma", lambda: R.gamma(DRAWS, 2.0, seed=1), 2.0)
drawn_from("random.binomial", lambda: R.binomial(DRAWS, 100.0, 0.3, seed=1), 40)
drawn_from("random.categorical",
           lambda: R.categorical(np.log(np.float32([[0.1, 0.2, 0.3, 0.4]])), 30000, seed=1) == 3
)  # fmt: skip
drawn_from("random.dropout", lambda: R.dropout(np.ones(DRAWS, np.float32), 0.25, seed=1))
drawn_from(
    "random.shuffle", lambda: R.shuffle(np.arange(1000.0, dtype=np.float32), seed=1)[:500], 2000
)
drawn_from("random.SeedGenerator", lambda: R.normal(DRAWS, seed=R.SeedGenerator(3)))
for _name in ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal",
              "LecunUniform", "RandomNormal", "RandomUniform", "TruncatedNormal",
              "VarianceScaling", "Orthogonal"):  # fmt: skip
    drawn_from(f"initializers.{_name}",
               lambda cls=getattr(initializers, _name): cls(seed=1)(DRAWS), 0.2)  # fmt: skip
function("initializers.Orthogonal, columns", "",
         lambda: (lambda q: keras.ops.matmul(q, keras.ops.transpose(q)))(
             initializers.Orthogonal(seed=1)((5, 7))), jit=False)  # fmt: skip
for _name in ("Constant", "Identity", "Ones", "Zeros"):
    function(f"initializers.{_name}", "",
             lambda cls=getattr(initializers, _name): cls()((3, 3)))  # fmt: skip
function("initializers.STFT", "", lambda: initializers.STFT()((8, 1, 5)))

for _space in ("losses", "metrics", "optimizers", "activations", "regularizers", "constraints",
               "initializers", "quantizers"):  # fmt: skip
    outside(f"{_space}.deserialize {_space}.serialize {_space}.get", "compute nothing")
outside("optimizers.schedules.deserialize optimizers.schedules.serialize", "compute nothing")
outside("losses.Loss metrics.Metric optimizers.Optimizer regularizers.Regularizer "
        "optimizers.schedules.LearningRateSchedule constraints.Constraint initializers.Initializer "
        "quantizers.Quantizer quantizers.QuantizationConfig", "classes to derive from")  # fmt: skip
outside("quantizers.AWQConfig quantizers.GPTQConfig quantizers.Float8QuantizationConfig "
        "quantizers.Int4QuantizationConfig quantizers.Int8QuantizationConfig", "compute nothing"
)  # fmt: skip
