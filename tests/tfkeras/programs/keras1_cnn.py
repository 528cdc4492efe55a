"""Keras 1: Convolution2D(n, rows, cols), border_mode, dim_ordering; as in examples/mnist_cnn.py."""
from __future__ import print_function
import numpy as np

from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D
from keras.utils import np_utils
from keras import backend as K

np.random.seed(1337)
nb_classes, nb_epoch, nb_filters, kernel_size, pool_size = 2, 6, 8, (3, 3), (2, 2)

# horizontal and vertical bars
X = np.random.uniform(0, 0.3, size=(400, 12, 12))
y = np.random.randint(0, 2, 400)
for image, kind in zip(X, y):
    at = np.random.randint(1, 11)
    if kind:
        image[at, :] = 1
    else:
        image[:, at] = 1

if K.image_dim_ordering() == 'th':
    X = X.reshape(X.shape[0], 1, 12, 12)
    input_shape = (1, 12, 12)
else:
    X = X.reshape(X.shape[0], 12, 12, 1)
    input_shape = (12, 12, 1)
Y = np_utils.to_categorical(y, nb_classes)

model = Sequential()
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1],
                        border_mode='valid', input_shape=input_shape))
model.add(Activation('relu'))
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1], subsample=(1, 1)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=pool_size, border_mode='valid'))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(32))
model.add(Activation('relu'))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adadelta', metrics=['accuracy'])
K.set_value(model.optimizer.lr, 1.0)
model.fit(X, Y, batch_size=32, nb_epoch=nb_epoch, verbose=0, validation_split=0.2)
assert model.layers[0].get_weights()[0].shape == (3, 3, 1, 8)
assert model.evaluate(X, Y, verbose=0)[1] > 0.9
