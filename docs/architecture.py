"""Draw the rooms of simcluster in their layers, and how many imports lead from each to each: docs/architecture.png.

The layers are those of the contract in pyproject.toml, the imports those that stand in the sources now, and what a room
is for is said by its own docstring. Usage: ``python docs/architecture.py [PICTURE]``.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
import tomllib
from collections import Counter
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Line

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "simcluster"

Imports = Counter[tuple[str, str]]
"""How many import statements of the first room name the second."""


def layers() -> list[list[str]]:
    """The rooms that there are, layer by layer: each may import what stands before its layer, and nothing else."""
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    [written] = [contract["layers"] for contract in linter["contracts"] if contract["type"] == "layers"]
    named = [[room.strip(" ()") for room in layer.split("|")] for layer in reversed(written)]
    return [there for layer in named if (there := [room for room in layer if source(room) is not None])]


def source(room: str) -> Path | None:
    """The file whose docstring says what a room is for, if there is such a room."""
    places = (ROOT / PACKAGE / room / "__init__.py", ROOT / PACKAGE / f"{room}.py")
    return next((place for place in places if place.exists()), None)


def purpose(room: str) -> str:
    """The first clause of a room's docstring, without its name before a colon."""
    place = source(room)
    said = ast.get_docstring(ast.parse(place.read_text(encoding="utf-8"))) if place else None
    words = " ".join((said or "").split()).replace("``", "")
    words = re.sub(rf"^((the|an?) )?{room}: ", "", words, flags=re.IGNORECASE)
    clause = re.split(r"[:;]|\.( |$)", words, maxsplit=1)[0]
    return clause[:1].lower() + clause[1:]


def imports() -> Imports:
    """Every import from room to room. Raises ``ValueError`` for one that does not run upward.

    ``simcluster/__init__.py`` gathers names for users and is no room, and neither is what imports it, nor
    ``simcluster/__main__.py``, which only calls the command line.
    """
    depth = {room: place for place, layer in enumerate(layers()) for room in layer}
    found: Imports = Counter()
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        room = file.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in dict.fromkeys(_rooms(node)):
                if name != room:
                    found[room, name] += 1
                    if depth[name] >= depth[room]:
                        raise ValueError(f"imports must run upward, got {name} in {file.relative_to(ROOT)}")
    return found


def _rooms(node: ast.AST) -> list[str]:
    """The rooms that a statement imports from."""
    modules: list[str] = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
        modules = [f"{PACKAGE}.{alias.name}" for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
        modules = [node.module]
    parts = [module.split(".") for module in modules]
    return [part[1] for part in parts if part[0] == PACKAGE and len(part) > 1 and source(part[1]) is not None]


# The picture, in points, y downward. Rooms stand on a diagonal, so that right above and left of each there is only air:
# an import leaves its room to the left and turns up into the room that it names; on the right there is room for words.

WIDTH, HEIGHT = 960.0, 540.0  # a slide's; more when there are more rooms
TOP, BOTTOM, LEFT, RIGHT = 62.0, 12.0, 16.0, 14.0
BOX, WORDS = 96.0, 148.0
GAP, HEAD, LETTER = 5.0, 6.0, 5.0
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#56B4E9", "#B8860B", "#555555")


def thickness(count: int) -> float:
    """The width of an arrow, in points."""
    return 0.8 + 0.5 * count


def draw() -> Figure:
    """The picture of the sources as they are."""
    grouped, counts = layers(), imports()
    rooms = [room for layer in grouped for room in layer]
    into = {room: [one for one in reversed(rooms) if (one, room) in counts] for room in rooms}  # the farthest first
    out = {room: [one for one in reversed(rooms) if (room, one) in counts] for room in rooms}  # the nearest first
    wide = {room: [thickness(counts[one, room]) for one in into[room]] for room in rooms}
    high = {room: [thickness(counts[room, one]) for one in out[room]] for room in rooms}

    lengths = [max(22.0, sum(high[room]) + 2.5 * len(high[room]) + 5) for room in rooms]
    heights = _filled(lengths, HEIGHT - TOP - BOTTOM)
    lengths = [max(24.0, sum(wide[room]) + GAP * (len(wide[room]) + 1)) for room in rooms[:-1]]
    widths = [*_filled(lengths, WIDTH - LEFT - RIGHT - BOX - WORDS), BOX]
    full, tall = LEFT + sum(widths) + WORDS + RIGHT, TOP + sum(heights) + BOTTOM
    lefts = [LEFT + sum(widths[:place]) for place in range(len(rooms))]
    tops = [TOP + sum(heights[:place]) for place in range(len(rooms))]
    boxes = {
        room: (lefts[place], tops[place] + 2, max(BOX, widths[place]), heights[place] - 4)
        for place, room in enumerate(rooms)
    }

    drawn = Figure(figsize=(full / 72, tall / 72), dpi=150)
    axes = drawn.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, full), ylim=(tall, 0))
    axes.set_axis_off()
    for place, layer in enumerate(grouped):
        top = boxes[layer[0]][1] - 2
        high_band = boxes[layer[-1]][1] + boxes[layer[-1]][3] + 2 - top
        axes.add_patch(Rectangle((0, top), full, high_band, color="0.95" if place % 2 else "1.0", zorder=0))
    columns = {room: _tracks(lefts[place] + widths[place] / 2, wide[room], GAP) for place, room in enumerate(rooms)}
    rows = {room: _tracks(boxes[room][1] + boxes[room][3] / 2, high[room], 2.5) for room in rooms}
    for number, target in enumerate(rooms):
        colour, bottom = COLOURS[number % len(COLOURS)], boxes[target][1] + boxes[target][3]
        for x, importer in zip(columns[target], into[target], strict=True):
            y = rows[importer][out[importer].index(target)]
            _arrow(axes, (boxes[importer][0], y), (x, bottom), thickness(counts[importer, target]), colour)
        _room(axes, target, boxes[target], colour, full)
    _title(axes, counts, full)
    return drawn


def _room(axes: Axes, name: str, box: tuple[float, float, float, float], colour: str, full: float) -> None:
    """A box (left, top, width, height), and beside it what the room is for."""
    left, top, width, height = box
    edge = FancyBboxPatch((left, top), width, height, boxstyle="round,pad=0,rounding_size=4", zorder=4)
    edge.set(facecolor="white", edgecolor=colour, linewidth=1.6)
    axes.add_patch(edge)
    middle = top + height / 2
    axes.text(left + width / 2, middle, name, ha="center", va="center", fontsize=11, fontweight="bold", zorder=5)
    letters = int((full - RIGHT - left - width - 8) / LETTER)
    words = textwrap.fill(purpose(name), letters)
    axes.text(left + width + 8, middle, words, ha="left", va="center", fontsize=9, color="0.25", linespacing=1.0)


def _filled(lengths: list[float], total: float) -> list[float]:
    """The lengths, each with its share of what they leave of the total."""
    spare = max(0.0, total - sum(lengths))
    return [length + spare / len(lengths) for length in lengths]


def _tracks(middle: float, widths: list[float], gap: float) -> list[float]:
    """The middles of lines of these widths, side by side about ``middle``."""
    at = middle - (sum(widths) + gap * (len(widths) - 1)) / 2
    found = []
    for width in widths:
        found.append(at + width / 2)
        at += width + gap
    return found


def _arrow(axes: Axes, begin: tuple[float, float], end: tuple[float, float], width: float, colour: str) -> None:
    """A line to the left that turns up, and the head in which it ends."""
    (x_begin, y_begin), (x_end, y_end) = begin, end
    radius = min(7.0 + width / 2, x_begin - x_end, y_begin - y_end - HEAD)
    points = [begin, (x_end + radius, y_begin), (x_end, y_begin), (x_end, y_begin - radius), (x_end, y_end + HEAD)]
    line = Line(points, [Line.MOVETO, Line.LINETO, Line.CURVE3, Line.CURVE3, Line.LINETO])
    for colour_of, more in (("white", 1.6), (colour, 0.0)):
        drawn = {"facecolor": "none", "edgecolor": colour_of, "linewidth": width + more, "capstyle": "butt"}
        axes.add_patch(PathPatch(line, zorder=2, **drawn))
    half = width / 2 + 2
    head = [(x_end - half, y_end + HEAD), (x_end + half, y_end + HEAD), (x_end, y_end)]
    axes.add_patch(Polygon(head, closed=True, color=colour, linewidth=0, zorder=3))


def _title(axes: Axes, counts: Imports, full: float) -> None:
    """What the picture shows, and what the widths mean."""
    axes.text(LEFT, 22, "The rooms of simcluster: imports run upward only", fontsize=17, fontweight="bold", va="center")
    about = f"{counts.total()} import statements from room to room; rooms on one strip are one layer, and do not"
    axes.text(LEFT, 44, f"{about} import each other", fontsize=10.5, color="0.3", va="center")
    x = full - RIGHT - 190
    for count in (1, 5, 20):
        axes.plot([x, x + 24], [44, 44], color="0.4", linewidth=thickness(count), solid_capstyle="butt")
        axes.text(x + 29, 44, f"{count}", fontsize=10.5, color="0.3", va="center")
        x += 48
    axes.text(x, 44, "imports", fontsize=10.5, color="0.3", va="center")


if __name__ == "__main__":
    picture = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".png")
    draw().savefig(picture)
    print(picture)
