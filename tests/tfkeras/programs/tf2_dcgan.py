"""TensorFlow 2: the DCGAN tutorial: two tapes in one tf.function, Conv2DTranspose, BatchNormalization."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.random.set_seed(2)
np.random.seed(2)
train_images = np.zeros((256, 8, 8, 1), 'float32') - 1
train_images[:, 2:6, 2:6] = 1
train_images += np.random.normal(0, 0.05, train_images.shape).astype('float32')
train_dataset = tf.data.Dataset.from_tensor_slices(train_images).shuffle(256).batch(64)

def make_generator_model():
    model = tf.keras.Sequential()
    model.add(layers.Dense(2*2*16, use_bias=False, input_shape=(10,)))
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU())
    model.add(layers.Reshape((2, 2, 16)))
    model.add(layers.Conv2DTranspose(8, (3, 3), strides=(2, 2), padding='same', use_bias=False))
    assert model.output_shape == (None, 4, 4, 8)
    model.add(layers.BatchNormalization())
    model.add(layers.LeakyReLU())
    model.add(layers.Conv2DTranspose(1, (3, 3), strides=(2, 2), padding='same', activation='tanh'))
    assert model.output_shape == (None, 8, 8, 1)
    return model

def make_discriminator_model():
    model = tf.keras.Sequential()
    model.add(layers.Conv2D(8, (3, 3), strides=(2, 2), padding='same', input_shape=[8, 8, 1]))
    model.add(layers.LeakyReLU())
    model.add(layers.Dropout(0.1))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model

generator, discriminator = make_generator_model(), make_discriminator_model()
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)

def discriminator_loss(real_output, fake_output):
    real_loss = cross_entropy(tf.ones_like(real_output), real_output)
    fake_loss = cross_entropy(tf.zeros_like(fake_output), fake_output)
    return real_loss + fake_loss

def generator_loss(fake_output):
    return cross_entropy(tf.ones_like(fake_output), fake_output)

generator_optimizer = tf.keras.optimizers.Adam(2e-3, beta_1=0.5)
discriminator_optimizer = tf.keras.optimizers.Adam(2e-3, beta_1=0.5)

@tf.function
def train_step(images):
    noise = tf.random.normal([64, 10])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated_images = generator(noise, training=True)
        real_output = discriminator(images, training=True)
        fake_output = discriminator(generated_images, training=True)
        gen_loss = generator_loss(fake_output)
        disc_loss = discriminator_loss(real_output, fake_output)
    gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
    gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(zip(gradients_of_generator, generator.trainable_variables))
    discriminator_optimizer.apply_gradients(zip(gradients_of_discriminator, discriminator.trainable_variables))
    return gen_loss

for epoch in range(60):
    for image_batch in train_dataset:
        train_step(image_batch)
images = generator(tf.random.normal([16, 10]), training=False).numpy()
difference = np.abs(images.mean(axis=0) - train_images.mean(axis=0)).mean()
print(difference)
assert difference < 0.5
