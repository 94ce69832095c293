"""Report: figures for a slide or a paper, each with its table and seeds beside it."""

from simcluster.report.atomic import check_folder
from simcluster.report.bands import COLOURS, band, wide
from simcluster.report.exports import read_csv, write_csv, write_parquet
from simcluster.report.files import check_formats, save, seeds_in_words
from simcluster.report.plots import figure, legend, plain_log, reference_line

__all__ = [
    "COLOURS",
    "band",
    "check_folder",
    "check_formats",
    "figure",
    "legend",
    "plain_log",
    "read_csv",
    "reference_line",
    "save",
    "seeds_in_words",
    "wide",
    "write_csv",
    "write_parquet",
]
