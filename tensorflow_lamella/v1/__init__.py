"""TensorFlow 1 on Lamella: graphs, sessions, and the names that only TensorFlow 1 had."""
