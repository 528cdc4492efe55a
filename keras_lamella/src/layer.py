"""The backend's part of Layer: none."""


class BackendLayer:
    """Keras's Layer needs nothing from this backend."""
