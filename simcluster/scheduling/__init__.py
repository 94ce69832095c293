"""Scheduling: a graph of tasks on unequal nodes, and the policies that say which task runs where."""

from simcluster.scheduling.graph import Task, add_task
from simcluster.scheduling.job import TaskGraphJob
from simcluster.scheduling.policies import AnyPolicy, Heft, fifo, priority, utilisation
from simcluster.scheduling.policies.heft import heft, upward_ranks
from simcluster.scheduling.protocols import NodeView, Planner, Policy, ReadyTask, Work
from simcluster.scheduling.work import Combination, Functions, GridSearch, Searched

__all__ = [
    "AnyPolicy",
    "Combination",
    "Functions",
    "GridSearch",
    "Heft",
    "NodeView",
    "Planner",
    "Policy",
    "ReadyTask",
    "Searched",
    "Task",
    "TaskGraphJob",
    "Work",
    "add_task",
    "fifo",
    "heft",
    "priority",
    "upward_ranks",
    "utilisation",
]
