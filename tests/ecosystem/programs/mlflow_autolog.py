"""MLflow notes what `fit` is asked and what comes of it."""

import pathlib

import mlflow
import problem

assert problem.keras.backend.backend() == "lamella"

mlflow.set_tracking_uri(f"sqlite:///{pathlib.Path('runs.db').resolve()}")
mlflow.keras.autolog()
with mlflow.start_run() as run:
    problem.model().fit(problem.x, problem.y, epochs=3, batch_size=64, verbose=0)

found = mlflow.get_run(run.info.run_id).data
assert found.params["epochs"] == "3", found.params
assert found.params["batch_size"] == "64", found.params
client = mlflow.MlflowClient()
history = [m.value for m in client.get_metric_history(run.info.run_id, "loss")]
assert len(history) == 3, found.metrics
assert history[-1] < history[0], history
