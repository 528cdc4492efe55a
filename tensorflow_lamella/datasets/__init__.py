"""Data sets as TensorFlow's tutorials loaded them: from the user's files, or MNIST from here."""
