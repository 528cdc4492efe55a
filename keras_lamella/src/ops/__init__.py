"""The functions behind `keras.ops`: on NumPy arrays they compute, on Tracers they trace."""

from keras_lamella.src.ops import core, image, linalg, math, nn, numpy

__all__ = ["core", "image", "linalg", "math", "nn", "numpy"]
