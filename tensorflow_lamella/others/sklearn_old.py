"""Names of scikit-learn before 0.20: splits that knew the data."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import model_selection

Split = tuple[np.ndarray, np.ndarray]


def KFold(n: int, n_folds: int = 3, shuffle: bool = False, random_state: Any = None) -> list[Split]:
    """Rows to train and to test on, for each fold of `n` rows."""
    folds = model_selection.KFold(n_folds, shuffle=shuffle, random_state=random_state)
    return list(folds.split(np.zeros(n)))


def StratifiedKFold(
    y: Any, n_folds: int = 3, shuffle: bool = False, random_state: Any = None
) -> list[Split]:
    """As KFold, with the classes `y` evenly in all folds."""
    folds = model_selection.StratifiedKFold(n_folds, shuffle=shuffle, random_state=random_state)
    return list(folds.split(np.zeros(len(y)), y))


def ShuffleSplit(
    n: int, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
) -> list[Split]:
    """Random splits of `n` rows."""
    splits = model_selection.ShuffleSplit(
        n_iter, test_size=test_size, train_size=train_size, random_state=random_state
    )
    return list(splits.split(np.zeros(n)))


def StratifiedShuffleSplit(
    y: Any, n_iter: int = 10, test_size: Any = 0.1, train_size: Any = None, random_state: Any = None
) -> list[Split]:
    """Random splits with the classes `y` evenly in both parts."""
    splits = model_selection.StratifiedShuffleSplit(
        n_iter, test_size=test_size, train_size=train_size, random_state=random_state
    )
    return list(splits.split(np.zeros(len(y)), y))


def LeaveOneOut(n: int) -> list[Split]:
    """Each of `n` rows as the one to test on."""
    return list(model_selection.LeaveOneOut().split(np.zeros(n)))
