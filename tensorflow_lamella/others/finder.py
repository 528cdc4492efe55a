"""Old modules of scikit-learn and SciPy, and packages that are adjusted once they are imported."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from tensorflow_lamella.keras.modules import OldModule

HERE = "tensorflow_lamella.others"

MODULES: dict[str, tuple[str, ...]] = {
    "sklearn.cross_validation": (f"{HERE}.sklearn_old", "sklearn.model_selection"),
    "sklearn.grid_search": ("sklearn.model_selection",),
    "sklearn.learning_curve": ("sklearn.model_selection",),
    "sklearn.externals.joblib": ("joblib",),
    "sklearn.datasets.samples_generator": ("sklearn.datasets",),
    "sklearn.datasets.base": ("sklearn.datasets", "sklearn.utils"),
    "sklearn.linear_model.logistic": ("sklearn.linear_model",),
    "sklearn.metrics.classification": ("sklearn.metrics",),
    "sklearn.preprocessing.data": ("sklearn.preprocessing",),
    "scipy.misc": (f"{HERE}.scipy_images", "scipy.special", "scipy.datasets"),
}
"""Old modules, and the modules that have their names today."""

ADJUSTED = {
    "pandas": f"{HERE}.pandas_old",
    "sklearn.preprocessing": f"{HERE}.sklearn_imputer",
    "matplotlib": f"{HERE}.figures",
    "matplotlib.backend_bases": f"{HERE}.figures",
    "matplotlib.figure": f"{HERE}.figures_old",
    "matplotlib.style": f"{HERE}.figures_old",
}
"""Packages, and the module whose `adjust(package)` is called when one has been imported."""


class _AdjustingLoader(importlib.machinery.SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        importlib.import_module(ADJUSTED[module.__name__]).adjust(module)


class _OldLoader(importlib.abc.Loader):
    def create_module(self, spec: Any) -> ModuleType:
        return OldModule(spec.name, MODULES[spec.name])

    def exec_module(self, module: ModuleType) -> None:
        pass


class OldPackagesFinder(importlib.abc.MetaPathFinder):
    """Finds the modules of MODULES and ADJUSTED."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in MODULES:
            return importlib.machinery.ModuleSpec(name, _OldLoader(), is_package=True)
        if name not in ADJUSTED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and type(spec.loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _AdjustingLoader(name, spec.loader.path)
        return spec


def install() -> None:
    """Serve old modules from now on. Calling it again is harmless."""
    if not any(isinstance(finder, OldPackagesFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, OldPackagesFinder())
