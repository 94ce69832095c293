"""Scheduling: a graph of tasks on unequal nodes, and the policies that say which task runs where."""

from simcluster.scheduling.graph import Task, add_task
from simcluster.scheduling.grid_search import Combination, GridSearch, Searched
from simcluster.scheduling.heft import Slot, heft, upward_ranks
from simcluster.scheduling.job import PolicyName, TaskGraphJob
from simcluster.scheduling.policies import NodeView, Policy, ReadyTask

__all__ = [
    "Combination",
    "GridSearch",
    "NodeView",
    "Policy",
    "PolicyName",
    "ReadyTask",
    "Searched",
    "Slot",
    "Task",
    "TaskGraphJob",
    "add_task",
    "heft",
    "upward_ranks",
]
