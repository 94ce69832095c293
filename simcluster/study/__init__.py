"""Study: scenarios × designs × seeds, run in processes or on Dask, kept in one file, and what their numbers say."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simcluster.engine import Range
    from simcluster.study.crossed import Crossed
    from simcluster.study.definition import StudyFile
    from simcluster.study.design import Grid, LatinHypercube, RandomSample, Sobol, Zip, grid, zipped
    from simcluster.study.fields import field, with_fields
    from simcluster.study.plan import Outcome, TimeLimit, WorkerDied
    from simcluster.study.running.processes import Processes
    from simcluster.study.store import Store, StoreError
    from simcluster.study.stored import StoredStudy, open_study
    from simcluster.study.study import Interrupted, Progress, RunFailed, Study

__all__ = [
    "Crossed", "Grid", "Interrupted", "LatinHypercube", "Outcome", "Processes", "Progress", "RandomSample", "Range",
    "RunFailed", "Sobol", "Store", "StoreError", "StoredStudy", "Study", "StudyFile", "TimeLimit", "WorkerDied", "Zip",
    "field", "grid", "open_study", "with_fields", "zipped",
]  # fmt: skip

_PLACES = {
    "crossed": ("Crossed",),
    "definition": ("StudyFile",),
    "design": ("Grid", "LatinHypercube", "RandomSample", "Range", "Sobol", "Zip", "grid", "zipped"),
    "fields": ("field", "with_fields"),
    "plan": ("Outcome", "TimeLimit", "WorkerDied"),
    "running.processes": ("Processes",),
    "store": ("Store", "StoreError"),
    "stored": ("StoredStudy", "open_study"),
    "study": ("Interrupted", "Progress", "RunFailed", "Study"),
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for then, so that a worker can be begun before all of it is there."""
    if name not in _PLACE:
        raise AttributeError(f"module 'simcluster.study' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"simcluster.study.{_PLACE[name]}"), name)
    return value
