"""Keras 2: a siamese network with a shared base, Lambda distance and contrastive loss; as in examples/mnist_siamese.py."""
import numpy as np
from keras.models import Model
from keras.layers import Input, Dense, Dropout, Lambda
from keras.optimizers import RMSprop
from keras import backend as K

np.random.seed(0)

def euclidean_distance(vects):
    x, y = vects
    sum_square = K.sum(K.square(x - y), axis=1, keepdims=True)
    return K.sqrt(K.maximum(sum_square, K.epsilon()))

def eucl_dist_output_shape(shapes):
    shape1, shape2 = shapes
    return (shape1[0], 1)

def contrastive_loss(y_true, y_pred):
    margin = 1
    square_pred = K.square(y_pred)
    margin_square = K.square(K.maximum(margin - y_pred, 0))
    return K.mean(y_true * square_pred + (1 - y_true) * margin_square)

def compute_accuracy(y_true, y_pred):
    pred = y_pred.ravel() < 0.5
    return np.mean(pred == y_true)

def accuracy(y_true, y_pred):
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))

centres = np.random.normal(size=(5, 12))
digits = np.random.randint(0, 5, size=(800, 2))
pairs = centres[digits] + 0.2 * np.random.normal(size=(800, 2, 12))
tr_y = (digits[:, 0] == digits[:, 1]).astype('float32')

inner = Input(shape=(12,))
h = Dense(32, activation='relu')(inner)
h = Dropout(0.1)(h)
base_network = Model(inner, Dense(16, activation='relu')(h))
input_a, input_b = Input(shape=(12,)), Input(shape=(12,))
distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)(
    [base_network(input_a), base_network(input_b)])
model = Model([input_a, input_b], distance)
model.compile(loss=contrastive_loss, optimizer=RMSprop(), metrics=[accuracy])
model.fit([pairs[:, 0], pairs[:, 1]], tr_y, batch_size=32, epochs=10, verbose=0)
y_pred = model.predict([pairs[:, 0], pairs[:, 1]], verbose=0)
assert compute_accuracy(tr_y, y_pred) > 0.95
