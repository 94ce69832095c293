"""Data: where it comes from, and how it lies on nodes."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.learning.data.drift import RotatedLabels, RotatingHyperplane, Sea
from simcluster.learning.data.files import Csv, MissingFile, Npy, Npz, Parquet, Table
from simcluster.learning.data.frames import arrays, frame
from simcluster.learning.data.held_out import held_out_rows, held_out_split
from simcluster.learning.data.key_sharding import ByHash, ByRange
from simcluster.learning.data.label_sharding import ByLabel, Dirichlet
from simcluster.learning.data.replicated_sharding import AnySharding, Replicated, copied_rows, holders_of
from simcluster.learning.data.shard_summary import shard_summary
from simcluster.learning.data.sharding import by_key, ordered, random, shard
from simcluster.learning.data.size_sharding import LogNormalSizes
from simcluster.learning.data.sources import AnyStillData, Bundled, DatasetName, Generated
from simcluster.learning.protocols import DataSource, Sharding

AnyData = Annotated[
    DataSource, Open(DataSource, Bundled, Csv, Parquet, Npy, Npz, Generated, RotatedLabels, Sea, RotatingHyperplane)
]
"""One of the sources above, a ``Dataset`` that one has, or anything with ``load``; in a file ``kind`` says which."""

AnyReplicatedSharding = Annotated[
    Sharding,
    Open(
        Sharding, ByHash, ByRange, ByLabel, Dirichlet, LogNormalSizes, Replicated, random=random, ordered=ordered,
        by_key=by_key,
    ),
]  # fmt: skip
"""One of the shardings above, of single copies or of several, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyData",
    "AnyReplicatedSharding",
    "AnySharding",
    "AnyStillData",
    "Bundled",
    "ByHash",
    "ByLabel",
    "ByRange",
    "Csv",
    "DatasetName",
    "Dirichlet",
    "Generated",
    "LogNormalSizes",
    "MissingFile",
    "Npy",
    "Npz",
    "Parquet",
    "Replicated",
    "RotatedLabels",
    "RotatingHyperplane",
    "Sea",
    "Table",
    "arrays",
    "by_key",
    "copied_rows",
    "frame",
    "held_out_rows",
    "held_out_split",
    "holders_of",
    "ordered",
    "random",
    "shard",
    "shard_summary",
]
