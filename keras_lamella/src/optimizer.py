"""The backend's part of Optimizer: none, since `cond` carries out what its branches assign."""

from keras.src.optimizers import base_optimizer


class BackendOptimizer(base_optimizer.BaseOptimizer):
    """Keras's BaseOptimizer as it is."""
