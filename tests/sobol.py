"""Functions whose Sobol indices have a closed form: Ishigami's, and a grid with an idle parameter."""

import math
from itertools import product

import numpy as np
import pandas as pd

A, B = 7.0, 0.1
BOUNDS = {name: (-math.pi, math.pi) for name in "xyz"}
_VARIANCE = A**2 / 8 + B * math.pi**4 / 5 + B**2 * math.pi**8 / 18 + 0.5
_X, _Y, _XZ = 0.5 * (1 + B * math.pi**4 / 5) ** 2, A**2 / 8, B**2 * math.pi**8 * (1 / 18 - 1 / 50)
INDICES = np.array([[_X, _Y, 0.0], [_X + _XZ, _Y, _XZ]]) / _VARIANCE
"""First-order and total; Ishigami and Homma, 1990, as in Saltelli et al., Global Sensitivity Analysis, 2008, p. 179."""


def ishigami(points):
    x, y, z = points.T
    return np.sin(x) + A * np.sin(y) ** 2 + B * z**4 * np.sin(x)


LEVELS = {"x": (-1.0, 1.0), "y": (-1.0, 0.0, 1.0), "idle": (1, 2, 3)}


def factorial(generator, seeds, noise):
    """x + y + x·y for every combination, with what a seed does to all of them and what it does to each."""
    common = generator.normal(size=seeds)
    rows = [
        {"x": x, "y": y, "idle": idle, "seed": seed, "metric": x + y + x * y + common[seed]}
        for x, y, idle in product(*LEVELS.values())
        for seed in range(seeds)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(metric=frame["metric"] + noise * generator.normal(size=len(frame)))


def factorial_indices():
    """x varies by 1, y and x·y by 2/3 each."""
    of_x, of_y, both = 1.0, 2 / 3, 2 / 3
    return np.array([[of_x, of_y, 0.0], [of_x + both, of_y + both, 0.0]]) / (of_x + of_y + both)
