"""KerasTuner finds the better of some networks, and gives it back trained."""

import keras_tuner
import problem

assert problem.keras.backend.backend() == "lamella"


def build(choice):
    units = choice.Choice("units", [1, 32])
    return problem.model(units, choice.Float("rate", 1e-3, 1e-2, sampling="log"))


tuner = keras_tuner.RandomSearch(
    build, objective="val_accuracy", max_trials=4, seed=1, directory="trials"
)
tuner.search(problem.x, problem.y, epochs=10, validation_split=0.25, verbose=0)
assert len(tuner.oracle.trials) == 4
assert tuner.get_best_hyperparameters()[0]["units"] == 32
(best,) = tuner.get_best_models()
score = best.evaluate(problem.x, problem.y, verbose=0)[1]
assert score > 0.8, score
