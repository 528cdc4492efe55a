"""Who earns more than 50,000? A table with numbers and categories.

    lamella run examples/adult.py

It shows a model with many inputs: numbers are scaled by a `Normalization` layer that learns mean
and variance from the data, each category has an embedding of its own, and a linear part beside the
network's deep part remembers single facts (Cheng and others, Wide & Deep Learning, 2016).

Data: Adult by Barry Becker and Ronny Kohavi, CC BY 4.0 (UCI): 48,842 people of the US census of
1994, 24% of whom earn more.
Score: test accuracy 0.856, area under the ROC curve 0.908, in about 15 seconds.
"""

import keras
import numpy as np
from data import adult
from keras import layers

NUMBERS = ["age", "educational-num", "capital-gain", "capital-loss", "hours-per-week"]
CATEGORIES = ["workclass", "education", "marital-status", "occupation", "relationship", "race",
              "gender", "native-country"]  # fmt: skip


def arrays(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns as a model takes them: numbers (n, 5), each category (n,) as integers."""
    numbers = np.stack([table[name].astype("float32") for name in NUMBERS], axis=1)
    numbers[:, 2:4] = np.log1p(numbers[:, 2:4])  # gains and losses have long tails
    coded = {c: np.unique(table[c], return_inverse=True)[1].astype("int32") for c in CATEGORIES}
    return {"numbers": numbers, **coded}


def build(x: dict[str, np.ndarray]) -> keras.Model:
    inputs = {"numbers": keras.Input((len(NUMBERS),), name="numbers")}
    scale = layers.Normalization()
    scale.adapt(x["numbers"])
    wide, deep = [], [scale(inputs["numbers"])]
    for name in CATEGORIES:
        inputs[name] = keras.Input((), dtype="int32", name=name)
        kinds = int(x[name].max()) + 1
        wide.append(layers.Embedding(kinds, 1, embeddings_initializer="zeros")(inputs[name]))
        deep.append(layers.Embedding(kinds, min(8, kinds))(inputs[name]))
    y = layers.Concatenate()(deep)
    for units in (64, 32):
        y = layers.Dropout(0.2)(layers.Dense(units, activation="relu")(y))
    logit = layers.Add()([layers.Dense(1)(y), *wide])
    return keras.Model(inputs, layers.Activation("sigmoid")(logit))


def main() -> None:
    keras.utils.set_random_seed(1)
    table = adult()
    x, y = arrays(table), (table["income"] == ">50K").astype("float32")
    order = np.random.default_rng(1).permutation(len(y))
    test, train = order[:10_000], order[10_000:]
    x_train, x_test = ({name: c[rows] for name, c in x.items()} for rows in (train, test))

    model = build(x_train)
    model.compile(
        keras.optimizers.Adam(2e-3),
        "binary_crossentropy",
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )
    model.fit(
        x_train,
        y[train],
        batch_size=128,
        epochs=20,
        validation_split=0.1,
        callbacks=[keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)],
        verbose=2,
    )
    _, accuracy, auc = model.evaluate(x_test, y[test], batch_size=500, verbose=0)
    print(f"{keras.backend.backend()}: test accuracy {accuracy:.4f}, area under ROC {auc:.4f}")


if __name__ == "__main__":
    main()
