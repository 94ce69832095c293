"""Data: where it comes from, and how it lies on nodes."""

from simcluster.learning.data.sharding import AnySharding, by_key, ordered, random, shard
from simcluster.learning.data.sources import (
    AnyData,
    Bundled,
    Csv,
    DatasetName,
    Generated,
    MissingFile,
    Parquet,
    Table,
    arrays,
    frame,
)

__all__ = [
    "AnyData",
    "AnySharding",
    "Bundled",
    "Csv",
    "DatasetName",
    "Generated",
    "MissingFile",
    "Parquet",
    "Table",
    "arrays",
    "by_key",
    "frame",
    "ordered",
    "random",
    "shard",
]
