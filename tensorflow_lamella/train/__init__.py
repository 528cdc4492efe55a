"""TensorFlow 2: checkpoints and summaries."""
