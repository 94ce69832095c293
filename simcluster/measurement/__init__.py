"""Measurement: what the numbers of a sweep say, and how surely. It reads traces and tables and writes nothing back."""

from simcluster.measurement.curves import first_time_at_most, on_grid
from simcluster.measurement.detection import Detection, detection, detection_of, message_cost
from simcluster.measurement.durability import mean_time_to_data_loss_s
from simcluster.measurement.goodput import Metastability, goodput, metastability
from simcluster.measurement.histogram import TimeHistogram, percentile_over_seeds
from simcluster.measurement.ledger import ledger
from simcluster.measurement.prequential import prequential
from simcluster.measurement.statistics import (
    Comparison,
    Interval,
    Pair,
    Precision,
    Ranking,
    VarianceReduction,
    batch_correlation,
    batch_means_interval,
    bootstrap_interval,
    bootstrap_mean_interval,
    fewest_for_quantile,
    holm,
    interval_for,
    mean_interval,
    mser5,
    paired_difference,
    positive_mean_interval,
    quantile_interval,
    ranking,
    saltelli_design,
    sensitivity,
    sobol_indices,
    variance_reduction,
    verdict,
)
from simcluster.measurement.story import story

__all__ = [
    "Comparison",
    "Detection",
    "Interval",
    "Metastability",
    "Pair",
    "Precision",
    "Ranking",
    "TimeHistogram",
    "VarianceReduction",
    "batch_correlation",
    "batch_means_interval",
    "bootstrap_interval",
    "bootstrap_mean_interval",
    "detection",
    "detection_of",
    "fewest_for_quantile",
    "first_time_at_most",
    "goodput",
    "holm",
    "interval_for",
    "ledger",
    "mean_interval",
    "mean_time_to_data_loss_s",
    "message_cost",
    "metastability",
    "mser5",
    "on_grid",
    "paired_difference",
    "percentile_over_seeds",
    "positive_mean_interval",
    "prequential",
    "quantile_interval",
    "ranking",
    "saltelli_design",
    "sensitivity",
    "sobol_indices",
    "story",
    "variance_reduction",
    "verdict",
]
