"""tf.contrib.factorization.KMeans: clustering as operations of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflow_lamella.errors import unsupported
from tensorflow_lamella.names import export, get

METRICS = ("squared_euclidean", "cosine")


def _tf(name: str) -> Callable[..., Any]:
    return get(name, 1)


@export("contrib.factorization.KMeans", version=1)
class KMeans:
    """Centres of clusters, moved to the means of the rows that are nearest to them.

    Args:
        inputs: a tensor (rows, features), or a list of them.
        num_clusters: how many centres.
        initial_clusters: "random" rows, or "kmeans_plus_plus".
        distance_metric: "squared_euclidean", or "cosine": 1 - the cosine of the angle.
        use_mini_batch: weigh a batch against the rows before it; else its means are the centres.

    Raises NotImplementedError for other starts and distances.
    """

    def __init__(
        self, inputs: Any, num_clusters: int, initial_clusters: Any = "random",
        distance_metric: str = "squared_euclidean", use_mini_batch: bool = False,
        mini_batch_steps_per_iteration: int = 1, random_seed: int = 0,
        kmeans_plus_plus_num_retries: int = 2, kmc2_chain_length: int = 200,
    ) -> None:  # fmt: skip
        known = initial_clusters in ("random", "kmeans_plus_plus")
        if not known or distance_metric not in METRICS:
            raise unsupported(
                f"contrib.factorization.KMeans with initial_clusters={initial_clusters!r}, "
                f"distance_metric={distance_metric!r}",
                "there are 'random' and 'kmeans_plus_plus', 'squared_euclidean' and 'cosine'",
            )
        self.inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        self.count, self.start, self.seed = int(num_clusters), initial_clusters, random_seed
        self.cosine, self.use_mini_batch = distance_metric == "cosine", use_mini_batch

    def training_graph(self) -> tuple[Any, ...]:
        """The operations: (all_scores, cluster_idx, scores, cluster_centers_initialized,
        cluster_centers_var, init_op, train_op), the first three with an entry for each input.
        """
        rows = self._directions(_tf("concat")(self.inputs, 0))
        size = (self.count, self.inputs[0].shape.as_list()[1])
        centers = self._variable(np.zeros(size, "float32"), "clusters")
        counts = self._variable(np.zeros(self.count, "float32"), "counts")
        ready = self._variable(np.array(False), "initialized")
        found = [self._nearest(self._directions(x), centers) for x in self.inputs]
        first = _tf("py_func")(self._first, [rows], "float32")
        first.set_shape(size)
        assign, group = _tf("assign"), _tf("group")
        init_op = group(assign(centers, first), assign(counts, np.zeros(self.count, "float32")),
                        assign(ready, True))  # fmt: skip
        moved, total = self._moved(rows, centers, counts)
        with _tf("control_dependencies")([moved, total]):
            train_op = group(assign(centers, moved), assign(counts, total))
        scores, places, best = zip(*found)
        return scores, places, best, ready, centers, init_op, train_op

    def _variable(self, value: np.ndarray, name: str) -> Any:
        return _tf("Variable")(value, trainable=False, name=name)

    def _directions(self, x: Any) -> Any:
        return _tf("nn.l2_normalize")(x, 1) if self.cosine else x

    def _nearest(self, rows: Any, centers: Any) -> tuple[Any, Any, Any]:
        """All distances, the nearest centre of each row, and its distance."""
        matmul, square, total = _tf("matmul"), _tf("square"), _tf("reduce_sum")
        if self.cosine:
            distances = 1.0 - matmul(rows, self._directions(centers), transpose_b=True)
        else:
            lengths = total(square(rows), 1, keepdims=True) + total(square(centers), 1)
            distances = lengths - 2.0 * matmul(rows, centers, transpose_b=True)
            distances = _tf("maximum")(distances, 0.0)
        return distances, _tf("argmin")(distances, 1), _tf("reduce_min")(distances, 1)

    def _moved(self, rows: Any, centers: Any, counts: Any) -> tuple[Any, Any]:
        """The centres after these rows, and how many rows each has seen."""
        _, places, _ = self._nearest(rows, centers)
        chosen = _tf("one_hot")(places, self.count)
        number = _tf("reduce_sum")(chosen, 0)
        sums = _tf("matmul")(chosen, rows, transpose_a=True)
        before = counts if self.use_mini_batch else 0.0 * counts
        total = before + number
        column = _tf("expand_dims")
        means = (centers * column(before, 1) + sums) / column(_tf("maximum")(total, 1.0), 1)
        seen = column(_tf("cast")(number > 0, "float32"), 1)
        return seen * means + (1.0 - seen) * centers, total

    def _first(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the first centres; k-means++ prefers those far from the ones it has."""
        draw = np.random.default_rng(self.seed)
        if self.start == "random":
            return rows[draw.choice(len(rows), self.count, replace=len(rows) < self.count)]
        chosen = [rows[draw.integers(len(rows))]]
        while len(chosen) < self.count:
            distance = np.min([np.square(rows - c).sum(1) for c in chosen], axis=0) + 1e-12
            chosen.append(rows[draw.choice(len(rows), p=distance / distance.sum())])
        return np.array(chosen, "float32")
