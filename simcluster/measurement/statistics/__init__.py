"""Statistics: intervals over seeds, and when one strategy may be called better than another.

Runs under one seed meet the same cluster, data and faults (common random numbers), so two strategies are
compared by the differences within each seed, whose interval is narrower than that of two separate means
(Law, Simulation Modeling and Analysis, 5th ed., sections 10.2 and 11.2).
"""

from simcluster.measurement.statistics.comparison import (
    Comparison,
    VarianceReduction,
    paired_difference,
    variance_reduction,
    verdict,
)
from simcluster.measurement.statistics.intervals import (
    Interval,
    bootstrap_interval,
    bootstrap_mean_interval,
    interval_for,
    mean_interval,
    positive_mean_interval,
)
from simcluster.measurement.statistics.quantiles import fewest_for_quantile, quantile_interval
from simcluster.measurement.statistics.ranking import Pair, Ranking, holm, ranking
from simcluster.measurement.statistics.sensitivity import saltelli_design, sensitivity, sobol_indices
from simcluster.measurement.statistics.steady_state import batch_correlation, batch_means_interval, mser5
from simcluster.measurement.statistics.stopping import Precision

__all__ = [
    "Comparison",
    "Interval",
    "Pair",
    "Precision",
    "Ranking",
    "VarianceReduction",
    "batch_correlation",
    "batch_means_interval",
    "bootstrap_interval",
    "bootstrap_mean_interval",
    "fewest_for_quantile",
    "holm",
    "interval_for",
    "mean_interval",
    "mser5",
    "paired_difference",
    "positive_mean_interval",
    "quantile_interval",
    "ranking",
    "saltelli_design",
    "sensitivity",
    "sobol_indices",
    "variance_reduction",
    "verdict",
]
