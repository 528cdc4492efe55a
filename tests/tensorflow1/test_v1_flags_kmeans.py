"""Flags as absl reads them, and contrib's k-means, as scripts of TensorFlow 1 use them."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def flags(tf, monkeypatch):
    """tf.flags with no flags."""
    from tensorflow_lamella.v1 import app

    for name in ("_defined", "_values", "_checks"):
        monkeypatch.setitem(app.FLAGS.__dict__, name, [] if name == "_checks" else {})
    monkeypatch.setitem(app.FLAGS.__dict__, "_parsed", False)
    return tf.flags


def test_a_flag_that_is_required(flags):
    """BERT's run_classifier.py: flags.mark_flag_as_required("data_dir")."""
    flags.DEFINE_string("data_dir", None, "where")
    flags.mark_flag_as_required("data_dir")
    with pytest.raises(flags.IllegalFlagValueError, match="--data_dir must have a value other"):
        flags.FLAGS(["program"])
    assert flags.FLAGS(["program", "--data_dir=x", "rest"]) == ["program", "rest"]
    assert flags.FLAGS.data_dir == "x"


def test_the_program_does_not_run_without_it(tf, flags):
    flags.DEFINE_string("model", None, "which")
    flags.mark_flags_as_required(["model"])
    with pytest.raises(SystemExit) as stopped:
        tf.app.run(lambda argv: pytest.fail("it ran"), ["program"])
    assert "Flags parsing error: flag --model=None" in str(stopped.value)
    with pytest.raises(SystemExit) as stopped:
        tf.app.run(lambda argv: argv, ["program", "--model", "a", "b"])
    assert stopped.value.code == ["program", "b"]


def test_validators_and_bounds(flags):
    flags.DEFINE_integer("steps", 10, "how many", lower_bound=1, upper_bound=20)
    flags.DEFINE_float("rate", 0.1, "how fast")
    flags.register_validator("rate", lambda rate: rate > 0, "must be positive")

    @flags.validator("steps")
    def even(steps):
        return steps % 2 == 0

    def small(values):
        return values["steps"] * values["rate"] < 100

    flags.register_multi_flags_validator(["steps", "rate"], small, "too far")
    flags.FLAGS(["program", "--steps=20"])
    for arguments, message in (
        (["--steps=0"], r"flag --steps=0: it is not in \[1, 20\]"),
        (["--rate=-1"], "flag --rate=-1.0: must be positive"),
        (["--steps=3"], "flag --steps=3: Flag validation failed"),
        (["--steps=20", "--rate=6"], "too far"),
    ):
        with pytest.raises(flags.IllegalFlagValueError, match=message):
            flags.FLAGS(["program", *arguments])


def test_flags_with_several_values(flags):
    flags.DEFINE_list("layers", "10,20", "sizes")
    flags.DEFINE_multi_integer("gpu", [0], "which")
    flags.DEFINE_multi_string("name", None, "names")
    flags.FLAGS(["program"])
    assert (flags.FLAGS.layers, flags.FLAGS.gpu, flags.FLAGS.name) == (["10", "20"], [0], [])
    flags.FLAGS(["program", "--layers=5", "--gpu=1", "--gpu", "2", "--name=a"])
    assert (flags.FLAGS.layers, flags.FLAGS.gpu, flags.FLAGS.name) == (["5"], [1, 2], ["a"])


@pytest.mark.parametrize("start", ["random", "kmeans_plus_plus"])
@pytest.mark.parametrize("metric", ["squared_euclidean", "cosine"])
@pytest.mark.parametrize("mini_batch", [False, True])
def test_kmeans_finds_the_clusters(tf, start, metric, mini_batch):
    """aymericdamien's kmeans.py: KMeans(inputs=X, num_clusters=k, distance_metric='cosine')."""
    draw = np.random.default_rng(1)
    means = np.array([[8.0, 0.0], [0.0, 8.0], [-6.0, -6.0]])
    labels = np.arange(90) % 3
    rows = (means[labels] + draw.normal(size=(90, 2)) * 0.3).astype("float32")
    x = tf.placeholder(tf.float32, [None, 2])
    seed = 4 if start == "random" else 0
    kmeans = tf.contrib.factorization.KMeans(
        inputs=x, num_clusters=3, initial_clusters=start, distance_metric=metric,
        use_mini_batch=mini_batch, random_seed=seed,
    )  # fmt: skip
    all_scores, places, scores, ready, centers, init_op, train_op = kmeans.training_graph()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer(), {x: rows})
        assert not sess.run(ready)
        sess.run(init_op, {x: rows})
        assert sess.run(ready)
        for _ in range(10):
            _, distance, found = sess.run([train_op, tf.reduce_mean(scores[0]), places[0]],
                                          {x: rows})  # fmt: skip
        table, moved = sess.run([all_scores[0], centers], {x: rows})
    assert table.shape == (90, 3)
    assert distance < 0.4
    for i in range(3):
        assert len(set(found[labels == i])) == 1
    assert len(set(found)) == 3
    wanted = means / np.linalg.norm(means, axis=1, keepdims=True) if metric == "cosine" else means
    assert max(np.abs(moved - m).sum(1).min() for m in wanted) < 0.5


def test_kmeans_that_is_not_there(tf):
    with pytest.raises(NotImplementedError, match="there are 'random' and 'kmeans_plus_plus'"):
        tf.contrib.factorization.KMeans(None, 3, initial_clusters="kmc2")
    with pytest.raises(NotImplementedError, match=r"sklearn\.cluster\.KMeans"):
        tf.contrib.factorization.KMeansClustering(3)
