"""Worker: measures a workload in plain JAX, a whole epoch as one compiled `lax.scan`."""

from bench import measure
from bench.prepared import Prepared


def import_engine() -> dict[str, str]:
    import jax

    return {"jax": jax.__version__}


class JaxSubject:
    def __init__(self, name: str, prepared: Prepared):
        import jax
        import jax.numpy as jnp

        from bench.plain.jax_models import MODELS

        self.name, self.prepared = name, prepared
        self.forward, (start, self.update) = MODELS[name]
        parameters = {path: jnp.asarray(w) for path, w in prepared.weights.items()}
        self.moving = {path: w for path, w in parameters.items() if "/moving_" in path}
        self.trained = {path: w for path, w in parameters.items() if path not in self.moving}
        self.start = start
        self.epoch = jax.jit(self._epoch)
        self.infer = jax.jit(
            lambda trained, moving, x: jax.nn.softmax(self.forward(trained | moving, x, False)[0])
        )

    def _step(self, carry, batch):
        """One training step of the scan: returns the sums of loss and of right answers."""
        import jax
        import jax.numpy as jnp

        trained, moving, state = carry
        x, y = batch

        def loss_of(trained):
            logits, new = self.forward(trained | moving, x, True)
            chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1)
            return -chosen.mean(), (logits, new)

        (loss, (logits, new)), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained)
        state, trained = self.update(state, trained, gradients)
        return (trained, moving | new, state), (loss, (logits.argmax(-1) == y).mean())

    def _epoch(self, carry, x, y, order):
        """Rows are gathered by `order` (steps, batch) inside the scan."""
        from jax import lax

        carry, (losses, right) = lax.scan(
            lambda carry, rows: self._step(carry, (x[rows], y[rows])), carry, order
        )
        return carry, losses.mean(), right.mean()

    def fit(self, on_unit) -> None:
        import jax
        import jax.numpy as jnp

        x, y = jnp.asarray(self.prepared.x), class_indices(self.prepared.y)
        carry = self.trained, self.moving, self.start(self.trained)
        key, stop = jax.random.key(1), False
        while not stop:
            key, now = jax.random.split(key)
            order = jax.random.permutation(now, len(y)).reshape(-1, self.prepared.batch_size)
            carry, loss, right = self.epoch(carry, x, y, order)
            stop = on_unit({"loss": float(loss), "accuracy": float(right)})
        self.trained, self.moving, _ = carry

    def predict(self, x):
        import numpy as np

        return np.concatenate([self.call(x[i : i + 256]) for i in range(0, len(x), 256)])

    def call(self, x):
        import numpy as np

        return np.asarray(self.infer(self.trained, self.moving, x))

    def check(self, x, y, epochs: int) -> float:
        import jax.numpy as jnp

        fresh = JaxSubject(self.name, self.prepared)
        carry = fresh.trained, fresh.moving, fresh.start(fresh.trained)
        order = jnp.arange(len(y)).reshape(-1, self.prepared.batch_size)
        for _ in range(epochs):
            carry, loss, _ = fresh.epoch(carry, x, class_indices(y), order)
        return float(loss)


def class_indices(y):
    import jax.numpy as jnp

    return jnp.asarray(y.argmax(-1) if y.dtype.kind == "f" else y)


if __name__ == "__main__":
    measure.main(import_engine, JaxSubject)
