"""Optimizers as they were: `lr`, and `decay`, which lowers the rate with every step."""

from __future__ import annotations

import functools
import importlib
import weakref
from collections.abc import Callable
from typing import Any

OF_TRAIN = {
    "GradientDescentOptimizer": ("SGD", "learning_rate"),
    "MomentumOptimizer": ("SGD", "learning_rate momentum"),
    "AdamOptimizer": ("Adam", "learning_rate beta_1 beta_2 epsilon"),
    "AdagradOptimizer": ("Adagrad", "learning_rate"),
    "AdadeltaOptimizer": ("Adadelta", "learning_rate rho epsilon"),
    "RMSPropOptimizer": ("RMSprop", "learning_rate rho momentum epsilon"),
}
"""Optimizers of tf.train that programs gave to `model.compile` (TensorFlow 1.5 to 1.15)."""


def from_train(identifier: Any) -> Any:
    """Keras's optimizer for one of tf.train; anything else as it is."""
    found = OF_TRAIN.get(type(identifier).__name__)
    if found is None or not hasattr(identifier, "hyper"):
        return identifier
    import keras

    name, arguments = found
    return getattr(keras.optimizers, name)(**dict(zip(arguments.split(), identifier.hyper())))


def own_optimizer(plain: Callable[..., Any]) -> Callable[..., Any]:
    """`compile` that copies an optimizer with which another model was compiled.

    GANs give one object to several models; it had moments for each of them.
    """

    @functools.wraps(plain)
    def compile(self: Any, optimizer: Any = "rmsprop", *args: Any, **kwargs: Any) -> None:
        owner = getattr(optimizer, "_lamella_owner", None)  # weak: files walk through attributes
        if owner is not None and owner() is not self:
            optimizer = type(optimizer).from_config(optimizer.get_config())
        plain(self, optimizer, *args, **kwargs)
        if hasattr(self.optimizer, "learning_rate"):
            object.__setattr__(self.optimizer, "_lamella_owner", weakref.ref(self))

    return compile


def install() -> None:
    """`optimizer.lr` and `decay=` on every optimizer; optimizers of tf.train in `compile`."""
    from keras.src import optimizers
    from keras.src.optimizers.base_optimizer import BaseOptimizer
    from keras.src.trainers.trainer import Trainer

    Trainer.compile = own_optimizer(Trainer.compile)
    plain_get = optimizers.get
    for module in (optimizers, importlib.import_module("keras.optimizers")):
        vars(module)["get"] = functools.wraps(plain_get)(lambda x: plain_get(from_train(x)))
    _install_arguments(BaseOptimizer)
    _install_decay(BaseOptimizer)


def _install_arguments(BaseOptimizer: Any) -> None:
    """`lr`, `decay` and limits of zero when an optimizer is made; its `lr`."""
    plain_init = BaseOptimizer.__init__

    @functools.wraps(plain_init)
    def __init__(self: Any, learning_rate: Any, *args: Any, **kwargs: Any) -> None:
        decay = kwargs.pop("decay", None)
        learning_rate = kwargs.pop("lr", learning_rate)
        if isinstance(learning_rate, int):
            learning_rate = float(learning_rate)
        for name in ("clipnorm", "clipvalue"):  # zero meant no clipping
            if kwargs.get(name) == 0:
                kwargs.pop(name)
        plain_init(self, learning_rate, *args, **kwargs)
        object.__setattr__(self, "decay", float(decay or 0.0))

    def set_rate(self: Any, value: Any) -> None:
        self.learning_rate = value

    BaseOptimizer.__init__ = __init__
    BaseOptimizer.lr = property(lambda self: self._learning_rate, set_rate)


def _install_decay(BaseOptimizer: Any) -> None:
    """A rate that falls as 1 / (1 + decay * steps)."""
    plain_rate = BaseOptimizer._get_current_learning_rate
    plain_config = BaseOptimizer.get_config

    @functools.wraps(plain_rate)
    def current_rate(self: Any) -> Any:
        rate = plain_rate(self)
        if not getattr(self, "decay", 0.0):
            return rate
        from keras import ops

        steps = ops.cast(self.iterations, rate.dtype)
        return rate / (1.0 + self.decay * steps)

    @functools.wraps(plain_config)
    def get_config(self: Any) -> dict[str, Any]:
        config = plain_config(self)
        return {**config, "decay": self.decay} if getattr(self, "decay", 0.0) else config

    BaseOptimizer._get_current_learning_rate = current_rate
    BaseOptimizer.get_config = get_config
