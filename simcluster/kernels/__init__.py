"""The mathematics that nodes compute: compiled kernels, each with its cost and its NumPy reference.

A kernel is called like a function; ``kernel.call(...)`` returns the computation with its cost, which is
what a node computes: ``result = yield node.compute(softmax.call(weights, features, labels))``.
"""

from simcluster.kernels.aggregation import coordinate_median, mean_vector, trimmed_mean, weighted_sum
from simcluster.kernels.call import KERNELS, Call, Cost, call
from simcluster.kernels.clipping import clipped_gradient_sum
from simcluster.kernels.codes import gf256_product
from simcluster.kernels.compression import dequantise, quantise, top_k_sparse
from simcluster.kernels.distance import (
    cosine_distances,
    manhattan_distances,
    merge_top_k,
    nearest_centre,
    pairwise_squared_distances,
    rbf_kernel,
    squared_distances,
    top_k_neighbours,
)
from simcluster.kernels.gradient import (
    hinge,
    huber,
    least_squares,
    logistic,
    softmax,
    squared_hinge,
)
from simcluster.kernels.histogram import best_split, histograms, subtract_histograms
from simcluster.kernels.instructions import instruction_set
from simcluster.kernels.network import dense_backward, dense_forward, softmax_cross_entropy
from simcluster.kernels.update import adam_step, axpy, momentum_step

__all__ = [
    "KERNELS",
    "Call",
    "Cost",
    "adam_step",
    "axpy",
    "best_split",
    "call",
    "clipped_gradient_sum",
    "coordinate_median",
    "cosine_distances",
    "dense_backward",
    "dense_forward",
    "dequantise",
    "gf256_product",
    "hinge",
    "histograms",
    "huber",
    "instruction_set",
    "least_squares",
    "logistic",
    "manhattan_distances",
    "mean_vector",
    "merge_top_k",
    "momentum_step",
    "nearest_centre",
    "pairwise_squared_distances",
    "quantise",
    "rbf_kernel",
    "softmax",
    "softmax_cross_entropy",
    "squared_distances",
    "squared_hinge",
    "subtract_histograms",
    "top_k_neighbours",
    "top_k_sparse",
    "trimmed_mean",
    "weighted_sum",
]
