"""`keras.wrappers.scikit_learn`: a function that builds a model, as an estimator of scikit-learn.

Arguments of the estimator go where they belong: to `build_fn` if it has a parameter of that name,
else to `fit` and `predict`. Grid searches set them by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        RegressorMixin,
    )
except ImportError as error:
    raise ImportError(
        "keras.wrappers.scikit_learn needs scikit-learn: pip install scikit-learn"
    ) from error


class _Wrapper(BaseEstimator):
    """An estimator over `build_fn(**its arguments) -> compiled model`."""

    def __init__(self, build_fn: Callable[..., Any] | None = None, **sk_params: Any) -> None:
        self.build_fn = build_fn
        self.sk_params = sk_params

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"build_fn": self.build_fn, **self.sk_params}

    def set_params(self, **params: Any) -> _Wrapper:
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def _arguments(self, function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
        """The estimator's arguments that `function` takes, and those of this call."""
        known = inspect.signature(function).parameters
        return {k: v for k, v in self.sk_params.items() if k in known} | given

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """Build the model and train it; the history is returned, as it was."""
        build: Any = self.build_fn if self.build_fn is not None else self.__call__  # type: ignore
        self.model = build(**self._arguments(build, {}))
        options = dict(self.sk_params)
        if "nb_epoch" in options:
            options["epochs"] = options.pop("nb_epoch")
        known = inspect.signature(self.model.fit).parameters
        options = {k: v for k, v in options.items() if k in known} | kwargs
        loss = getattr(self.model.loss, "__name__", self.model.loss)
        if loss == "categorical_crossentropy" and np.ndim(y) != 2:
            y = keras.utils.to_categorical(y)
        return self.model.fit(np.asarray(x), np.asarray(y), **options)

    def _predict(self, x: Any, kwargs: dict[str, Any]) -> np.ndarray:
        options = self._arguments(self.model.predict, kwargs)
        return np.asarray(self.model.predict(np.asarray(x), **options))


class KerasClassifier(ClassifierMixin, _Wrapper):
    """A classifier: `predict` gives labels, `predict_proba` a column for each class."""

    def fit(self, x: Any, y: Any, **kwargs: Any) -> Any:
        """`y` holds labels of any kind, or one column for each class."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_, y = np.unique(y, return_inverse=True)
            y = y.reshape(len(y))
        self.n_classes_ = len(self.classes_)
        return super().fit(x, y, **kwargs)

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The label of each row."""
        return self.classes_[self.predict_proba(x, **kwargs).argmax(axis=-1)]

    def predict_proba(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The probability of each class, also where the model has one sigmoid."""
        p = self._predict(x, kwargs)
        return np.hstack([1 - p, p]) if p.shape[1] == 1 else p


class KerasRegressor(RegressorMixin, _Wrapper):
    """A regressor; `score` is scikit-learn's coefficient of determination."""

    def predict(self, x: Any, **kwargs: Any) -> np.ndarray:
        """The outputs; a vector where the model has one."""
        return np.squeeze(self._predict(x, kwargs), axis=-1)
