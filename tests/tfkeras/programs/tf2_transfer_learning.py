"""TensorFlow 2: a base model without weights, frozen, then partly unfrozen and compiled again."""
import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
IMG_SHAPE = (32, 32, 3)
base_model = tf.keras.applications.MobileNetV2(input_shape=IMG_SHAPE, include_top=False, weights=None, alpha=0.35)
base_model.trainable = False
preprocess_input = tf.keras.applications.mobilenet_v2.preprocess_input
inputs = tf.keras.Input(shape=IMG_SHAPE)
x = preprocess_input(inputs)
x = base_model(x, training=False)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
outputs = tf.keras.layers.Dense(1)(x)
model = tf.keras.Model(inputs, outputs)
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.01),
              loss=tf.keras.losses.BinaryCrossentropy(from_logits=True), metrics=['accuracy'])
assert len(model.trainable_variables) == 2
images = np.random.RandomState(0).randint(0, 255, size=(16, 32, 32, 3)).astype('float32')
labels = np.arange(16) % 2
before = base_model.get_weights()[0].copy()
model.fit(images, labels, epochs=2, verbose=0)
assert np.array_equal(before, base_model.get_weights()[0])

base_model.trainable = True
for layer in base_model.layers[:-2]:
    layer.trainable = False
model.compile(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
              optimizer=tf.keras.optimizers.RMSprop(learning_rate=0.001), metrics=['accuracy'])
assert 2 < len(model.trainable_variables) < 10
