"""Where the centres of k-means begin: at random rows, by k-means++, or by k-means‖."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from simcluster.engine import Open
from simcluster.learning.dataset import Dataset
from simcluster.learning.kmeans_parallel import parallel_over, weighted_plus_plus
from simcluster.learning.protocols import Array, Initialisation


def random(data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
    """Distinct rows, drawn at random (Forgy 1965); rows that are alike can make centres that are."""
    rows = generator.choice(len(data), clusters, replace=False)
    return np.array(data.features[np.sort(rows)])


def plus_plus(data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
    """k-means++ (Arthur & Vassilvitskii, SODA 2007): a row is the next centre in proportion to its D².

    D is its distance to the nearest centre so far. scikit-learn tries several rows for each centre and keeps the best
    (the greedy form); this is the paper's. It looks at all rows once for each centre, which is why k-means‖ was made.
    Raises ``ValueError`` where there are fewer distinct rows than clusters.
    """
    return weighted_plus_plus(data.features, np.ones(len(data)), clusters, generator)


def parallel(data: Dataset, clusters: int, generator: np.random.Generator) -> Array:
    """k-means‖ (Bahmani et al., VLDB 2012): some rows a round, as likely as their D², then k-means++ of these.

    Here it takes no time, as drawing data takes none; the job ``KMeansSeeding`` does the same on a cluster. Raises
    ``ValueError`` where there are fewer distinct rows than clusters.
    """
    return parallel_over([data.all], clusters, parallel_seed(generator))


def parallel_seed(generator: np.random.Generator) -> int:
    """The seed of k-means‖ that a generator stands for: its draws are by round and row, in whatever order."""
    return int(generator.integers(2**63))


AnyInitialisation = Annotated[
    Initialisation, Open(Initialisation, random=random, **{"k-means++": plus_plus, "k-means||": parallel})
]
"""One of the beginnings above, or one's own; in a file ``kind`` says which."""
