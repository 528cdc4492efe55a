"""tf.data: pipelines of elements, and how Keras trains on them."""
