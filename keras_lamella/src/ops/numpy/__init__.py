"""`keras.ops.numpy` on NumPy arrays and Tracers alike.

Functions have the names, signatures and dtype rules of Keras; where NumPy's own function means
the same they call it, and a Tracer answers.
"""

from keras_lamella.missing import missing_op
from keras_lamella.src.ops.numpy import (
    creation,
    elementwise,
    indexing,
    layout,
    product,
    reduction,
    sorting,
)
from keras_lamella.src.ops.numpy.creation import *
from keras_lamella.src.ops.numpy.elementwise import *
from keras_lamella.src.ops.numpy.indexing import *
from keras_lamella.src.ops.numpy.layout import *
from keras_lamella.src.ops.numpy.product import *
from keras_lamella.src.ops.numpy.reduction import *
from keras_lamella.src.ops.numpy.sorting import *
from keras_lamella.src.tensor import return_tensors

__all__ = [
    *creation.__all__,
    *elementwise.__all__,
    *indexing.__all__,
    *layout.__all__,
    *product.__all__,
    *reduction.__all__,
    *sorting.__all__,
]

return_tensors(globals())
__getattr__ = missing_op(__name__)
