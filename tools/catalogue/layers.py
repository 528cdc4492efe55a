"""Every layer of keras.layers: outputs, and gradients with respect to weights and inputs."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from catalogue.cases import add, arrays, generator, outside
from catalogue.draws import drawn


def fill(layer: keras.layers.Layer, rng: np.random.Generator) -> None:
    """Give every weight numbers of NumPy; seeds stay."""
    for v in layer.variables:
        if not v.dtype.startswith("float"):
            continue
        x = rng.normal(size=v.shape) / np.sqrt(max(1, np.prod(v.shape[:-1])))
        v.assign((np.abs(x) + 0.5 if "variance" in v.name else x).astype(np.float32))


def stateless(layer, n_inputs, training, combine):
    """`layer` as a function of its weights and inputs."""
    trainable, fixed = layer.trainable_variables, layer.non_trainable_variables

    def f(*values):
        weights, inputs = values[: len(trainable)], values[len(trainable) :]
        inputs = combine(inputs) if n_inputs > 1 else inputs[0]
        arguments = {} if training is None else {"training": training}
        out, after = layer.stateless_call(weights, [v.value for v in fixed], inputs, **arguments)
        return out, [x for v, x in zip(fixed, after) if v.dtype.startswith("float")]

    return f


def layer(key, text, make=None, *args, training=None, combine=list, settings=None, **kwargs):
    """A case of `make(*args, **kwargs)`, by default the class that `key` names."""

    def case(rng):
        made = (make or getattr(layers, key.partition(",")[0]))(*args, **kwargs)
        inputs = arrays(rng, text)
        made(combine(inputs) if len(inputs) > 1 else inputs[0])
        fill(made, generator(key))
        weights = [np.asarray(v.value) for v in made.trainable_variables]
        f = stateless(made, len(inputs), training, combine)
        return drawn(f) if training else f, [*weights, *inputs]

    add(f"layers.{key}", case, **(settings or {}))


# -- cores -------------------------------------------------------------------------------------

layer("Activation", "real 3 4", None, "tanh")
layer("ActivityRegularization", "real 3 4", None, l1=0.1)
layer("Dense", "real 3 4", None, 5, activation="tanh")
layer("EinsumDense", "real 2 3 4", None, "abc,cd->abd", output_shape=(None, 5), bias_axes="d")
layer("Embedding", "count 3 4", None, 7, 5)
layer("ReversibleEmbedding", "count 3 4", None, 7, 5)
layer("Identity", "real 3 4")
layer("Lambda", "real 3 4", None, lambda x: x * 2)
layer("Masking", "real 3 4 2", None, 0.0)
layer("TimeDistributed", "real 2 3 4", lambda: layers.TimeDistributed(layers.Dense(5)))
layer("Pipeline", "real 3 4", lambda: layers.Pipeline([layers.Rescaling(2.0), layers.ReLU()]))
layer("SpectralNormalization", "real 3 4",
      lambda: layers.SpectralNormalization(layers.Dense(5)), training=True)  # fmt: skip

# -- activations and noise ---------------------------------------------------------------------

for _name in ("ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"):
    layer(_name, "real 3 4")
for _name in ("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise"):
    layer(_name, "real 3 4", None, 0.4, training=True)
    layer(f"{_name}, inference", "real 3 4", None, 0.4, training=False)
for _n, _shape in ((1, "2 4 3"), (2, "2 4 3 3"), (3, "2 3 2 3 3")):
    layer(f"SpatialDropout{_n}D", f"real {_shape}", None, 0.4, training=True)

# -- merging -----------------------------------------------------------------------------------

for _name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"):
    layer(_name, "real 3 4, real 3 4")
layer("Concatenate", "real 3 4, real 3 2")
layer("Dot", "real 3 4, real 3 4", None, 1, normalize=True)
for _name in ("add", "average", "maximum", "minimum", "multiply", "subtract", "concatenate"):
    add(f"layers.{_name}", lambda rng, f=getattr(layers, _name): (
        lambda x, y: f([x, y]), arrays(rng, "real 3 4, real 3 4")))  # fmt: skip
add("layers.dot", lambda rng: (lambda x, y: layers.dot([x, y], 1),
                               arrays(rng, "real 3 4, real 3 4")))  # fmt: skip

# -- convolutions and pooling ------------------------------------------------------------------

SPATIAL = {1: "2 9 4", 2: "1 7 6 4", 3: "1 5 4 5 2"}
for _n, _shape in SPATIAL.items():
    layer(f"Conv{_n}D", f"real {_shape}", None, 4, 3, padding="same", activation="relu")
    layer(f"Conv{_n}D, strided groups", f"real {_shape}", None, 4, 2, strides=2, groups=2)
    layer(f"Conv{_n}DTranspose", f"real {_shape}", None, 3, 3, strides=2, padding="same")
    for _name in ("Max", "Average"):
        layer(f"{_name}Pooling{_n}D", f"real {_shape}", None, 2, padding="same")
        layer(f"Global{_name}Pooling{_n}D", f"real {_shape}")
        layer(f"Adaptive{_name}Pooling{_n}D", f"real {_shape}", None, (3,) * _n)
    layer(f"UpSampling{_n}D", f"real {_shape}", None, 2)
    layer(f"ZeroPadding{_n}D", f"real {_shape}", None, 2)
    layer(f"Cropping{_n}D", f"real {_shape}", None, 1)
for _n in (1, 2):
    layer(f"DepthwiseConv{_n}D", f"real {SPATIAL[_n]}", None, 3, depth_multiplier=2)
    layer(f"SeparableConv{_n}D", f"real {SPATIAL[_n]}", None, 5, 3, strides=2)
layer("Conv1D, causal", "real 2 9 4", None, 3, 3, padding="causal", dilation_rate=2)
layer("UpSampling2D, bilinear", "real 1 4 3 2", None, 2, interpolation="bilinear")
layer("UpSampling2D, bicubic", "real 1 4 3 2", None, 2, interpolation="bicubic")

# -- recurrent ---------------------------------------------------------------------------------

for _name in ("SimpleRNN", "LSTM", "GRU"):
    layer(_name, "real 2 5 3", None, 4)
    layer(f"{_name}, sequences backwards", "real 2 5 3", None, 4, return_sequences=True,
          return_state=True, go_backwards=True)  # fmt: skip
    layer(f"Bidirectional, {_name}", "real 2 5 3",
          lambda cls=getattr(layers, _name): layers.Bidirectional(
              cls(4, return_sequences=True)))  # fmt: skip
    layer(f"RNN, {_name}Cell", "real 2 5 3",
          lambda cls=getattr(layers, f"{_name}Cell"): layers.RNN(cls(4)))  # fmt: skip
layer("GRU, reset before", "real 2 5 3", None, 4, reset_after=False)
layer("StackedRNNCells", "real 2 5 3",
      lambda: layers.RNN(layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3)]))
)  # fmt: skip


def masked(*stack):
    return lambda: keras.Sequential([keras.Input((5,), dtype="int32"), *(make() for make in stack)])


for _name in ("SimpleRNN", "LSTM", "GRU"):
    layer(f"{_name}, masked", "count 2 5", masked(
        lambda: layers.Lambda(lambda i: i % 3), lambda: layers.Embedding(7, 3, mask_zero=True),
        lambda cls=getattr(layers, _name): cls(4, return_sequences=True)))  # fmt: skip
for _name in ("SimpleRNNCell", "LSTMCell", "GRUCell"):

    def _cell(rng, cls=getattr(layers, _name), key=_name):
        cell = cls(4)
        cell.build((2, 3))
        fill(cell, generator(key))
        states = 2 if cls is layers.LSTMCell else 1
        x = arrays(rng, ", ".join(["real 2 3"] + ["real 2 4"] * states))
        weights = [np.asarray(v.value) for v in cell.trainable_variables]
        fixed = [v.value for v in cell.non_trainable_variables]

        def f(*values):
            w, (x, *states) = values[: len(weights)], values[len(weights) :]
            return cell.stateless_call(w, fixed, x, list(states))[0]

        return f, [*weights, *x]

    add(f"layers.{_name}", _cell)
layer("ConvLSTM1D", "real 1 3 6 2", None, 2, 3, padding="same")
layer("ConvLSTM2D", "real 1 3 5 4 2", None, 2, 3, padding="same", return_sequences=True)
layer("ConvLSTM3D", "real 1 2 3 4 3 2", None, 2, 2, padding="same")

# -- attention, normalisation ------------------------------------------------------------------

layer("Attention", "real 2 3 4, real 2 5 4", None, use_scale=True)
layer("AdditiveAttention", "real 2 3 4, real 2 5 4")


def attend(make):
    """Self-attention with a causal mask."""
    inputs = keras.Input((5, 6))
    return keras.Model(inputs, make()(inputs, inputs, use_causal_mask=True))


layer("MultiHeadAttention", "real 2 5 6", lambda: attend(lambda: layers.MultiHeadAttention(2, 3)))
layer("GroupQueryAttention", "real 2 5 6",
      lambda: attend(lambda: layers.GroupQueryAttention(4, 4, 2)))  # fmt: skip
layer("BatchNormalization", "real 6 4", training=False)
layer("BatchNormalization, training", "real 6 3 4", layers.BatchNormalization, training=True)
layer("GroupNormalization", "real 2 3 4", None, 2)
for _name in ("LayerNormalization", "RMSNormalization", "UnitNormalization"):
    layer(_name, "real 3 4")
layer("LayerNormalization, two axes", "real 2 3 4", None, axis=(1, 2))

# -- shapes ------------------------------------------------------------------------------------

layer("Flatten", "real 2 3 4")
layer("Permute", "real 2 3 4", None, (2, 1))
layer("RepeatVector", "real 2 3", None, 4)
layer("Reshape", "real 2 6", None, (3, -1))

# -- preprocessing -----------------------------------------------------------------------------

layer("Rescaling", "real 3 4", None, 0.5, 1.0)
layer("Normalization", "real 3 4", None, mean=[1.0, 2.0, 3.0, 4.0], variance=[1.0, 2.0, 3.0, 4.0])
layer("CategoryEncoding", "count 3 4", None, 7, output_mode="multi_hot")
layer("CategoryEncoding, counts", "count 3 4", None, 7, output_mode="count")
layer("Discretization", "real 3 4", None, bin_boundaries=[-1.0, 0.0, 1.0])
layer("Resizing", "share 2 7 6 3", None, 4, 5)
layer("CenterCrop", "share 2 7 6 3", None, 4, 5)
layer("STFTSpectrogram", "real 1 60 1", None, frame_length=16, frame_step=8, fft_length=16,
      settings={"rtol": 1e-3, "atol": 1e-4})  # fmt: skip
layer("MelSpectrogram", "real 1 200", None, num_mel_bins=4, fft_length=64, sequence_stride=32,
      sampling_rate=400, max_freq=200.0, settings={"rtol": 1e-3, "atol": 1e-3})  # fmt: skip
layer("MaxNumBoundingBoxes", "share 1 4 4 3, count 1 2 4, count 1 2",
      lambda: layers.MaxNumBoundingBoxes(3, bounding_box_format="xyxy"),
      combine=lambda x: {"images": x[0], "bounding_boxes": {"boxes": x[1], "labels": x[2]}},
      training=True)  # fmt: skip

# -- random images: the draws are common to all backends ---------------------------------------

RANGE = {"value_range": (0, 1)}
AUGMENTATIONS: dict[str, dict] = {
    "AugMix": RANGE,
    "AutoContrast": RANGE,
    "ContrastLimitedAdaptiveHistogramEqualization": RANGE,
    "CutMix": {},
    "Equalization": RANGE,
    "MixUp": {},
    "RandAugment": RANGE,
    "RandomBrightness": {"factor": 0.3, **RANGE},
    "RandomColorDegeneration": {"factor": 0.5, **RANGE},
    "RandomColorJitter": {"brightness_factor": 0.2, "contrast_factor": 0.2, **RANGE},
    "RandomContrast": {"factor": 0.4, **RANGE},
    "RandomCrop": {"height": 5, "width": 4},
    "RandomErasing": RANGE,
    "RandomFlip": {},
    "RandomGaussianBlur": {"kernel_size": 3, **RANGE},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.4, **RANGE},
    "RandomInvert": RANGE,
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4, **RANGE},
    "RandomRotation": {"factor": 0.2},
    "RandomSaturation": {"factor": 0.6, **RANGE},
    "RandomSharpness": {"factor": 0.7, **RANGE},
    "RandomShear": {"x_factor": 0.2, "y_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
    "RandomZoom": {"height_factor": 0.2},
    "Solarization": RANGE,
}
LABELLED = ("CutMix", "MixUp")
for _name, _arguments in AUGMENTATIONS.items():
    layer(_name, "share 2 8 7 3, share 2 4" if _name in LABELLED else "share 2 8 7 3", None,
          training=True, combine=lambda x: {"images": x[0], "labels": x[1]}, **_arguments,
          settings={"rtol": 1e-3, "atol": 5e-3 if _name == "Equalization" else 1e-4})  # fmt: skip

outside("layers.Layer layers.Wrapper", "classes to derive from")
outside("layers.Input layers.InputLayer layers.InputSpec", "compute nothing")
outside("layers.deserialize layers.serialize", "compute nothing")
outside("layers.FlaxLayer layers.JaxLayer layers.TFSMLayer layers.TorchModuleWrapper",
        "layers of other engines")  # fmt: skip
outside("layers.StringLookup layers.IntegerLookup layers.TextVectorization layers.Hashing "
        "layers.HashedCrossing", "need TensorFlow under JAX; tests/keras/test_words.py"
)  # fmt: skip
