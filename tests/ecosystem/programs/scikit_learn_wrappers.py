"""Keras's wrappers for scikit-learn: a pipeline, a grid search, a regressor, a transformer."""

import problem
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

keras = problem.keras
assert keras.backend.backend() == "lamella"


def classifier(X, y, units=32):
    model = problem.model(units)
    model.compile(model.optimizer, "categorical_crossentropy")  # the wrapper gives one-hot classes
    return model


wrapped = keras.wrappers.SKLearnClassifier(classifier, model_kwargs={"units": 32})
training = {"epochs": 20, "verbose": 0}  # Keras's wrappers lose `fit_kwargs` when they are cloned
pipeline = make_pipeline(StandardScaler(), wrapped)
named = {f"sklearnclassifier__{key}": value for key, value in training.items()}
scores = cross_val_score(pipeline, problem.x, problem.y, cv=3, params=named)
assert scores.mean() > 0.85, scores

search = GridSearchCV(wrapped, {"model_kwargs": [{"units": 1}, {"units": 32}]}, cv=2)
search.fit(problem.x, problem.y, **training)
assert search.best_params_ == {"model_kwargs": {"units": 32}}


def regressor(X, y):
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    return model


line = keras.wrappers.SKLearnRegressor(regressor, fit_kwargs={"epochs": 30, "verbose": 0})
target = problem.x @ [1.0, -2.0, 0.5, 3.0]
assert line.fit(problem.x, target).score(problem.x, target) > 0.99


def encoder(X, y):
    model = keras.Sequential([keras.Input(X.shape[1:]), keras.layers.Dense(1)])
    model.compile(loss="mse")
    return model


features = keras.wrappers.SKLearnTransformer(encoder, fit_kwargs={"verbose": 0})
found = features.fit(problem.x, target).transform(problem.x)
assert found.shape[0] == 512
assert not (found == found[0]).all()
