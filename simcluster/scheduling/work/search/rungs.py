"""A search as a task graph: brackets of candidates, of which each rung keeps the best; grid and random have one rung.

The tasks: "rows" cuts the data; "try-b-r-i-f" learns, on rung r of bracket b, the i-th of the candidates that are left
from the rows that fold f does not hold back, and scores it on those that it does; "cut-b-r" ranks the rung's candidates
by their mean score, of equals the earlier first; "select" picks the best of the brackets' last rungs; "refit" learns it
from all rows that are not held out, and scores it on those that are. A score is a function of candidate, rows and
random state, and only scores decide what is left: so no schedule, failure or retry changes the winner.

What an edge carries, with N rows of d features, n of them not held out, k folds and m candidates on a rung:

    rows → try     8 n (d + 1)      rows → refit     8 N (d + 1)
    try → cut      8                cut → try        8 for each candidate that is left
    cut → select   8 m (1 + k)      select → refit   16, and 8 m (1 + k) for each rung
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simcluster.learning import Call, Cost, Dataset
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.protocols import Estimator
from simcluster.scheduling.work.learning.held_out import Cut, received, rows_bytes, validation_folds
from simcluster.scheduling.work.search.space import Parameters

if TYPE_CHECKING:
    import networkx as nx

NUMBER_BYTES = 8
MOST_TRAININGS = 100_000


class Rung(NamedTuple):
    """How many candidates are on it, and with how much of the resource each of them learns."""

    candidates: int
    resource: Parameters


class Bracket(NamedTuple):
    """Candidates, all of which are on the first of its rungs."""

    candidates: tuple[Parameters, ...]
    rungs: tuple[Rung, ...]


@dataclass(frozen=True)
class Trial:
    """What a search tried: the parameters, the resource among them, and the score on each fold."""

    parameters: Mapping[str, Any]
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.scores))


@dataclass(frozen=True)
class Found:
    """What a search found: its best ``parameters``, their score on the rows held out, and every ``trial``.

    Trials stand rung by rung, the best of each first.
    """

    parameters: Mapping[str, Any]
    held_out_score: float
    trials: tuple[Trial, ...]


def found(outputs: Mapping[str, Output]) -> Found:
    """What the last task says."""
    last = outputs["refit"]
    trials = tuple(Trial(dict(parameters), tuple(map(float, scores))) for parameters, scores in last["trials"])
    return Found(dict(last["parameters"]), last["score"], trials)


def search_graph(estimator: Estimator, cut: Cut, folds: int, brackets: Sequence[Bracket]) -> nx.DiGraph[Any]:
    """The task graph of a search. Raises ``ValueError`` where it is too large, or a class has too few rows."""
    import networkx as nx

    graph: nx.DiGraph[Any] = nx.DiGraph()
    trainings = math.fsum(rung.candidates * folds for bracket in brackets for rung in bracket.rungs)
    if trainings > MOST_TRAININGS:
        raise ValueError(f"a search must have at most {MOST_TRAININGS} trainings, got {trainings:.0f}")
    search = _Search(estimator, cut, tuple(validation_folds(cut.training, folds)), tuple(brackets))
    learned, held_out = rows_bytes(cut.training), rows_bytes(cut.held_out)
    add_task(graph, "rows", Task(search.rows, Cost(0, learned + held_out)))
    cuts = [
        (name, "trials", search.trial_bytes * rung.candidates)
        for number, bracket in enumerate(brackets)
        for name, rung in zip(_add_rungs(graph, search, number), bracket.rungs, strict=True)
    ]
    trials_bytes = math.fsum(size for _, _, size in cuts)
    add_task(graph, "select", Task(search.select, Cost(trials_bytes / NUMBER_BYTES, trials_bytes)), tuple(cuts))
    refit = _dearest([
        search.call(parameters | bracket.rungs[-1].resource, cut.training, cut.held_out).cost
        for bracket in brackets for parameters in bracket.candidates
    ])  # fmt: skip
    takes = (("rows", "all", learned + held_out), ("select", "selected", 2 * NUMBER_BYTES + trials_bytes))
    add_task(graph, "refit", Task(search.refit, refit, priority=refit.flops), takes)
    return graph


def _add_rungs(graph: nx.DiGraph[Any], search: _Search, number: int) -> list[str]:
    """Add the tasks of a bracket. Returns the names of those that rank its rungs."""
    bracket, cuts = search.brackets[number], list[str]()
    learned = rows_bytes(search.cut.training)
    for level, rung in enumerate(bracket.rungs):
        left = () if not level else ((cuts[-1], "left", NUMBER_BYTES * rung.candidates),)
        costs = [[search.call(c | rung.resource, *part).cost for part in search.parts] for c in bracket.candidates]
        tries = []
        for place in range(rung.candidates):
            for fold in range(len(search.folds)):
                tries.append(f"try-{number}-{level}-{place}-{fold}")
                cost = _dearest([each[fold] for each in costs]) if level else costs[place][fold]
                run = partial(search.run, bracket, rung, place, fold)
                add_task(graph, tries[-1], Task(run, cost, cost.flops), (("rows", "training", learned), *left))
        cuts.append(f"cut-{number}-{level}")
        kept = bracket.rungs[level + 1].candidates if level + 1 < len(bracket.rungs) else 1
        takes = (*left, *((name, "score", float(NUMBER_BYTES)) for name in tries))
        ranking = Task(partial(_rank, bool(level), len(search.folds), kept), _ranking_cost(len(tries)))
        add_task(graph, cuts[-1], ranking, takes)
    return cuts


@dataclass(frozen=True, eq=False)
class _Search:
    """What every task of a search knows beforehand: orders carry none of it, as they carry no code."""

    estimator: Estimator
    cut: Cut
    folds: tuple[tuple[Any, Any], ...]
    brackets: tuple[Bracket, ...]

    @cached_property
    def parts(self) -> list[tuple[Dataset, Dataset]]:
        """What is learned from and what is held back, for each fold: from their shapes a trial's cost is known."""
        return [self.part(self.cut.training, fold) for fold in range(len(self.folds))]

    @property
    def trial_bytes(self) -> int:
        """What a candidate's number and scores weigh."""
        return NUMBER_BYTES * (1 + len(self.folds))

    def call(self, parameters: Parameters, training: Dataset, held_back: Dataset) -> Call[float]:
        """Learning and scoring of a candidate."""
        return self.estimator.replace(**parameters).score(training, held_back, self.cut.random_state)

    def part(self, rows: Dataset, fold: int) -> tuple[Dataset, Dataset]:
        """What is learned from and what is held back of these rows, on this fold."""
        learned, held_back = self.folds[fold]
        return rows.take(learned), rows.take(held_back)

    # What the tasks compute

    def rows(self) -> Call[Output]:
        parts = [(data.features, data.targets) for data in (self.cut.training, self.cut.held_out)]
        size_bytes = rows_bytes(self.cut.training) + rows_bytes(self.cut.held_out)
        return Call(lambda: {"training": parts[0], "all": tuple(parts)}, Cost(0, size_bytes))

    def run(self, bracket: Bracket, rung: Rung, place: int, fold: int, rows: Any, left: Any = None) -> Call[Output]:
        parameters = bracket.candidates[place if left is None else left[place]]
        part = self.part(received(rows, self.cut.training.classes), fold)
        call = self.call(parameters | rung.resource, *part)
        return Call(lambda: {"score": _finite(call(), parameters)}, call.cost)

    def select(self, *trials: Any) -> Call[Output]:
        def compute() -> Output:
            last = np.cumsum([len(bracket.rungs) for bracket in self.brackets]) - 1
            winners = [trials[place][0] for place in last]
            bracket = int(np.argmax([np.mean(winner[1:]) for winner in winners]))
            return {"selected": (np.array([bracket, winners[bracket][0]], dtype=np.int64), trials)}

        numbers = math.fsum(each.size for each in trials)
        return Call(compute, Cost(numbers, NUMBER_BYTES * numbers))

    def refit(self, parts: Any, selected: Any) -> Call[Output]:
        best, trials = selected
        bracket = self.brackets[best[0]]
        parameters = bracket.candidates[best[1]] | bracket.rungs[-1].resource
        training, held_out = (received(rows, self.cut.training.classes) for rows in parts)
        call = self.call(parameters, training, held_out)
        rungs = [(each, rung) for each in self.brackets for rung in each.rungs]
        told = [
            (of.candidates[int(number)] | rung.resource, scores)
            for (of, rung), rows in zip(rungs, trials, strict=True)
            for number, *scores in rows
        ]
        return Call(lambda: {"parameters": parameters, "score": _finite(call(), parameters), "trials": told}, call.cost)


def _rank(later: bool, folds: int, kept: int, *parts: Any) -> Call[Output]:
    def compute() -> Output:
        scores = np.array(parts[1:] if later else parts).reshape(-1, folds)
        numbers = np.asarray(parts[0]) if later else np.arange(len(scores))
        order = np.lexsort((numbers, -scores.mean(axis=1)))
        trials = np.column_stack([numbers, scores])[order]
        return {"left": np.sort(numbers[order[:kept]]), "trials": trials}

    return Call(compute, _ranking_cost(len(parts) - later))


def _ranking_cost(scores: int) -> Cost:
    return Cost(flops=scores * (1 + math.ceil(math.log2(scores + 1))), bytes=2 * NUMBER_BYTES * scores)


def _dearest(costs: Sequence[Cost]) -> Cost:
    return Cost(max(cost.flops for cost in costs), max(cost.bytes for cost in costs))


def _finite(score: float, parameters: Parameters) -> float:
    if not math.isfinite(score):
        raise ValueError(f"a score must be a finite number, got {score} of {parameters}")
    return float(score)
