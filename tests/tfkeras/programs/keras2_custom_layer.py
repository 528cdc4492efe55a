"""Keras 2: a layer of one's own with build, K.dot and compute_output_shape, saved with custom_objects."""
import os
import tempfile
import numpy as np
from keras import backend as K
from keras.engine.topology import Layer
from keras.layers import Activation
from keras.models import Sequential, load_model

class MyLayer(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(MyLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(name='kernel', shape=(input_shape[1], self.output_dim),
                                      initializer='uniform', trainable=True)
        super(MyLayer, self).build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return dict(list(super(MyLayer, self).get_config().items()) + [('output_dim', self.output_dim)])

np.random.seed(0)
x = np.random.normal(size=(300, 5))
y = np.eye(3)[np.argmax(x[:, :3], axis=1)]
model = Sequential([MyLayer(3, input_shape=(5,)), Activation('softmax')])
model.compile('adam', 'categorical_crossentropy', metrics=['accuracy'])
K.set_value(model.optimizer.lr, 0.05)
model.fit(x, y, epochs=20, verbose=0)
assert model.evaluate(x, y, verbose=0)[1] > 0.95
path = os.path.join(tempfile.mkdtemp(), 'model.h5')
model.save(path)
again = load_model(path, custom_objects={'MyLayer': MyLayer})
assert np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
assert K.get_value(again.optimizer.lr) == np.float32(0.05)
