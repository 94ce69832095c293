"""Secrecy: a server that learns the sum of what workers say, and nothing else."""

from simcluster.training.secrecy.secure_aggregation import SecureAggregation

__all__ = ["SecureAggregation"]
