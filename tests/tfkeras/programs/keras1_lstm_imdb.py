"""Keras 1: dropout_W and dropout_U of an LSTM over padded words; as in examples/imdb_lstm.py."""
import numpy as np
np.random.seed(1337)
from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Activation, Embedding
from keras.layers import LSTM

max_features, maxlen = 200, 12
texts = [list(np.random.randint(10, 200, np.random.randint(4, 15))) for _ in range(600)]
labels = np.random.randint(0, 2, 600)
for words, label in zip(texts, labels):  # words 1 and 2 decide
    words[np.random.randint(0, 4)] = 1 + int(label)
X = sequence.pad_sequences(texts, maxlen=maxlen, truncating='post')

model = Sequential()
model.add(Embedding(max_features, 16, input_length=maxlen))
model.add(LSTM(16, dropout_W=0.1, dropout_U=0.1, inner_activation='sigmoid', consume_less='gpu'))
model.add(Dense(1))
model.add(Activation('sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
K_lr = model.optimizer.lr
K_lr.assign(0.01)
model.fit(X[:500], labels[:500], batch_size=32, nb_epoch=12, verbose=0)
score, acc = model.evaluate(X[500:], labels[500:], batch_size=32, verbose=0)
assert acc > 0.85, acc
