"""A model of keras.applications: the same weights give the same outputs and the same step.

application.py save NAME SIZE float32       on the first backend, which draws the weights
application.py save NAME SIZE float64       on the first backend
application.py compare NAME SIZE float64    on the second

What a step of SGD with a learning rate of one changes is the gradient, and the way of the moving
averages. In float32 they depend on the rounding: batch normalisations of images of a few pixels
multiply a difference of 1e-7 by a thousand and more, on every backend. So float64 has to agree
closely, and float32 with float64 roughly.
"""

import sys
from pathlib import Path

import keras
import numpy as np
from keras.src.backend.common import dtypes

LIMITS = {"float32": 5e-2, "float64": 1e-9}  # a gradient with an error in it is wrong by tenths

task, name, size, dtype = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
keras.config.set_floatx(dtype)
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = dtype  # Keras on JAX would take means in float32
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
x = rng.normal(size=(8, size, size, 3)).astype("float32").astype(dtype)
y = rng.integers(0, 5, 8)

base = getattr(keras.applications, name)(
    weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3)
)
model = keras.Model(base.input, keras.layers.Dense(5)(base.output))
# What a backend draws by lot is its own.
for layer in model.layers:
    if isinstance(layer, (keras.layers.Dropout, keras.layers.SpatialDropout2D)):
        layer.rate = 0.0
    if "StochasticDepth" in type(layer).__name__:
        layer.drop_path_rate = 0.0
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(1.0), loss)

weights = Path("before.weights.h5")
if dtype == "float32":
    model.save_weights(weights)
model.load_weights(weights)
results = {"outputs": model.predict(x, verbose=0)}
parts = {"gradient": model.trainable_weights, "averages": model.non_trainable_weights}
before = {part: [v.numpy() for v in variables] for part, variables in parts.items()}
results["loss"] = model.train_on_batch(x, y)
for part, variables in parts.items():
    changes = [(v.numpy() - old).ravel() for v, old in zip(variables, before[part])]
    results[part] = np.concatenate([np.zeros(1), *changes])

if task == "save":
    np.savez(f"{dtype}.npz", **results)
    sys.exit()
for kind, limit in LIMITS.items():
    for part, ours in np.load(f"{kind}.npz").items():
        theirs = results[part]
        distance = np.linalg.norm(ours - theirs) / max(np.linalg.norm(theirs), 1e-12)
        print(f"{name} {kind} {part}: {distance:.1e}")
        assert distance < limit, f"{name}: {part} in {kind} differs by {distance:.1e}"
