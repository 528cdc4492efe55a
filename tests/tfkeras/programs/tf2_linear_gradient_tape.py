"""TensorFlow 2: the custom training walkthrough: tf.Variable, tf.Module, assign_sub with tape.gradient."""
import tensorflow as tf

TRUE_W, TRUE_B, NUM_EXAMPLES = 3.0, 2.0, 201
x = tf.linspace(-2, 2, NUM_EXAMPLES)
x = tf.cast(x, tf.float32)

def f(x):
  return x * TRUE_W + TRUE_B

noise = tf.random.normal(shape=[NUM_EXAMPLES], seed=1)
y = f(x) + noise

class MyModel(tf.Module):
  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    self.w = tf.Variable(5.0)
    self.b = tf.Variable(0.0)

  def __call__(self, x):
    return self.w * x + self.b

model = MyModel()
assert len(model.variables) == 2

def loss(target_y, predicted_y):
  return tf.reduce_mean(tf.square(target_y - predicted_y))

def train(model, x, y, learning_rate):
  with tf.GradientTape() as t:
    current_loss = loss(y, model(x))
  dw, db = t.gradient(current_loss, [model.w, model.b])
  model.w.assign_sub(learning_rate * dw)
  model.b.assign_sub(learning_rate * db)

weights, biases = [], []
for epoch in range(30):
  train(model, x, y, learning_rate=0.1)
  weights.append(model.w.numpy())
  biases.append(model.b.numpy())
print(f"W = {model.w.numpy():1.2f}, b = {model.b.numpy():1.2f}, loss = {loss(y, model(x)):2.5f}")
assert abs(model.w.numpy() - 3) < 0.3 and abs(model.b.numpy() - 2) < 0.3
