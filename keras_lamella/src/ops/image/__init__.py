"""`keras.ops.image` on NumPy arrays and Tracers alike."""

from keras_lamella.missing import missing_op

__all__: list[str] = []

__getattr__ = missing_op(__name__)
