"""Programs that treat Keras as a graph: derivatives of symbolic tensors, weights of their own."""

from __future__ import annotations

import pytest

#: (name, where it is met, the lines)
CASES = [
    ("DeepDream", "Keras 2: examples/deep_dream.py climbs the gradient of a sum over layers", """
        image = keras.Input((12, 12, 3))
        x = keras.layers.Conv2D(4, 3, activation='relu', name='c1')(image)
        x = keras.layers.Conv2D(5, 3, activation='relu', name='c2')(x)
        model = keras.Model(image, x)
        loss = K.variable(0.)
        for name, share in (('c1', 0.5), ('c2', 2.)):
            out = model.get_layer(name).output
            scaling = K.prod(K.cast(K.shape(out), 'float32'))
            loss = loss + share * K.sum(K.square(out[:, 2:-2, 2:-2, :])) / scaling
        grads = K.gradients(loss, image)[0]
        exact = K.function([image], [loss, grads])
        picture, step = np.random.rand(1, 12, 12, 3).astype('float32'), np.zeros((1, 12, 12, 3), 'float32')
        step[0, 5, 6, 1] = 1e-2
        slope = (exact([picture + step])[0] - exact([picture - step])[0]) / 2e-2
        assert abs(slope - exact([picture])[1][0, 5, 6, 1]) < 0.05 * abs(slope) + 1e-4
        grads /= K.maximum(K.mean(K.abs(grads)), K.epsilon())
        climb = K.function([image], [loss, grads])
        losses = []
        for _ in range(12):
            value, direction = climb([picture]); picture = picture + 0.05 * direction
            losses.append(value)
        assert losses[-1] > 2 * losses[0] and losses == sorted(losses)
    """),
    ("Grad-CAM", "class activation maps: the gradient of a class with respect to a layer", """
        model = keras.Sequential([
            keras.layers.Conv2D(4, 3, activation='relu', name='last', input_shape=(6, 6, 1)),
            keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, use_bias=False)])
        layer = model.get_layer('last').output
        grads = K.gradients(model.output[:, 1], layer)[0]
        pooled, maps = K.function([model.input], [K.mean(grads, axis=(0, 1, 2)), layer[0]])([np.ones((1, 6, 6, 1))])
        assert maps.shape == (4, 4, 4) and np.allclose(pooled, model.get_weights()[-1][:, 1] / 16)
        assert K.gradients(model.output, keras.Input((2,))) == [None]
        twice = K.gradients(K.sum(K.gradients(K.sum(model.input ** 3), model.input)[0]), model.input)[0]
        assert np.allclose(K.function([model.input], [twice])([2 * np.ones((1, 6, 6, 1))])[0], 12)
    """),
    ("gradients of numbers", "TensorFlow 2: what is computed already needs a tape", """
        with raises(ValueError, "tf.GradientTape"):
            K.gradients(K.constant(3.), [K.constant(3.)])
    """),
    ("get_updates", "policy gradients: K.function with an optimizer's updates (Keras 1 and 2)", """
        model = keras.Sequential([keras.layers.Dense(8, activation='relu', input_dim=4),
                                  keras.layers.Dense(2, activation='softmax')])
        action, advantage = K.placeholder(shape=[None, 2]), K.placeholder(shape=[None, ])
        chosen = K.sum(action * model.output, axis=1)
        loss = -K.mean(K.log(chosen + 1e-10) * advantage)
        states, first = np.random.rand(5, 4), np.eye(2)[[0] * 5]
        for given in ((model.trainable_weights, [], loss), (loss, model.trainable_weights)):
            updates = keras.optimizers.Adam(lr=0.05).get_updates(*given)
            train = K.function([model.input, action, advantage], [loss], updates=updates)
            before = model.predict(states, verbose=0)[:, 0].mean()
            values = [train([states, first, np.ones(5)])[0] for _ in range(12)]
            assert values[-1] < values[0] and model.predict(states, verbose=0)[:, 0].mean() > before
        updates = keras.optimizers.SGD(0.1).get_updates(loss=loss, params=model.trainable_weights)
        assert K.function([model.input, action, advantage], [], updates=updates)([states, first, np.ones(5)]) == []
    """),
    ("K.update", "counters beside a function: updates=[K.update_add(...), (variable, value)]", """
        x, count, last = keras.Input((1,)), K.variable(0.), K.variable(0.)
        f = K.function([x], [K.sum(x)], updates=[K.update_add(count, K.sum(x)), (last, K.max(x))])
        assert f([ones])[0] == 8 and f([2 * ones])[0] == 16
        assert float(K.get_value(count)) == 24 and float(K.get_value(last)) == 2
    """),
    ("gradients of a session", "integrated gradients: tf.gradients and sess.run on a Keras model", """
        import tensorflow as tf
        model = keras.Sequential([keras.layers.Dense(4, input_shape=(3,)), keras.layers.Dropout(0.5),
                                  keras.layers.Dense(1)])
        grads = tf.gradients(model.output, model.input)
        sess = K.get_session()
        sess.run(tf.global_variables_initializer())
        found = sess.run(grads, feed_dict={model.input: np.ones((2, 3)), K.learning_phase(): 0})
        assert np.allclose(found[0], (model.get_weights()[0] @ model.get_weights()[2]).T, rtol=1e-5)
        with raises(TypeError, "symbolic tensor of Keras"):
            sess.run([model.output, tf.placeholder(tf.float32)], {model.input: ones})
    """),
    ("random shapes", "variational autoencoders outside of a Lambda (tf.keras 2)", """
        x = keras.Input((3,))
        noise = K.random_normal(shape=(K.shape(x)[0], K.int_shape(x)[1]))
        model = keras.Model(x, x + noise)
        assert model.output_shape == (None, 3) and model.predict(np.ones((5, 3)), verbose=0).std() > 0.1
        flat = K.reshape(keras.Input((2, 3)), (-1, 6))
        assert flat.shape == (None, 6)
    """),
    ("add_metric", "tf.keras 2: model.add_metric(tensor, name=, aggregation='mean'), and in layers", """
        x = keras.Input((1,)); h = keras.layers.Dense(3, name='h')(x)
        model = keras.Model(x, keras.layers.Dense(1)(h))
        model.add_loss(0.1 * K.mean(K.square(h)))
        model.add_metric(K.mean(K.abs(h)), name='activity', aggregation='mean')
        model.compile('sgd', 'mse')
        model.fit(ones, ones, epochs=2, verbose=0, validation_data=(ones, ones))
        logs = model.evaluate(ones, ones, verbose=0, return_dict=True)
        hidden = keras.Model(x, model.get_layer('h').output).predict(ones, verbose=0)
        assert abs(logs['activity'] - np.abs(hidden).mean()) < 1e-5
        error = float(np.mean((model.predict(ones, verbose=0) - 1) ** 2))
        assert abs(logs['loss'] - error - 0.1 * float(np.mean(hidden ** 2))) < 1e-5
        class Watched(keras.layers.Layer):
            def call(self, x):
                self.add_metric(2 * K.mean(x), name='twice')
                return x
        y = keras.Input((1,)); other = keras.Model(y, keras.layers.Dense(1)(Watched()(y)))
        other.compile('sgd', 'mse')
        assert other.fit(ones, ones, epochs=2, verbose=0).history['twice'] == [2.0, 2.0]
        with raises(ValueError, "there is 'mean'"):
            model.add_metric(K.mean(h), name='b', aggregation='sum')
    """),
    ("gradient penalty", "Keras-GAN: wgan_gp.py, a loss with a layer's output bound to it", """
        from functools import partial
        from keras.layers.merge import _Merge
        class Between(_Merge):
            def _merge_function(self, inputs):
                alpha = K.random_uniform((8, 1))
                return alpha * inputs[0] + (1 - alpha) * inputs[1]
        def penalty(y_true, y_pred, averaged_samples):
            gradients = K.gradients(y_pred, averaged_samples)[0]
            squares = K.sum(K.square(gradients), axis=np.arange(1, len(gradients.shape)))
            return K.mean(K.square(1 - K.sqrt(squares)))
        def wasserstein(y_true, y_pred):
            return K.mean(y_true * y_pred)
        critic = keras.Sequential([keras.layers.Dense(1, use_bias=False, input_shape=(2,))])
        real, fake = keras.Input((2,)), keras.Input((2,))
        between = Between()([real, fake])
        loss = partial(penalty, averaged_samples=between); loss.__name__ = 'gradient_penalty'
        model = keras.Model([real, fake], [critic(real), critic(fake), critic(between)])
        model.compile(keras.optimizers.SGD(0.05), loss=[wasserstein, wasserstein, loss], loss_weights=[1, 1, 10])
        rows, labels = np.random.rand(2, 8, 2), [-ones, ones, 0 * ones]
        w = critic.get_weights()[0]
        total, first, second, third = model.train_on_batch(list(rows), labels)
        assert abs(third - (1 - np.linalg.norm(w)) ** 2) < 1e-5  # the critic's slope is w everywhere
        assert abs(first + float((rows[0] @ w).mean())) < 1e-5
        assert abs(total - first - second - 10 * third) < 1e-4
        for _ in range(50):
            third = model.train_on_batch(list(rows), labels)[3]
        assert third < 0.01, third
    """),
    ("weights of Keras 1", "layers of 2016: initializations, self.trainable_weights = [...]", """
        from keras import initializations
        from keras.engine.topology import Layer
        class Old(Layer):
            def __init__(self, output_dim, **kwargs):
                self.output_dim, self.init = output_dim, initializations.get('glorot_uniform')
                super().__init__(**kwargs)
            def build(self, input_shape):
                self.W = self.init((input_shape[1], self.output_dim), name='{}_W'.format(self.name))
                self.b = K.zeros((self.output_dim,), name='b')
                self.trainable_weights = [self.W, self.b]
            def call(self, x, mask=None):
                return K.dot(x, self.W) + self.b
            def get_output_shape_for(self, input_shape):
                return (input_shape[0], self.output_dim)
        model = keras.Sequential([Old(3, input_dim=1), keras.layers.Dense(1)])
        model.compile('sgd', 'mse')
        before = model.get_weights()
        model.train_on_batch(ones, ones)
        assert len(model.trainable_weights) == 4
        assert all((a != b).any() for a, b in zip(before, model.get_weights()))
        with raises(TypeError, "self.add_weight(shape=..., initializer=..., name=...)"):
            keras.layers.Layer().trainable_weights = [np.zeros(3)]
    """),
    ("add_weight", "layers of each year: its arguments in every order there was", """
        layer = keras.layers.Layer()
        kinds = [
            layer.add_weight((5, 2), 'zero', name='a'),  # Keras 1
            layer.add_weight((5, 2), 'one', 'b/c', False),
            layer.add_weight('c', (5, 2), None, 'uniform'),  # Keras 2
            layer.add_weight('d', shape=[5, 2], initializer='ones', trainable=False),
            layer.add_weight(name='e', shape=(5, 2), dtype='float32', initializer='zeros', use_resource=True),
            layer.add_weight((5, 2), 'ones', 'int32'),  # Keras 3
        ]
        assert all(tuple(v.shape) == (5, 2) for v in kinds)
        assert [v.name for v in kinds[:5]] == ['a', 'b_c', 'c', 'd', 'e'] and kinds[5].dtype == 'int32'
        assert [v.trainable for v in kinds] == [True, False, True, False, True, True]
        assert layer.add_weight('f', 4, initializer='one').shape == (4,)
    """),
    ("initializers of a shape", "mnist_irnn.py: lambda shape, name: identity(shape, scale=0.5, name=name)", """
        from keras.initializations import normal, identity
        layer = keras.layers.SimpleRNN(output_dim=3, init=lambda shape, name: normal(shape, scale=0.001, name=name),
                                       inner_init=lambda shape, name: identity(shape, scale=0.5, name=name))
        layer.build((None, 4, 2))
        assert np.allclose(layer.get_weights()[1], 0.5 * np.eye(3)) and abs(layer.get_weights()[0]).max() < 0.01
        dense = keras.layers.Dense(2, kernel_initializer=lambda shape, name=None: np.full(shape, 7.0),
                                   bias_initializer=lambda shape, dtype=None: K.ones(shape, dtype=dtype))
        dense.build((None, 2))
        assert np.allclose(dense.get_weights()[0], 7) and np.allclose(dense.get_weights()[1], 1)
    """),
    ("import *", "U-Net scripts: from keras.models import *; from keras.layers import *", """
        from keras.models import *
        from keras.layers import *
        from keras.optimizers import *
        assert Model is keras.Model and Dense is keras.layers.Dense
        layer = Convolution2D(4, 3, 3, border_mode='same', activation='relu')
        both = merge([layer(Input((6, 6, 1))), layer(Input((6, 6, 1)))], mode='concat', concat_axis=3)
        assert both.shape == (None, 6, 6, 8) and CuDNNLSTM is LSTM
        assert float(Adam(lr=1e-4).learning_rate) == np.float32(1e-4)
    """),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(CASES)), ids=[name for name, *_ in CASES])
def test_graph(i, errors):
    assert errors[i] is None, f"{CASES[i][1]}\n{errors[i]}"
