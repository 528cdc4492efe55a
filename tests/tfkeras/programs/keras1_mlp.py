"""Keras 1 (2016): output_dim, init, nb_epoch, np_utils; as in keras-team/keras examples/mnist_mlp.py."""
import numpy as np
np.random.seed(1337)

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import SGD
from keras.utils import np_utils

centres = np.random.normal(size=(4, 20)) * 2
labels = np.random.randint(0, 4, 800)
X = (centres[labels] + np.random.normal(size=(800, 20))).astype('float32')
Y = np_utils.to_categorical(labels, nb_classes=4)

model = Sequential()
model.add(Dense(output_dim=32, input_dim=20, init='uniform'))
model.add(Activation('relu'))
model.add(Dropout(p=0.2))
model.add(Dense(output_dim=4, init='glorot_normal'))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy',
              optimizer=SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True),
              metrics=['accuracy'])
history = model.fit(X[:600], Y[:600], batch_size=64, nb_epoch=10, verbose=0,
                    validation_data=(X[600:], Y[600:]))
score = model.evaluate(X[600:], Y[600:], verbose=0)
print('Test score:', score[0], 'Test accuracy:', score[1])
assert score[1] > 0.95
assert history.history['val_acc'][-1] == score[1]
assert (model.predict_classes(X[600:], verbose=0) == labels[600:]).mean() == np.float32(score[1])
