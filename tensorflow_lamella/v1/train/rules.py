"""The update rules of the optimizers of TensorFlow 1, on arrays.

Each takes the variable, its gradient, its slots and the hyperparameters (arrays of the variable's
dtype without axes), and returns the new variable and the new slots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Arrays = tuple[Any, ...]


def gradient_descent(var: Any, g: Any, lr: Any) -> Arrays:
    """Plain descent."""
    return (var - lr * g,)


def momentum(var: Any, g: Any, accum: Any, lr: Any, decay: Any) -> Arrays:
    """Descent along a decaying sum of gradients."""
    accum = decay * accum + g
    return var - lr * accum, accum


def nesterov(var: Any, g: Any, accum: Any, lr: Any, decay: Any) -> Arrays:
    """Momentum that looks one step ahead (Nesterov, 1983)."""
    accum = decay * accum + g
    return var - lr * (g + decay * accum), accum


def adagrad(var: Any, g: Any, accum: Any, lr: Any) -> Arrays:
    """Duchi, Hazan and Singer, 2011."""
    accum = accum + g * g
    return var - lr * g / np.sqrt(accum), accum


def adadelta(var: Any, g: Any, accum: Any, moved: Any, lr: Any, rho: Any, epsilon: Any) -> Arrays:
    """Zeiler, 2012."""
    accum = rho * accum + (1 - rho) * g * g
    step = np.sqrt(moved + epsilon) / np.sqrt(accum + epsilon) * g
    moved = rho * moved + (1 - rho) * step * step
    return var - lr * step, accum, moved


def adam(var: Any, g: Any, m: Any, v: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any,
         power1: Any, power2: Any) -> Arrays:  # fmt: skip
    """Kingma and Ba, 2015, with epsilon as in TensorFlow; power = beta ** step."""
    rate = lr * np.sqrt(1 - power2) / (1 - power1)
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return var - rate * m / (np.sqrt(v) + epsilon), m, v


def rmsprop(var: Any, g: Any, mean_square: Any, mom: Any, lr: Any, decay: Any, momentum: Any,
            epsilon: Any) -> Arrays:  # fmt: skip
    """Hinton's, with momentum."""
    mean_square = decay * mean_square + (1 - decay) * g * g
    mom = momentum * mom + lr * g / np.sqrt(mean_square + epsilon)
    return var - mom, mean_square, mom


def rmsprop_centered(var: Any, g: Any, mean_square: Any, mom: Any, mean: Any, lr: Any, decay: Any,
                     momentum: Any, epsilon: Any) -> Arrays:  # fmt: skip
    """RMSProp with an estimate of the variance instead of the second moment."""
    mean_square = decay * mean_square + (1 - decay) * g * g
    mean = decay * mean + (1 - decay) * g
    mom = momentum * mom + lr * g / np.sqrt(mean_square - mean * mean + epsilon)
    return var - mom, mean_square, mom, mean


def ftrl(var: Any, g: Any, accum: Any, linear: Any, lr: Any, power: Any, l1: Any, l2: Any,
         shrinkage: Any) -> Arrays:  # fmt: skip
    """McMahan et al., 2013."""
    new = accum + g * g
    sigma = (new ** (-power) - accum ** (-power)) / lr
    linear = linear + (g + 2 * shrinkage * var) - sigma * var
    quadratic = new ** (-power) / lr + 2 * l2
    shrunk = (np.sign(linear) * l1 - linear) / quadratic
    return np.where(np.abs(linear) > l1, shrunk, np.zeros_like(var)), new, linear


def _shrink(x: Any, rate: Any, l1: Any, l2: Any) -> Any:
    return np.sign(x) * np.maximum(np.abs(x) - rate * l1, 0) / (1 + rate * l2)


def proximal_descent(var: Any, g: Any, lr: Any, l1: Any, l2: Any) -> Arrays:
    """Descent, then shrinking (Duchi and Singer, 2009)."""
    return (_shrink(var - lr * g, lr, l1, l2),)


def proximal_adagrad(var: Any, g: Any, accum: Any, lr: Any, l1: Any, l2: Any) -> Arrays:
    """Adagrad, then shrinking."""
    accum = accum + g * g
    rate = lr / np.sqrt(accum)
    return _shrink(var - rate * g, rate, l1, l2), accum
