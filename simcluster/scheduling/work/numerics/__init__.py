"""Algorithms of numerical mathematics as task graphs: their shapes with counted costs, and the real mathematics."""

from simcluster.scheduling.work.numerics.cholesky import Cholesky
from simcluster.scheduling.work.numerics.fft import Fft
from simcluster.scheduling.work.numerics.gaussian_elimination import Factors, GaussianElimination

__all__ = ["Cholesky", "Factors", "Fft", "GaussianElimination"]
