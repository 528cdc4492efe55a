"""tf.test: the test case that TensorFlow's programs inherit from."""

from __future__ import annotations

import unittest
from typing import Any

import numpy as np
import optree

from tensorflow_lamella.names import export, put


def _numbers(x: Any) -> Any:
    return optree.tree_map(np.asarray, x)


@export("test.TestCase")
class TestCase(unittest.TestCase):
    """unittest's, with comparisons of tensors."""

    def evaluate(self, tensors: Any) -> Any:
        """Tensors as arrays."""
        return _numbers(tensors)

    def assertAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6,
                       msg: Any = None) -> None:  # fmt: skip
        """Nested tensors are near each other."""
        if isinstance(a, dict):
            self.assertEqual(a.keys(), b.keys(), msg)  # noqa: PT009 - this is a unittest class
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
        else:
            np.testing.assert_allclose(_numbers(a), _numbers(b), rtol, atol, err_msg=msg or "")

    def assertAllEqual(self, a: Any, b: Any, msg: Any = None) -> None:
        """Tensors are equal."""
        np.testing.assert_array_equal(_numbers(a), _numbers(b), err_msg=msg or "")

    def assertNotAllClose(self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6,
                          msg: Any = None) -> None:  # fmt: skip
        """Tensors are not near each other."""
        if np.allclose(_numbers(a), _numbers(b), rtol, atol):
            self.fail(msg or f"{a} is near {b}")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """All elements are greater."""
        if not np.all(_numbers(a) > comparison_target):
            self.fail(f"{a} is not greater than {comparison_target}")

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """All elements are less."""
        if not np.all(_numbers(a) < comparison_target):
            self.fail(f"{a} is not less than {comparison_target}")

    def assertShapeEqual(self, input_a: Any, input_b: Any, msg: Any = None) -> None:
        """The shapes are equal."""
        if np.shape(input_a) != np.shape(input_b):
            self.fail(msg or f"shapes {np.shape(input_a)} and {np.shape(input_b)}")


put(unittest.main, "test.main")
