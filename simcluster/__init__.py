"""A testbed that answers which strategy is better on this cluster, under these faults, with real results."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simcluster.cluster import ClusterSpec, Job, NetworkSpec, NodeSpec, nodes
    from simcluster.engine import Constant, Empirical, Exponential, Lognormal, Pareto, Spec, Uniform, Weibull, plugins
    from simcluster.scenario import Result, Scenario, load_scenario, replay, save_scenario
    from simcluster.scenario.run import run
    from simcluster.study import Study, grid
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
    "Study",
    "Together",
    "Uniform",
    "Weibull",
    "__version__",
    "grid",
    "load_scenario",
    "nodes",
    "plugins",
    "replay",
    "run",
    "save_scenario",
    "sweep",
]

__version__ = "0.1.0"

_PLACES = {
    "cluster": ("ClusterSpec", "Job", "NetworkSpec", "NodeSpec", "nodes"),
    "engine": (
        "Constant", "Empirical", "Exponential", "Lognormal", "Pareto", "Spec", "Uniform", "Weibull", "plugins"
    ),
    "scenario": ("Result", "Scenario", "load_scenario", "replay", "run", "save_scenario"),
    "study": ("Study", "grid"),
    "sweep": ("sweep",),
    "together": ("Together",),
}  # fmt: skip
_PLACE = {name: place for place, names in _PLACES.items() for name in names}


class _Package(ModuleType):
    """Imports what it offers when that is asked for, so that ``--help`` need not wait for all of it."""

    def __getattr__(self, name: str) -> Any:
        if name not in _PLACE:
            raise AttributeError(f"module 'simcluster' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"simcluster.{_PLACE[name]}"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Python would put the module in the place of the function that is called like it.
        same = isinstance(value, ModuleType) and _PLACE.get(name) == name
        super().__setattr__(name, getattr(value, name) if same else value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *__all__})


sys.modules[__name__].__class__ = _Package
