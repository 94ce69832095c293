"""Learning: data sets, their distribution over nodes, and models in distributed halves."""

from simcluster.kernels import Call, Cost
from simcluster.learning.data import Dataset, DatasetName, load
from simcluster.learning.kmeans import KMeans, KMeansTraining
from simcluster.learning.neighbours import Neighbours, NeighbourShard, merge
from simcluster.learning.partition import Partition, partition
from simcluster.learning.softmax_regression import SoftmaxRegression, SoftmaxTraining
from simcluster.learning.training import Training

__all__ = [
    "Call",
    "Cost",
    "Dataset",
    "DatasetName",
    "KMeans",
    "KMeansTraining",
    "NeighbourShard",
    "Neighbours",
    "Partition",
    "SoftmaxRegression",
    "SoftmaxTraining",
    "Training",
    "load",
    "merge",
    "partition",
]
