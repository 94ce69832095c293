"""Shapes of task graphs: how many tasks there are, of which size, and which takes what of which."""

from simcluster.scheduling.work.shapes.bag import Bag
from simcluster.scheduling.work.shapes.epigenomics import Epigenomics
from simcluster.scheduling.work.shapes.fork_join import ForkJoin
from simcluster.scheduling.work.shapes.layered import Layered
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped, assemble

__all__ = ["Bag", "Epigenomics", "ForkJoin", "Layered", "Piece", "Shape", "Shaped", "assemble"]
