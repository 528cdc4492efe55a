"""Keras on Lamella for every test of this folder."""

import lamella  # noqa: F401  (before keras)
