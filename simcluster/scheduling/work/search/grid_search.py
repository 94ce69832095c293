"""Cross-validated grid search as a task graph: of softmax regression, or of any estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, Field, model_validator

from simcluster.engine import Count, Positive, Seconds, Spec, check_differ, stream
from simcluster.learning import AnyData, Bundled, Call, Cost, Dataset, DatasetName
from simcluster.learning.cross_validation import (
    Examples,
    accuracy,
    accuracy_cost,
    split,
    stratified_folds,
    train,
    training_cost,
)
from simcluster.learning.trees.trees import RandomState
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.work.learning.held_out import Share, hold_out
from simcluster.scheduling.work.search.estimators import AnyEstimator
from simcluster.scheduling.work.search.rungs import Bracket, Found, Rung, found, search_graph
from simcluster.scheduling.work.search.space import Grid, check_space

if TYPE_CHECKING:
    import networkx as nx

NUMBER_BYTES = 8
MOST_POINTS = 10_000


class Combination(NamedTuple):
    """One point of the grid: how softmax regression is trained."""

    learning_rate: float
    l2: float
    steps: int


@dataclass(frozen=True)
class Searched:
    """What a search gave: the best combination, and the accuracy of each on each fold.

    ``accuracies`` holds one row per combination, in the order of the grid; ``best`` has the highest mean, of several
    the first.
    """

    best: Combination
    accuracies: Mapping[Combination, tuple[float, ...]]

    @property
    def mean_accuracies(self) -> dict[Combination, float]:
        """The mean over the folds, by combination."""
        return {combination: float(np.mean(each)) for combination, each in self.accuracies.items()}


def _all_differ(values: tuple[float, ...]) -> tuple[float, ...]:
    check_differ("what a grid tries", values)
    return values


Rates = Annotated[tuple[Positive, ...], Field(min_length=1), AfterValidator(_all_differ)]
Penalties = Annotated[tuple[Seconds, ...], Field(min_length=1), AfterValidator(_all_differ)]
Steps = Annotated[tuple[Count, ...], Field(min_length=1), AfterValidator(_all_differ)]


class GridSearch(Spec):
    """Every combination of learning rate, l2 penalty and number of steps, each validated on every fold.

    With an ``estimator`` it is every combination of the values in ``grid`` instead, of which the best learns again from
    all rows that are not held out: scikit-learn's ``GridSearchCV`` after its ``train_test_split``, with the same winner
    and the same score. Tasks and bytes are then those of ``simcluster.scheduling.work.search.rungs`` with one rung.

    Without one the tasks are: "fold-f" cuts and standardises the data; "train-c-f" trains combination c on the fold's
    training rows by gradient descent; "evaluate-c-f" measures its accuracy on the rows held back; "mean-c" collects a
    combination's folds; "select" picks the best. A task's priority is its declared flops, so that the
    longest goes first (the LPT rule: Graham 1969).
    """

    kind: Literal["grid_search"] = "grid_search"
    dataset: DatasetName = "breast_cancer"
    """The bundled data set that is learned from."""
    data: AnyData | None = None
    """Other data that is learned from (``None``: ``dataset``)."""
    folds: Annotated[Count, Field(ge=2)] = 5
    """In how many parts its rows are cut, each held back once."""
    learning_rates: Rates = (0.03, 0.3)
    """The learning rates to try."""
    l2s: Penalties = (0.0, 0.01)
    """The penalties on the squared weights to try."""
    steps: Steps = (10, 30, 90)
    """The numbers of steps of gradient descent to try."""
    estimator: AnyEstimator | None = None
    """What is tuned (``None``: softmax regression, by the three fields above)."""
    grid: Grid | None = None
    """The values of each parameter of an ``estimator`` to try, the last parameter turning fastest."""
    held_out: Share = 0.2
    """The share of rows that is held out of the search of an ``estimator``."""
    random_state: RandomState | None = None
    """What scikit-learn calls so, with an ``estimator``: which rows are held out, and its draws (``None``: drawn)."""

    @model_validator(mode="after")
    def _has_one_grid(self) -> GridSearch:
        unused = ("grid", "held_out", "random_state") if self.estimator is None else ("learning_rates", "l2s", "steps")
        for name in unused:
            if getattr(self, name) != type(self).model_fields[name].default:
                rule = "needs an estimator" if self.estimator is None else "is for softmax regression, not an estimator"
                raise ValueError(f"{name} {rule}, got {getattr(self, name)!r}")
        if self.data is not None and self.dataset != type(self).model_fields["dataset"].default:
            raise ValueError(f"dataset must not be given beside data, which is learned from, got {self.dataset!r}")
        if self.estimator is not None:
            if self.grid is None:
                raise ValueError("grid must say what an estimator is tried with, got None")
            if (points := math.prod(map(len, self.grid.values()))) > MOST_POINTS:
                raise ValueError(f"grid must have at most {MOST_POINTS} points, got {points}")
            check_space(self.estimator, self.grid)
        return self

    @property
    def combinations(self) -> tuple[Combination, ...]:
        """The points of the grid, the last parameter turning fastest."""
        return tuple(Combination(*point) for point in product(self.learning_rates, self.l2s, self.steps))

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph; ``seed`` decides which rows lie in which fold."""
        import networkx as nx

        dataset = (self.data or Bundled(name=self.dataset)).load(seed)
        if self.estimator is not None and self.grid is not None:
            tried = tuple(dict(zip(self.grid, point, strict=True)) for point in product(*self.grid.values()))
            cut = hold_out(dataset, self.held_out, self.random_state, seed)
            return search_graph(self.estimator, cut, self.folds, [Bracket(tried, (Rung(len(tried), {}),))])
        if dataset.classes is None:
            raise ValueError("softmax regression must learn labels, got targets that are none")
        folds = stratified_folds(dataset.targets, self.folds, stream(seed, "scheduling", "folds"))
        graph: nx.DiGraph[Any] = nx.DiGraph()
        for fold, held_back in enumerate(folds):
            _add(graph, f"fold-{fold}", partial(_split, dataset, held_back), split(dataset, held_back).cost)
        for index, combination in enumerate(self.combinations):
            for fold, held_back in enumerate(folds):
                _add_fold(graph, dataset, index, combination, fold, len(held_back))
            takes = tuple((f"evaluate-{index}-{fold}", "accuracy", NUMBER_BYTES) for fold in range(self.folds))
            _add(graph, f"mean-{index}", _collect, _cost_of_mean(self.folds), takes)
        count = len(self.combinations)
        takes = tuple((f"mean-{index}", "accuracies", NUMBER_BYTES * self.folds) for index in range(count))
        _add(graph, "select", _select, _cost_of_mean(count * self.folds), takes)
        return graph

    def outcome(self, outputs: Mapping[str, Output]) -> Searched | Found:
        """What the search found, from the output of its last task; ``Found`` where an estimator was tuned."""
        if self.estimator is not None:
            return found(outputs)
        selected = outputs["select"]
        accuracies = dict(zip(self.combinations, selected["accuracies"], strict=True))
        return Searched(self.combinations[selected["best"]], accuracies)


def _add(
    graph: nx.DiGraph[Any], name: str, run: Any, cost: Cost, takes: tuple[tuple[str, str, float], ...] = ()
) -> None:
    add_task(graph, name, Task(run, cost, priority=cost.flops), takes)


def _add_fold(
    graph: nx.DiGraph[Any], dataset: Dataset, index: int, combination: Combination, fold: int, held_back: int
) -> None:
    """Training and evaluation of one combination on one fold, of which ``held_back`` rows validate."""
    rows, columns, classes = len(dataset.targets) - held_back, dataset.features.shape[1] + 1, dataset.classes or 0
    row_bytes = NUMBER_BYTES * (columns + 1)
    trained, weights_bytes = f"train-{index}-{fold}", NUMBER_BYTES * columns * classes
    _add(
        graph,
        trained,
        partial(_train, classes, combination),
        training_cost(rows, columns, classes, combination.steps),
        ((f"fold-{fold}", "training", row_bytes * rows),),
    )
    _add(
        graph,
        f"evaluate-{index}-{fold}",
        _evaluate,
        accuracy_cost(held_back, columns, classes),
        ((trained, "weights", weights_bytes), (f"fold-{fold}", "validation", row_bytes * held_back)),
    )


def _split(dataset: Dataset, held_back: Any) -> Call[Output]:
    call = split(dataset, held_back)
    return Call(lambda: dict(zip(("training", "validation"), call(), strict=True)), call.cost)


def _train(classes: int, combination: Combination, examples: tuple[Any, Any]) -> Call[Output]:
    call = train(Examples(*examples), classes, *combination)
    return Call(lambda: {"weights": call()}, call.cost)


def _evaluate(weights: Any, examples: tuple[Any, Any]) -> Call[Output]:
    call = accuracy(weights, Examples(*examples))
    return Call(lambda: {"accuracy": call()}, call.cost)


def _collect(*accuracies: float) -> Call[Output]:
    return Call(lambda: {"accuracies": accuracies}, _cost_of_mean(len(accuracies)))


def _select(*accuracies: tuple[float, ...]) -> Call[Output]:
    def compute() -> Output:
        means = [np.mean(each) for each in accuracies]
        return {"best": int(np.argmax(means)), "accuracies": accuracies}

    return Call(compute, _cost_of_mean(sum(map(len, accuracies))))


def _cost_of_mean(numbers: int) -> Cost:
    return Cost(flops=numbers, bytes=NUMBER_BYTES * numbers)
