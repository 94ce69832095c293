"""A testbed that answers which strategy is better on this cluster, under these faults, with real results."""

from simcluster.cluster import ClusterSpec, Job, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Empirical, Exponential, Lognormal, Pareto, Spec, Uniform, Weibull, plugins
from simcluster.scenario import Result, Scenario, load_scenario, run, save_scenario
from simcluster.sweep import sweep
from simcluster.together import Together

__all__ = [
    "ClusterSpec",
    "Constant",
    "Empirical",
    "Exponential",
    "Job",
    "Lognormal",
    "NetworkSpec",
    "NodeSpec",
    "Pareto",
    "Result",
    "Scenario",
    "Spec",
    "Together",
    "Uniform",
    "Weibull",
    "__version__",
    "load_scenario",
    "nodes",
    "plugins",
    "run",
    "save_scenario",
    "sweep",
]

__version__ = "0.1.0"
