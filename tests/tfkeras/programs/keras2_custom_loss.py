"""Keras 2: losses and metrics written with K: dice, R squared, f1; labels as they come."""
import numpy as np
import keras.backend as K
from keras.layers import Dense, Input
from keras.models import Model
from keras.objectives import mean_squared_error

def dice_coef(y_true, y_pred, smooth=1.):
    y_true_f = K.flatten(y_true)
    y_pred_f = K.flatten(y_pred)
    intersection = K.sum(y_true_f * y_pred_f)
    return (2. * intersection + smooth) / (K.sum(y_true_f) + K.sum(y_pred_f) + smooth)

def dice_coef_loss(y_true, y_pred):
    return 1 - dice_coef(y_true, y_pred)

def f1(y_true, y_pred):
    true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    possible_positives = K.sum(K.round(K.clip(y_true, 0, 1)))
    predicted_positives = K.sum(K.round(K.clip(y_pred, 0, 1)))
    precision = true_positives / (predicted_positives + K.epsilon())
    recall = true_positives / (possible_positives + K.epsilon())
    return 2 * precision * recall / (precision + recall + K.epsilon())

def r2(y_true, y_pred):
    residual = K.sum(K.square(y_true - y_pred))
    total = K.sum(K.square(y_true - K.mean(y_true)))
    return 1 - residual / (total + K.epsilon())

np.random.seed(0)
x = np.random.normal(size=(400, 8))
y = (x[:, :4] > 0.3).astype('float32')
inputs = Input(shape=(8,))
model = Model(inputs, Dense(4, activation='sigmoid')(inputs))
model.compile(optimizer='adam', loss=dice_coef_loss, metrics=[dice_coef, f1])
K.set_value(model.optimizer.lr, 0.05)
model.fit(x, y, epochs=20, verbose=0)
loss, dice, score = model.evaluate(x, y, verbose=0)
print(loss, dice, score)
assert dice > 0.85 and score > 0.9 and abs(loss - (1 - dice)) < 0.02

regression = Model(inputs, Dense(1)(inputs))
regression.compile('adam', lambda t, p: mean_squared_error(t, p) + 0.01 * K.mean(K.abs(t - p)), metrics=[r2])
K.set_value(regression.optimizer.lr, 0.05)
h = regression.fit(x, x.dot(np.arange(8))[:, None], epochs=80, batch_size=400, verbose=0)
h = regression.fit(x, x.dot(np.arange(8))[:, None], epochs=60, batch_size=50, verbose=0)
assert h.history['r2'][-1] > 0.95
