"""TensorFlow 2: weights to cp.ckpt during training, latest_checkpoint, a SavedModel folder, an .h5 file."""
import os
import tempfile
import numpy as np
import tensorflow as tf

os.chdir(tempfile.mkdtemp())
tf.random.set_seed(1)
x = np.random.RandomState(0).normal(size=(300, 4)).astype('float32')
y = (x[:, 0] > 0).astype('int32')

def create_model():
  model = tf.keras.models.Sequential([
    tf.keras.layers.Dense(16, activation='relu', input_shape=(4,)),
    tf.keras.layers.Dense(2)
  ])
  model.compile(optimizer='adam', loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                metrics=[tf.keras.metrics.SparseCategoricalAccuracy()])
  return model

checkpoint_path = "training_1/cp.ckpt"
checkpoint_dir = os.path.dirname(checkpoint_path)
cp_callback = tf.keras.callbacks.ModelCheckpoint(filepath=checkpoint_path, save_weights_only=True, verbose=0)
model = create_model()
model.fit(x, y, epochs=60, validation_data=(x, y), callbacks=[cp_callback], verbose=0)
trained = model.evaluate(x, y, verbose=0)
assert trained[1] > 0.9

model = create_model()
assert model.evaluate(x, y, verbose=0)[0] > trained[0]
model.load_weights(checkpoint_path).expect_partial()
assert np.allclose(model.evaluate(x, y, verbose=0), trained, atol=1e-6)

checkpoint_path = "training_2/cp-{epoch:04d}.ckpt"
cp_callback = tf.keras.callbacks.ModelCheckpoint(filepath=checkpoint_path, save_weights_only=True, save_freq=50)
model.save_weights(checkpoint_path.format(epoch=0))
model.fit(x, y, epochs=20, batch_size=30, callbacks=[cp_callback], verbose=0)
latest = tf.train.latest_checkpoint(os.path.dirname(checkpoint_path))
assert latest == 'training_2/cp-0020.ckpt', latest
again = create_model()
again.load_weights(latest)
assert np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)

model.save('saved_model/my_model')
new_model = tf.keras.models.load_model('saved_model/my_model')
assert np.allclose(new_model.predict(x), model.predict(x), atol=1e-6)
model.save('my_model.h5')
new_model = tf.keras.models.load_model('my_model.h5')
new_model.summary()
assert np.allclose(new_model.predict(x), model.predict(x), atol=1e-6)
