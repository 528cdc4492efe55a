"""Files that Keras 1 and early Keras 2 wrote, made here by hand in their layouts."""

from __future__ import annotations

import json

import numpy as np
import pytest

h5py = pytest.importorskip("h5py")

rng = np.random.default_rng(0)


def write(path, config, layers, version, training=None):
    """An .h5 file of a whole model: its configuration, and named weights layer by layer."""
    with h5py.File(path, "w") as file:
        for key, value in (("keras_version", version), ("backend", "tensorflow")):
            file.attrs[key] = value.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        write_weights(file.create_group("model_weights"), layers, version)


def write_weights(group, layers, version):
    group.attrs["layer_names"] = [name.encode() for name in layers]
    if version:  # Keras 1.0 did not write one
        group.attrs["keras_version"] = version.encode()
    for name, weights in layers.items():
        inner = group.create_group(name)
        names = [f"{name}_{key}".encode() for key in weights]
        inner.attrs["weight_names"] = names
        for key, value in zip(names, weights.values()):
            inner.create_dataset(key, data=value)


def sequential(*layers):
    found = [{"class_name": kind, "config": config} for kind, config in layers]
    return {"class_name": "Sequential", "config": found}


def normal(*shape):
    return rng.normal(size=shape).astype("float32")


NONE_1 = {"W_regularizer": None, "b_regularizer": None, "activity_regularizer": None,
          "W_constraint": None, "b_constraint": None, "trainable": True}  # fmt: skip


def test_a_dense_network_of_keras_1(run, tmp_path):
    W1, b1, W2, b2 = normal(4, 3), normal(3), normal(3, 2), normal(2)
    config = sequential(
        ("Dense", {**NONE_1, "name": "dense_1", "batch_input_shape": [None, 4], "input_dim": 4,
                   "input_dtype": "float32", "output_dim": 3, "init": "glorot_uniform",
                   "activation": "relu", "bias": True}),
        ("Dropout", {"name": "dropout_1", "trainable": True, "p": 0.5}),
        ("Dense", {**NONE_1, "name": "dense_2", "output_dim": 2, "init": "uniform",
                   "input_dim": None, "activation": "linear", "bias": True}),
        ("Activation", {"name": "activation_1", "trainable": True, "activation": "softmax"}),
    )  # fmt: skip
    layers = {"dense_1": {"W": W1, "b": b1}, "dropout_1": {}, "dense_2": {"W": W2, "b": b2},
              "activation_1": {}}  # fmt: skip
    training = {"loss": "categorical_crossentropy", "metrics": ["accuracy"],
                "sample_weight_mode": None, "loss_weights": None,
                "optimizer_config": {"class_name": "SGD", "config": {
                    "lr": 0.25, "decay": 0.0, "momentum": 0.5, "nesterov": False}}}  # fmt: skip
    write(tmp_path / "old.h5", config, layers, "1.2.2", training)
    x = normal(5, 4)
    np.save(tmp_path / "x.npy", x)
    run("""
        import numpy as np
        from keras.models import load_model
        model = load_model("old.h5")
        np.save("y.npy", model.predict(np.load("x.npy"), verbose=0))
        assert float(model.optimizer.learning_rate) == 0.25 and model.optimizer.momentum == 0.5
        model.fit(np.load("x.npy"), np.eye(2)[[0, 1, 0, 1, 0]], nb_epoch=1, verbose=0)
    """)
    logits = np.maximum(x @ W1 + b1, 0) @ W2 + b2
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=1e-5)


def old_lstm(x, gates, hard):
    """The last state of an LSTM; gates: (W, U, b) of i, c, f, o in this order, as Keras 1 wrote."""
    h = c = np.zeros((len(x), gates[0][1].shape[0]), "float32")
    for t in range(x.shape[1]):
        i, g, f, o = (x[:, t] @ W + h @ U + b for W, U, b in gates)
        c = hard(f) * c + hard(i) * np.tanh(g)
        h = hard(o) * np.tanh(c)
    return h


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def test_recurrent_weights_of_keras_1(run, tmp_path):
    gates = [(normal(3, 2), normal(2, 2), normal(2)) for _ in "icfo"]
    names = [f"{w}_{g}" for g in "icfo" for w in "WUb"]
    layers = {"lstm_1": dict(zip(names, [w for gate in gates for w in gate]))}
    config = sequential(
        ("LSTM", {"name": "lstm_1", "trainable": True, "batch_input_shape": [None, 6, 3],
                  "input_dtype": "float32", "return_sequences": False, "go_backwards": False,
                  "stateful": False, "unroll": False, "consume_less": "cpu", "input_dim": 3,
                  "input_length": 6, "output_dim": 2, "init": "glorot_uniform",
                  "inner_init": "orthogonal", "forget_bias_init": "one", "activation": "tanh",
                  "inner_activation": "hard_sigmoid", "W_regularizer": None, "U_regularizer": None,
                  "b_regularizer": None, "dropout_W": 0.0, "dropout_U": 0.0}),
    )  # fmt: skip
    write(tmp_path / "lstm.h5", config, layers, "1.2.2")
    x = normal(4, 6, 3)
    np.save(tmp_path / "x.npy", x)
    run("""
        import numpy as np
        from keras.models import load_model, Sequential
        from keras.layers import LSTM
        model = load_model("lstm.h5")
        np.save("y.npy", model.predict(np.load("x.npy"), verbose=0))
        model.save("new.h5")
        model.save("new.keras")
        for name in ("new.h5", "new.keras"):
            same = load_model(name).predict(np.load("x.npy"), verbose=0)
            np.testing.assert_allclose(same, np.load("y.npy"), rtol=1e-6)
    """)
    expected = old_lstm(x, gates, hard_sigmoid)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=1e-5, atol=1e-6)


def test_weights_of_keras_1_without_a_version(run, tmp_path):
    """`model.load_weights` of Keras 1: convolutions of Theano's order of axes, a GRU, a Conv1D."""
    conv, b = normal(5, 3, 2, 2), normal(5)  # (filters, channels, rows, columns)
    gru = {
        f"{w}_{g}": normal(*s)
        for g in "zrh"
        for w, s in (("W", (5, 2)), ("U", (2, 2)), ("b", (2,)))
    }
    line, c = normal(3, 1, 2, 4), normal(4)  # (length, 1, channels, filters)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        write_weights(file, {"conv": {"W": conv, "b": b}, "reshape": {}, "gru": gru,
                             "line": {"W": line, "b": c}}, None)  # fmt: skip
    np.savez(tmp_path / "w.npz", conv=conv, line=line, **gru)
    run("""
        import numpy as np
        from keras.models import Sequential
        from keras.layers import Convolution2D, GRU, Reshape, Convolution1D
        model = Sequential([
            Convolution2D(5, 2, 2, dim_ordering="th", input_shape=(3, 4, 4), name="conv"),
            Reshape((9, 5)), GRU(2, return_sequences=True, reset_after=False, name="gru"),
            Convolution1D(4, 3, name="line")])
        model.load_weights("w.h5")
        w = np.load("w.npz")
        conv, _, kernel, recurrent, bias, line, _ = model.get_weights()
        np.testing.assert_array_equal(conv, w["conv"].transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(kernel, np.concatenate([w["W_z"], w["W_r"], w["W_h"]], 1))
        np.testing.assert_array_equal(recurrent[:, 4:], w["U_h"])
        np.testing.assert_array_equal(bias[2:4], w["b_r"])
        np.testing.assert_array_equal(line, w["line"][:, 0])
    """)


def test_a_functional_model_of_keras_2_0(run, tmp_path):
    kernel, bias, table = normal(6, 1), normal(1), normal(9, 3)
    gru = {"kernel": normal(3, 9), "recurrent_kernel": normal(3, 9), "bias": normal(9)}

    def node(kind, name, inputs, **config):
        return {"class_name": kind, "name": name, "config": {"name": name, **config},
                "inbound_nodes": [[[i, 0, 0, {}] for i in inputs]] if inputs else []}  # fmt: skip

    config = {"class_name": "Model", "config": {
        "name": "model_1",
        "layers": [
            node("InputLayer", "words", [], batch_input_shape=[None, 5], dtype="int32",
                 sparse=False),
            node("Embedding", "embedding_1", ["words"], trainable=True, batch_input_shape=[None, 5],
                 dtype="int32", input_dim=9, output_dim=3, mask_zero=False, input_length=5,
                 embeddings_initializer={"class_name": "RandomUniform", "config": {
                     "minval": -0.05, "maxval": 0.05, "seed": None}}),
            node("GRU", "gru_1", ["embedding_1"], trainable=True, return_sequences=False, units=3,
                 activation="tanh", recurrent_activation="hard_sigmoid", use_bias=True,
                 dropout=0.0, recurrent_dropout=0.0, implementation=0, unroll=False),
            node("GlobalAveragePooling1D", "mean", ["embedding_1"]),
            node("Concatenate", "both", ["gru_1", "mean"], trainable=True, axis=-1),
            node("Dense", "dense_1", ["both"], trainable=True, units=1, activation="sigmoid",
                 use_bias=True, bias_initializer={"class_name": "Zeros", "config": {}}),
        ],
        "input_layers": [["words", 0, 0]], "output_layers": [["dense_1", 0, 0]],
    }}  # fmt: skip
    layers = {"words": {}, "embedding_1": {"embeddings": table}, "gru_1": gru, "mean": {},
              "both": {}, "dense_1": {"kernel": kernel, "bias": bias}}  # fmt: skip
    write(tmp_path / "old.h5", config, layers, "2.0.8")
    words = rng.integers(0, 9, (4, 5))
    np.save(tmp_path / "x.npy", words)
    run("""
        import numpy as np
        from tensorflow.keras.models import load_model
        np.save("y.npy", load_model("old.h5").predict(np.load("x.npy"), verbose=0))
    """)
    x, h = table[words], np.zeros((4, 3), "float32")
    K, U, b = gru["kernel"], gru["recurrent_kernel"], gru["bias"]
    for t in range(5):
        z, r = (hard_sigmoid(x[:, t] @ K[:, s] + h @ U[:, s] + b[s])
                for s in (slice(0, 3), slice(3, 6)))  # fmt: skip
        new = np.tanh(x[:, t] @ K[:, 6:] + (r * h) @ U[:, 6:] + b[6:])
        h = z * h + (1 - z) * new
    logits = np.concatenate([h, x.mean(axis=1)], axis=1) @ kernel + bias
    expected = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, rtol=1e-5)


def test_models_as_json_of_keras_1(run):
    config = sequential(
        ("Convolution2D", {**NONE_1, "name": "c", "batch_input_shape": [None, 6, 6, 1],
                           "input_dtype": "float32", "nb_filter": 2, "nb_row": 3, "nb_col": 3,
                           "init": "he_normal", "activation": "relu", "border_mode": "same",
                           "subsample": [1, 1], "dim_ordering": "tf", "bias": True}),
        ("MaxPooling2D", {"name": "p", "trainable": True, "pool_size": [2, 2], "strides": [2, 2],
                          "border_mode": "valid", "dim_ordering": "tf"}),
        ("BatchNormalization", {"name": "n", "trainable": True, "epsilon": 1e-3, "mode": 0,
                                "axis": -1, "momentum": 0.99, "gamma_regularizer": None,
                                "beta_regularizer": None}),
        ("Flatten", {"name": "f", "trainable": True}),
    )  # fmt: skip
    out = run(f"""
        from keras.models import model_from_json
        model = model_from_json({json.dumps({**config, "keras_version": "1.2.2"})!r})
        print(model.output_shape, model.layers[0].padding, model.layers[2].epsilon)
    """)
    assert out == "(None, 18) same 0.001\n"
