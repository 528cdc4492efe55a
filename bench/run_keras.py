"""Worker: measures a workload as a Keras program on the backend that KERAS_BACKEND names."""

import os

from bench import measure
from bench.prepared import Prepared


def import_engine() -> dict[str, str]:
    """Imports Keras (after Lamella, if that is the backend), as a user's script would."""
    if os.environ["KERAS_BACKEND"] == "lamella":
        import lamella  # noqa: F401  selects itself as Keras's backend
    import keras

    backend = os.environ["KERAS_BACKEND"]
    if keras.backend.backend() != backend:
        raise RuntimeError(f"Keras runs on {keras.backend.backend()}, expected {backend}")
    return {"keras": keras.__version__, backend: __import__(backend).__version__}


class KerasSubject:
    def __init__(self, name: str, prepared: Prepared):
        import keras

        keras.utils.set_random_seed(1)
        self.prepared = prepared
        self.workload = measure.load_workload(name)
        self.model = self._build()

    def _build(self):
        model = self.workload.build()
        model.set_weights(list(self.prepared.weights.values()))
        return model

    def fit(self, on_unit) -> None:
        import keras

        unit = self.prepared.epochs

        class EndOfUnit(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if (epoch + 1) % unit == 0:
                    self.model.stop_training = on_unit({k: float(v) for k, v in logs.items()})

        self.model.fit(
            self.prepared.x,
            self.prepared.y,
            batch_size=self.prepared.batch_size,
            epochs=100 * unit,
            verbose=0,
            callbacks=[EndOfUnit()],
        )

    def predict(self, x):
        return self.model.predict(x, batch_size=256, verbose=0)

    def call(self, x):
        import keras

        return keras.ops.convert_to_numpy(self.model(x, training=False))

    def check(self, x, y, epochs: int) -> float:
        import keras

        model = self._build()
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0  # the one thing that no two backends draw alike
        size = self.prepared.batch_size
        history = model.fit(x, y, batch_size=size, epochs=epochs, verbose=0, shuffle=False)
        return float(history.history["loss"][-1])


if __name__ == "__main__":
    measure.main(import_engine, KerasSubject)
