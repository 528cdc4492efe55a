"""tf.contrib: the layers, slim, and the small things that programs took from it."""
