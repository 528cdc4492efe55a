"""Keras 2: ImageDataGenerator.flow, fit_generator with steps_per_epoch, history of 'acc'."""
import numpy as np
from keras import layers, models, optimizers
from keras.preprocessing.image import ImageDataGenerator

np.random.seed(0)
x = np.random.randint(0, 80, size=(256, 16, 16, 3)).astype('float32')
y = np.random.randint(0, 2, 256)
for image, label in zip(x, y):
    image[4:12, 4:12, 2 * label] += 150  # red or blue

train_datagen = ImageDataGenerator(rescale=1./255, width_shift_range=0.1, horizontal_flip=True)
test_datagen = ImageDataGenerator(rescale=1./255)
train_generator = train_datagen.flow(x[:192], y[:192], batch_size=16)
validation_generator = test_datagen.flow(x[192:], y[192:], batch_size=16)

model = models.Sequential()
model.add(layers.Conv2D(8, (3, 3), activation='relu', input_shape=(16, 16, 3)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten())
model.add(layers.Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer=optimizers.RMSprop(lr=1e-2), metrics=['acc'])
history = model.fit_generator(train_generator, steps_per_epoch=12, epochs=5, verbose=0,
                              validation_data=validation_generator, validation_steps=4, workers=1)
acc = history.history['acc']
val_acc = history.history['val_acc']
assert val_acc[-1] > 0.95, val_acc
assert model.evaluate_generator(validation_generator, steps=4)[1] > 0.95
