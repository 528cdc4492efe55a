"""What programs do beyond plain `compile` and `fit`, against numbers worked out by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import lamella
from lamella.keras import GradientTape, gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")
W = np.array([[0.5], [-1.0], [2.0]], "float32")
RATE = 0.1


def slope(w, x=X, y=Y):
    """The gradient of mean((x @ w - y)**2)."""
    return 2 * x.T @ (x @ w - y) / len(x)


def linear(kind=keras.Model, **arguments):
    """x @ W as a model."""
    inputs = keras.Input((3,))
    outputs = layers.Dense(1, use_bias=False)(inputs)
    model = kind(inputs, outputs, **arguments)
    model.set_weights([W])
    return model


def fit(model, x=X, y=Y, **arguments):
    """One epoch in the order of the data, in one batch unless told."""
    return model.fit(x, y, **{"batch_size": 8, "shuffle": False, "verbose": 0, **arguments})


def near(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def step_of(f):
    """A model whose train_step is `f(model, x, y)`, which returns the logs; SGD."""

    class Model(keras.Model):
        def train_step(self, data):
            return f(self, *data)

    model = linear(Model)
    model.compile(keras.optimizers.SGD(RATE), "mse")
    return model


def squares(model, x, y):
    return ops.mean((model(x, training=True) - y) ** 2)


# ---- tapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_tape_inside_train_step(eagerly):
    def train(model, x, y):
        with GradientTape() as tape:
            loss = squares(model, x, y)
        grads = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(grads, model.trainable_variables))
        return {"loss": loss}

    model = step_of(train)
    model.run_eagerly = eagerly
    fit(model)
    near(model.get_weights()[0], W - RATE * slope(W))


def test_tapes_nest_and_know_traced_arrays():
    def train(model, x, y):
        with GradientTape() as outer:
            with GradientTape() as inner:
                inner.watch(x)
                out = ops.sum(model(x) ** 2)
            by_row = inner.gradient(out, x)  # 2 (x w) w
            penalty = ops.sum(by_row[:, 0])
        (grad,) = outer.gradient(penalty, model.trainable_variables)
        return {"first": grad[0, 0], "second": grad[1, 0]}

    logs = fit(step_of(train)).history
    near(logs["first"], np.sum(2 * (X @ W)[:, 0] + 2 * X[:, 0] * W[0, 0]))
    near(logs["second"], np.sum(2 * X[:, 1] * W[0, 0]))


def test_a_tape_keeps_the_structure_and_says_none_where_nothing_depends():
    def train(model, x, y):
        with GradientTape(persistent=True) as tape:
            out = x * 3.0
        found = tape.gradient(out, {"x": x, "other": [y, model.trainable_variables[0]]})
        assert found["other"] == [None, None]
        assert tape.gradient([out, y], [y])[0] is not None
        return {"of_x": ops.mean(found["x"])}

    near(fit(step_of(train)).history["of_x"], 3.0)


@pytest.mark.parametrize("how", ["tape", "gradients"])
def test_derivatives_asked_for_after_the_update_are_of_the_values_before(how):
    def train(model, x, y):
        with GradientTape() as tape:
            first, second = squares(model, x, y), squares(model, x, 2 * y)
        weights = model.trainable_variables
        model.optimizer.apply(tape.gradient(first, weights), weights)
        later = tape.gradient(second, weights) if how == "tape" else gradients(second, weights)
        model.optimizer.apply(later, weights)
        return {"loss": first}

    model = step_of(train)
    fit(model)
    near(model.get_weights()[0], W - RATE * slope(W) - RATE * slope(W, y=2 * Y))


def test_derivatives_of_a_loss_computed_after_the_update_are_of_the_new_values():
    def train(model, x, y):
        weights = model.trainable_variables
        for _ in range(2):
            loss = squares(model, x, y)
            model.optimizer.apply(gradients(loss, weights), weights)
        return {"loss": loss}

    model = step_of(train)
    fit(model)
    between = W - RATE * slope(W)
    near(model.get_weights()[0], between - RATE * slope(between))


def test_variables_are_arguments_of_a_compiled_function():
    model, optimizer = linear(), keras.optimizers.SGD(RATE, momentum=0.9)
    optimizer.build(model.trainable_variables)

    @lamella.jit
    def step(weights, state, x, y):
        def loss_of(weights):
            y_pred, _ = model.stateless_call(weights, [], x)
            return ops.mean((y_pred - y) ** 2)

        loss, grads = lamella.value_and_grad(loss_of)(weights)
        return loss, *optimizer.stateless_apply(state, grads, weights)

    _, weights, state = step(model.trainable_variables, optimizer.variables, X, Y)
    near(model.get_weights()[0], W)
    near(weights[0], W - RATE * slope(W))
    optimizer.apply([slope(W)], model.trainable_variables)
    for ours, variable in zip(state, optimizer.variables):
        near(ours, variable)


# ---- tapes outside of steps --------------------------------------------------------------------


def test_a_loop_with_a_tape():
    model, optimizer = linear(), keras.optimizers.SGD(RATE)
    mean, error, losses = keras.metrics.Mean(), keras.metrics.MeanAbsoluteError(), []
    for _ in range(2):
        before = model.get_weights()[0]
        with GradientTape() as tape:
            y_pred = model(X, training=True)
            loss = ops.mean((y_pred - Y) ** 2)
        (grad,) = tape.gradient(loss, model.trainable_variables)
        assert isinstance(grad, np.ndarray)
        near(grad, slope(before))
        optimizer.apply_gradients(zip([grad], model.trainable_variables))
        near(model.get_weights()[0], before - RATE * slope(before))
        # afterwards what was recorded is as good as its numbers
        mean.update_state(loss)
        error.update_state(Y, y_pred)
        losses.append(float(loss))
        near(float(loss), np.mean((X @ before - Y) ** 2))
        near(np.sqrt(loss) + 2 * loss[None][0], np.sqrt(float(loss)) + 2 * float(loss))
        near(ops.softmax(y_pred, axis=0), keras.ops.softmax(X @ before, axis=0))
        near(np.concatenate([y_pred, Y]), np.concatenate([X @ before, Y]))
    near(mean.result(), np.mean(losses))
    near(error.result(), (np.abs(X @ W - Y).mean() + np.abs(X @ before - Y).mean()) / 2)


def test_a_tape_outside_of_steps_sees_batch_statistics_move():
    layer = layers.BatchNormalization(momentum=0.5)
    layer.build(X.shape)
    with GradientTape() as tape:
        out = ops.sum(layer(X, training=True) * Y)
    near(layer.moving_mean.value, 0.5 * X.mean(axis=0))
    of_gamma, of_mean = tape.gradient(out, [layer.gamma, layer.moving_mean])
    near(of_gamma, ((X - X.mean(axis=0)) / np.sqrt(X.var(axis=0) + layer.epsilon) * Y).sum(axis=0))
    assert of_mean is None


def test_tapes_outside_of_steps_nest_and_watch():
    v = keras.Variable(3.0)
    with GradientTape() as outer:
        with GradientTape() as inner:
            cube = v * v * v
        once = inner.gradient(cube, v)
    near(outer.gradient(once, v), 18.0)
    near(once, 27.0)
    with GradientTape() as tape:
        x = tape.watch({"a": X, "b": 2.0 * X})
        out = ops.sum(x["a"] ** 2) + np.sum(np.exp(x["b"]))
    found = tape.gradient(out, x)
    near(found["a"], 2 * X)
    near(found["b"], np.exp(2 * X))


def test_errors_of_tapes_say_what_to_do():
    def in_a_function(x):
        with GradientTape():
            return x

    with pytest.raises(RuntimeError, match=r"for functions use lamella\.value_and_grad"):
        lamella.jit(in_a_function)(X)
    with pytest.raises(RuntimeError, match="inside train_step"):
        GradientTape().watch(X)

    def constant(model, x, y):
        with GradientTape() as tape:
            tape.watch(np.ones(3, "float32"))

    with pytest.raises(TypeError, match="a constant of type ndarray"):
        fit(step_of(constant))
    with GradientTape() as tape:
        loss = ops.sum(keras.Variable(X) ** 2)
    with pytest.raises(TypeError, match=r"`x = tape.watch\(x\)`"):
        tape.gradient(loss, X)
    with pytest.raises(RuntimeError, match="enter it with `with`"):
        fit(step_of(lambda model, x, y: GradientTape().gradient(x, y)))


def test_a_model_without_call_uses_the_loss_and_metrics_it_was_compiled_with():
    class Judged(keras.Model):
        def __init__(self):
            super().__init__()
            self.net = linear()

        def train_step(self, data):
            x, y = data
            y_pred = self.net(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
            weights = self.net.trainable_variables
            self.optimizer.apply(gradients(loss, weights), weights)
            own = ops.mean(self.loss(y, y_pred))
            return {"own": own, **self.compute_metrics(x, y, y_pred)}

    model = Judged()
    model.compile(keras.optimizers.SGD(RATE), keras.losses.mean_squared_error, metrics=["mae"])
    logs = fit(model, epochs=2).history
    near(logs["own"][0], np.mean((X @ W - Y) ** 2))
    near(logs["mae"][0], np.abs(X @ W - Y).mean())
    moved = W - RATE * slope(W)
    near(logs["own"][1], np.mean((X @ moved - Y) ** 2))
    near(logs["mae"][1], np.abs(X @ moved - Y).mean())


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_train_step_may_call_the_model_on_other_things_than_batches(eagerly):
    class Named(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1, use_bias=False, kernel_initializer="ones")

        def call(self, inputs):
            return self.dense(inputs[0] + inputs[1])

        def train_step(self, batch):
            y_pred = self([batch["x"], batch["x"]], training=True)
            loss = self.compute_loss(y=batch["y"], y_pred=y_pred)
            weights = self.trainable_variables
            self.optimizer.apply_gradients(zip(gradients(loss, weights), weights))
            return {"own": loss}

    model = Named()
    model.compile(keras.optimizers.SGD(RATE), "mse", run_eagerly=eagerly)
    logs = model.fit({"x": X, "y": Y}, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    ones = np.ones((3, 1), "float32")
    near(logs["own"][0], np.mean((2 * X @ ones - Y) ** 2))
    moved = ones - RATE * slope(ones, 2 * X)
    near(logs["own"][1], np.mean((2 * X @ moved - Y) ** 2))


# ---- custom parts ------------------------------------------------------------------------------


class Scale(layers.Layer):
    """x -> a x + b, its weights made in `build`."""

    def build(self, shape):
        self.a = self.add_weight(shape=(), initializer="ones")
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x, training=False):
        if training:
            self.calls.assign_add(1.0)
        return self.a * x


def test_a_layer_a_loss_a_metric_and_an_optimizer_of_ones_own():
    class Cubic(keras.losses.Loss):
        def call(self, y, y_pred):
            return ops.mean(ops.abs(y - y_pred) ** 3, axis=-1)

    class Largest(keras.metrics.Metric):
        def __init__(self):
            super().__init__(name="largest")
            self.value = self.add_variable((), "zeros")

        def update_state(self, y, y_pred, sample_weight=None):
            self.value.assign(ops.maximum(self.value, ops.max(ops.abs(y_pred))))

        def result(self):
            return self.value

    class Signs(keras.optimizers.Optimizer):
        def update_step(self, gradient, variable, learning_rate):
            self.assign_sub(variable, learning_rate * ops.sign(gradient))

    model = keras.Sequential([Scale()])
    model.compile(Signs(0.25), Cubic(), metrics=[Largest()])
    x, y = X[:, :1], 2 * X[:, :1]
    logs = fit(model, x, y, batch_size=4, epochs=2).history
    near(model.layers[0].a, 2.0)  # four times 0.25 towards 2
    near(model.layers[0].calls, 4.0)
    near(logs["largest"][0], max(abs(x[:4]).max(), 1.25 * abs(x[4:]).max()))
    near(logs["loss"][0], (np.mean(abs(x[:4]) ** 3) + np.mean(abs(0.75 * x[4:]) ** 3)) / 2)


def test_compute_loss_of_ones_own():
    class Model(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ops.mean((y_pred - y) ** 2) + 0.5 * ops.sum(self.trainable_variables[0] ** 2)

    model = linear(Model)
    model.compile(keras.optimizers.SGD(RATE))
    fit(model)
    near(model.get_weights()[0], W - RATE * (slope(W) + W))


def test_activity_and_add_loss():
    class Sparse(layers.Layer):
        def call(self, x):
            self.add_loss(0.5 * ops.sum(x**2))
            return x

    inputs = keras.Input((3,))
    model = keras.Model(inputs, Sparse()(layers.Dense(1, use_bias=False)(inputs)))
    model.set_weights([W])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    fit(model)
    near(model.get_weights()[0], W - RATE * (slope(W) + X.T @ (X @ W)))


# ---- the optimizers' options -------------------------------------------------------------------


def trained(**options):
    """W after SGD with these options, in two batches."""
    model = linear()
    model.compile(keras.optimizers.SGD(RATE, **options), "mse")
    fit(model, batch_size=4)
    return model.get_weights()[0]


def two_steps(change=lambda g: g):
    w = W
    for rows in (slice(4), slice(4, 8)):
        w = w - RATE * change(slope(w, X[rows], Y[rows]))
    return w


def test_gradients_of_several_batches_are_accumulated():
    near(trained(gradient_accumulation_steps=2), W - RATE * slope(W))


def test_gradients_are_clipped():
    near(trained(clipvalue=0.3), two_steps(lambda g: np.clip(g, -0.3, 0.3)))
    for option in ("clipnorm", "global_clipnorm"):
        near(trained(**{option: 0.5}), two_steps(lambda g: g * min(1, 0.5 / np.linalg.norm(g))))


@pytest.mark.parametrize("frequency", [None, 2])
def test_averages_of_weights_take_their_place(frequency):
    model = linear()
    options = {"use_ema": True, "ema_momentum": 0.75, "ema_overwrite_frequency": frequency}
    model.compile(keras.optimizers.SGD(RATE, **options), "mse")
    fit(model, batch_size=4)
    first = W - RATE * slope(W, X[:4], Y[:4])  # with which the average begins
    second = first - RATE * slope(first, X[4:], Y[4:])
    near(model.get_weights()[0], 0.75 * first + 0.25 * second)


# ---- models ------------------------------------------------------------------------------------


def test_frozen_layers_stay():
    inputs = keras.Input((3,))
    hidden = layers.Dense(3, use_bias=False, kernel_initializer="identity")
    model = keras.Model(inputs, layers.Dense(1, use_bias=False)(hidden(inputs)))
    model.layers[-1].set_weights([W])
    hidden.trainable = False
    model.compile(keras.optimizers.SGD(RATE), "mse")
    fit(model)
    near(hidden.get_weights()[0], np.eye(3))
    near(model.layers[-1].get_weights()[0], W - RATE * slope(W))

    hidden.trainable = True  # as Keras has it, this counts after the next compile
    model.compile(keras.optimizers.SGD(RATE), "mse")
    fit(model)
    assert not np.allclose(hidden.get_weights()[0], np.eye(3))


def test_a_frozen_batch_normalization_keeps_its_statistics():
    model = keras.Sequential([keras.Input((3,)), layers.BatchNormalization(), layers.Dense(1)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = [w.copy() for w in model.layers[0].get_weights()]
    fit(model, X + 5)
    for old, new in zip(before, model.layers[0].get_weights()):
        near(new, old)


def test_shared_weights_have_the_sum_of_their_gradients():
    left, right = keras.Input((3,)), keras.Input((3,))
    shared = layers.Dense(1, use_bias=False)
    model = keras.Model([left, right], layers.Add()([shared(left), shared(right)]))
    model.set_weights([W])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    fit(model, [X, X[::-1]])
    near(model.get_weights()[0], W - RATE * slope(W, X + X[::-1]))


@pytest.mark.parametrize("named", [False, True])
def test_several_inputs_and_outputs(named):
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    first = layers.Dense(1, use_bias=False, name="first")(layers.Add()([a, b]))
    second = layers.Dense(1, use_bias=False, name="second")(b)
    names = {"first": first, "second": second}
    model = keras.Model([a, b], names if named else [first, second])
    model.set_weights([W, W])
    weights = {"first": 1.0, "second": 0.5} if named else [1.0, 0.5]
    losses = {"first": "mse", "second": "mse"} if named else ["mse", "mse"]
    model.compile(keras.optimizers.SGD(RATE), losses, loss_weights=weights)
    x = {"a": X, "b": 2 * X} if named else [X, 2 * X]
    y = {"first": Y, "second": -Y} if named else [Y, -Y]
    logs = fit(model, x, y).history
    of_first, of_second = model.get_weights()
    near(of_first, W - RATE * slope(W, 3 * X))
    near(of_second, W - RATE * 0.5 * slope(W, 2 * X, -Y))
    near(logs["loss"][0], np.mean((3 * X @ W - Y) ** 2) + 0.5 * np.mean((2 * X @ W + Y) ** 2))


# ---- functions ---------------------------------------------------------------------------------


def test_value_and_grad_over_stateless_call_is_a_training_loop():
    model = linear()
    model.optimizer = keras.optimizers.SGD(RATE, momentum=0.9)
    model.optimizer.build(model.trainable_variables)

    def loss_of(trainable, fixed, x, y):
        y_pred, fixed = model.stateless_call(trainable, fixed, x, training=True)
        return ops.mean((y_pred - y) ** 2), fixed

    @lamella.jit
    def step(trainable, fixed, state, x, y):
        (loss, fixed), grads = lamella.value_and_grad(loss_of, has_aux=True)(trainable, fixed, x, y)
        trainable, state = model.optimizer.stateless_apply(state, grads, trainable)
        return loss, trainable, fixed, state

    trainable = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]
    state = [v.value for v in model.optimizer.variables]
    for _ in range(2):
        loss, trainable, fixed, state = step(trainable, fixed, state, X, Y)
    first = -RATE * slope(W)
    near(trainable[0], W + first + 0.9 * first - RATE * slope(W + first))
    near(loss, np.mean((X @ (W + first) - Y) ** 2))
    near(model.get_weights()[0], W)  # nothing was assigned


def test_stateless_call_returns_the_new_state_and_the_losses():
    model = keras.Sequential([keras.Input((3,)), Scale(activity_regularizer="l2")])
    trainable = [np.float32(2.0)]
    out, fixed, losses = model.stateless_call(
        trainable, [np.float32(4.0)], X, training=True, return_losses=True
    )
    near(out, 2 * X)
    near(fixed, [5.0])
    near(losses, [0.01 * np.sum((2 * X) ** 2) / len(X)])
    near(model.layers[0].calls, 0.0)


def test_a_gradient_of_ones_own_inside_fit():
    @ops.custom_gradient
    def halved(x):
        def backwards(*args, upstream=None):
            (upstream,) = args if upstream is None else (upstream,)
            return 0.5 * upstream

        return x + 0.0, backwards

    class Model(keras.Model):
        def call(self, x):
            return halved(super().call(x))

    model = linear(Model)
    model.compile(keras.optimizers.SGD(RATE), "mse")
    fit(model)
    near(model.get_weights()[0], W - RATE * 0.5 * slope(W))


def test_two_models_and_two_optimizers_in_one_step():
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = linear(), linear()
            self.second = keras.optimizers.SGD(0.5 * RATE)

        def build(self, shape):
            self.second.build(self.two.trainable_variables)

        def train_step(self, data):
            x, y = data
            with GradientTape() as of_one, GradientTape() as of_two:
                first, second = squares(self.one, x, y), squares(self.two, x, self.one(x))
            ours, theirs = self.one.trainable_variables, self.two.trainable_variables
            self.second.apply(of_two.gradient(second, theirs), theirs)
            self.optimizer.apply(of_one.gradient(first, ours), ours)
            return {"first": first, "second": second}

    pair = Pair()
    pair.compile(keras.optimizers.SGD(RATE))
    pair.two.set_weights([2 * W])
    fit(pair)
    near(pair.one.get_weights()[0], W - RATE * slope(W))
    near(pair.two.get_weights()[0], 2 * W - 0.5 * RATE * slope(2 * W, y=X @ W))


@pytest.mark.parametrize("eagerly", [False, True])
def test_arrays_and_numpy_take_variables(eagerly):
    """An array on the left of an operator, NumPy's functions, and a variable as a result."""

    class Counted(keras.Model):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(2, 1), initializer="ones")
            self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def train_step(self, data):
            start = ops.ones((4, 2)) @ self.kernel + np.full((4, 1), 2, "float32") * self.kernel[0]
            loss = np.sum(start) + np.sum(np.exp(np.concatenate([self.kernel, self.kernel])))
            self.steps.assign(self.steps + 1)
            gradient = gradients(loss, [self.kernel])[0]
            return {"loss": loss, "slope": np.sum(gradient), "steps": self.steps}

    model = Counted()
    model.build((None, 2))
    model.compile("sgd", run_eagerly=eagerly)
    history = model.fit(np.zeros((8, 2)), batch_size=4, epochs=2, verbose=0).history
    assert history["steps"] == [2, 4]
    assert history["loss"] == pytest.approx([4 * (2 + 2) + 4 * np.e] * 2)
    assert history["slope"] == pytest.approx([4 * 2 + 4 * 2 + 4 * np.e] * 2)


def test_an_array_is_not_written_into_a_variable():
    variable = keras.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match="operand type"):
        np.add([1.0, 1.0], [1.0, 1.0], out=variable)
    np.testing.assert_array_equal(np.float32(2) * variable, [2, 4])
    np.testing.assert_array_equal(np.concatenate([variable, [3.0]]), [1, 2, 3])
