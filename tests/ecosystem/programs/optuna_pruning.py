"""Optuna's callback stops the trainings that do worse than those before."""

import optuna
import problem
from optuna_integration import KerasPruningCallback

assert problem.keras.backend.backend() == "lamella"


def objective(trial):
    rate = trial.suggest_categorical("rate", [1e-2, 1e-7])
    problem.keras.utils.set_random_seed(1)
    history = problem.model(rate=rate).fit(
        problem.x,
        problem.y,
        epochs=8,
        validation_split=0.25,
        callbacks=[KerasPruningCallback(trial, "val_accuracy")],
        verbose=0,
    )
    return history.history["val_accuracy"][-1]


study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(1, 1))
for rate in (1e-2, 1e-7, 1e-2):
    study.enqueue_trial({"rate": rate})
study.optimize(objective, n_trials=3)
states = [trial.state.name for trial in study.trials]
assert states == ["COMPLETE", "PRUNED", "COMPLETE"], states
assert study.best_params == {"rate": 1e-2}
