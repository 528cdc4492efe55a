"""`keras.ops.nn` on NumPy arrays and Tracers alike."""

from keras_lamella.missing import missing_op
from keras_lamella.src.ops.nn import (
    activation,
    attention,
    convolution,
    ctc,
    loss,
    normalization,
    patches,
    pooling,
)
from keras_lamella.src.ops.nn.activation import *  # noqa: F403
from keras_lamella.src.ops.nn.attention import *  # noqa: F403
from keras_lamella.src.ops.nn.convolution import *  # noqa: F403
from keras_lamella.src.ops.nn.ctc import *  # noqa: F403
from keras_lamella.src.ops.nn.loss import *  # noqa: F403
from keras_lamella.src.ops.nn.normalization import *  # noqa: F403
from keras_lamella.src.ops.nn.patches import *  # noqa: F403
from keras_lamella.src.ops.nn.pooling import *  # noqa: F403

__all__ = [
    *activation.__all__,
    *attention.__all__,
    *convolution.__all__,
    *ctc.__all__,
    *loss.__all__,
    *normalization.__all__,
    *patches.__all__,
    *pooling.__all__,
]

__getattr__ = missing_op(__name__)
