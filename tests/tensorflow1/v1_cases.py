"""Small graphs whose numbers are compared with real TensorFlow (tf.compat.v1).

Each case is a function of `tf` that builds a graph and returns what to run: a list of rounds, each
(fetches, feeds); the numbers of all rounds are recorded by tools/tensorflow1_reference.py.
"""

from __future__ import annotations

import functools

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def several(**variants):
    """One case for each keyword: the function is called with its value."""

    def decorate(function):
        for name, value in variants.items():
            CASES[f"{function.__name__}_{name}"] = functools.partial(function, value)
        return function

    return decorate


def numbers(*shape, seed=0, scale=1.0):
    """Irregular numbers that need no generator."""
    count = int(np.prod(shape))
    values = np.sin(np.arange(count) * 1.7 + seed) * np.cos(np.arange(count) * 0.37 + 2 * seed)
    return (scale * values).reshape(shape).astype(np.float32)


def pattern(shape, dtype=None, partition_info=None):
    """An initialiser that is the same everywhere."""
    return numbers(*[int(d) for d in shape], seed=3, scale=0.5)


# Optimizers: six steps on a small loss


@several(
    descent=lambda t: t.GradientDescentOptimizer(0.1),
    momentum=lambda t: t.MomentumOptimizer(0.1, 0.9),
    nesterov=lambda t: t.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    adam=lambda t: t.AdamOptimizer(0.05),
    adam_betas=lambda t: t.AdamOptimizer(0.05, beta1=0.5, beta2=0.9, epsilon=1e-3),
    adagrad=lambda t: t.AdagradOptimizer(0.1),
    adadelta=lambda t: t.AdadeltaOptimizer(1.0, 0.9, 1e-6),
    rmsprop=lambda t: t.RMSPropOptimizer(0.02),
    rmsprop_momentum=lambda t: t.RMSPropOptimizer(0.02, 0.8, 0.5, 1e-6),
    rmsprop_centered=lambda t: t.RMSPropOptimizer(0.02, centered=True),
    ftrl=lambda t: t.FtrlOptimizer(0.1),
    ftrl_regularised=lambda t: t.FtrlOptimizer(
        0.1, -0.4, l1_regularization_strength=0.05, l2_regularization_strength=0.1,
        l2_shrinkage_regularization_strength=0.01),
    proximal=lambda t: t.ProximalGradientDescentOptimizer(0.1, 0.05, 0.02),
    proximal_adagrad=lambda t: t.ProximalAdagradOptimizer(0.1, 0.2, 0.05, 0.02),
)  # fmt: skip
def optimizer(make, tf):
    x = tf.placeholder(tf.float32, [None, 3])
    w = tf.Variable(numbers(3, 2), name="w")
    b = tf.Variable(numbers(2, seed=1), name="b")
    step = tf.Variable(0, trainable=False)
    y = tf.tanh(tf.matmul(x, w) + b)
    loss = tf.reduce_mean(tf.square(y - numbers(4, 2, seed=5)))
    train = make(tf.train).minimize(loss, global_step=step)
    return [([train, loss], {x: numbers(4, 3, seed=k)}) for k in range(6)] + [([w, b, step], {})]


# Learning rates


@several(
    exponential=lambda t, s: t.exponential_decay(0.1, s, 10, 0.5),
    staircase=lambda t, s: t.exponential_decay(0.1, s, 10, 0.5, staircase=True),
    natural=lambda t, s: t.natural_exp_decay(0.1, s, 10, 0.5),
    inverse=lambda t, s: t.inverse_time_decay(0.1, s, 10, 0.5, staircase=True),
    polynomial=lambda t, s: t.polynomial_decay(0.1, s, 20, 0.01, power=2.0),
    cycle=lambda t, s: t.polynomial_decay(0.1, s, 20, 0.01, cycle=True),
    cosine=lambda t, s: t.cosine_decay(0.1, s, 30, alpha=0.1),
    piecewise=lambda t, s: t.piecewise_constant(s, [10, 20], [1.0, 0.5, 0.1]),
)
def rate(make, tf):
    step = tf.placeholder(tf.int32, [])
    lr = make(tf.train, step)
    return [(lr, {step: k}) for k in (1, 9, 10, 11, 20, 25, 47)]


# Losses


@several(
    squared=lambda tf, y, p, w: tf.losses.mean_squared_error(y, p, w),
    absolute=lambda tf, y, p, w: tf.losses.absolute_difference(y, p, w),
    log=lambda tf, y, p, w: tf.losses.log_loss(y, tf.sigmoid(p), w),
    hinge=lambda tf, y, p, w: tf.losses.hinge_loss(y, p, w),
    huber=lambda tf, y, p, w: tf.losses.huber_loss(y, p, w, delta=0.3),
    sigmoid=lambda tf, y, p, w: tf.losses.sigmoid_cross_entropy(y, p, w, label_smoothing=0.1),
    none=lambda tf, y, p, w: tf.losses.mean_squared_error(y, p, w, reduction="none"),
    sum=lambda tf, y, p, w: tf.losses.mean_squared_error(y, p, w, reduction="weighted_sum"),
    mean=lambda tf, y, p, w: tf.losses.mean_squared_error(y, p, w, reduction="weighted_mean"),
    batch=lambda tf, y, p, w: tf.losses.mean_squared_error(
        y, p, w, reduction="weighted_sum_over_batch_size"),
)  # fmt: skip
def loss(make, tf):
    y = tf.constant((numbers(4, 3) > 0).astype(np.float32))
    p = tf.Variable(numbers(4, 3, seed=2))
    weights = [1.0, np.array([[1.0], [0.0], [2.0], [0.5]], np.float32), np.abs(numbers(4, 3))]
    losses = [make(tf, y, p, w) for w in weights]
    return [([losses, tf.gradients(losses[1], p), tf.losses.get_total_loss()], {})]


@case
def loss_of_classes(tf):
    logits = tf.Variable(numbers(4, 5, scale=2.0))
    classes = tf.constant([1, 0, 4, 2])
    hot = tf.one_hot(classes, 5)
    found = [
        tf.losses.softmax_cross_entropy(hot, logits, label_smoothing=0.2),
        tf.losses.sparse_softmax_cross_entropy(classes, logits, weights=[1.0, 0.0, 2.0, 1.0]),
        tf.losses.cosine_distance(hot, tf.nn.l2_normalize(logits, 1), axis=1),
        tf.nn.softmax_cross_entropy_with_logits(labels=hot, logits=logits),
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits),
        tf.nn.weighted_cross_entropy_with_logits(hot, logits, 2.0),
    ]
    return [([found, tf.gradients(found[0] + found[1], logits)], {})]


# tf.nn


@case
def nn_images(tf):
    x = tf.Variable(numbers(2, 6, 7, 3))
    k = tf.Variable(numbers(3, 2, 3, 4, seed=1))
    y = tf.nn.conv2d(x, k, strides=[1, 2, 1, 1], padding="SAME")
    z = tf.nn.conv2d(x, k, [1, 1, 1, 1], "VALID", dilations=[1, 2, 2, 1])
    up = tf.nn.conv2d_transpose(y, k, [2, 6, 7, 3], [1, 2, 1, 1], "SAME")
    pooled = tf.nn.max_pool(x, [1, 2, 3, 1], [1, 2, 2, 1], "SAME")
    mean = tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    norm = tf.nn.lrn(x, 2, bias=1.0, alpha=0.5, beta=0.75)
    deep = tf.nn.depthwise_conv2d(x, numbers(2, 2, 3, 2), [1, 1, 1, 1], "SAME")
    total = sum(tf.reduce_sum(v * v) for v in (y, z, up, pooled, mean, norm, deep))
    return [([y, z, up, pooled, mean, norm, deep, tf.gradients(total, [x, k])], {})]


@case
def nn_normalisation(tf):
    x = tf.Variable(numbers(3, 4, 5, 2, scale=2.0))
    scale, offset = tf.constant([1.5, 0.5]), tf.constant([0.1, -0.2])
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    plain = tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3)
    fused, m, v = tf.nn.fused_batch_norm(x, scale, offset, epsilon=1e-3)
    kept, _, _ = tf.nn.fused_batch_norm(x, scale, offset, mean=[0.1, 0.2], variance=[1.0, 2.0],
                                        is_training=False)  # fmt: skip
    keep = tf.nn.moments(x, [0], keep_dims=True)
    grads = tf.gradients(tf.reduce_sum(fused * numbers(3, 4, 5, 2, seed=4)), x)
    return [([mean, variance, plain, fused, m, v, kept, keep, grads], {})]


@case
def nn_embeddings(tf):
    a, b = tf.Variable(numbers(3, 4)), tf.Variable(numbers(3, 4, seed=1))
    ids = tf.constant([0, 5, 3, 1, 5])
    mod = tf.nn.embedding_lookup([a, b], ids)
    div = tf.nn.embedding_lookup([a, b], ids, partition_strategy="div")
    return [([mod, div, tf.convert_to_tensor(tf.gradients(tf.reduce_sum(mod * mod), a)[0])], {})]


@several(nce="nce_loss", softmax="sampled_softmax_loss")
def sampled(name, tf):
    weights, biases = tf.Variable(numbers(10, 4)), tf.Variable(numbers(10, seed=1))
    inputs = tf.Variable(numbers(3, 4, seed=2))
    labels = tf.constant([[1], [4], [7]], tf.int64)
    drawn = (tf.constant([4, 0, 9, 2], tf.int64), tf.constant([[0.3], [0.2], [0.1]]),
             tf.constant([0.2, 0.6, 0.05, 0.4]))  # fmt: skip
    f = getattr(tf.nn, name)
    losses = f(weights, biases, labels, inputs, 4, 10, sampled_values=drawn)
    grads = tf.gradients(losses, [inputs, biases])
    return [([losses, [tf.convert_to_tensor(g) for g in grads]], {})]


# Functions of the first releases, and gradients


@case
def old_functions(tf):
    x = tf.constant(numbers(3, 4))
    found = [
        tf.reduce_sum(x, reduction_indices=[1]), tf.reduce_mean(x, 0, keep_dims=True),
        tf.argmax(x, dimension=1), tf.log(tf.abs(x) + 1.0), tf.to_int32(x * 10), tf.div(7, 2),
        tf.where(tf.constant([True, False, True]), x, -x), tf.concat([x, x], 1),
        tf.split(x, 2, 1), tf.count_nonzero(tf.to_int32(x * 3)), tf.matrix_band_part(x, 1, 0),
        tf.segment_sum(x, [0, 0, 1]), tf.unsorted_segment_sum(x, [1, 0, 1], 3),
        tf.confusion_matrix([0, 1, 2, 1], [0, 2, 2, 1], 3), tf.squared_difference(x, 0.5),
        tf.nn.top_k(x, 2), tf.nn.in_top_k(x, [0, 1, 3], 2), tf.floordiv(tf.constant(-7), 2),
        tf.nn.softmax(x, dim=0), tf.nn.l2_normalize(x, dim=1), tf.global_norm([x, x]),
        tf.clip_by_global_norm([x, 2 * x], 1.0), tf.sparse_to_dense([1, 3], [5], 2.0),
        tf.cumsum(x, axis=1, exclusive=True), tf.diag([1.0, 2.0]), tf.one_hot([0, 2], 3),
        tf.reverse_sequence(x, [2, 4, 1], seq_axis=1, batch_axis=0), tf.rsqrt(tf.abs(x) + 1.0),
        tf.matrix_inverse(x[:, :3] + 3 * tf.eye(3)), tf.space_to_depth(numbers(1, 4, 4, 1), 2),
    ]  # fmt: skip
    return [(found, {})]


@case
def gradients_through_control_flow(tf):
    x = tf.Variable(numbers(3))
    flag = tf.placeholder(tf.bool, [])
    chosen = tf.cond(flag, lambda: tf.reduce_sum(x**3), lambda: tf.reduce_sum(tf.sin(x)))
    _, power = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * x), (0, tf.ones([3])))
    scanned = tf.scan(lambda a, v: a * 0.5 + v * v, x)
    mapped = tf.map_fn(lambda v: tf.exp(v) * 2.0, x)
    found = [tf.gradients(y, x) for y in (chosen, power, scanned, mapped)]
    second = tf.gradients(tf.gradients(tf.reduce_sum(x**4), x)[0] * numbers(3, seed=1), x)
    weighted = tf.gradients([power, x * 2.0], x, grad_ys=[numbers(3, seed=2), numbers(3, seed=3)])
    stopped = tf.gradients(x * tf.stop_gradient(x), x)
    fetches = [chosen, power, scanned, mapped, found, second, weighted, stopped]
    return [(fetches, {flag: True}), (fetches, {flag: False})]


@case
def assignments(tf):
    v = tf.Variable(numbers(4, 2), name="v")
    n = tf.Variable(5)
    rounds = [tf.assign_add(v, numbers(4, 2, seed=1)), tf.assign_sub(n, 2)]
    rows = tf.scatter_update(v, [0, 2], numbers(2, 2, seed=5))
    more = tf.scatter_add(v, [1, 1], numbers(2, 2, seed=6))
    with tf.control_dependencies([more]):
        after = tf.identity(v.read_value() * 2.0)
    count = tf.count_up_to(n, 5) if False else tf.assign(n, n * 3)
    return [(rounds, {}), (rows, {}), (after, {}), ([v, n], {}), (count, {}), (n, {})]


@several(plain=None, debiased_by_steps="steps")
def moving_average(steps, tf):
    v = tf.Variable(numbers(3))
    step = tf.Variable(0, trainable=False)
    ema = tf.train.ExponentialMovingAverage(0.9, num_updates=step if steps else None)
    with tf.control_dependencies([v.assign_add(numbers(3, seed=1)), step.assign_add(1)]):
        apply = ema.apply([v])
    return [(apply, {})] * 3 + [([v, ema.average(v)], {})]


@case
def metrics(tf):
    y, p = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    hit = tf.cast(p > 0.5, tf.float32)
    found = [
        tf.metrics.accuracy(y, hit), tf.metrics.precision(y, hit), tf.metrics.recall(y, hit),
        tf.metrics.mean(p), tf.metrics.mean(p, weights=y), tf.metrics.mean_squared_error(y, p),
        tf.metrics.root_mean_squared_error(y, p), tf.metrics.auc(y, p),
        tf.metrics.mean_absolute_error(y, p), tf.metrics.true_positives(y, hit),
        tf.metrics.false_negatives(y, hit),
        tf.metrics.mean_per_class_accuracy(tf.cast(y, tf.int64), tf.cast(hit, tf.int64), 2),
    ]  # fmt: skip
    values, updates = zip(*found)
    feeds = [{y: (numbers(9, seed=k) > 0).astype(np.float32), p: np.abs(numbers(9, seed=k + 3))}
             for k in range(3)]  # fmt: skip
    return [(list(updates), feed) for feed in feeds] + [(list(values), {})]
