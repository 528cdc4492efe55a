"""Arguments that had other names, or are no longer: the tables, and what reads them.

Keras 1 (until 2017) called a layer's size `output_dim` and a model's epochs `nb_epoch`; Keras 2
renamed most arguments, Keras 3 removed those that had no meaning without TensorFlow.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorflow_lamella.keras.era import RATES, rate_of, until_2019

_WEIGHTS = {
    "init": "kernel_initializer", "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer", "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint", "bias": "use_bias",
}  # fmt: skip
_PLACE = {"border_mode": "padding", "dim_ordering": "data_format"}
_CONV = {**_WEIGHTS, **_PLACE, "nb_filter": "filters", "subsample": "strides"}
_CONV_1D = {**_CONV, "filter_length": "kernel_size", "subsample_length": "strides",
            "atrous_rate": "dilation_rate"}  # fmt: skip
_CONV_2D = {**_CONV, "atrous_rate": "dilation_rate"}
_RECURRENT = {
    **_WEIGHTS, "output_dim": "units", "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation", "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout", "dropout_U": "recurrent_dropout",
}  # fmt: skip
_GENERATOR = {
    "nb_epoch": "epochs", "nb_val_samples": "validation_steps", "val_samples": "steps",
    "nb_worker": "workers", "pickle_safe": "use_multiprocessing", "max_q_size": "max_queue_size",
}  # fmt: skip
_RATE = {"p": "rate"}
_OPTIMIZERS = "SGD Adam AdamW RMSprop Adagrad Adadelta Adamax Nadam Ftrl".split()
_LEARNING_RATE = {"lr": "learning_rate", "learn_rate": "learning_rate"}

RENAMED: dict[str, Mapping[str, str]] = {
    # Keras 1
    "Dense": {**_WEIGHTS, "output_dim": "units"},
    "Conv1D": _CONV_1D,
    "Conv2D": _CONV_2D,
    "Conv3D": _CONV,
    "Conv2DTranspose": _CONV_2D,
    "Conv3DTranspose": _CONV,
    "SeparableConv2D": {k: v for k, v in _CONV_2D.items() if k not in ("init", "W_regularizer")},
    "ConvLSTM2D": {**_RECURRENT, **_CONV_2D},
    "SimpleRNN": _RECURRENT,
    "LSTM": _RECURRENT,
    "GRU": _RECURRENT,
    "Embedding": {
        "init": "embeddings_initializer", "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
    },
    "MaxPooling1D": {"pool_length": "pool_size", "stride": "strides", **_PLACE},
    "AveragePooling1D": {"pool_length": "pool_size", "stride": "strides", **_PLACE},
    **{f"{kind}Pooling{n}D": _PLACE for kind in ("Max", "Average") for n in (2, 3)},
    **{f"Global{kind}Pooling{n}D": _PLACE for kind in ("Max", "Average") for n in (1, 2, 3)},
    "UpSampling1D": {"length": "size"},
    **{f"{layer}{n}D": _PLACE for layer in ("UpSampling", "ZeroPadding", "Cropping")
       for n in (2, 3)},
    "Flatten": _PLACE,
    "Dropout": _RATE,
    "GaussianDropout": _RATE,
    "GaussianNoise": {"sigma": "stddev"},
    "SpatialDropout1D": _RATE,
    "SpatialDropout2D": {**_RATE, **_PLACE},
    "SpatialDropout3D": {**_RATE, **_PLACE},
    "BatchNormalization": {"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"},
    "PReLU": {"init": "alpha_initializer"},
    "LeakyReLU": {"alpha": "negative_slope"},  # Keras 2 and earlier
    "Input": {"batch_input_shape": "batch_shape", "input_dtype": "dtype"},
    "InputLayer": {"batch_input_shape": "batch_shape", "input_shape": "shape",
                   "input_dtype": "dtype"},
    "Model": {"input": "inputs", "output": "outputs"},
    "MaxNorm": {"m": "max_value"},
    "relu": {"alpha": "negative_slope"},
    # optimizers, until 2.3: lr
    **dict.fromkeys(_OPTIMIZERS, _LEARNING_RATE),
    # callbacks
    "ModelCheckpoint": {"period": "save_freq"},
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    # methods of a model
    "Model.fit": {"nb_epoch": "epochs"},
    "Model.fit_generator": _GENERATOR,
    "Model.evaluate_generator": _GENERATOR,
    "Model.predict_generator": _GENERATOR,
    # functions
    "to_categorical": {"nb_classes": "num_classes"},
    "imdb.load_data": {"nb_words": "num_words"},
    "reuters.load_data": {"nb_words": "num_words"},
    "Tokenizer": {"nb_words": "num_words"},
    "ImageDataGenerator": {"dim_ordering": "data_format"},
}  # fmt: skip
"""The old names of arguments of a class or function, and what they are called now."""

ANY = object()
_LOOP = dict.fromkeys(("workers", "use_multiprocessing", "max_queue_size", "show_accuracy"), ANY)
DROPPED: dict[str, Mapping[str, Any]] = {
    **{f"Model.{name}": _LOOP for name in (
        "fit", "evaluate", "predict", "fit_generator", "evaluate_generator", "predict_generator",
    )},
    "Model.train_on_batch": {"reset_metrics": True},
    "Model.test_on_batch": {"reset_metrics": True},
    "Model.compile": dict.fromkeys(
        ("sample_weight_mode", "experimental_run_tf_function", "class_mode", "theano_mode",
         "options", "run_metadata", "distribute", "cloning"), ANY,
    ) | {"target_tensors": None},
    "Model.save": {"signatures": ANY, "options": ANY, "save_traces": ANY},
    **{name: {"consume_less": ANY, "forget_bias_init": ANY, "time_major": False}
       for name in ("LSTM", "GRU", "SimpleRNN")},
    "Embedding": {"dropout": 0.0},
    "BatchNormalization": {
        "mode": 0, "fused": ANY, "renorm": False, "virtual_batch_size": None, "adjustment": None,
        "renorm_clipping": None, "renorm_momentum": ANY,
    },
    "Nadam": {"schedule_decay": ANY},
    "TensorBoard": {
        "batch_size": ANY, "write_grads": ANY, "embeddings_layer_names": ANY,
        "embeddings_data": ANY,
    },
    "ModelCheckpoint": {"options": ANY, "load_weights_on_restart": False},
    "Input": {"type_spec": None},
    "multi_gpu_model": {"cpu_merge": ANY, "cpu_relocation": ANY},
}  # fmt: skip
"""Arguments without a meaning here: they are left aside if they have this value."""

NONE_IS_DEFAULT = {
    **dict.fromkeys(_OPTIMIZERS, ("epsilon",)),
    "BatchNormalization": ("epsilon",),
}  # fmt: skip
"""Arguments of which None meant "the usual value" (`epsilon=None` in Keras 2)."""

VALUES: dict[str, Mapping[Any, Any]] = {
    "data_format": {"tf": "channels_last", "th": "channels_first", "default": None},
}
"""Values that had other names."""


@dataclass(frozen=True)
class Bridge:
    """The changes of one callable's arguments; `special` sees (args, kwargs) first."""

    renamed: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, Any] = field(default_factory=dict)
    none_is_default: tuple[str, ...] = ()
    special: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None

    def __call__(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any], known: frozenset[str] = frozenset()
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Today's arguments; those in `known` are the callable's own and stay."""
        kwargs = dict(kwargs)
        if self.special is not None:
            args, kwargs = self.special(args, kwargs)
        for old, new in self.renamed.items():
            if old in kwargs and old not in known:
                if new in kwargs:
                    raise TypeError(f"{old!r} and {new!r} are one argument: both are given")
                value = kwargs.pop(old)
                kwargs[new] = VALUES[new].get(value, value) if new in VALUES else value
        for name, harmless in self.dropped.items():
            if name in kwargs and name not in known:
                value = kwargs.pop(name)
                if harmless is not ANY and value != harmless:
                    raise TypeError(
                        f"{name}={value!r} is not supported; only {name}={harmless!r} is"
                    )
        for name in self.none_is_default:
            if name in kwargs and kwargs[name] is None:
                del kwargs[name]
        return args, kwargs


def bridge_of(name: str) -> Bridge:
    """What the tables say of a callable: "Dense" or "Model.fit"."""
    return Bridge(
        RENAMED.get(name, {}), DROPPED.get(name, {}), NONE_IS_DEFAULT.get(name, ()),
        SPECIAL.get(name),
    )  # fmt: skip


def bridged(function: Callable[..., Any], bridge: Bridge) -> Callable[..., Any]:
    """`function`, called with today's arguments; its signature is what it was."""
    signature = inspect.signature(function)
    known = frozenset(signature.parameters)
    own = 1 if "self" in known else 0
    first = next(iter([*signature.parameters][own:]), "")

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        rest, kwargs = bridge(args[own:], kwargs, known)
        names = [first, *[""] * len(rest)]
        rest = tuple(_integer(name, x) for name, x in zip(names, rest))
        kwargs = {name: _integer(name, x) for name, x in kwargs.items()}
        return function(*args[:own], *rest, **kwargs)

    wrapper.__signature__ = signature  # type: ignore[attr-defined]  # Keras binds arguments to it
    return wrapper


def _integer(name: str, value: Any) -> Any:
    """Python's integer for one of NumPy, and for a whole number of units: Keras 3 asks for it."""
    whole = name in ("units", "filters") and isinstance(value, float) and value.is_integer()
    return int(value) if whole or isinstance(value, np.integer) else value


def tables() -> Iterator[tuple[str, Bridge]]:
    """Every callable of the tables with its bridge."""
    for name in {**RENAMED, **DROPPED, **NONE_IS_DEFAULT, **SPECIAL}:
        yield name, bridge_of(name)


# -- arguments that two arguments became, or the other way round ------------------------------


KERAS_1 = frozenset(("nb_filter", "border_mode", "subsample", "dim_ordering", "W_regularizer"))


def kernel_size(*names: str) -> Callable[..., Any]:
    """`nb_row=3, nb_col=3` are `kernel_size=(3, 3)`; so are two integers beside `border_mode`.

    `Conv2D(32, 3, 2)` alone has a stride of 2 today, and had 3 rows and 2 columns until Keras 2.3.
    """

    def special(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        start = 1 if "nb_filter" not in kwargs else 0
        sizes = args[start : start + len(names)]
        whole = len(sizes) == len(names) and all(isinstance(n, int) for n in sizes)
        if whole and (KERAS_1 & set(kwargs) or until_2019()):
            kwargs |= dict(zip(names, sizes))
            args = args[:start] + args[start + len(names) :]
        if all(name in kwargs for name in names):
            kwargs["kernel_size"] = tuple(kwargs.pop(name) for name in names)
        return args, kwargs

    return special


def _sequence_shape(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`input_dim` and `input_length` of layers over sequences (Keras 1)."""
    if "input_dim" in kwargs:
        kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return args, kwargs


def _embedding(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`input_length` gives a Sequential model its input."""
    length = kwargs.pop("input_length", None)
    if length is not None and not {"input_shape", "batch_input_shape"} & set(kwargs):
        kwargs["input_shape"] = tuple(length) if isinstance(length, (list, tuple)) else (length,)
    return args, kwargs


def _input(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`Input(784)` and `Input(shape=(784))` mean one axis."""
    if args and isinstance(args[0], int):
        args = ((args[0],), *args[1:])
    if isinstance(kwargs.get("shape"), int):
        kwargs["shape"] = (kwargs["shape"],)
    return args, kwargs


def _save_freq(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`period=1` is every epoch."""
    if kwargs.get("period") == 1:
        kwargs.pop("period")
    return args, kwargs


def _compile(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Metrics as the third argument (Keras 2); one loss for outputs with a weight for each."""
    third = args[2] if len(args) > 2 else None
    metrics_third = isinstance(third, list) and not any(isinstance(x, (int, float)) for x in third)
    order = ("optimizer", "loss", *(("metrics", "loss_weights") if metrics_third else ()))
    kwargs = {**dict(zip(order, args)), **kwargs}
    weights, loss = kwargs.get("loss_weights"), kwargs.get("loss")
    if isinstance(weights, (list, tuple, dict)) and (isinstance(loss, str) or callable(loss)):
        count = len(weights)
        several: Any = dict.fromkeys(weights, loss) if isinstance(weights, dict) else [loss] * count
        kwargs["loss"] = several if count > 1 else loss
    return (), kwargs if metrics_third or len(args) < 3 else {"loss_weights": third, **kwargs}


def _predict(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`predict` showed no progress until 2.3: loops call it for every step."""
    if len(args) < 3 and "verbose" not in kwargs and until_2019():
        kwargs["verbose"] = 0
    return args, kwargs


_ROW_COLUMN = kernel_size("nb_row", "nb_col")
SPECIAL: dict[str, Callable[..., Any]] = {
    "Conv1D": _sequence_shape,
    "Conv2D": _ROW_COLUMN,
    "SeparableConv2D": _ROW_COLUMN,
    "ConvLSTM2D": _ROW_COLUMN,
    "Conv2DTranspose": _ROW_COLUMN,
    "Conv3D": kernel_size("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    "SimpleRNN": _sequence_shape,
    "LSTM": _sequence_shape,
    "GRU": _sequence_shape,
    "Embedding": _embedding,
    "Input": _input,
    "Model.compile": _compile,
    "Model.predict": _predict,
    "ModelCheckpoint": _save_freq,
    **{name: rate_of(name) for name in RATES},
}
"""Changes that are more than another name."""
