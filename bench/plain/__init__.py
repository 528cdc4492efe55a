"""Four of the workloads written for PyTorch and for JAX, as their users would write them."""

NAMES = ("mnist_mlp", "mnist_cnn", "resnet20", "transformer")
