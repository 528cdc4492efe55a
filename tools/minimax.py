"""Fit the polynomials of lamella/elementary.py: Remez's algorithm in extended precision.

python tools/minimax.py            prints every coefficient list, lowest power first
python tools/minimax.py exp64      prints one
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable

import numpy as np

L = np.longdouble


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a x = b by elimination with pivots, in long double (np.linalg has none)."""
    a, b = a.copy(), b.copy()
    n = len(b)
    for i in range(n):
        p = i + int(np.argmax(np.abs(a[i:, i])))
        a[[i, p]], b[[i, p]] = a[[p, i]], b[[p, i]]
        for j in range(i + 1, n):
            f = a[j, i] / a[i, i]
            a[j, i:] -= f * a[i, i:]
            b[j] -= f * b[i]
    x = np.zeros(n, L)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return x


def remez(
    f: Callable, weight: Callable, low: float, high: float, degree: int, rounds: int = 12
) -> tuple[np.ndarray, float]:
    """Coefficients of the polynomial p that minimises max |weight * (p - f)|, and that maximum."""
    n = degree + 2
    grid = (L(low) + L(high)) / 2 - (L(high) - L(low)) / 2 * np.cos(
        np.pi * np.arange(4001, dtype=L) / 4000
    )
    fg, wg = f(grid), weight(grid)
    x = grid[np.linspace(0, 4000, n).round().astype(int)]
    scale = max(abs(L(low)), abs(L(high)))
    best = (np.zeros(degree + 1, L), math.inf)
    for _ in range(rounds):
        signs = (-1.0) ** np.arange(n)
        powers = [(x / scale) ** k for k in range(degree + 1)]
        a = np.stack([*powers, signs / weight(x)], axis=1).astype(L)
        c = solve(a, f(x).astype(L))[:-1] / scale ** np.arange(degree + 1)
        error = wg * (np.polyval(c[::-1], grid) - fg)
        worst = float(np.max(np.abs(error)))
        if worst < best[1]:
            best = (c, worst)
        # the extremum of each run of one sign becomes the next reference
        runs = np.split(np.arange(len(grid)), np.nonzero(np.diff(np.sign(error)))[0] + 1)
        peaks = [r[np.argmax(np.abs(error[r]))] for r in runs]
        if len(peaks) < n:
            break
        while len(peaks) > n:
            peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
        x = grid[peaks]
    return best


def each(f: Callable[[float], float]) -> Callable:
    return lambda x: np.array([f(float(v)) for v in x], dtype=L)


def erfcx(x: float) -> float:
    """exp(x*x) * erfc(x), by the continued fraction where erfc is tiny."""
    if x < 2:
        return math.exp(x * x) * math.erfc(x)
    t = 0.0
    for k in range(200, 0, -1):
        t = k / 2 / (x + t)
    return 1 / (x + t) / math.sqrt(math.pi)


def erfinv(y: float, complement: float) -> float:
    """Newton's iteration in double on erf, or erfc where the complement is known better."""
    z = math.sqrt(-math.log(complement * (1 + y))) * 0.88 if y > 0.5 else y
    for _ in range(60):
        error = complement - math.erfc(z) if y > 0.5 else math.erf(z) - y
        z -= error * math.sqrt(math.pi) / 2 * math.exp(z * z)
    return z


def erfinv_of_w(w: float) -> float:
    """erfinv(y)/y at w = -log(1 - y*y)."""
    y = math.sqrt(-math.expm1(-w))
    if y == 0:
        return math.sqrt(math.pi) / 2
    return erfinv(y, math.exp(-w) / (1 + y)) / y


def one(x: np.ndarray) -> np.ndarray:
    return np.ones_like(x)


LN2_2 = math.log(2) / 2 * 1.0001
S2 = math.sqrt(2)
PI_4 = math.pi / 4 * 1.0001


def exp_tail(x: np.ndarray) -> np.ndarray:
    """(exp(x) - 1 - x) / x^2 without cancellation."""
    total, term = np.zeros_like(x), np.ones_like(x) / 2
    for k in range(3, 26):
        total, term = total + term, term * x / k
    return total


def log_tail(f: np.ndarray) -> np.ndarray:
    """(log(1+f) - f + f^2/2) / f^3 without cancellation."""
    s = f / (2 + f)
    z = s * s
    series = sum(2 * z**k / (2 * k + 3) for k in range(40))  # (log(1+f) - 2s) / s^3
    # log(1+f) = 2s + s^3 series and f - f^2/2 = 2s + s^2 (...) : 2s - f + f^2/2 = f^3/(2(2+f))
    return 1 / (2 * (2 + f)) + series / (2 + f) ** 3


def in_square(g: Callable) -> Callable:
    """A function of z = x^2."""
    return lambda z: g(np.sqrt(z))


def erf_ratio(z: np.ndarray) -> np.ndarray:
    """erf(x) / x in z = x^2."""
    return in_square(each(lambda x: math.erf(x) / x if x else 2 / math.sqrt(math.pi)))(z)


def sin_tail(z: np.ndarray) -> np.ndarray:
    """(sin(x) - x) / x^3 in z = x^2."""
    return sum((-1) ** (k + 1) * z**k / L(math.factorial(2 * k + 3)) for k in range(14))


def cos_tail(z: np.ndarray) -> np.ndarray:
    """(cos(x) - 1 + x^2/2) / x^4 in z = x^2."""
    return sum((-1) ** k * z**k / L(math.factorial(2 * k + 4)) for k in range(14))


def atan_tail(z: np.ndarray) -> np.ndarray:
    """(atan(x) - x) / x^3 in z = x^2."""
    x = np.sqrt(z)
    series = sum((-1) ** (k + 1) * z**k / L(2 * k + 3) for k in range(60))
    return np.where(z < 0.1, series, (np.arctan(x) - x) / np.maximum(z, 0.05) / np.maximum(x, 0.1))


def asin_tail(z: np.ndarray) -> np.ndarray:
    """(asin(x) - x) / x^3 in z = x^2 <= 1/4."""
    total, term = np.zeros_like(z), np.ones_like(z) / 6
    for k in range(1, 80):
        total = total + term
        term = term * z * L((2 * k + 1) ** 2) / L((2 * k + 2) * (2 * k + 3))
    return total


def atanh_series(z: np.ndarray) -> np.ndarray:
    """(log((1+s)/(1-s)) - 2s) / s^3 in z = s^2."""
    return sum(2 * z**k / L(2 * k + 3) for k in range(40))


FITS: dict[str, tuple] = {
    "exp32": (exp_tail, one, -LN2_2, LN2_2, 5),
    "exp64": (exp_tail, one, -LN2_2, LN2_2, 10),
    "log32": (log_tail, one, S2 / 2 - 1, S2 - 1, 8),
    "log64": (atanh_series, one, 0, (3 - 2 * S2) ** 2 * 1.001, 6),
    "sin32": (sin_tail, one, 0, PI_4**2, 3),
    "sin64": (sin_tail, one, 0, PI_4**2, 5),
    "cos32": (cos_tail, one, 0, PI_4**2, 3),
    "cos64": (cos_tail, one, 0, PI_4**2, 5),
    "atan32": (atan_tail, one, 0, 1, 8),
    "asin32": (asin_tail, one, 0, 0.25, 5),
    "erf32": (erf_ratio, lambda z: 1 / erf_ratio(z), 0, 1.5**2, 7),
    "erfc32": (each(lambda s: math.erfc(s + 2.7)), one, 1.5 - 2.7, 3.92 - 2.7, 10),
    "erfcx32": (each(lambda t: erfcx(2 * (1 + t) / (1 - t)) * (1 + 4 * (1 + t) / (1 - t))),
                one, -1, 0.68, 11),
    "erfinv32": (each(lambda w: erfinv_of_w(w + 2.5)), one, -2.5, 2.5, 8),
    "erfinv32_tail": (each(lambda r: erfinv_of_w((r + 3) ** 2)), one, -0.77, 1.1, 8),
}  # fmt: skip


def main() -> None:
    """Print the fits named on the command line, or all."""
    for name in sys.argv[1:] or FITS:
        f, weight, low, high, degree = FITS[name]
        coefficients, error = remez(f, weight, low, high, degree)
        print(f"{name}: error {error:.2e}")
        print("    " + ", ".join(repr(float(c)) for c in coefficients))


if __name__ == "__main__":
    main()
