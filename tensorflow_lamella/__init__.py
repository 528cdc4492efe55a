"""What `import tensorflow` means on Lamella: TensorFlow's API over NumPy, Keras and the engine.

`lamella run program.py` uses it for programs that import tensorflow; so does

    import tensorflow_lamella
    tensorflow_lamella.install()
    import tensorflow as tf

README.md in this folder says how it is made.
"""

import lamella  # makes Lamella the backend of Keras
from tensorflow_lamella.install import announce, install

__all__ = ["announce", "install"]
