"""Importing this module defines every name of TensorFlow 1."""

import importlib

PARTS = """
graph session variables variable_scope inputs recorder random gradients control_flow
functions internal checks image nn sparse rnn_cell rnn layers losses metrics initializers
python_ops app mode
summary datasets train.optimizers train.schedules train.saver train.monitored
contrib.framework contrib.layers contrib.others contrib.projector contrib.factorization
contrib.legacy_seq2seq contrib.vocabulary estimator
""".split()

for _part in PARTS:
    importlib.import_module(f"tensorflow_lamella.v1.{_part}")
