"""What a Keras program takes from Lamella: `gradients`, for a `train_step` of its own.

class Model(keras.Model):
    def train_step(self, data):
        x, y = data
        loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        self.optimizer.apply(gradients(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}
"""

from keras_lamella.src.gradients import gradients

__all__ = ["gradients"]
