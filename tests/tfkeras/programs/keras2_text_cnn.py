"""Keras 2: Tokenizer, an Embedding with given weights that is not trained, Conv1D over words."""
import numpy as np
from keras.preprocessing.text import Tokenizer
from keras.preprocessing.sequence import pad_sequences
from keras.utils import to_categorical
from keras.layers import Dense, Input, GlobalMaxPooling1D
from keras.layers import Conv1D, MaxPooling1D, Embedding
from keras.models import Model
from keras.initializers import Constant

np.random.seed(0)
MAX_NUM_WORDS, MAX_SEQUENCE_LENGTH, EMBEDDING_DIM = 100, 12, 16
topics = ['ball goal team win', 'vote law party speech', 'star planet orbit moon']
noise = ['the', 'a', 'of', 'and', 'today', 'report', 'new', 'said']
texts, labels = [], []
for i in range(450):
    words = list(np.random.choice(topics[i % 3].split(), 3)) + list(np.random.choice(noise, 7))
    np.random.shuffle(words)
    texts.append(' '.join(words))
    labels.append(i % 3)

tokenizer = Tokenizer(num_words=MAX_NUM_WORDS)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
data = pad_sequences(sequences, maxlen=MAX_SEQUENCE_LENGTH)
labels = to_categorical(np.asarray(labels))
num_words = min(MAX_NUM_WORDS, len(word_index) + 1)
embedding_matrix = np.random.normal(size=(num_words, EMBEDDING_DIM))

embedding_layer = Embedding(num_words, EMBEDDING_DIM, weights=[embedding_matrix],
                            input_length=MAX_SEQUENCE_LENGTH, trainable=False)
sequence_input = Input(shape=(MAX_SEQUENCE_LENGTH,), dtype='int32')
x = embedding_layer(sequence_input)
x = Conv1D(32, 3, activation='relu')(x)
x = MaxPooling1D(2)(x)
x = GlobalMaxPooling1D()(x)
preds = Dense(3, activation='softmax')(x)
model = Model(sequence_input, preds)
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['acc'])
model.fit(data[:360], labels[:360], batch_size=16, epochs=12, verbose=0,
          validation_data=(data[360:], labels[360:]))
assert model.evaluate(data[360:], labels[360:], verbose=0)[1] > 0.9
assert np.allclose(embedding_layer.get_weights()[0], embedding_matrix, atol=1e-6)
