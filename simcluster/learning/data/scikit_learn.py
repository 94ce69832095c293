"""The data sets that lie in scikit-learn's folder, read without scikit-learn.

Importing it takes longer than importing simcluster, a run of a small job, and reading the file together; each process
of a study would.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILES = {
    "digits": ("digits.csv.gz", 0),
    "breast_cancer": ("breast_cancer.csv", 1),
    "iris": ("iris.csv", 1),
    "wine": ("wine_data.csv", 1),
}
"""The file of each data set, and how many lines of it are no rows."""


def bundled(name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return features (n, d) and labels (n,), those of ``sklearn.datasets.load_<name>``."""
    file, heads = FILES[name]
    spec = find_spec("sklearn")
    path = Path((spec and spec.origin) or "").parent / "datasets" / "data" / file
    if path.is_file():
        read = np.loadtxt(path, delimiter=",", skiprows=heads)
        return read[:, :-1], read[:, -1].astype(np.int64)
    import sklearn.datasets  # whose files lie elsewhere in this version

    found: tuple[Any, Any] = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return found
