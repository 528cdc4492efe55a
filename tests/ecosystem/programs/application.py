"""A model of keras.applications: the same weights give the same outputs and the same step.

application.py save NAME SIZE       on the first backend
application.py compare NAME SIZE    on the second
"""

import sys

import keras
import numpy as np

task, name, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
x = rng.normal(size=(8, size, size, 3)).astype("float32")
y = rng.integers(0, 5, 8)

base = getattr(keras.applications, name)(
    weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3)
)
model = keras.Model(base.input, keras.layers.Dense(5)(base.output))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(1e-3), loss)

if task == "save":
    model.save_weights("before.weights.h5")
else:
    model.load_weights("before.weights.h5")
before = model.predict(x, verbose=0)
# What a backend draws by lot is its own.
for layer in model.layers:
    if isinstance(layer, (keras.layers.Dropout, keras.layers.SpatialDropout2D)):
        layer.rate = 0.0
    if "StochasticDepth" in type(layer).__name__:
        layer.drop_path_rate = 0.0
model.compile(keras.optimizers.SGD(1e-3), loss)
reached = model.train_on_batch(x, y)
after = model.predict(x, verbose=0)
assert not np.array_equal(before, after)

if task == "save":
    np.savez("results.npz", before, reached, after)
else:
    for ours, theirs in zip(np.load("results.npz").values(), (before, reached, after)):
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours / scale, theirs / scale, rtol=0, atol=2e-3)
