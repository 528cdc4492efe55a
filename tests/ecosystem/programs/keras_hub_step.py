"""KerasHub's models are built and trained for a step, on preprocessed data."""

import keras
import keras_hub
import numpy as np

assert keras.backend.backend() == "lamella"
rng = np.random.default_rng(1)


def trained(model, x, y, loss="sparse_categorical_crossentropy"):
    """One step changes the weights, and the loss is a number."""
    model.compile(keras.optimizers.SGD(0.1), loss)
    before = [w.copy() for w in model.get_weights()]
    history = model.fit(x, y, batch_size=len(y), verbose=0).history
    assert np.isfinite(history["loss"][0]), history
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

bert = keras_hub.models.BertBackbone(
    vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32,
    max_sequence_length=12,
)  # fmt: skip
tokens = {
    "token_ids": rng.integers(1, 50, (4, 12)),
    "segment_ids": np.zeros((4, 12), int),
    "padding_mask": np.ones((4, 12), int),
}
classifier = keras_hub.models.BertTextClassifier(bert, num_classes=3, preprocessor=None)
trained(classifier, tokens, rng.integers(0, 3, 4), logits)

gpt2 = keras_hub.models.GPT2Backbone(
    vocabulary_size=50, num_layers=2, num_heads=2, hidden_dim=16, intermediate_dim=32,
    max_sequence_length=12,
)  # fmt: skip
writer = keras_hub.models.GPT2CausalLM(gpt2, preprocessor=None)
inputs = {key: tokens[key] for key in ("token_ids", "padding_mask")}
trained(writer, inputs, np.roll(tokens["token_ids"], -1, axis=1), logits)

vision = keras_hub.models.ViTBackbone(
    image_shape=(16, 16, 3), patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32,
)  # fmt: skip
sees = keras_hub.models.ViTImageClassifier(vision, num_classes=3, preprocessor=None)
trained(sees, rng.normal(size=(4, 16, 16, 3)).astype("float32"), rng.integers(0, 3, 4), logits)
