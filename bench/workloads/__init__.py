"""The programs that are timed: ordinary Keras scripts with nothing of a backend in them.

Every module defines

- `build() -> keras.Model`: a compiled model;
- `data() -> (x, y)`: NumPy arrays (or a dict of them for x), the same at every call;
- `BATCH_SIZE`;
- `EPOCHS`: epochs that are timed as one, 1 except where a single epoch is microseconds long.
"""

NAMES = (
    "mnist_mlp",
    "mnist_cnn",
    "two_conv",
    "resnet20",
    "ds_cnn",
    "bilstm",
    "transformer",
    "autoencoder",
    "wide_and_deep",
    "linear_regression",
)
