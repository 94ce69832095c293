"""Erasure codes: k blocks and m more, of which those that are left give all of them again."""

from simcluster.recovery.codes.linear import Lost, decode, encode
from simcluster.recovery.codes.reed_solomon import ReedSolomon
from simcluster.recovery.codes.xor import Xor

__all__ = ["Lost", "ReedSolomon", "Xor", "decode", "encode"]
