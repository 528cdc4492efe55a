"""Tensors, variables, tapes, functions: what every op stands on."""
