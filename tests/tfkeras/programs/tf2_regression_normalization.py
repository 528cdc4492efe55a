"""TensorFlow 2: regression with a Normalization layer that is adapted, as in the tutorial on fuel efficiency."""
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.layers.experimental import preprocessing

np.random.seed(0)
dataset = pd.DataFrame({'Horsepower': np.random.uniform(50, 200, 400),
                        'Weight': np.random.uniform(1500, 4500, 400),
                        'Model Year': np.random.randint(70, 83, 400)})
dataset['MPG'] = 60 - dataset['Horsepower'] / 10 - dataset['Weight'] / 200 + (dataset['Model Year'] - 70) / 2
train_dataset = dataset.sample(frac=0.8, random_state=0)
test_dataset = dataset.drop(train_dataset.index)
train_features, test_features = train_dataset.copy(), test_dataset.copy()
train_labels, test_labels = train_features.pop('MPG'), test_features.pop('MPG')

normalizer = preprocessing.Normalization(axis=-1)
normalizer.adapt(np.array(train_features))
assert np.allclose(normalizer.mean.numpy(), train_features.mean(), rtol=1e-3)

def build_and_compile_model(norm):
  model = keras.Sequential([norm, layers.Dense(32, activation='relu'), layers.Dense(1)])
  model.compile(loss='mean_absolute_error', optimizer=tf.keras.optimizers.Adam(0.05))
  return model

dnn_model = build_and_compile_model(normalizer)
history = dnn_model.fit(np.array(train_features), train_labels, validation_split=0.2, verbose=0, epochs=40)
hist = pd.DataFrame(history.history)
hist['epoch'] = history.epoch
assert hist['val_loss'].iloc[-1] < 2
test_predictions = dnn_model.predict(np.array(test_features)).flatten()
assert np.abs(test_predictions - test_labels).mean() < 2
