"""Work that is one graph, of one job: what a stream of jobs is made of."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.protocols import Work
from simcluster.scheduling.work.files.dot import Dot
from simcluster.scheduling.work.files.wfformat import Workflow
from simcluster.scheduling.work.learning import CascadeSvm, RandomForest, VotingEnsemble
from simcluster.scheduling.work.numerics import Cholesky, Fft, GaussianElimination
from simcluster.scheduling.work.search import GridSearch, Hyperband, RandomSearch, SuccessiveHalving
from simcluster.scheduling.work.shapes import Bag, Epigenomics, ForkJoin, Layered
from simcluster.scheduling.work.streams.rigid import Rigid

GRAPHS = (
    GridSearch, RandomSearch, SuccessiveHalving, Hyperband, RandomForest, VotingEnsemble, CascadeSvm, Bag, Layered,
    ForkJoin, Epigenomics, Cholesky, GaussianElimination, Fft, Workflow, Dot, Rigid,
)  # fmt: skip
"""The built-in works of one job."""

AnyGraph = Annotated[Work, Open(Work, *GRAPHS)]
"""A built-in work of one job, or one's own; in a file ``kind`` says which."""
