"""Scheduling: a graph of tasks on unequal nodes, and the policies that say which task runs where."""

from simcluster.scheduling.graph import Task, add_task
from simcluster.scheduling.job import TaskGraphJob
from simcluster.scheduling.policies import AnyPolicy, Heft, fifo, priority, utilisation
from simcluster.scheduling.policies.heft import heft, upward_ranks
from simcluster.scheduling.protocols import Estimator, NodeView, Planner, Policy, ReadyTask, Work
from simcluster.scheduling.work import (
    AnyEstimator,
    Cascaded,
    CascadeSvm,
    Combination,
    ForestEstimator,
    Found,
    Functions,
    GridSearch,
    Grown,
    Hyperband,
    KernelEstimator,
    RandomForest,
    RandomSearch,
    Range,
    Searched,
    SoftmaxEstimator,
    SuccessiveHalving,
    Trial,
)

__all__ = [
    "AnyEstimator",
    "AnyPolicy",
    "CascadeSvm",
    "Cascaded",
    "Combination",
    "Estimator",
    "ForestEstimator",
    "Found",
    "Functions",
    "GridSearch",
    "Grown",
    "Heft",
    "Hyperband",
    "KernelEstimator",
    "NodeView",
    "Planner",
    "Policy",
    "RandomForest",
    "RandomSearch",
    "Range",
    "ReadyTask",
    "Searched",
    "SoftmaxEstimator",
    "SuccessiveHalving",
    "Task",
    "TaskGraphJob",
    "Trial",
    "Work",
    "add_task",
    "fifo",
    "heft",
    "priority",
    "upward_ranks",
    "utilisation",
]
