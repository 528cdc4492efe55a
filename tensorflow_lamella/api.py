"""Importing this module defines every public name: see tensorflow_lamella.names."""

import importlib

PARTS = """
errors
core.function core.shape core.spec core.tape core.tensor core.variable
ops.activations ops.construct ops.control ops.convolution ops.elementwise ops.indexing ops.layout
ops.linalg ops.program ops.random ops.reduce
""".split()

for _part in PARTS:
    importlib.import_module(f"tensorflow_lamella.{_part}")

importlib.import_module("tensorflow_lamella.core.keras_bridge").connect()
