"""The functions of TensorFlow by family, each defined once as a function of arrays."""
