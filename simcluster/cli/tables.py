"""Tables of a terminal, without lines between."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from simcluster.command_line import shown


def plain_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0, widest: int | None = None
) -> Table:
    """A table of words, its last so many columns to the right; what is too long, or as label the widest, is folded."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for place, head in enumerate(heads):
        right = place >= len(heads) - numbers
        most = None if right else widest
        made.add_column(shown(head), justify="right" if right else "left", overflow="fold", max_width=most)
    for row in rows:
        made.add_row(*(shown(cell.replace("\n", "\\n")) for cell in row))
    return made
