"""Measurement: what the numbers of a sweep say, and how surely. It reads traces and tables and writes nothing back."""

from simcluster.measurement.curves import first_time_at_most, on_grid
from simcluster.measurement.statistics import (
    Comparison,
    Interval,
    bootstrap_interval,
    interval_for,
    mean_interval,
    paired_difference,
    positive_mean_interval,
    verdict,
)
from simcluster.measurement.story import story

__all__ = [
    "Comparison",
    "Interval",
    "bootstrap_interval",
    "first_time_at_most",
    "interval_for",
    "mean_interval",
    "on_grid",
    "paired_difference",
    "positive_mean_interval",
    "story",
    "verdict",
]
