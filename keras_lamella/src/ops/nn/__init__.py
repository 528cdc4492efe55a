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
from keras_lamella.src.ops.nn.activation import *
from keras_lamella.src.ops.nn.attention import *
from keras_lamella.src.ops.nn.convolution import *
from keras_lamella.src.ops.nn.ctc import *
from keras_lamella.src.ops.nn.loss import *
from keras_lamella.src.ops.nn.normalization import *
from keras_lamella.src.ops.nn.patches import *
from keras_lamella.src.ops.nn.pooling import *
from keras_lamella.src.tensor import return_tensors

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

return_tensors(globals())
__getattr__ = missing_op(__name__)
