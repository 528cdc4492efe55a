"""Keras 2: LearningRateScheduler, decay, and K.set_value(model.optimizer.lr) between fits."""
import math
import numpy as np
from keras import backend as K
from keras.callbacks import LearningRateScheduler
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import SGD, rmsprop

def step_decay(epoch):
    return 0.1 * math.pow(0.5, math.floor((1 + epoch) / 4.0))

np.random.seed(0)
x = np.random.normal(size=(128, 3))
y = x.sum(axis=1)
model = Sequential([Dense(1, input_dim=3)])
model.compile(loss='mean_squared_error', optimizer=SGD(lr=0.0, momentum=0.9, decay=0.0, nesterov=False))
history = model.fit(x, y, epochs=10, batch_size=16, verbose=0, callbacks=[LearningRateScheduler(step_decay)])
assert math.isclose(K.get_value(model.optimizer.lr), step_decay(9), rel_tol=1e-6)
print(history.history['loss'])
assert history.history['loss'][-1] < 0.05 * history.history['loss'][0]

decayed = Sequential([Dense(1, input_dim=1, kernel_initializer='zeros', use_bias=False)])
decayed.compile('sgd', 'mse')
decayed.compile(SGD(lr=0.1, decay=0.5), 'mse')
for _ in range(3):  # w grows by 2 lr (1 - w) where lr = 0.1 / (1 + 0.5 step)
    decayed.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
w = 0.0
for step in range(3):
    w += 2 * 0.1 / (1 + 0.5 * step) * (1 - w)
assert math.isclose(decayed.get_weights()[0][0, 0], w, rel_tol=1e-5)
opt = rmsprop(lr=0.0001, decay=1e-6)
K.set_value(opt.lr, 0.5)
assert opt.get_config()['decay'] == 1e-6 and float(K.get_value(opt.lr)) == 0.5
