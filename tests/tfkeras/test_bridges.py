"""Each change of a decade of Keras that is bridged, and where it is met.

Every case is a few lines of a program; all run in one process, in the order of the list.
"""

from __future__ import annotations

import pytest

#: (name, where it is met, the lines)
CASES = [
    ("output_dim", "Keras 0 and 1: Dense(output_dim=...)", """
        layer = keras.layers.Dense(output_dim=3, init='uniform', bias=False)
        assert layer.units == 3 and not layer.use_bias
    """),
    ("whole numbers", "GANs: Dense(np.prod(shape)); Keras 2: Dense(64 / 2)", """
        assert keras.layers.Dense(np.prod((28, 28, 1))).units == 784
        assert keras.layers.Conv2D(filters=64 / 2, kernel_size=np.int64(3)).filters == 32
        assert keras.layers.Dropout(np.float32(0.5)).rate == 0.5
        with raises(ValueError, "positive integer"):
            keras.layers.Dense(2.5)
    """),
    ("training by position", "tf.keras 2: x = self.dropout(x, training), self.fc(x, training)", """
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.body = keras.Sequential([keras.layers.Dense(3), keras.layers.Dropout(0.5)])
            def call(self, inputs, training=None):
                return self.body(inputs, training)
        net = Net()
        assert (np.asarray(net(ones, True)) == 0).any()
        assert np.all(net(ones, False)) and np.all(net(ones))
        x = keras.Input((1,))
        assert keras.Model(x, keras.layers.Dropout(0.5)(x, True))(ones).shape == ones.shape
    """),
    ("plot_model without Graphviz", "tutorials draw the model, and then train it", """
        import io, keras.src.utils.model_visualization as drawing
        from keras.utils.vis_utils import plot_model
        drawing.check_pydot = lambda: False
        with contextlib.redirect_stderr(io.StringIO()) as told:
            assert plot_model(small('mse'), to_file='model.png') is None
        assert 'pip install pydot' in told.getvalue() and not os.path.exists('model.png')
    """),
    ("mean_absolute_error", "Keras until 2.2: metrics=['mae'], history['val_mean_absolute_error']", """
        history = small('mse', ['mae']).fit(ones, ones, validation_split=0.5, verbose=0).history
        assert history['val_mean_absolute_error'] == history['val_mae']
        assert 'mean_absolute_error' in history and 'mean_squared_error' not in history
        assert small('mse', ['mean_squared_error']).fit(ones, ones, verbose=0).history['mean_squared_error']
    """),
    ("add_variable", "tf.keras of 2018 and 2019: self.add_variable('kernel', shape=[...])", """
        class Own(keras.layers.Layer):
            def build(self, shape):
                self.kernel = self.add_variable('kernel', shape=[int(shape[-1]), 3])
            def call(self, x):
                return keras.ops.matmul(x, self.kernel)
        layer = Own()
        assert layer(ones).shape == (8, 3) and layer.kernel.name == 'kernel'
    """),
    ("slice_X", "Keras 1: from keras.engine.training import slice_X, in addition_rnn.py", """
        from keras.engine.training import slice_X
        assert slice_X([ones, ones], 6)[1].shape == slice_X(ones, [1, 3]).shape == (2, 1)
    """),
    ("both names at once", "a half-updated program", """
        with raises(TypeError, "'output_dim' and 'units' are one argument"):
            keras.layers.Dense(units=3, output_dim=3)
    """),
    ("rows and columns", "Keras 1: Convolution2D(32, 3, 3, border_mode='same')", """
        from keras.layers.convolutional import Convolution2D
        config = Convolution2D(32, 3, 5, border_mode='same', subsample=(2, 2)).get_config()
        assert config['kernel_size'] == (3, 5) and config['strides'] == (2, 2)
        assert config['filters'] == 32 and config['padding'] == 'same'
    """),
    ("rows and columns alone", "Keras 1: Convolution2D(32, 3, 3) in cifar10_cnn.py", """
        from keras.layers import Convolution2D, Convolution3D
        layer = Convolution2D(32, 3, 3)
        assert layer.kernel_size == (3, 3) and layer.strides == (1, 1)
        assert Convolution3D(8, 2, 3, 4).kernel_size == (2, 3, 4)
        assert keras.layers.Convolution2D(32, (3, 3), strides=2).strides == (2, 2)
    """),
    ("nb_row", "Keras 1 with keywords", """
        config = keras.layers.Convolution2D(nb_filter=4, nb_row=2, nb_col=3).get_config()
        assert config['kernel_size'] == (2, 3)
    """),
    ("rates until 2019", "Keras 1 and 2.3: mnist_cnn.py trains with Adadelta(), a rate of 1", """
        from keras.utils import np_utils
        assert float(keras.optimizers.Adadelta().learning_rate) == 1.0
        assert float(keras.optimizers.get('nadam').learning_rate) == np.float32(0.002)
        assert float(keras.optimizers.Adagrad(lr=0.5).learning_rate) == 0.5
        assert keras.layers.Conv2D(8, 3, 3).strides == (1, 1)
    """),
    ("metrics of several outputs", "Keras 2.3: the ACGAN's metrics=['accuracy'] and d_loss[3], d_loss[4]", """
        from keras.utils import np_utils
        x = keras.Input((1,))
        real, kind = keras.layers.Dense(1, activation='sigmoid'), keras.layers.Dense(3, activation='softmax')
        model = keras.Model(x, [real(x), kind(x)])
        model.compile('sgd', ['binary_crossentropy', 'sparse_categorical_crossentropy'], metrics=['accuracy'])
        real.set_weights([np.ones((1, 1)), np.ones(1)]); kind.set_weights([np.eye(1, 3), np.zeros(3)])
        out = model.test_on_batch(ones, [ones, ones[:, 0]])
        assert len(out) == 5 and list(out[3:]) == [1.0, 0.0], out
        assert model.metrics_names[3:] == [real.name + '_accuracy', kind.name + '_accuracy']
    """),
    ("metrics today", "tf.keras: one list for all outputs is not the one metric each of Keras 3", """
        x = keras.Input((1,))
        model = keras.Model(x, [keras.layers.Dense(1, name='a')(x), keras.layers.Dense(1, name='b')(x)])
        model.compile('sgd', 'mse', metrics=['mae'])
        assert set(model.test_on_batch(ones, [ones, ones], return_dict=True)) == {'loss', 'a_loss', 'b_loss', 'a_mae', 'b_mae'}
        model.compile('sgd', 'mse', metrics=['mae', 'mape'])
        assert set(model.test_on_batch(ones, [ones, ones], return_dict=True)) >= {'a_mae', 'b_mape'}
    """),
    ("one optimizer for two models", "GANs: discriminator and combined are compiled with the same Adam", """
        shared = keras.optimizers.Adam(0.1, 0.5)
        first, second = small('mse'), small('mse')
        first.compile(shared, 'mse'); second.compile(optimizer=shared, loss='mse')
        for _ in range(3):
            first.train_on_batch(ones, ones); second.train_on_batch(ones, 2 * ones)
        assert first.optimizer is shared and second.optimizer is not shared
        assert second.optimizer.beta_1 == 0.5 and int(second.optimizer.iterations) == 3
        first.compile(shared, 'mae'); assert first.optimizer is shared
    """),
    ("a quiet predict", "Keras 2.3: GANs predict in every step of a loop", """
        from keras.utils import np_utils
        import io
        model, out = small('mse'), io.StringIO()
        with contextlib.redirect_stdout(out):
            model.predict(ones)
            assert out.getvalue() == ''
            model.predict(ones, verbose=1)
        assert '1/1' in out.getvalue()
    """),
    ("a model on another rank", "Keras 2.3: mnist_acgan.py multiplies (rows, 5) and (rows, 1, 5)", """
        from keras.utils import np_utils
        generator = keras.Sequential([keras.layers.Dense(6, input_dim=5), keras.layers.Reshape((2, 3))])
        z, label = keras.Input((5,)), keras.Input((1,), dtype='int32')
        both = keras.layers.multiply([z, keras.layers.Embedding(4, 5)(label)])
        model = keras.Model([z, label], generator(both))
        assert model.output_shape == (None, 2, 3)
        assert model.predict([np.ones((7, 5)), np.ones((7, 1))], verbose=0).shape == (7, 2, 3)
        with raises(ValueError, "incompatible"):
            keras.Sequential([keras.layers.Dense(6, input_dim=5)])(np.ones((7, 1, 5)))
    """),
    ("rates today", "Keras 3: Adadelta() has a rate of 0.001", """
        assert float(keras.optimizers.Adadelta().learning_rate) == np.float32(0.001)
        assert float(keras.optimizers.get('adagrad').learning_rate) == np.float32(0.001)
    """),
    ("strides by position", "Keras 3: Conv2D(64, 3, 2) means a stride of 2, and still does", """
        assert keras.layers.Conv2D(64, 3, 2).strides == (2, 2)
    """),
    ("dim_ordering", "Keras 1: dim_ordering='th'", """
        assert keras.layers.MaxPooling2D(dim_ordering='th').data_format == 'channels_first'
        assert keras.layers.Flatten(dim_ordering='tf').data_format == 'channels_last'
    """),
    ("Dropout(p=)", "Keras 1", """
        assert keras.layers.Dropout(p=0.3).rate == 0.3
    """),
    ("recurrent arguments", "Keras 1: LSTM(output_dim=, dropout_W=, inner_activation=)", """
        layer = keras.layers.LSTM(output_dim=4, dropout_W=0.1, dropout_U=0.2, input_dim=3, input_length=7,
                                  inner_activation='sigmoid', consume_less='gpu')
        assert layer.units == 4 and layer.dropout == 0.1 and layer.recurrent_dropout == 0.2
        assert keras.Sequential([layer]).input_shape == (None, 7, 3)
    """),
    ("time_major", "tf.keras 2: LSTM(time_major=True) would be another model", """
        keras.layers.LSTM(4, time_major=False)
        with raises(TypeError, "time_major=True is not supported"):
            keras.layers.LSTM(4, time_major=True)
    """),
    ("input_length", "every text classifier: Embedding(..., input_length=n)", """
        model = keras.Sequential([keras.layers.Embedding(10, 4, input_length=5), keras.layers.Flatten()])
        assert model.output_shape == (None, 20)
    """),
    ("Embedding(dropout=)", "Keras 1: imdb_lstm.py leaves out whole words", """
        layer = keras.layers.Embedding(50, 4, init='one', dropout=0.5, input_length=3)
        assert isinstance(layer, keras.layers.Embedding) and layer.get_config()['dropout'] == 0.5
        words = np.array([[7, 8, 7]] * 9)
        out = np.asarray(layer(words, training=True))
        assert set(out.ravel()) <= {0.0, 2.0} and (out[:, 0] == out[:, 2]).all() and (out == out[0]).all()
        assert (np.asarray(layer(np.arange(50)[None], training=True)) == 0).any()
        assert (np.asarray(layer(words)) == 1).all()
        model = keras.Sequential([layer, keras.layers.Flatten(), keras.layers.Dense(1)])
        model.compile('sgd', 'mse'); model.fit(words, np.ones((9, 1)), verbose=0)
        model.save('words.keras'); assert keras.models.load_model('words.keras').layers[0].dropout == 0.5
    """),
    ("batch_input_shape", "stateful recurrent networks", """
        model = keras.Sequential([keras.layers.LSTM(4, batch_input_shape=(2, 5, 3), stateful=True)])
        assert model.input_shape == (2, 5, 3)
        model.reset_states()
    """),
    ("Input(784)", "tf.keras: Input(shape=(784)) is not a tuple", """
        assert keras.Input(784).shape == keras.layers.Input(shape=(784)).shape == (None, 784)
    """),
    ("Model(input=, output=)", "Keras 1 functional models", """
        x = keras.Input((3,))
        assert keras.models.Model(input=x, output=keras.layers.Dense(2)(x)).output_shape == (None, 2)
    """),
    ("merge", "Keras 1: merge([a, b], mode='concat')", """
        from keras.layers import merge
        x = keras.Input((3,))
        assert merge([x, x], mode='concat', concat_axis=1).shape == (None, 6)
        assert merge([x, x], mode='dot', dot_axes=1).shape == (None, 1)
        assert merge([x, x], mode=lambda t: t[0] - t[1], output_shape=(3,)).shape == (None, 3)
        with raises(ValueError, "the modes are sum, mul"):
            merge([x, x], mode='join')
    """),
    ("moved modules", "imports of Keras 1 and 2", """
        import importlib
        for path, name in [('keras.layers.core', 'Dense'), ('keras.layers.convolutional', 'Conv2D'),
                           ('keras.layers.recurrent', 'LSTM'), ('keras.layers.embeddings', 'Embedding'),
                           ('keras.layers.normalization', 'BatchNormalization'),
                           ('keras.layers.advanced_activations', 'LeakyReLU'),
                           ('keras.layers.merge', 'concatenate'), ('keras.layers.wrappers', 'Bidirectional'),
                           ('keras.engine.topology', 'Layer'), ('keras.engine', 'InputSpec'),
                           ('keras.utils.np_utils', 'to_categorical'), ('keras.utils.vis_utils', 'plot_model'),
                           ('keras.objectives', 'mean_squared_error'), ('keras.optimizers.adam_v2', 'Adam'),
                           ('tensorflow.python.keras.layers', 'Dense'), ('tensorflow.contrib.keras', 'layers'),
                           ('tensorflow.keras.layers.experimental.preprocessing', 'Rescaling'),
                           ('tensorflow.compat.v1.keras.models', 'Sequential')]:
            assert hasattr(importlib.import_module(path), name), (path, name)
    """),
    ("one Keras", "tf.keras and keras in one program", """
        import tensorflow as tf
        from tensorflow.keras.layers import Dense
        assert tf.keras.layers.Dense is Dense is keras.layers.Dense
        assert isinstance(Dense(1), tf.keras.layers.Layer)
    """),
    ("a name that never was", "a slip of the pen", """
        with raises(AttributeError, "the nearest are Dense"):
            keras.layers.Desne
        with raises(AttributeError, "FeatureSpace"):
            keras.layers.DenseFeatures
    """),
    ("lists", "the first programs of many people: fit([[0], [1]], [[0], [1]])", """
        model = small('mse')
        model.fit([[0.], [1.], [2.]], [[0.], [1.], [2.]], verbose=0, validation_data=([[1.]], [1.]))
        model.fit([0, 1, 2], [0, 1, 2], verbose=0)
        assert model.predict([10.0], verbose=0).shape == (1, 1)
        assert model.evaluate([np.float64(1), np.float64(2)], [1, 2], verbose=0) >= 0
        model.train_on_batch([[1.], [2.]], [1., 2.])
        with raises(ValueError, "rows of different lengths"):
            model.fit([[1], [2, 3]], [1, 2], verbose=0)
    """),
    ("arguments of fit", "nb_epoch (Keras 1), workers and max_queue_size (Keras 2)", """
        h = small('mse').fit(ones, ones, nb_epoch=2, workers=4, use_multiprocessing=True, max_queue_size=3, verbose=0)
        assert len(h.history['loss']) == 2
        with raises(TypeError, "nb_epochs"):
            small('mse').fit(ones, ones, nb_epochs=2)
    """),
    ("arguments of compile", "tf.keras 1 and 2: sample_weight_mode, target_tensors, one loss for two outputs", """
        model = small('mse')
        model.compile('sgd', 'mse', sample_weight_mode=None, target_tensors=None, experimental_run_tf_function=False)
        x = keras.Input((1,))
        two = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(1)(x)])
        two.compile('sgd', 'mse', loss_weights=[1., 0.5])
        two.fit(ones, [ones, ones], verbose=0)
        model.compile('sgd', 'mse', ['mae'])
        assert len(model.evaluate(ones, ones, verbose=0)) == 2
    """),
    ("acc", "history.history['acc'] after metrics=['accuracy'], and 'accuracy' after ['acc']", """
        model = small('binary_crossentropy', ['accuracy'], 'sigmoid')
        h = model.fit(ones, ones, validation_split=0.5, verbose=0).history
        assert h['acc'] == h['accuracy'] and h['val_acc'] == h['val_accuracy'] and sorted(h)[0] == 'accuracy'
        assert 'val_acc' in h and h.get('acc') and h.get('nothing') is None
        with raises(KeyError, 'precision'):
            h['precision']
        h = small('binary_crossentropy', ['acc'], 'sigmoid').fit(ones, ones, verbose=0).history
        assert list(h) == ['acc', 'loss'] and h['accuracy'] == h['acc']
    """),
    ("monitor", "EarlyStopping(monitor='val_acc')", """
        stop = keras.callbacks.EarlyStopping(monitor='val_acc', patience=0)
        model = small('binary_crossentropy', ['accuracy'], 'sigmoid')
        h = model.fit(ones, ones, validation_data=(ones, ones), epochs=20, callbacks=[stop], verbose=0)
        assert stop.stopped_epoch > 0 and len(h.epoch) < 20
    """),
    ("metrics_names", "print(model.metrics_names[1], scores[1])", """
        model = small('mse', ['mae', 'accuracy'])
        model.fit(ones, ones, verbose=0)
        assert model.metrics_names == ['loss', 'mae', 'accuracy']
        assert len(model.evaluate(ones, ones, verbose=0)) == 3
    """),
    ("predict_classes", "Sequential until TensorFlow 2.5", """
        model = keras.Sequential([keras.layers.Dense(3, activation='softmax', input_dim=2)])
        x = np.ones((4, 2))
        assert (model.predict_classes(x) == model.predict_proba(x).argmax(axis=1)).all()
        assert small('mse', activation='sigmoid').predict_classes(ones).shape == (8, 1)
    """),
    ("generators", "fit_generator, evaluate_generator, predict_generator until TensorFlow 2.3", """
        def batches():
            while True:
                yield ones[:4], ones[:4]
        model = small('mse')
        h = model.fit_generator(batches(), steps_per_epoch=3, epochs=2, validation_data=batches(), validation_steps=2, verbose=0)
        assert len(h.history['val_loss']) == 2
        assert np.isscalar(model.evaluate_generator(batches(), steps=2))
        assert model.predict_generator(batches(), steps=2).shape == (8, 1)
    """),
    ("samples_per_epoch", "Keras 1: rows, not batches", """
        seen = []
        def batches():
            while True:
                seen.append(1)
                yield ones[:4], ones[:4]
        small('mse').fit_generator(batches(), samples_per_epoch=12, nb_epoch=2, verbose=0)
        assert 6 <= len(seen) <= 8
    """),
    ("lr", "optimizers until 2.3, K.set_value(model.optimizer.lr, ...) until today", """
        opt = keras.optimizers.Adam(lr=0.5, epsilon=None, clipnorm=0)
        assert float(K.get_value(opt.lr)) == 0.5
        K.set_value(opt.lr, 0.25)
        assert float(opt.learning_rate) == 0.25
        opt.lr = 0.125
        assert float(opt.learning_rate) == 0.125
        assert type(keras.optimizers.rmsprop(lr=1)).__name__ == 'RMSprop'
        assert type(keras.optimizers.legacy.SGD(0.1)).__name__ == 'SGD'
    """),
    ("decay", "SGD(lr=0.1, decay=1e-6): the rate is lr / (1 + decay step)", """
        opt = keras.optimizers.SGD(lr=0.1, decay=0.5)
        opt.iterations.assign(4)
        assert np.isclose(float(opt.learning_rate), 0.1 / 3)
        again = keras.optimizers.SGD.from_config(opt.get_config())
        assert again.decay == 0.5
    """),
    ("optimizers of tf.train", "TensorFlow 1.5 to 1.15: model.compile(tf.train.AdamOptimizer(0.01))", """
        import tensorflow as tf
        model = small('mse')
        model.compile(tf.compat.v1.train.AdamOptimizer(0.01, beta1=0.8), 'mse')
        assert np.isclose(float(model.optimizer.learning_rate), 0.01) and model.optimizer.beta_1 == 0.8
    """),
    ("names of losses", "strings of Keras 1 and 2", """
        for name in ('cosine_proximity', 'logcosh', 'kullback_leibler_divergence', 'huber_loss'):
            small(name).fit(ones, ones, verbose=0)
            keras.metrics.get(name)
        assert keras.losses.mse is keras.metrics.mse is keras.losses.mean_squared_error
        assert keras.losses.Reduction.SUM == 'sum'
    """),
    ("custom activations", "get_custom_objects().update({'swish2': ...}) before Keras 3", """
        keras.utils.get_custom_objects()['twice'] = lambda x: 2 * x
        layer = keras.layers.Dense(1, activation='twice', kernel_initializer='ones')
        assert float(layer(ones)[0, 0]) == 2
    """),
    ("trainable", "GANs of Keras 1 and 2: compile, then trainable = False, then train both", """
        model = small('mse')
        model.trainable = False
        before = model.get_weights()[0].copy()
        model.train_on_batch(ones, 5 * ones)
        assert not np.array_equal(before, model.get_weights()[0]) and not model.trainable
        model.compile('sgd', 'mse')
        before = model.get_weights()[0].copy()
        model.train_on_batch(ones, 5 * ones)
        assert np.array_equal(before, model.get_weights()[0])
    """),
    ("save to a folder", "TensorFlow 2: model.save('my_model') is a folder", """
        model = small('mse')
        model.fit(ones, ones, verbose=0)
        model.save('folder/1')
        model.save('m.hdf5')
        model.save('other', save_format='h5')
        for name in ('folder/1', 'm.hdf5', 'other.h5'):
            again = keras.models.load_model(name)
            assert np.allclose(again.get_weights()[0], model.get_weights()[0])
        os.makedirs('saved'); open('saved/saved_model.pb', 'w').close()
        with raises(ValueError, "only TensorFlow can read"):
            keras.models.load_model('saved')
    """),
    ("save after .h5", "Keras 3 loses the optimizer when both kinds of files are written", """
        model = small('mse')
        model.fit(ones, ones, verbose=0)
        model.save('x.h5')
        model.save('x.keras')
        assert type(keras.models.load_model('x.keras').optimizer).__name__ == 'SGD'
    """),
    ("weights by any name", "TensorFlow 2: save_weights('ckpt/w'); Keras 2: save_weights('w.h5')", """
        model, other = small('mse'), small('mse')
        for name in ('ckpt/w', 'w.h5', 'w.hdf5'):
            other.set_weights([w + 1 for w in model.get_weights()])
            model.save_weights(name)
            other.load_weights(name).expect_partial()
            assert np.array_equal(other.get_weights()[0], model.get_weights()[0]), name
        import tensorflow as tf
        assert tf.train.latest_checkpoint('ckpt') == 'ckpt/w'
    """),
    ("ModelCheckpoint", "any file name, {val_acc:.2f} in it, period=1", """
        model = small('binary_crossentropy', ['accuracy'], 'sigmoid')
        name = 'best-{epoch:02d}-{val_acc:.1f}.hdf5'
        c = keras.callbacks.ModelCheckpoint(name, monitor='val_acc', save_best_only=True, mode='max', period=1)
        w = keras.callbacks.ModelCheckpoint('weights', save_weights_only=True)
        model.fit(ones, ones, validation_data=(ones, ones), callbacks=[c, w], verbose=0)
        assert any(f.startswith('best-01-') for f in os.listdir('.')) and os.path.exists('weights.weights.h5')
    """),
    ("input of a Sequential", "Model(model.input, model.get_layer('a').output)", """
        model = keras.Sequential([keras.layers.Dense(2, input_dim=3, name='a'), keras.layers.Dense(1)])
        assert keras.Model(model.input, model.get_layer('a').output).output_shape == (None, 2)
        assert model.layers[0].output_shape == (None, 2) and model.layers[1].input_shape == (None, 2)
        with raises(AttributeError, "input_shape"):
            keras.Sequential([keras.layers.Dense(2)]).input
    """),
    ("a layer's own output_shape", "layers of Keras 1 and 2 that set the attribute", """
        class Mine(keras.layers.Layer):
            def __init__(self, shape):
                super().__init__()
                self.output_shape = shape
        assert Mine((3, 4)).output_shape == (3, 4)
    """),
    ("add_loss", "variational encoders: vae.add_loss(K.mean(...)) on symbolic tensors", """
        x = keras.Input((2,))
        y = keras.layers.Dense(2)(x)
        model = keras.Model(x, y)
        model.add_loss(K.sum(K.square(y - x), axis=-1))
        model.compile(keras.optimizers.SGD(0.1))
        data = np.random.RandomState(0).normal(size=(64, 2))
        h = model.fit(data, epochs=20, verbose=0).history['loss']
        assert h[-1] < 0.01 * h[0]
    """),
    ("K.function", "activations of a layer, with a learning phase", """
        model = keras.Sequential([keras.layers.Dropout(0.5, input_shape=(100,))])
        f = K.function([model.input, K.learning_phase()], [model.output])
        x = np.ones((1, 100), 'float32')
        assert (f([x, 0])[0] == 1).all() and (f([x, 1])[0] == 0).any()
        K.set_learning_phase(0); K.set_session(None); K.clear_session()
    """),
    ("K.*", "losses and layers of one's own", """
        a = np.arange(6, dtype='float32').reshape(2, 3)
        assert K.int_shape(K.expand_dims(a)) == (2, 3, 1) and K.ndim(a) == 2 and K.epsilon() == 1e-7
        assert np.allclose(K.batch_dot(a, a, axes=1), [[5], [50]])
        assert K.batch_dot(np.ones((2, 3, 4)), np.ones((2, 4, 5))).shape == (2, 3, 5)
        assert np.allclose(K.l2_normalize(a, axis=1)[1], a[1] / np.sqrt(50))
        assert K.get_value(K.permute_dimensions(a, (1, 0))).shape == (3, 2)
        assert np.allclose(K.clip(a, None, 2), np.minimum(a, 2)) and K.argmax(a).tolist() == [2, 2]
        assert np.allclose(K.switch(np.array([True, False]), a, -a), [[0, 1, 2], [-3, -4, -5]])
        assert K.repeat(a, 4).shape == (2, 4, 3) and K.one_hot([1, 2], 3).shape == (2, 3)
        assert np.allclose(K.hard_sigmoid(np.array([-9., 0., 1.])), [0, 0.5, 0.7])
        assert K.resize_images(np.ones((1, 2, 2, 1)), 2, 3, 'channels_last').shape == (1, 4, 6, 1)
        v = K.variable(np.zeros(3)); K.set_value(v, [1, 2, 3]); K.update_add(v, np.ones(3))
        assert K.eval(v).tolist() == [2, 3, 4] and K.count_params(v) == 3
    """),
    ("ranks in metrics", "tf.keras 2: labels (n,) for predictions (n, 1) in a metric object", """
        metric = keras.metrics.BinaryCrossentropy()
        metric.update_state(np.ones(4), np.full((4, 1), 0.5))
        assert np.isclose(float(metric.result()), np.log(2))
        metric.reset_states()
        assert float(metric.result()) == 0
    """),
    ("preprocessing", "Tokenizer, pad_sequences, ImageDataGenerator, to_categorical(nb_classes=)", """
        from keras.preprocessing.text import Tokenizer, text_to_word_sequence
        from keras.preprocessing.sequence import pad_sequences, TimeseriesGenerator
        from keras.preprocessing.image import ImageDataGenerator, img_to_array
        t = Tokenizer(nb_words=10); t.fit_on_texts(['a b', 'b c'])
        assert pad_sequences(t.texts_to_sequences(['b a']), maxlen=3).tolist() == [[0, 1, 2]]
        assert next(ImageDataGenerator(rescale=0.5).flow(np.ones((4, 3, 3, 1)), batch_size=2)).max() == 0.5
        assert len(TimeseriesGenerator(np.arange(10), np.arange(10), length=3, batch_size=2)) == 4
        assert keras.utils.np_utils.to_categorical([1], nb_classes=3).tolist() == [[0, 1, 0]]
    """),
    ("flow_from_directory", "folders of pictures, one for each class", """
        pytest_needs('PIL')
        from keras.preprocessing.image import ImageDataGenerator, array_to_img
        for name in ('cats', 'dogs'):
            os.makedirs('data/' + name)
            array_to_img(np.full((8, 8, 3), 100.)).save('data/' + name + '/1.png')
        flow = ImageDataGenerator(rescale=1/255).flow_from_directory('data', target_size=(4, 4), batch_size=2, class_mode='binary')
        x, y = next(flow)
        assert x.shape == (2, 4, 4, 3) and flow.class_indices == {'cats': 0, 'dogs': 1}
    """),
    ("layers that are gone", "LocallyConnected2D, ThresholdedReLU, MaxoutDense, Highway, CuDNNGRU", """
        L = keras.layers
        model = keras.Sequential([L.LocallyConnected2D(3, (3, 3), input_shape=(6, 6, 2)), L.ThresholdedReLU(0.1),
                                  L.Flatten(), L.MaxoutDense(4), L.Highway()])
        x = np.random.RandomState(0).normal(size=(2, 6, 6, 2)).astype('float32')
        kernel, bias = model.layers[0].get_weights()
        patch = x[:, 1:4, 2:5].reshape(2, -1)
        assert np.allclose(model.layers[0](x)[:, 1, 2], patch @ kernel[1, 2] + bias[1, 2], atol=1e-5)
        model.compile('sgd', 'mse'); model.fit(x, np.zeros((2, 4)), verbose=0); model.save('l.keras')
        assert np.allclose(keras.models.load_model('l.keras').predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
        assert L.CuDNNGRU is L.GRU
    """),
    ("old .h5 configurations", "models saved by Keras 2.2: lr, decay, batch_input_shape in the file", """
        import h5py
        model = keras.Sequential([keras.layers.Dense(2, input_dim=3)])
        model.compile('sgd', 'mse'); model.save('old.h5')
        config = {'class_name': 'Sequential', 'config': {'name': 'sequential_1', 'layers': [
            {'class_name': 'Dense', 'config': {'name': model.layers[0].name, 'trainable': True,
             'batch_input_shape': [None, 3], 'dtype': 'float32', 'units': 2, 'activation': 'linear', 'use_bias': True,
             'kernel_initializer': {'class_name': 'VarianceScaling', 'config': {'scale': 1.0, 'mode': 'fan_avg',
                                    'distribution': 'uniform', 'seed': None}},
             'bias_initializer': {'class_name': 'Zeros', 'config': {}}, 'kernel_regularizer': None,
             'bias_regularizer': None, 'activity_regularizer': None, 'kernel_constraint': None,
             'bias_constraint': None}}]}}
        training = {'optimizer_config': {'class_name': 'SGD', 'config': {'lr': 0.25, 'momentum': 0.0, 'decay': 0.5,
                    'nesterov': False}}, 'loss': 'mean_squared_error', 'metrics': ['acc'],
                    'sample_weight_mode': None, 'loss_weights': None}
        with h5py.File('old.h5', 'r+') as f:
            f.attrs['model_config'] = json.dumps(config); f.attrs['training_config'] = json.dumps(training)
            f.attrs['keras_version'] = '2.2.4'
            if 'optimizer_weights' in f: del f['optimizer_weights']
        old = keras.models.load_model('old.h5')
        assert old.optimizer.decay == 0.5 and float(K.get_value(old.optimizer.lr)) == 0.25
        assert np.array_equal(old.get_weights()[0], model.get_weights()[0])
    """),
    ("downloads", "keras.utils.get_file without a connection", """
        os.makedirs('home')
        from keras.src.utils import file_utils
        file_utils.urlretrieve = lambda *a: (_ for _ in ()).throw(__import__('urllib.error').error.URLError('refused'))
        with raises(FileNotFoundError, "put it at " + os.path.abspath('home/datasets/a.npz')):
            keras.utils.get_file('a.npz', 'https://x.org/a.npz', cache_dir=os.path.abspath('home'))
        os.makedirs('home/datasets', exist_ok=True); np.savez('home/datasets/a.npz', x=1)
        assert keras.utils.get_file('a.npz', 'https://x.org/a.npz', cache_dir=os.path.abspath('home')).endswith('a.npz')
    """),
    ("own data files", "imdb.npz of another year in ~/.keras/datasets; Keras deletes it and downloads", """
        os.makedirs('home/datasets', exist_ok=True); np.savez('home/datasets/b.npz', x=1)
        path = keras.utils.get_file('b.npz', 'https://x.org/b.npz', cache_dir=os.path.abspath('home'), file_hash='0' * 64)
        assert np.load(path)['x'] == 1
    """),
    ("own archives", "cifar-10-python.tar.gz, or the folder that Keras 2 unpacked", """
        import tarfile
        home, asked = os.path.abspath('home'), ('batches-py-target', 'https://x.org/batches.tar.gz')
        os.makedirs('home/datasets/batches-py', exist_ok=True); open('home/datasets/batches-py/one', 'w').write('1')
        get = lambda: keras.utils.get_file(*asked, cache_dir=home, extract=True, file_hash='0' * 64)
        assert open(os.path.join(get(), 'batches-py', 'one')).read() == '1'
        with tarfile.open('home/datasets/batches.tar.gz', 'w:gz') as tar:
            tar.add('home/datasets/batches-py', 'batches-py')
        __import__('shutil').rmtree('home/datasets/batches-py')
        __import__('urllib.request'); from keras.src.utils import file_utils
        file_utils.urlretrieve = __import__('urllib.request').request.urlretrieve
        assert open(os.path.join(get(), 'batches-py', 'one')).read() == '1'
        __import__('shutil').rmtree('home/datasets')
        file_utils.urlretrieve = lambda *a: (_ for _ in ()).throw(__import__('urllib.error').error.URLError('refused'))
        with raises(FileNotFoundError, "put it at " + os.path.join(home, 'datasets', 'batches.tar.gz')):
            get()
    """),
]  # fmt: skip


@pytest.mark.parametrize("i", range(len(CASES)), ids=[name for name, *_ in CASES])
def test_bridge(i, errors):
    if errors[i] and "Skip" in errors[i].splitlines()[-1]:
        pytest.skip(errors[i].splitlines()[-1])
    assert errors[i] is None, f"{CASES[i][1]}\n{errors[i]}"
