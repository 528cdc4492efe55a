"""TensorFlow 2: the functional guide's ticket model: three inputs, two outputs, dictionaries of data and losses."""
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

num_tags, num_words, num_departments = 4, 50, 3
title_input = keras.Input(shape=(None,), name="title")
body_input = keras.Input(shape=(None,), name="body")
tags_input = keras.Input(shape=(num_tags,), name="tags")
title_features = layers.LSTM(8)(layers.Embedding(num_words, 8)(title_input))
body_features = layers.LSTM(8)(layers.Embedding(num_words, 8)(body_input))
x = layers.concatenate([title_features, body_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(num_departments, name="department")(x)
model = keras.Model(inputs=[title_input, body_input, tags_input], outputs=[priority_pred, department_pred])
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-2),
    loss={"priority": keras.losses.BinaryCrossentropy(from_logits=True),
          "department": keras.losses.CategoricalCrossentropy(from_logits=True)},
    loss_weights=[1.0, 0.2],
)
rng = np.random.RandomState(0)
title_data = rng.randint(num_words, size=(320, 5))
body_data = rng.randint(num_words, size=(320, 8))
tags_data = rng.randint(2, size=(320, num_tags)).astype("float32")
priority_targets = tags_data[:, :1]
dept_targets = np.eye(num_departments)[(tags_data[:, 1] + tags_data[:, 2]).astype(int)]
history = model.fit(
    {"title": title_data, "body": body_data, "tags": tags_data},
    {"priority": priority_targets, "department": dept_targets},
    epochs=25, batch_size=32, verbose=0,
)
assert history.history['priority_loss'][-1] < 0.2, history.history
assert history.history['department_loss'][-1] < 0.5 * history.history['department_loss'][0]
