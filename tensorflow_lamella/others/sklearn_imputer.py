"""The Imputer of scikit-learn before 0.20."""

from __future__ import annotations

from typing import Any

import numpy as np


def Imputer(
    missing_values: Any = "NaN", strategy: str = "mean", axis: int = 0, verbose: int = 0,
    copy: bool = True,
) -> Any:  # fmt: skip
    """Fills in missing values of each column; ValueError for axis=1, which scikit-learn dropped."""
    from sklearn.impute import SimpleImputer

    if axis != 0:
        raise ValueError("Imputer(axis=1): transpose the data, and fill in columns")
    wanted = np.nan if missing_values == "NaN" else missing_values
    return SimpleImputer(missing_values=wanted, strategy=strategy, copy=copy)


def adjust(preprocessing: Any) -> None:
    """Add the Imputer to `sklearn.preprocessing`."""
    preprocessing.Imputer = Imputer
