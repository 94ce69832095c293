"""Report: figures for a slide or a paper, each with its table and seeds beside it."""

from simcluster.report.atomic import check_folder
from simcluster.report.columns import label_of
from simcluster.report.exports import read_csv, write_csv, write_parquet
from simcluster.report.files import check_formats, save, seeds_in_words
from simcluster.report.kinds import plot
from simcluster.report.plots.bands import COLOURS, band, wide
from simcluster.report.plots.cdf_plots import cdf
from simcluster.report.plots.curves import Panel, curves
from simcluster.report.plots.gantt_plots import gantt
from simcluster.report.plots.heat_map_plots import heat_map
from simcluster.report.plots.history_plots import partial_order
from simcluster.report.plots.ledger_plots import ledgers
from simcluster.report.plots.line_plots import lines
from simcluster.report.plots.pareto_plots import front, pareto
from simcluster.report.plots.plots import figure, legend, plain_log, reference_line
from simcluster.report.plots.skew_plots import skew

__all__ = [
    "COLOURS",
    "Panel",
    "band",
    "cdf",
    "check_folder",
    "check_formats",
    "curves",
    "figure",
    "front",
    "gantt",
    "heat_map",
    "label_of",
    "ledgers",
    "legend",
    "lines",
    "pareto",
    "partial_order",
    "plain_log",
    "plot",
    "read_csv",
    "reference_line",
    "save",
    "seeds_in_words",
    "skew",
    "wide",
    "write_csv",
    "write_parquet",
]
