"""Study: scenarios × designs × seeds, run in processes or on Dask, kept in one file, and what their numbers say."""

from simcluster.study.definition import StudyFile
from simcluster.study.design import Grid, LatinHypercube, RandomSample, Range, Sobol, Zip, grid, zipped
from simcluster.study.fields import field, with_fields
from simcluster.study.plan import Outcome, TimeLimit, WorkerDied
from simcluster.study.processes import Processes
from simcluster.study.store import Store, StoreError
from simcluster.study.stored import StoredStudy, open_study
from simcluster.study.study import Interrupted, Progress, RunFailed, Study

__all__ = [
    "Grid", "Interrupted", "LatinHypercube", "Outcome", "Processes", "Progress", "RandomSample", "Range",
    "RunFailed", "Sobol", "Store", "StoreError", "StoredStudy", "Study", "StudyFile", "TimeLimit", "WorkerDied", "Zip",
    "field", "grid", "open_study", "with_fields", "zipped",
]  # fmt: skip
