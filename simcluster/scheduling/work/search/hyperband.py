"""Hyperband: successive halvings that trade the number of candidates against what each begins with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from simcluster.engine import NUMBER, Name, stream
from simcluster.scheduling.graph import Output
from simcluster.scheduling.work.learning.held_out import Split
from simcluster.scheduling.work.search.estimators import AnyEstimator, ForestEstimator
from simcluster.scheduling.work.search.random_search import Folds
from simcluster.scheduling.work.search.rungs import Bracket, Found, Rung, found, search_graph
from simcluster.scheduling.work.search.space import Space, check_space, draw_candidates
from simcluster.scheduling.work.search.successive_halving import Factor

if TYPE_CHECKING:
    import networkx as nx


class Hyperband(Split):
    """Brackets of successive halving, of which the first has most candidates (Li et al., JMLR 18, 2018).

    With R the most of the resource and η the factor, there are brackets s = s_max, …, 0 with s_max = ⌊log_η R⌋. Bracket
    s has n = ⌈(s_max + 1) η^s / (s + 1)⌉ candidates, of which ⌊n / η^i⌋ are on rung i, each with ⌊R η^(i - s)⌋ of the
    resource. The common ``floor(log(R) / log(η))`` is one too few for some powers, 243 of 3 among them, whose quotient
    in floating point is 4.999…: here the powers are whole numbers.

    The winner is the best of the candidates that were left at the end of each bracket, all with the whole resource.
    Brackets do not wait for each other. Tasks and bytes are those of ``simcluster.scheduling.work.search.rungs``.
    """

    kind: Literal["hyperband"] = "hyperband"
    estimator: AnyEstimator = ForestEstimator()
    """What is tuned."""
    space: Space
    """Which values of which parameters: those to choose from, or a range."""
    resource: Name = "trees"
    """The parameter that is the resource: trees of a forest, steps of a descent."""
    most: Annotated[int, Field(ge=1, le=10_000), NUMBER] = 27
    """How much of it the last rung of each bracket has."""
    factor: Factor = 3
    """How many times fewer candidates a rung has than the one before, and how many times as much of the resource."""
    folds: Folds = 5
    """In how many parts the rows that are not held out are cut, each held back once."""

    @model_validator(mode="after")
    def _can_be_tried(self) -> Hyperband:
        check_space(self.estimator, self.space, (self.resource, (1, self.most)))
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph; ``seed`` decides the candidates of each bracket."""
        made = []
        for number, rungs in enumerate(brackets(self.most, self.factor)):
            drawn = draw_candidates(self.space, rungs[0][0], stream(seed, "scheduling", "candidates", number))
            made.append(Bracket(drawn, tuple(Rung(count, {self.resource: amount}) for count, amount in rungs)))
        return search_graph(self.estimator, self.cut(seed), self.folds, made)

    def outcome(self, outputs: Mapping[str, Output]) -> Found:
        """What it found."""
        return found(outputs)


def brackets(most: int, factor: int) -> list[list[tuple[int, int]]]:
    """How many candidates each rung of each bracket has, and how much of the resource each of them."""
    last = 0
    while factor ** (last + 1) <= most:
        last += 1
    counts = {s: -(-(last + 1) * factor**s // (s + 1)) for s in range(last, -1, -1)}
    return [[(count // factor**i, most // factor ** (s - i)) for i in range(s + 1)] for s, count in counts.items()]
