"""What a Keras program takes from Lamella: `gradients` or a `GradientTape`, for its `train_step`.

class Model(keras.Model):
    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        self.optimizer.apply(gradients(loss, self.trainable_variables), self.trainable_variables)
        return {"batch_loss": loss}
"""

import keras  # noqa: F401  which imports its backend: the other way round would be a circle

from keras_lamella.src.gradients import GradientTape, gradients

__all__ = ["gradients", "GradientTape"]
