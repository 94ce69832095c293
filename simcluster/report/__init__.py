"""Report: figures for a slide or a paper, each with its table and seeds beside it."""

from simcluster.report.bands import COLOURS, band, wide
from simcluster.report.files import check_folder, check_formats, save, seeds_in_words
from simcluster.report.plots import figure, legend, plain_log, reference_line

__all__ = [
    "COLOURS",
    "band",
    "check_folder",
    "check_formats",
    "figure",
    "legend",
    "plain_log",
    "reference_line",
    "save",
    "seeds_in_words",
    "wide",
]
