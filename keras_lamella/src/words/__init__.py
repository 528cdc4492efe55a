"""Keras's layers for words, which are TensorFlow's there, on NumPy.

They take the places of Keras's own where TensorFlow is not installed (`keras_lamella.adjustments`),
and derive from them: arguments, checks, configuration, assets and shapes are Keras's.

hashing      the hash functions
arrays       words as bytes, rows of different lengths, counts of numbers
standin      what Keras's constructors ask TensorFlow for
lookup, text, hashed    the layers
"""
