"""Figures that can stand on a slide: units on the axes, intervals over seeds, colours that everyone can tell apart.

They are drawn on matplotlib's Agg canvas without pyplot, so nothing global changes and no window opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure

from simcluster.report.plots.bands import Label, has_label
from simcluster.report.plots.picture import Picture

INSIDE = 5  # lines of a legend that hide little of a panel
SIZE_INCHES = (10.0, 5.625)  # 16:9, as a slide is
DOTS_PER_INCH = 150


def figure(
    title: str, x: str | Sequence[str], y: str | Sequence[str], *, subtitle: str = "", panels: Sequence[str] = ()
) -> tuple[Figure, list[Axes]]:
    """An empty figure of one panel, or of one for each name in ``panels``, side by side.

    ``x`` and ``y`` are the labels of the axes, units included: one for all panels, or one for each. All is plain text:
    "$" is a dollar.
    """
    count = max(1, len(panels))
    across, along = _each("x", x, count), _each("y", y, count)
    made = Picture(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    axes = [made.add_subplot(1, count, place + 1) for place in range(count)]
    for place, axis in enumerate(axes):
        axis.set_xlabel(across[place], fontsize=13, parse_math=False)
        if place == 0 or not isinstance(y, str):
            axis.set_ylabel(along[place], fontsize=13, parse_math=False)
        if panels:
            axis.set_title(panels[place], fontsize=13, loc="left", parse_math=False)
        axis.tick_params(labelsize=11)
        axis.grid(visible=True, color="0.9", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    above = made.suptitle(title + ("\n" if subtitle else ""), fontsize=16, fontweight="bold", x=0.012, ha="left")
    above.set_parse_math(False)
    if subtitle:
        made.text(0.012, 0.93, subtitle, fontsize=11, color="0.3", ha="left", va="top", parse_math=False)
    return made, axes


def _each(axis: str, labels: str | Sequence[str], count: int) -> list[str]:
    each = [labels] * count if isinstance(labels, str) else list(labels)
    if len(each) != count:
        raise ValueError(f"{axis} must be one label or one for each of {count} panels, got {each}")
    return each


def plain_log(axis: Axis, ticks: Sequence[float]) -> None:
    """Make ``axis`` logarithmic, with plain numbers at ``ticks`` and nowhere else."""
    axes = axis.axes
    (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def reference_line(axes: Axes, at: float, label: str) -> None:
    """A thin grey line across at ``at``, such as a target or a bound, that the legend names."""
    axes.axhline(at, color="0.4", linewidth=1.0, label=Label(label))


def legend(
    axes: Axes, title: str | None = None, *, location: Any = None, points: float = 12, below: bool = False,
    columns: int = 1,
) -> None:
    """The legend of all lines that have a label, on white, in letters of so many ``points``.

    It stands where there is room for up to five lines, else beside the panel, in ``columns``; or ``below`` it; or at
    one of matplotlib's ``loc``. A label is plain text: "$" is a dollar, and "_" may begin it.
    """
    lines = [line for line in axes.lines if has_label(line)]
    where: dict[str, Any] = {"loc": location or "best"}
    if below:
        where = {"loc": "upper left", "bbox_to_anchor": (-0.1, -0.2)}
    elif location is None and len(lines) > INSIDE:
        where = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    made = axes.legend(
        lines, [""] * len(lines), title=title, fontsize=points, title_fontsize=points, framealpha=0.85,
        edgecolor="none", handlelength=4, ncols=columns, **where,
    )  # fmt: skip
    for text, line in zip(made.get_texts(), lines, strict=True):
        text.set_parse_math(False)
        text.set_text(Label(line.get_label()))
    made.get_title().set_parse_math(False)
