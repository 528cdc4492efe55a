"""Keras 2: regression with K-fold validation, build_model() again for every fold, val_mae histories."""
import numpy as np
from keras import models, layers

np.random.seed(0)
train_data = np.random.normal(5, 3, size=(240, 13))
train_targets = 20 + train_data[:, 5] * 2 - train_data[:, 12]
mean = train_data.mean(axis=0)
train_data -= mean
train_data /= train_data.std(axis=0)

def build_model():
    model = models.Sequential()
    model.add(layers.Dense(64, activation='relu', input_shape=(train_data.shape[1],)))
    model.add(layers.Dense(64, activation='relu'))
    model.add(layers.Dense(1))
    model.compile(optimizer='rmsprop', loss='mse', metrics=['mae'])
    return model

k = 3
num_val_samples = len(train_data) // k
all_scores, all_histories = [], []
for i in range(k):
    val_data = train_data[i * num_val_samples:(i + 1) * num_val_samples]
    val_targets = train_targets[i * num_val_samples:(i + 1) * num_val_samples]
    partial_data = np.concatenate([train_data[:i * num_val_samples],
                                   train_data[(i + 1) * num_val_samples:]], axis=0)
    partial_targets = np.concatenate([train_targets[:i * num_val_samples],
                                      train_targets[(i + 1) * num_val_samples:]], axis=0)
    model = build_model()
    history = model.fit(partial_data, partial_targets, epochs=40, batch_size=8, verbose=0,
                        validation_data=(val_data, val_targets))
    val_mse, val_mae = model.evaluate(val_data, val_targets, verbose=0)
    all_scores.append(val_mae)
    all_histories.append(history.history['val_mae'])
print(np.mean(all_scores))
assert np.mean(all_scores) < 3
assert np.mean([h[-1] for h in all_histories]) < np.mean([h[0] for h in all_histories]) / 3
