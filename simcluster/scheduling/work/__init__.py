"""Work: what there is to do, as a graph of tasks."""

from typing import Annotated

from simcluster.engine import Open, Range
from simcluster.scheduling.protocols import Work
from simcluster.scheduling.work.computations import AnyComputation, Fit, GradientSteps, Synthetic
from simcluster.scheduling.work.files import Dot, SwfTrace, Workflow
from simcluster.scheduling.work.functions import Functions
from simcluster.scheduling.work.graphs import GRAPHS, AnyGraph
from simcluster.scheduling.work.learning import Cascaded, CascadeSvm, Grown, RandomForest, Voted, VotingEnsemble
from simcluster.scheduling.work.numerics import Cholesky, Factors, Fft, GaussianElimination
from simcluster.scheduling.work.search import (
    AnyEstimator,
    AnyLearner,
    BayesEstimator,
    Combination,
    ForestEstimator,
    Found,
    GridSearch,
    Hyperband,
    KernelEstimator,
    LogisticEstimator,
    NeighboursEstimator,
    RandomSearch,
    Searched,
    SoftmaxEstimator,
    SuccessiveHalving,
    TreeEstimator,
    Trial,
)
from simcluster.scheduling.work.shapes import Bag, Epigenomics, ForkJoin, Layered, Piece, Shape, Shaped, assemble
from simcluster.scheduling.work.streams import Rigid
from simcluster.scheduling.work.streams.job_stream import JobClass, JobStream

AnyWork = Annotated[Work, Open(Work, *GRAPHS, JobStream, SwfTrace)]
"""What there is to do: a graph of tasks, a stream of jobs, ``Functions`` of a networkx graph, or one's own."""

__all__ = [
    "AnyComputation",
    "AnyEstimator",
    "AnyGraph",
    "AnyLearner",
    "AnyWork",
    "Bag",
    "BayesEstimator",
    "CascadeSvm",
    "Cascaded",
    "Cholesky",
    "Combination",
    "Dot",
    "Epigenomics",
    "Factors",
    "Fft",
    "Fit",
    "ForestEstimator",
    "ForkJoin",
    "Found",
    "Functions",
    "GaussianElimination",
    "GradientSteps",
    "GridSearch",
    "Grown",
    "Hyperband",
    "JobClass",
    "JobStream",
    "KernelEstimator",
    "Layered",
    "LogisticEstimator",
    "NeighboursEstimator",
    "Piece",
    "RandomForest",
    "RandomSearch",
    "Range",
    "Rigid",
    "Searched",
    "Shape",
    "Shaped",
    "SoftmaxEstimator",
    "SuccessiveHalving",
    "SwfTrace",
    "Synthetic",
    "TreeEstimator",
    "Trial",
    "Voted",
    "VotingEnsemble",
    "Workflow",
    "assemble",
]
