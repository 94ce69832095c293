"""Distribution by label: shards whose classes are not those of the whole, as on the devices of federated learning."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simcluster.engine import NUMBER, Count, Spec
from simcluster.learning.data.sharding import Shards, sizes
from simcluster.learning.dataset import Dataset
from simcluster.learning.protocols import Array


class ByLabel(Spec):
    """Each worker has a few pieces of the rows sorted by label: the pathological split of McMahan et al. (2017).

    (Communication-efficient learning of deep networks from decentralized data, AISTATS, section 3.) The sorted rows are
    cut into ``pieces`` for each worker, which are dealt at random. A piece may reach over the border of two labels, so
    a worker sees at most ``pieces`` + as many borders labels, not always ``pieces``, as is often said. Each worker has
    its share of the rows, less than one off, in pieces as equal as can be. Raises ``ValueError`` for targets that are
    no labels, and for more pieces than rows.
    """

    kind: Literal["by_label"] = "by_label"
    pieces: Count = 2
    """How many pieces each worker has."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Shards:
        """Row numbers of each shard, in order."""
        labels, workers = _labels(self.kind, data), len(shares)
        if self.pieces * workers > len(data):
            raise ValueError(
                f"{self.kind} needs a row for each piece, got {len(data)} rows for {workers} workers "
                f"of {self.pieces} pieces"
            )
        wanted = sizes(shares, len(data))
        if wanted.min() < self.pieces:
            raise ValueError(f"{self.kind} needs a row for each of {self.pieces} pieces, got sizes {wanted.tolist()}")
        owner, turn = np.divmod(generator.permutation(self.pieces * workers), self.pieces)
        lengths = wanted[owner] // self.pieces + (turn < wanted[owner] % self.pieces)
        parts = np.split(np.argsort(labels, kind="stable"), np.cumsum(lengths)[:-1])
        mine = ([part for part, of in zip(parts, owner, strict=True) if of == worker] for worker in range(workers))
        return [np.sort(np.concatenate(each)) for each in mine]


class Dirichlet(Spec):
    """Each worker's classes are mixed as a Dirichlet draw says (Hsu, Qi & Brown 2019, arXiv 1909.06335, section 3).

    Worker w draws q ~ Dir(α·p), where p are the shares of the classes in all rows, and then its rows by q without
    putting any back; of a class that is used up there is no more, and the others of q grow. A large α is the whole's
    mixture, a small one a single class for each worker. Each worker has its share of the rows. What many programs call
    by this paper's name, p_k ~ Dir(α) over the workers for each class k, is that of Yurochkin et al. (ICML 2019): it
    makes sizes uneven too, and may leave a worker without a row. Who draws last has what is left, so workers draw in an
    order drawn at random. Raises ``ValueError`` for targets that are no labels.
    """

    kind: Literal["dirichlet"] = "dirichlet"
    alpha: Annotated[float, Field(ge=1e-6, le=1e9), NUMBER] = 0.5
    """α, the concentration."""

    def __call__(self, data: Dataset, shares: Array, generator: np.random.Generator) -> Shards:
        """Row numbers of each shard, in order."""
        _, label, left = np.unique(_labels(self.kind, data), return_inverse=True, return_counts=True)
        wanted = sizes(shares, len(data))
        prior = left / len(data)
        shuffled = generator.permutation(len(data))
        rows = np.split(shuffled[np.argsort(label[shuffled], kind="stable")], np.cumsum(left)[:-1])
        shards: Shards = [np.empty(0, np.int64)] * len(shares)
        for worker in generator.permutation(len(shares)):
            taken = _drawn(int(wanted[worker]), generator.dirichlet(self.alpha * prior), left, generator)
            ends = zip(rows, left - taken, left, strict=True)
            shards[worker] = np.sort(np.concatenate([each[begin:end] for each, begin, end in ends]))
            left = left - taken
        return shards


def _drawn(
    size: int, mixture: Array, left: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """How many rows of each class are taken: ``size`` in all, no more than are ``left``."""
    taken = np.zeros_like(left)
    while (missing := size - int(taken.sum())) > 0:
        chance = np.where(taken < left, mixture, 0.0)
        total = float(chance.sum())
        if not total > 0:  # what is wanted is used up: of a small α one of the others follows it alone
            more = generator.choice(len(left), p=(left - taken) / (left - taken).sum())
            chance, total = np.arange(len(left)) == more, 1.0
        taken = np.minimum(taken + generator.multinomial(missing, chance / total), left)
    return taken


def _labels(how: str, data: Dataset) -> NDArray[np.int64]:
    if data.classes is None:
        raise ValueError(f"{how} goes by labels, got targets that are none (regression)")
    return data.targets
