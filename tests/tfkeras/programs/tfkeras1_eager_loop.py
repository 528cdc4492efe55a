"""TensorFlow 1.13: eager execution with tf.keras layers, tf.GradientTape and an optimizer of tf.train; the iris walkthrough."""
from __future__ import absolute_import, division, print_function
import numpy as np
import tensorflow as tf

tf.enable_eager_execution()
tf.set_random_seed(0)
rng = np.random.RandomState(0)
labels = rng.randint(0, 3, 300)
features = (rng.normal(size=(3, 4))[labels] * 2 + 0.4 * rng.normal(size=(300, 4))).astype('float32')
train_dataset = tf.data.Dataset.from_tensor_slices((features, labels)).shuffle(300).batch(32)
model = tf.keras.Sequential([
  tf.keras.layers.Dense(10, activation=tf.nn.relu, input_shape=(4,)),
  tf.keras.layers.Dense(3)
])

def loss(model, x, y):
  y_ = model(x)
  return tf.losses.sparse_softmax_cross_entropy(labels=y, logits=y_)

def grad(model, inputs, targets):
  with tf.GradientTape() as tape:
    loss_value = loss(model, inputs, targets)
  return loss_value, tape.gradient(loss_value, model.trainable_variables)

optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.1)
losses = []
for epoch in range(15):
  total = []
  for x, y in train_dataset:
    loss_value, grads = grad(model, x, y)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
    total.append(float(loss_value))
  losses.append(np.mean(total))
accuracy = np.mean(tf.argmax(model(features), axis=1).numpy() == labels)
print(losses[0], losses[-1], accuracy)
assert accuracy > 0.95 and losses[-1] < 0.5 * losses[0]
