"""Random search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from simcluster.engine import NUMBER, Count, stream
from simcluster.scheduling.graph import Output
from simcluster.scheduling.work.learning.held_out import Split
from simcluster.scheduling.work.search.estimators import AnyEstimator, ForestEstimator
from simcluster.scheduling.work.search.rungs import Bracket, Found, Rung, found, search_graph
from simcluster.scheduling.work.search.space import Space, check_space, draw_candidates

if TYPE_CHECKING:
    import networkx as nx

Folds = Annotated[Count, Field(ge=2)]
Candidates = Annotated[int, Field(ge=1, le=10_000), NUMBER]


class RandomSearch(Split):
    """Candidates drawn at random, each validated on every fold (Bergstra & Bengio, JMLR 13, 2012).

    Tasks and the bytes between them are those of ``simcluster.scheduling.work.search.rungs`` with a single rung.
    """

    kind: Literal["random_search"] = "random_search"
    estimator: AnyEstimator = ForestEstimator()
    """What is tuned."""
    space: Space
    """Which values of which parameters: those to choose from, or a range."""
    candidates: Candidates = 10
    """How many are drawn."""
    folds: Folds = 5
    """In how many parts the rows that are not held out are cut, each held back once."""

    @model_validator(mode="after")
    def _can_be_tried(self) -> RandomSearch:
        check_space(self.estimator, self.space)
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph; ``seed`` decides the candidates."""
        drawn = draw_candidates(self.space, self.candidates, stream(seed, "scheduling", "candidates", 0))
        bracket = Bracket(drawn, (Rung(len(drawn), {}),))
        return search_graph(self.estimator, self.cut(seed), self.folds, [bracket])

    def outcome(self, outputs: Mapping[str, Output]) -> Found:
        """What it found."""
        return found(outputs)
