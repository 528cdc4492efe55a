"""Accuracy of the elementary functions' expansions, on NumPy arrays, against extended precision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special as scipy_special

from lamella import elementary, elementary_special, special

EXACT: dict[str, Callable] = {
    name: getattr(np, name)
    for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan",
                 "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh",
                 "arctanh", "cbrt")
}  # fmt: skip
EXACT["sigmoid"] = lambda x: 1 / (1 + np.exp(-x))
FLOAT32_ONLY = {
    "erf": scipy_special.erf, "erfc": scipy_special.erfc, "erfinv": scipy_special.erfinv,
    "lgamma": scipy_special.gammaln,
}  # fmt: skip


def points(dtype: type) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.concatenate([
        rng.normal(size=5000), rng.normal(size=5000) * 10, rng.uniform(-100, 100, 5000),
        rng.uniform(-1, 1, 5000), 10.0 ** rng.uniform(-30, 30, 5000),
        -(10.0 ** rng.uniform(-30, 30, 5000)), 1 + rng.normal(size=2000) * 1e-3,
        rng.uniform(-750, 750, 5000),
        [0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 1e-40, 1e-45, 3.4e38, 88.722, -87.4, -103.9],
    ]).astype(dtype)  # fmt: skip


def ulps(got: np.ndarray, exact: np.ndarray) -> float:
    """The largest error in units of the last place; infinity where special values differ."""
    want = exact.astype(got.dtype)
    regular = np.isfinite(want)
    with np.errstate(all="ignore"):
        limit = np.isinf(want) & (np.abs(got) > np.finfo(got.dtype).max * 0.999)
        same = (got == want) | (np.isnan(got) & np.isnan(want)) | limit
        error = np.abs(got.astype(np.longdouble) - exact) / np.spacing(np.abs(want))
    error = np.where(regular, error, np.where(same, 0, np.inf))
    return float(np.max(np.where(np.isnan(error), np.inf, error)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EXACT)
def test_within_four_ulp(name: str, dtype: type) -> None:
    x = points(dtype)
    with np.errstate(all="ignore"):
        assert ulps(getattr(elementary, name)(x), EXACT[name](x.astype(np.longdouble))) < 4


@pytest.mark.parametrize("name", FLOAT32_ONLY)
def test_special_functions_in_float32(name: str) -> None:
    x = points(np.float32)
    with np.errstate(all="ignore"):
        exact = FLOAT32_ONLY[name](x.astype(np.float64)).astype(np.longdouble)
        assert ulps(getattr(elementary_special, name)(x), exact) <= 4


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "lgamma", "digamma"])
def test_meaning_agrees_with_scipy(name: str) -> None:
    low, high = (-0.999, 0.999) if name == "erfinv" else (-5, 6)
    x = np.random.default_rng(0).uniform(low, high, 2000)
    reference = getattr(scipy_special, {"lgamma": "gammaln", "digamma": "psi"}.get(name, name))
    np.testing.assert_allclose(getattr(special, name)(x), reference(x), rtol=2e-12, atol=1e-13)
    rule = getattr(elementary_special, name)
    np.testing.assert_allclose(rule(x), reference(x), rtol=2e-12, atol=1e-13)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_polygamma_agrees_with_scipy(order: int) -> None:
    x = np.random.default_rng(0).uniform(0.05, 40, 500)
    want = scipy_special.polygamma(order, x)
    np.testing.assert_allclose(special.polygamma(x, order=order), want, rtol=1e-13)
    np.testing.assert_allclose(elementary_special.polygamma(x, order=order), want, rtol=1e-13)


def test_power_in_float32_is_correctly_rounded() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0.01, 10, 5000), rng.uniform(-8, 8, 5000)
    x, y = x.astype("float32"), y.astype("float32")
    exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    assert ulps(elementary.power(x, y), exact) < 0.51


def test_power_special_cases() -> None:
    s = np.array([0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, np.inf, -np.inf, np.nan], "float32")
    x, y = (a.ravel() for a in np.meshgrid(s, s))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(elementary.power(x, y), np.power(x, y), rtol=2e-7)
