"""Lamella as a Keras backend: `install` teaches Keras its name, `src` is the backend itself.

This file imports nothing: Keras loads `keras_lamella.src` while it is half imported itself.
"""
