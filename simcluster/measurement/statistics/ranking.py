"""Ranking: strategies in order of their means, and which of them the seeds cannot tell apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from simcluster.engine import printable
from simcluster.measurement.statistics.comparison import paired_difference
from simcluster.measurement.statistics.intervals import Array, Interval, checked_sample, interval_for

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Pair:
    """Two strategies of a ranking, ``ahead`` with the better mean, and what the seeds say of their difference.

    ``difference`` is the mean of ahead − behind, paired by seed, with an interval that holds for all pairs together
    (Bonferroni). ``p_value`` is adjusted for the number of pairs (Holm), and ``differ`` says that it is at most 1 −
    level. Holm's steps find a little more than Bonferroni's intervals: a pair may differ whose interval just touches 0.
    """

    ahead: str
    behind: str
    difference: Interval
    p_value: float
    differ: bool


@dataclass(frozen=True, slots=True, repr=False)
class Ranking:
    """Strategies in order, the best first, and which of them cannot be told apart; printed, it is a table.

    ``means`` has the interval of each strategy's own mean, in that order; ``pairs`` every two of them, the ones that
    are ahead first; ``groups`` the largest sets of which no two differ, each in order. A strategy may be in several: a
    and b, b and c may be too close to call and a and c not.
    """

    means: Mapping[str, Interval]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    level: float

    @property
    def order(self) -> tuple[str, ...]:
        """The names, the best mean first."""
        return tuple(self.means)

    @property
    def winner(self) -> str | None:
        """The best strategy if it differs from every other, else ``None``."""
        best = self.order[0]
        return best if all(pair.differ for pair in self.pairs if pair.ahead == best) else None

    @property
    def may_be_best(self) -> tuple[str, ...]:
        """The best strategy and all that do not differ from it."""
        best = self.order[0]
        return (best, *(pair.behind for pair in self.pairs if pair.ahead == best and not pair.differ))

    def __repr__(self) -> str:
        """The table: strategies that share a letter cannot be told apart."""
        heads = ("", f"mean [{100 * self.level:g} %]", "alike")
        letters = {
            name: "".join(_letter(place) if name in group else " " for place, group in enumerate(self.groups)).rstrip()
            for name in self.order
        }
        rows = [heads, *((printable(name), str(mean), letters[name]) for name, mean in self.means.items())]
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        lines = [f"{name:<{widths[0]}}  {mean:<{widths[1]}}  {alike}".rstrip() for name, mean, alike in rows]
        said = f"{self.winner} is clearly best." if self.winner else f"No clear winner: {', '.join(self.may_be_best)}."
        return "\n".join(
            [*lines, f"{said} Strategies that share a letter cannot be told apart (Holm, {100 * self.level:g} %)."]
        )


def ranking(values: Mapping[str, ArrayLike], *, lower_is_better: bool = True, level: float = 0.95) -> Ranking:
    """The strategies in order of their means, and which of them differ; each value an array (n,), one per seed.

    All k(k − 1)/2 pairs are compared by Student's test of the differences within each seed, and the p-values are
    adjusted by Holm's steps, so that the probability of calling *any* equal pair different is at most 1 − level,
    however many strategies there are and whichever of them are equal. Source: Holm, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6(2), 1979.

    Raises ``ValueError`` for fewer than two strategies, and as ``paired_difference``.
    """
    if len(values) < 2:
        raise ValueError(f"a ranking needs at least 2 strategies, got {list(values)}")
    samples = {str(name): checked_sample(sample, level) for name, sample in values.items()}
    sign = 1 if lower_is_better else -1
    order = sorted(samples, key=lambda name: sign * float(np.mean(samples[name])))
    both = list(combinations(order, 2))
    each = 1 - (1 - level) / len(both)
    differences = [paired_difference(samples[ahead], samples[behind], each) for ahead, behind in both]
    adjusted = holm([_p_value(samples[ahead] - samples[behind]) for ahead, behind in both])
    pairs = tuple(
        Pair(ahead, behind, difference, p_value, p_value <= 1 - level)
        for (ahead, behind), difference, p_value in zip(both, differences, adjusted, strict=True)
    )
    interval = interval_for(np.concatenate(list(samples.values())))
    return Ranking(
        means={name: interval(samples[name], level) for name in order},
        pairs=pairs,
        groups=_groups(order, pairs),
        level=level,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number by Holm's steps: the i-th smallest of m by m − i + 1, not falling."""
    m, adjusted, least = len(p_values), [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(m), key=lambda place: p_values[place])):
        least = max(least, min((m - rank) * p_values[place], 1.0))
        adjusted[place] = least
    return adjusted


def _p_value(differences: Array) -> float:
    """Of Student's two-sided test that the mean difference is 0; 1 for a single one, which says nothing."""
    from scipy import stats

    if differences.size == 1 or not np.any(differences):
        return 1.0
    error = float(np.std(differences, ddof=1)) / math.sqrt(differences.size)
    if error == 0:
        return 0.0
    return float(2 * stats.t.sf(abs(float(np.mean(differences))) / error, differences.size - 1))


def _groups(order: Sequence[str], pairs: Sequence[Pair]) -> tuple[tuple[str, ...], ...]:
    """The cliques of what does not differ, in order."""
    import networkx as nx

    alike: nx.Graph[str] = nx.Graph()
    alike.add_nodes_from(order)
    alike.add_edges_from((pair.ahead, pair.behind) for pair in pairs if not pair.differ)
    places = {name: place for place, name in enumerate(order)}
    cliques = sorted(sorted(places[name] for name in clique) for clique in nx.find_cliques(alike))
    return tuple(tuple(order[place] for place in clique) for clique in cliques)


def _letter(place: int) -> str:
    """a … z, then a number in brackets."""
    return chr(ord("a") + place) if place < 26 else f"({place})"
