"""tf.keras in TensorFlow 1.x: padded reviews, Embedding and GlobalAveragePooling1D; the text tutorial."""
import tensorflow as tf
from tensorflow import keras
import numpy as np

rng = np.random.RandomState(0)
train_data = [list(rng.randint(10, 100, rng.randint(5, 20))) for _ in range(400)]
train_labels = rng.randint(0, 2, 400)
for words, label in zip(train_data, train_labels):
    words.insert(0, 4 + label)
word_index = {"<PAD>": 0, "<START>": 1}
train_data = keras.preprocessing.sequence.pad_sequences(train_data, value=word_index["<PAD>"], padding='post',
                                                        maxlen=24)
vocab_size = 100
model = keras.Sequential()
model.add(keras.layers.Embedding(vocab_size, 16, input_shape=(None,)))
model.add(keras.layers.GlobalAveragePooling1D())
model.add(keras.layers.Dense(16, activation=tf.nn.relu))
model.add(keras.layers.Dense(1, activation=tf.nn.sigmoid))
model.summary()
model.compile(optimizer='adam', loss='binary_crossentropy', metrics=['acc'])
model.optimizer.lr = 0.01
x_val, partial_x_train = train_data[:100], train_data[100:]
y_val, partial_y_train = train_labels[:100], train_labels[100:]
history = model.fit(partial_x_train, partial_y_train, epochs=30, batch_size=32, validation_data=(x_val, y_val), verbose=0)
history_dict = history.history
assert sorted(history_dict.keys()) == ['acc', 'loss', 'val_acc', 'val_loss']
assert history_dict['val_acc'][-1] > 0.9
