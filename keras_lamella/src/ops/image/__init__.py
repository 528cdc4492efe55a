"""`keras.ops.image` on NumPy arrays and Tracers alike."""

from keras_lamella.missing import missing_op
from keras_lamella.src.ops.image import color, filtering, resizing, warping
from keras_lamella.src.ops.image.color import *
from keras_lamella.src.ops.image.filtering import *
from keras_lamella.src.ops.image.resizing import *
from keras_lamella.src.ops.image.warping import *
from keras_lamella.src.tensor import return_tensors

__all__ = [*color.__all__, *filtering.__all__, *resizing.__all__, *warping.__all__]

return_tensors(globals())
__getattr__ = missing_op(__name__)
