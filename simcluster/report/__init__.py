"""Report: figures for a slide, each with its table and seeds beside it."""

from simcluster.report.plots import (
    COLOURS,
    band,
    check_folder,
    figure,
    legend,
    plain_log,
    save,
    seeds_in_words,
    wide,
)

__all__ = [
    "COLOURS",
    "band",
    "check_folder",
    "figure",
    "legend",
    "plain_log",
    "save",
    "seeds_in_words",
    "wide",
]
