"""A random forest whose trees are grown by tasks: of all rows, or of each task's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import model_validator

from simcluster.engine import stream
from simcluster.learning import AnySharding, Call, Cost, Dataset, random, shard
from simcluster.learning.trees.trees import Forest, Growth, TreeCount
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.work.learning.held_out import Split, received, rows_bytes, rows_task

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True)
class Grown:
    """A forest that tasks have grown, and its score on the rows held out.

    ``as_one_machine`` says whether it is bit for bit the forest that one machine grows: not where each task saw only
    the rows of its shard.
    """

    forest: Forest
    held_out_score: float
    as_one_machine: bool


class RandomForest(Growth, Split):
    """Task-parallel trees: each of ``tasks`` grows some of the forest's trees (Breiman 2001).

    With ``rows="all"`` each tree sees every row that is not held out, and has a seed of its own: however many tasks
    there are, and wherever they run, the forest is bit for bit ``RandomForestClassifier(random_state=…)``'s, or
    ``RandomForestRegressor``'s. With ``rows="shard"`` a task's trees see only the rows of its shard, which spares the
    network most of the rows. That is another forest, not an approximation of the same that would get better with more
    trees: where a shard lacks a class, so do its trees. The outcome says which it is.

    The tasks: "rows" gives all rows, or "rows-i" those of shard i; "grow-i" grows the trees of task i; "held-out" gives
    the rows held out; "forest" collects the trees, in the order of their seeds, and scores them.

    What an edge carries, with n rows of d features (n_i in shard i), k classes (1 for numbers) and m_i nodes of the
    trees of task i:

        rows → grow     8 n (d + 1), or 8 n_i (d + 1) of a shard      held-out → forest     8 (d + 1) for each row
        grow → forest   8 (4 + k) m_i, at most as many as 2 n - 1 nodes a tree, or as its depth allows, make
    """

    kind: Literal["random_forest"] = "random_forest"
    tasks: TreeCount = 8
    """How many tasks grow them, each as many trees as any other, or one more."""
    rows: Literal["all", "shard"] = "all"
    """What a task sees: all rows, or a shard of its own, which is not equal to one machine."""
    sharding: AnySharding = random
    """Which rows lie in which shard, where a task has one of its own."""

    @model_validator(mode="after")
    def _each_task_has_a_tree_and_shards_are_used(self) -> RandomForest:
        if self.tasks > self.trees:
            raise ValueError(f"tasks must be at most the trees, {self.trees}, got {self.tasks}")
        if self.rows == "all" and self.sharding is not random:
            rule = "sharding must be random with rows all, of which no task has its own"
            raise ValueError(f"{rule}, got {self.sharding!r}")
        return self

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph. Raises ``ValueError`` for data with fewer rows than shards."""
        import networkx as nx

        training, held_out, state = self.cut(seed)
        self.check_scored(len(held_out), training.classes)
        graph: nx.DiGraph[Any] = nx.DiGraph()
        sources = self._sources(training, seed)
        for name, data in [*sources.items(), ("held-out", held_out)]:
            add_task(graph, name, rows_task(data))
        names, takes = list(sources), []
        cost = self.predicting_cost(len(held_out), len(training), training.classes, self.trees)
        for task, places in enumerate(np.array_split(np.arange(self.trees), self.tasks)):
            source = names[task % len(names)]
            data, trees = sources[source], (int(places[0]), int(places[-1]) + 1)
            grow = self.cost(len(data), data.features.shape[1], data.classes, len(places))
            run = partial(self._grow, data.classes, state, trees)
            taken = (source, "rows", float(rows_bytes(data)))
            add_task(graph, f"grow-{task}", Task(run, grow, priority=grow.flops), (taken,))
            takes.append((f"grow-{task}", "trees", float(len(places) * self.tree_bytes(len(data), data.classes))))
        takes.append(("held-out", "rows", float(rows_bytes(held_out))))
        add_task(graph, "forest", Task(partial(self._collect, training.classes, cost), cost), tuple(takes))
        return graph

    def outcome(self, outputs: Mapping[str, Output]) -> Grown:
        """The forest, and whether it is that of one machine."""
        grown = outputs["forest"]
        return Grown(grown["forest"], grown["score"], self.rows == "all")

    def _sources(self, training: Dataset, seed: int) -> dict[str, Dataset]:
        if self.rows == "all":
            return {"rows": training}
        shares = np.full(self.tasks, 1 / self.tasks)
        shards = shard(self.sharding, training, shares, stream(seed, "scheduling", "sharding"))
        return {f"rows-{task}": training.take(rows) for task, rows in enumerate(shards)}

    def _grow(self, classes: int | None, state: int, trees: tuple[int, int], rows: Any) -> Call[Output]:
        data = received(rows, classes)
        cost = self.cost(len(data), data.features.shape[1], classes, trees[1] - trees[0])
        return Call(lambda: {"trees": self.grow(data, self.seeds(state)[slice(*trees)])()}, cost)

    def _collect(self, classes: int | None, cost: Cost, *parts: Any) -> Call[Output]:
        *grown, rows = parts
        forest = Forest(tuple(tree for trees in grown for tree in trees), classes)
        return Call(lambda: {"forest": forest, "score": forest.score(received(rows, classes))}, cost)
