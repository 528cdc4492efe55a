"""Importing this module defines every public name: see tensorflow_lamella.names."""

import importlib

PARTS = """
errors
core.function core.shape core.spec core.tape core.tensor core.variable
data.dataset data.sources data.csv_batches
ops.activations ops.construct ops.control ops.convolution ops.elementwise ops.indexing ops.layout
ops.linalg ops.program ops.random ops.reduce ops.ragged ops.sparse
ops.image ops.color ops.strings ops.signal ops.debugging ops.lookup ops.testing ops.config ops.nest
core.module
io.audio io.files io.images io.records io.examples
datasets.input_data datasets.learn datasets.mnist_model
distribute
v1.api
train.checkpoint train.saved_model train.summary
""".split()

for _part in PARTS:
    importlib.import_module(f"tensorflow_lamella.{_part}")


def connect() -> None:
    """Let Keras take and give our tensors and data sets. Calling it again is harmless."""
    for part in ("core.keras_bridge", "core.keras_methods", "data.adapter"):
        importlib.import_module(f"tensorflow_lamella.{part}").connect()
