"""Keras 2: EarlyStopping, ModelCheckpoint to .hdf5, ReduceLROnPlateau, CSVLogger, LambdaCallback on val_acc."""
import glob
import os
import tempfile
import numpy as np
from keras.callbacks import (EarlyStopping, ModelCheckpoint, ReduceLROnPlateau, CSVLogger,
                             LambdaCallback, Callback)
from keras.layers import Dense, BatchNormalization
from keras.layers.normalization import BatchNormalization as OldBatchNormalization
from keras.models import Sequential, load_model

np.random.seed(0)
folder = tempfile.mkdtemp()
x = np.random.normal(size=(300, 6))
y = (x[:, 0] > x[:, 1]).astype(int)

model = Sequential()
model.add(Dense(16, activation='relu', input_dim=6))
model.add(OldBatchNormalization())
model.add(Dense(1, activation='sigmoid'))
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])

class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses, self.accuracies = [], []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))

    def on_epoch_end(self, epoch, logs={}):
        self.accuracies.append(logs.get('acc'))

seen, epochs = LossHistory(), []
callbacks = [
    EarlyStopping(monitor='val_acc', patience=5),
    ModelCheckpoint(os.path.join(folder, 'weights-{epoch:02d}-{val_acc:.2f}.hdf5'),
                    monitor='val_acc', verbose=0, save_best_only=True, mode='max', period=1),
    ReduceLROnPlateau(monitor='val_loss', factor=0.5, patience=3, epsilon=1e-4),
    CSVLogger(os.path.join(folder, 'log.csv')),
    LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch)),
    seen,
]
history = model.fit(x, y, epochs=25, batch_size=20, validation_split=0.2, callbacks=callbacks, verbose=0)
n = len(history.history['acc'])
assert len(epochs) == len(seen.accuracies) == n and len(seen.losses) == 12 * n
assert seen.accuracies == history.history['acc']
best = sorted(glob.glob(os.path.join(folder, '*.hdf5')))[-1]
assert float(best[-9:-5]) == round(max(history.history['val_acc']), 2)
restored = load_model(best)
assert restored.evaluate(x, y, verbose=0)[1] > 0.85
assert open(os.path.join(folder, 'log.csv')).readline().startswith('epoch,acc')
