"""The mathematics that nodes compute: compiled kernels, each with its cost and its NumPy reference.

A kernel is called like a function; ``kernel.call(...)`` returns the computation with its cost, which is
what a node computes: ``result = yield node.compute(softmax.call(weights, features, labels))``.
"""

from simcluster.kernels.call import KERNELS, Call, Cost, Kernel
from simcluster.kernels.distance import nearest_centre, squared_distances
from simcluster.kernels.gradient import least_squares, logistic, softmax

__all__ = [
    "KERNELS",
    "Call",
    "Cost",
    "Kernel",
    "least_squares",
    "logistic",
    "nearest_centre",
    "softmax",
    "squared_distances",
]
