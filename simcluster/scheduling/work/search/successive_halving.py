"""Successive halving: many candidates with little of a resource, the better ones with more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from simcluster.engine import NUMBER, Name, stream
from simcluster.scheduling.graph import Output
from simcluster.scheduling.work.learning.held_out import Split
from simcluster.scheduling.work.search.estimators import AnyEstimator, ForestEstimator
from simcluster.scheduling.work.search.random_search import Candidates, Folds
from simcluster.scheduling.work.search.rungs import Bracket, Found, Rung, found, search_graph
from simcluster.scheduling.work.search.space import Space, check_space, draw_candidates

if TYPE_CHECKING:
    import networkx as nx

Factor = Annotated[int, Field(ge=2, le=1000), NUMBER]
Resource = Annotated[int, Field(ge=1, le=1_000_000), NUMBER]


class SuccessiveHalving(Split):
    """Of n candidates that learn with ``least`` of a resource, one in ``factor`` goes on with ``factor`` times as much.

    Jamieson & Talwalkar (AISTATS 2016). Rung i has ⌊n / factor^i⌋ candidates with least · factor^i each, as long as
    that is at most ``most`` and there is a candidate. Each rung learns anew: what a candidate has learned with less of
    the resource is not used again. Tasks and bytes are those of ``simcluster.scheduling.work.search.rungs``.
    """

    kind: Literal["successive_halving"] = "successive_halving"
    estimator: AnyEstimator = ForestEstimator()
    """What is tuned."""
    space: Space
    """Which values of which parameters: those to choose from, or a range."""
    candidates: Candidates = 27
    """How many are drawn."""
    resource: Name = "trees"
    """The parameter that is the resource: trees of a forest, steps of a descent."""
    least: Resource = 1
    """How much of it the first rung has."""
    most: Resource = 27
    """How much of it the last rung has at most."""
    factor: Factor = 3
    """How many times fewer candidates a rung has than the one before, and how many times as much of the resource."""
    folds: Folds = 5
    """In how many parts the rows that are not held out are cut, each held back once."""

    @model_validator(mode="after")
    def _can_be_tried(self) -> SuccessiveHalving:
        if self.least > self.most:
            raise ValueError(f"least must be at most most, got {self.least} and {self.most}")
        check_space(self.estimator, self.space, (self.resource, (self.least, self.most)))
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph; ``seed`` decides the candidates."""
        drawn = draw_candidates(self.space, self.candidates, stream(seed, "scheduling", "candidates", 0))
        rungs = halvings(self.candidates, self.least, self.most, self.factor)
        named = tuple(Rung(count, {self.resource: amount}) for count, amount in rungs)
        return search_graph(self.estimator, self.cut(seed), self.folds, [Bracket(drawn, named)])

    def outcome(self, outputs: Mapping[str, Output]) -> Found:
        """What it found."""
        return found(outputs)


def halvings(candidates: int, least: int, most: int, factor: int) -> list[tuple[int, int]]:
    """How many candidates each rung has, and how much of the resource each of them."""
    rungs = []
    while candidates and least <= most:
        rungs.append((candidates, least))
        candidates, least = candidates // factor, least * factor
    return rungs
