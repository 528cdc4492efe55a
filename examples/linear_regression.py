"""Linear regression by gradient descent, in NumPy.

    python examples/linear_regression.py

`loss` is an ordinary NumPy function. `lamella.value_and_grad` differentiates it and `lamella.jit`
compiles the whole step, gradient and update together, to machine code.
"""

import numpy as np

import lamella


def loss(parameters, x, y):
    prediction = x @ parameters["slope"] + parameters["offset"]
    return np.mean((prediction - y) ** 2)


@lamella.jit
def step(parameters, x, y, rate):
    value, gradient = lamella.value_and_grad(loss)(parameters, x, y)
    return value, {name: parameters[name] - rate * gradient[name] for name in parameters}


def main() -> None:
    rng = np.random.default_rng(1)
    slope, offset = np.array([2.0, -3.0, 0.5]), 4.0
    x = rng.normal(size=(1000, 3))
    y = x @ slope + offset + 0.1 * rng.normal(size=1000)

    parameters = {"slope": np.zeros(3), "offset": np.zeros(())}
    for iteration in range(201):
        value, parameters = step(parameters, x, y, 0.05)
        if iteration % 50 == 0:
            print(f"step {iteration:3}: loss {float(value):.5f}")
    print(f"slope  {np.round(parameters['slope'], 3)}, made with {slope}")
    print(f"offset {np.round(parameters['offset'], 3)}, made with {offset}")


if __name__ == "__main__":
    main()
