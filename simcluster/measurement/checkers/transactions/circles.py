"""Circles of dependencies, by what they are made of: G0, G1c, G-single, G-nonadjacent, G2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from simcluster.measurement.checkers.cycles import Graph, components
from simcluster.measurement.checkers.judgement import Anomaly
from simcluster.measurement.checkers.transactions.dependencies import IN_TIME, RW, TIME, WR, WW, Dependencies

_MOST = 4_000_000  # edges that are looked at for the circles of one kind: some seconds


def circles(found: Dependencies) -> tuple[list[Anomaly], str]:
    """A short circle of each kind that there is (Adya 1999; Alvaro & Kingsbury 2020), and what was not looked for.

    Of write dependencies only: G0. Of those and reads: G1c. With one anti-dependency: G-single. With several, no two of
    them in a row: G-nonadjacent. With two in a row: G2. A circle that needs the order of time is named so. Whether
    there is any circle at all is exact, by strongly connected components; which kinds there are is looked for with
    a limit.
    """
    anomalies: list[Anomaly] = []
    left: list[str] = []
    known: set[str] = set()
    for time in (False, True) if TIME in found.kind else (False,):
        graph = _Edges(found, time)
        for name, edges in graph.circles(left):
            if name not in known:
                known.add(name)
                timed = any(found.kind[edge] == TIME for edge in edges)
                places = dict.fromkeys(found.source[edge] for edge in edges)
                shown = tuple(found.transactions[place] for place in places if place < len(found.transactions))
                anomalies.append(Anomaly(name + IN_TIME * timed, found.told(edges), shown))
    why = f"not all was looked at for {', '.join(dict.fromkeys(left))}" if left else ""
    return anomalies, why


class _Edges:
    def __init__(self, found: Dependencies, time: bool) -> None:
        kind = np.array(found.kind, dtype=np.int64)
        self.number = np.flatnonzero(kind != TIME) if not time else np.arange(len(kind))
        self.kind = kind[self.number]
        self.source = np.array(found.source, dtype=np.int64)[self.number]
        self.target = np.array(found.target, dtype=np.int64)[self.number]
        self.nodes = max(found.nodes, len(found.transactions))

    def circles(self, left: list[str]) -> Iterator[tuple[str, list[int]]]:
        """Circles with their names; ``left`` are the names that a limit has kept from being found."""
        plain = self.kind != RW
        if (found := self._through(self.kind != WR, self.kind == WW, plain)) is not None:
            yield "G0", found
        if (found := self._through(plain, self.kind == WR, plain)) is not None:
            yield "G1c", found
        if not (self.kind == RW).any():
            return
        component = components(self.nodes, self.source, self.target)
        inside = component[self.source] == component[self.target]
        if not (inside & (self.kind == RW)).any():
            return
        yield from self._with_anti_dependencies(np.flatnonzero(inside), left)

    def _through(self, allowed: Any, wanted: Any, plain: Any) -> list[int] | None:
        """A circle of allowed edges through a wanted one."""
        edges = np.flatnonzero(allowed & plain)
        component = components(self.nodes, self.source[edges], self.target[edges])
        inside = edges[component[self.source[edges]] == component[self.target[edges]]]
        through = inside[wanted[inside]]
        if not len(through):
            return None
        graph = Graph(self.nodes, self.source[inside], self.target[inside])
        edge = int(through[0])
        back = graph.path(int(self.target[edge]), int(self.source[edge])) or []
        return self._numbers([edge, *(int(inside[each]) for each in back)])

    def _with_anti_dependencies(self, inside: Any, left: list[str]) -> Iterator[tuple[str, list[int]]]:
        source, target, kind = self.source[inside], self.target[inside], self.kind[inside]
        plain, anti = np.flatnonzero(kind != RW), np.flatnonzero(kind == RW)
        n = self.nodes
        # In the second half stands who was come to by an anti-dependency, and does not go on by another.
        double_source = np.concatenate([source[plain], source[plain] + n, source[anti]])
        double_target = np.concatenate([target[plain], target[plain], target[anti] + n])
        of_edge = np.concatenate([plain, plain, anti])
        double = components(2 * n, double_source, double_target)
        apart = anti[double[source[anti]] == double[target[anti] + n]]
        alone = Graph(n, source[plain], target[plain])
        twice = Graph(2 * n, double_source, double_target)
        whole = Graph(n, source, target)

        def single(edge: int, most: int) -> list[int] | None:
            back = alone.path(int(target[edge]), int(source[edge]), most)
            return None if back is None else [int(plain[each]) for each in back]

        def nonadjacent(edge: int, most: int) -> list[int] | None:
            back = twice.path(int(target[edge]) + n, int(source[edge]), most)
            return None if back is None else [int(of_edge[each]) for each in back]

        def any_other(edge: int, most: int) -> list[int] | None:
            return whole.path(int(target[edge]), int(source[edge]), most)

        told = set()
        for name, tried, search in (
            ("G-single", apart, single),
            ("G-nonadjacent", apart, nonadjacent),
            ("G2", anti, any_other),
        ):
            seen = 0
            for edge in tried.tolist():
                try:
                    back = search(edge, _MOST // 10)
                except TimeoutError:
                    back = None
                    left.append(name)
                seen += len(source) // 10 + 1
                circle = [] if back is None else _simple([edge, *back], source, target)
                what = _name(kind[circle]) if circle else ""
                if what and what not in told:
                    told.add(what)
                    yield what, self._numbers([int(inside[each]) for each in circle])
                if name in told:
                    break
                if seen > _MOST:
                    left.append(name)
                    break

    def _numbers(self, edges: Sequence[int]) -> list[int]:
        return [int(self.number[edge]) for edge in edges]


def _simple(edges: list[int], source: Any, target: Any) -> list[int]:
    """A closed walk without the parts of it that are closed themselves; the part, where that alone has all that counts.

    A walk comes twice to a node at most, once by an anti-dependency: between the two visits lies a circle of its own.
    """
    at: dict[int, int] = {}
    for place, edge in enumerate(edges):
        node = int(source[edge])
        if node in at:
            return _simple(edges[at[node] : place], source, target)
        at[node] = place
    return edges


def _name(kinds: Any) -> str:
    """What a circle of these kinds of edges is called; nothing where it has no anti-dependency."""
    anti = [kind == RW for kind in kinds.tolist()]
    if not any(anti):
        return ""
    if anti.count(True) == 1:
        return "G-single"
    in_a_row = any(one and other for one, other in zip(anti, [*anti[1:], anti[0]], strict=True))
    return "G2" if in_a_row else "G-nonadjacent"
