"""A kernel machine by cascade: support vectors go up a tree of problems, and those of its root back to the leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from simcluster.engine import NUMBER, Count, stream
from simcluster.learning import AnySharding, Call, Cost, Dataset, random, shard
from simcluster.learning.support_vectors import (
    KernelMachine,
    KernelSolver,
    Vectors,
    separating_cost,
    solving_cost,
)
from simcluster.scheduling.graph import Output, Task, add_task
from simcluster.scheduling.work.learning.held_out import Cut, Split, rows_bytes, rows_task

if TYPE_CHECKING:
    import networkx as nx

NUMBER_BYTES = 8


@dataclass(frozen=True)
class Pass:
    """What the passes so far have come to: the root's machine, the dual objective of each, and whether it moved."""

    machine: KernelMachine
    objectives: tuple[float, ...]
    settled: bool


@dataclass(frozen=True)
class Cascaded:
    """A kernel machine that a cascade has trained, the dual objective after each pass, and the accuracy held out.

    ``settled`` says whether the objective stopped moving before the passes ran out.
    """

    machine: KernelMachine
    objectives: tuple[float, ...]
    settled: bool
    held_out_score: float


class CascadeSvm(KernelSolver, Split):
    """The cascade of Graf, Cosatto, Bottou, Durdanovic & Vapnik (NIPS 2004), whose solver is scikit-learn's ``SVC``.

    Each leaf solves the problem of its own rows; two solutions' support vectors are the rows of the next problem, up to
    the root. The root's support vectors then join the rows of every leaf, and the next pass begins, until the dual
    objective moves by no more than ``tolerance`` of itself. One pass alone, as cascades are often described, is no
    solution: a row that a leaf has dropped may be a support vector of the whole. The objective never falls by more than
    what libsvm leaves undone, and where no pass can raise it, it is that of all rows, as they prove, as nearly.

    Several classes are one against one, in all pairs at once: what is a support vector of any pair goes up. A leaf that
    has rows of one class only has nothing to solve, and sends them all up. Problems' rows stand in the order of their
    numbers in the data set, so that no schedule decides about anything.

    The tasks: "rows-i" gives the rows of leaf i; "leaf-p-i" solves it in pass p; "merge-p-l-i" solves on level l what
    two of the level below send; "root-p" solves the last two; "score" takes "held-out" rows. A pass after the
    objective has settled computes nothing. What an edge carries, with d features, k classes, and s rows of support:

        rows → leaf      8 (d + 2) for each row of the leaf           held-out → score     8 (d + 1) for each row
        leaf → merge, merge → root and root → leaf, the feedback      8 (d + 2) s, and nothing once it has settled
        root → root and root → score, the machine                     8 (d + 2 + k - 1) s + 8 k + 8 k (k - 1) / 2, gamma
                                                                      (8, none for "linear") and 8 (p + 2) after pass p
    """

    kind: Literal["cascade_svm"] = "cascade_svm"
    leaves: Count = 4
    """In how many parts the rows that are not held out are cut; an odd one goes up a level as it is."""
    passes: Annotated[int, Field(ge=1, le=100), NUMBER] = 12
    """How many passes there are at most."""
    tolerance: Annotated[float, Field(gt=0, lt=1), NUMBER] = 1e-5
    """By which share of itself the dual objective has to rise for another pass."""
    sharding: AnySharding = random
    """Which rows lie in which leaf."""

    def graph(self, seed: int) -> nx.DiGraph[Any]:
        """The task graph. Raises ``ValueError`` for data without two labels, or with fewer rows than leaves."""
        import networkx as nx

        cut = self.cut(seed)
        training, held_out = cut.training, cut.held_out
        if training.classes is None or len(np.unique(training.targets)) < 2:
            got = "numbers" if training.classes is None else f"only {np.unique(training.targets)}"
            raise ValueError(f"a kernel machine must learn at least two labels, got {got}")
        graph: nx.DiGraph[Any] = nx.DiGraph(costs="at most")  # of what has settled nothing is computed
        sizes = self._add_leaves(graph, cut, seed)
        add_task(graph, "held-out", rows_task(held_out))
        for number in range(self.passes):
            self._add_pass(graph, training, number, sizes)
        rows, features = training.features.shape
        cost = separating_cost(len(held_out), rows, features, training.classes)
        takes = (
            (f"root-{self.passes - 1}", "pass", _machine_bytes(training)),
            ("held-out", "rows", float(rows_bytes(held_out))),
        )
        add_task(graph, "score", Task(_score, cost), takes)
        return graph

    def outcome(self, outputs: Mapping[str, Output]) -> Cascaded:
        """The machine, and how the objective rose."""
        last = outputs["score"]["pass"]
        return Cascaded(last.machine, last.objectives, last.settled, outputs["score"]["score"])

    def _add_leaves(self, graph: nx.DiGraph[Any], cut: Cut, seed: int) -> list[int]:
        shares = np.full(self.leaves, 1 / self.leaves)
        shards = shard(self.sharding, cut.training, shares, stream(seed, "scheduling", "sharding"))
        for leaf, rows in enumerate(map(np.sort, shards)):
            vectors = Vectors(rows, cut.training.features[rows], cut.training.targets[rows])
            size_bytes = _vector_bytes(len(rows), cut.training)
            give: Call[Output] = Call(partial(dict, rows=vectors), Cost(0, size_bytes))
            add_task(graph, f"rows-{leaf}", Task(partial(_given, give), give.cost))
        return [len(rows) for rows in shards]

    def _add_pass(self, graph: nx.DiGraph[Any], training: Dataset, number: int, sizes: list[int]) -> None:
        gamma, features = self.width(training), training.features.shape[1]
        before, most = f"root-{number - 1}", len(training)
        level: list[tuple[str, int]] = []
        for leaf, rows in enumerate(sizes):
            takes = [(f"rows-{leaf}", "rows", float(_vector_bytes(rows, training)))]
            if number:
                takes.append((before, "feedback", float(_vector_bytes(most, training))))
                rows = most  # the root's support vectors join, at most all rows
            level.append((f"leaf-{number}-{leaf}", rows))
            solve = solving_cost(rows, features)
            add_task(graph, level[-1][0], Task(partial(self._leaf, gamma), solve, solve.flops), tuple(takes))
        height = 0
        while len(level) > 2:
            height += 1
            above = []
            for place in range(0, len(level) - 1, 2):
                pair = level[place : place + 2]
                name, rows = f"merge-{number}-{height}-{place // 2}", min(most, pair[0][1] + pair[1][1])
                solve = solving_cost(rows, features)
                takes = [(child, "vectors", float(_vector_bytes(size, training))) for child, size in pair]
                add_task(graph, name, Task(partial(self._merge, gamma), solve, solve.flops), tuple(takes))
                above.append((name, rows))
            level = above + level[len(level) - len(level) % 2 :]
        takes = [(child, "vectors", float(_vector_bytes(size, training))) for child, size in level]
        if number:  # of the machine, where the objective has settled
            takes.append((before, "pass", _machine_bytes(training)))
        solve = solving_cost(most, features)
        root = partial(self._root, gamma, len(level))
        add_task(graph, f"root-{number}", Task(root, solve, solve.flops), tuple(takes))

    # What the tasks compute; None instead of vectors says that the objective has settled

    def _leaf(self, gamma: float | None, rows: Vectors, *feedback: Vectors | None) -> Call[Output]:
        if any(each is None for each in feedback):
            return _NOTHING
        return self._solved(gamma, reduce(or_, [each for each in feedback if each is not None], rows))

    def _merge(self, gamma: float | None, *children: Vectors | None) -> Call[Output]:
        sent = [each for each in children if each is not None]
        return self._solved(gamma, reduce(or_, sent)) if sent else _NOTHING

    def _solved(self, gamma: float | None, problem: Vectors) -> Call[Output]:
        call = self.solve(problem, gamma)

        def compute() -> Output:
            machine = call()
            return {"vectors": problem if machine is None else machine.by_row}

        return Call(compute, call.cost)

    def _root(self, gamma: float | None, count: int, *parts: Any) -> Call[Output]:
        sent = [each for each in parts[:count] if each is not None]
        earlier: Pass | None = parts[count] if len(parts) > count else None
        if not sent:
            return Call(lambda: {"feedback": None, "pass": earlier}, Cost(0, 0))
        call = self.solve(reduce(or_, sent), gamma)

        def compute() -> Output:
            machine = call()
            if machine is None:  # a leaf's support vectors have each of its labels, so the root has two
                raise ValueError("a kernel machine must learn at least two labels, got one at the root")
            objective, before = machine.dual_objective(), () if earlier is None else earlier.objectives
            settled = bool(before) and objective - before[-1] <= self.tolerance * objective
            found = Pass(machine, (*before, objective), settled)
            return {"feedback": None if settled else machine.by_row, "pass": found}

        return Call(compute, call.cost)


_NOTHING: Call[Output] = Call(lambda: {"vectors": None}, Cost(0, 0))


def _given(call: Call[Output]) -> Call[Output]:
    return call


def _score(last: Pass, rows: tuple[Any, Any]) -> Call[Output]:
    features, targets = rows
    machine = last.machine
    cost = separating_cost(len(targets), len(machine.vectors.rows), features.shape[1], len(machine.classes))
    return Call(lambda: {"pass": last, "score": float(np.mean(machine.predict(features) == targets))}, cost)


def _vector_bytes(rows: int, data: Dataset) -> int:
    return int(NUMBER_BYTES * rows * (data.features.shape[1] + 2))


def _machine_bytes(data: Dataset) -> float:
    """What a pass weighs at most: every row supports it, and a few numbers."""
    classes = data.classes or 0
    return float(_vector_bytes(len(data), data) + NUMBER_BYTES * (len(data) + classes) * classes)
