"""Where data comes from: what scikit-learn brings along, files, generators, or a data set that one has."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field

from simcluster.engine import Count, Open, Spec, stream
from simcluster.learning.data.files import Csv, Npy, Npz, Parquet
from simcluster.learning.data.frames import arrays
from simcluster.learning.data.scikit_learn import bundled
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import DataSource
from simcluster.learning.sizes import check_numbers

DatasetName = Literal["digits", "breast_cancer", "iris", "wine"]


class Bundled(Spec):
    """A data set that comes with scikit-learn, so nothing is downloaded; each feature is scaled to [0, 1].

    digits: 1797 × 64, 10 classes (Alpaydin & Kaynak 1998); breast_cancer: 569 × 30, 2 classes (Street et al. 1993);
    iris: 150 × 4, 3 classes (Fisher 1936); wine: 178 × 13, 3 classes.
    """

    kind: Literal["bundled"] = "bundled"
    name: DatasetName = "digits"
    """Which one."""

    def load(self, seed: int = 0) -> Dataset:
        """The data set."""
        return _bundled(self.name)


class Generated(Spec):
    """What ``sklearn.datasets.make_<name>`` makes, anew for each seed."""

    kind: Literal["generated"] = "generated"
    name: Literal["classification", "regression", "blobs", "moons", "circles", "friedman1"] = "classification"
    """Which of scikit-learn's generators."""
    rows: Annotated[Count, Field(le=10_000_000)] = 1000
    """How many rows it makes, at most ten million."""
    options: dict[str, float | int | bool | str] = Field(default={})
    """What else it is told, by its own names."""
    scaled: bool = False
    """Whether each feature is scaled to [0, 1]."""

    def load(self, seed: int) -> Dataset:
        """The data of this seed. Raises ``ValueError`` for options that the generator does not know."""
        # With their types, for 3 and 3.0 are one key but not one option.
        options = tuple((name, type(value), value) for name, value in sorted(self.options.items()))
        return _generated(self.name, self.rows, options, self.scaled, seed)


AnyStillData = Annotated[DataSource, Open(DataSource, Bundled, Csv, Parquet, Npy, Npz, Generated)]
"""One of the sources above, a ``Dataset`` that one has, or anything with ``load``; in a file ``kind`` says which."""


@cache
def _bundled(name: DatasetName) -> Dataset:
    return arrays(*bundled(name), scaled=True)


@lru_cache(maxsize=8)
def _generated(name: str, rows: int, options: tuple[tuple[str, type, Any], ...], scaled: bool, seed: int) -> Dataset:
    import sklearn.datasets

    state, given = int(stream(seed, "generated").integers(2**31)), {option: value for option, _, value in options}
    widths = [value for name, value in given.items() if isinstance(value, int) and name != "shift"]
    check_numbers(f"what make_{name} makes", rows * max([1, *widths]), f"{rows} rows and {given}")
    try:
        made = getattr(sklearn.datasets, f"make_{name}")(n_samples=rows, random_state=state, **given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"options must be those of make_{name}, got {given} ({error})") from None
    except MemoryError:
        raise ValueError(f"options must leave make_{name} with what memory holds, got {given}") from None
    if len(made) != 2:
        raise ValueError(f"options must leave make_{name} with features and targets alone, got {given}")
    return arrays(*made, scaled=scaled)
