"""What to use instead of parts of TensorFlow that are not here, by the beginning of their names."""

from __future__ import annotations

HINTS = {
    "ragged": "rt.to_tensor() gives a dense tensor, for which there is everything",
    "sparse": "tf.sparse.to_dense gives a dense tensor, for which there is everything",
    "raw_ops": "use the function of the same name in tf or tf.math",
    "saved_model": "model.save('model.keras') keeps a Keras model, tf.train.Checkpoint the "
    "variables of anything",
    "lite": "convert the saved Keras model in an environment with the real TensorFlow",
    "tpu": "there is one device, the processor",
    "xla": "every tf.function is compiled as a whole",
    "audio": "read the file with Python's wave module, or with soundfile",
    "profiler": "lamella profile program.py shows the time of every kernel",
    "quantization": "keras.Model.quantize",
    "queue": "tf.data.Dataset",
    "data.experimental.service": "tf.data in this process",
    "data.Dataset.save": "np.savez of the arrays",
    "linalg.LinearOperator": "the matrix itself, with tf.linalg's functions",
    "load_op_library": "write the operation with tf.* functions",
    "load_library": "write the operation with tf.* functions",
    "mlir": "LAMELLA_DEBUG=program shows what was traced",
    "graph_util": "LAMELLA_DEBUG=program shows what was traced",
}
"""A hint stands for everything whose dotted name begins with its key."""


def hint(name: str) -> str | None:
    """The hint of the longest beginning of `name`, such as "ragged.constant"."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        found = HINTS.get(".".join(parts[:n]))
        if found is not None:
            return found
    return next((HINTS[key] for key in HINTS if name.startswith(key)), None)
