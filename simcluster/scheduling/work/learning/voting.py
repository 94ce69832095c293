"""An ensemble of different learners, one task each, whose votes are merged: decomposition by algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from simcluster.learning import Array, Call, Cost, Dataset, vote
from simcluster.learning.trees.trees import Integers
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.work.learning.held_out import Split, received, rows_bytes, rows_task
from simcluster.scheduling.work.search.classifiers import BayesEstimator, LogisticEstimator, NeighboursEstimator
from simcluster.scheduling.work.search.estimators import AnyLearner, ForestEstimator

if TYPE_CHECKING:
    import networkx as nx

NUMBER_BYTES = 8


@dataclass(frozen=True)
class Voted:
    """What an ensemble says of the rows held out: a label of each, (n,), and how often that is right.

    ``probabilities`` (n, classes) are the means of a soft vote, ``None`` of a hard one; ``member_scores`` say how often
    each member is right by itself.
    """

    labels: Integers
    probabilities: Array | None
    member_scores: tuple[float, ...]
    held_out_score: float


class VotingEnsemble(Split):
    """Different learners vote on the rows held out, each of which has learned from all the others (Dietterich 2000).

    Each member is one task. A hard vote is for the most frequent label, of those that tie the smallest; a soft one for
    the most probable of the members' mean. However many workers there are, both are bit for bit what scikit-learn's
    ``VotingClassifier`` of the same members says. A vote for the label with more than half of all votes, as majority
    voting is often described, would leave rows without any.

    The tasks: "rows" gives the rows that are learned from, "held-out" the others; "learn-i" lets member i learn, and
    vote; "vote" counts. Members' answers travel, and not what they have learned, which may be as large as the rows are.

    What an edge carries, with n rows of d features, m more held out, and k classes:

        rows → learn        8 n (d + 1)      learn → vote      8 m, or 8 m k of a soft vote
        held-out → learn    8 m d            held-out → vote   8 m
    """

    kind: Literal["voting"] = "voting"
    members: Annotated[tuple[AnyLearner, ...], Field(min_length=1)] = (
        ForestEstimator(),
        LogisticEstimator(),
        NeighboursEstimator(),
        BayesEstimator(),
    )
    """Who votes; each has the ensemble's ``random_state``."""
    votes: Literal["hard", "soft"] = "hard"
    """Whether a member names a label, or says how probable each is."""

    @model_validator(mode="after")
    def _members_know_probabilities(self) -> VotingEnsemble:
        for member in self.members:
            if self.votes == "soft" and not hasattr(member, "probabilities"):
                raise ValueError(f"votes must be hard where a member has no probabilities, got soft with {member!r}")
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph. Raises ``ValueError`` for data without labels, or what a member cannot learn from."""
        import networkx as nx

        training, held_out, state = self.cut(seed)
        if training.classes is None:
            raise ValueError("an ensemble must vote for labels, got targets that are none")
        classes, asked = training.classes, len(held_out)
        graph: nx.DiGraph[Any] = nx.DiGraph()
        add_task(graph, "rows", rows_task(training))
        parts = {"features": held_out.features, "targets": held_out.targets}
        given: Call[Output] = Call(lambda: parts, Cost(0, rows_bytes(held_out)))
        add_task(graph, "held-out", Task(lambda: given, given.cost))
        takes = [("held-out", "targets", float(held_out.targets.nbytes))]
        for place, member in enumerate(self.members):
            cost = self._asked(member, training, held_out.features, state).cost
            run = partial(self._learn, member, classes, state)
            learned_from = ("rows", "rows", float(rows_bytes(training)))
            about = ("held-out", "features", float(held_out.features.nbytes))
            add_task(graph, f"learn-{place}", Task(run, cost, cost.flops), (learned_from, about))
            takes.append((f"learn-{place}", "votes", float(NUMBER_BYTES * asked * (classes if self._soft else 1))))
        numbers = float(asked * len(self.members) * (classes if self._soft else 1))
        cost = Cost(flops=2 * numbers + asked * (classes + 1), bytes=NUMBER_BYTES * (numbers + asked * (classes + 2)))
        add_task(graph, "vote", Task(partial(self._count, classes, cost), cost), tuple(takes))
        return graph

    def outcome(self, outputs: Mapping[str, Output]) -> Voted:
        """The labels, and how often members and ensemble are right."""
        voted: Voted = outputs["vote"]["voted"]
        return voted

    @property
    def _soft(self) -> bool:
        return self.votes == "soft"

    def _asked(self, member: Any, training: Dataset, features: Array, state: int) -> Call[Any]:
        ask = member.probabilities if self._soft else member.predict
        call: Call[Any] = ask(training, features, state)
        return call

    def _learn(self, member: Any, classes: int, state: int, rows: Any, features: Array) -> Call[Output]:
        call = self._asked(member, received(rows, classes), features, state)
        return Call(lambda: {"votes": call()}, call.cost)

    def _count(self, classes: int, cost: Cost, targets: Integers, *votes: Any) -> Call[Output]:
        def compute() -> Output:
            said = np.stack(votes)
            mean = said.mean(axis=0) if self._soft else None
            labels = vote(said.T, classes)() if mean is None else mean.argmax(axis=1)
            each = said.argmax(axis=2) if self._soft else said
            scores = tuple(float(np.mean(labels_of_one == targets)) for labels_of_one in each)
            return {"voted": Voted(labels, mean, scores, float(np.mean(labels == targets)))}

        return Call(compute, cost)
