"""Work: what there is to do, as a graph of tasks."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.cascade_svm import CascadeSvm
from simcluster.scheduling.functions import Functions
from simcluster.scheduling.grid_search import Combination, GridSearch, Searched
from simcluster.scheduling.protocols import Work
from simcluster.scheduling.random_forest import RandomForest
from simcluster.scheduling.search import Hyperband, RandomSearch, SuccessiveHalving

AnyWork = Annotated[Work, Open(Work, GridSearch, RandomSearch, SuccessiveHalving, Hyperband, RandomForest, CascadeSvm)]
"""A search, a forest, a cascade, ``Functions`` of a networkx graph, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyWork", "Combination", "Functions", "GridSearch", "Searched"]
