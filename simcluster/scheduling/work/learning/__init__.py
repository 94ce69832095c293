"""Learning as graphs of tasks: forests, ensembles and cascades, of which each task learns a part."""

from simcluster.scheduling.work.learning.cascade_svm import Cascaded, CascadeSvm
from simcluster.scheduling.work.learning.random_forest import Grown, RandomForest
from simcluster.scheduling.work.learning.voting import Voted, VotingEnsemble

__all__ = ["CascadeSvm", "Cascaded", "Grown", "RandomForest", "Voted", "VotingEnsemble"]
