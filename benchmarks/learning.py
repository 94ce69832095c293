"""Learning on a simulated cluster beside the same mathematics in a plain loop and beside scikit-learn, one thread.

    python benchmarks/learning.py [--json FILE] [--rounds N] [--rows N] [--workers N] [--steps N] [--only WORD]

64 workers learn from 20,000 rows of 64 features: linear, logistic and softmax regression by gradient descent, k-means
by Lloyd's algorithm, exact nearest neighbours, and gradient boosting. The loop deals the rows and makes the same calls
one after the other, without a cluster; scikit-learn has all rows at once, as many iterations, and one thread. All take
turns, and that they find the same is asserted. Prints what a shard's computation takes, and ratios of the medians of
the times of the process, so what else runs on the machine does not count, except for the caches it takes.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Environment, Spec, Trace, stream
from simcluster.learning import Dataset, LinearRegression, LogisticRegression, NeighbourShard, merge_all, shard, vote
from simcluster.serving import NearestNeighbourBatch
from simcluster.training import GradientBoosting, KMeans, ParameterServer, Softmax, Training, TrainingJob
from simcluster.training.update import update_of

try:  # scikit-learn's private losses, where this version has them
    from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss, HalfSquaredError
    from sklearn.linear_model._linear_loss import LinearModelLoss
except ImportError as error:
    sys.exit(f"benchmarks/learning.py needs scikit-learn's losses: {error}")

FEATURES, CLASSES, CLUSTERS, NEIGHBOURS, QUERY_SHARE = 64, 10, 10, 5, 0.05
RATE, L2, TREES, DEPTH, CALLS = 0.1, 1e-3, 5, 3, 5


class Case(NamedTuple):
    """A run, the same in a loop, a part of it that one worker does at once, scikit-learn's, and what compares them."""

    name: str
    job: Spec
    loop: Callable[[], Any]
    one_shard: Callable[[], Any]
    peer: Callable[[], Any]
    agree: Callable[[Any, Any, Any], None]


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the times.")] = None,
    rounds: Annotated[int, typer.Option(min=3, help="How often each is timed.")] = 9,
    rows: Annotated[int, typer.Option(min=100, help="How many rows there are.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, help="On how many nodes they lie.")] = 64,
    steps: Annotated[int, typer.Option(min=1, help="How many iterations regression and k-means take.")] = 20,
    only: Annotated[str, typer.Option(help="Only algorithms whose name contains this.")] = "",
) -> None:
    """Compare each algorithm, print a table."""
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", workers)))
    figures = {}
    print(f"{rows} × {FEATURES} rows on {workers} workers; ratios of medians, in brackets of the least of {rounds}")
    print(f"{'algorithm':20}{'a shard':>10}{'cluster':>11}{'loop':>11}{'sklearn':>11}  cluster/loop  cluster/sklearn")
    with threadpool_limits(1):
        for case in cases(rows, cluster.names[1:], steps):
            if only not in case.name:
                continue
            scenario = Scenario(cluster=cluster, job=case.job, horizon_s=1e6, trace_kinds=())
            found = run(scenario, 0).outcome
            case.agree(found, case.loop(), case.peer())
            times = taken({
                "cluster": lambda of=scenario: run(of, 0), "loop": case.loop, "sklearn": case.peer,
                "shard": lambda of=case.one_shard: [of() for _ in range(CALLS)],
            }, rounds)  # fmt: skip
            figures[case.name] = times
            times["shard"] = [each / CALLS for each in times["shard"]]
            middle = {name: statistics.median(each) for name, each in times.items()}
            least = {name: min(each) for name, each in times.items()}
            ratios = "".join(
                f"{middle['cluster'] / middle[peer]:9.2f} ({least['cluster'] / least[peer]:.2f})"
                for peer in ("loop", "sklearn")
            )
            print(f"{case.name:20}{1e6 * middle['shard']:8.0f}µs"
                  + "".join(f"{1e3 * middle[name]:9.1f}ms" for name in ("cluster", "loop", "sklearn")) + ratios,
                  flush=True)  # fmt: skip
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def taken(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of the process that each call takes, in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begin = time.process_time()
            call()
            times[name].append(time.process_time() - begin)
    return times


def cases(rows: int, workers: tuple[str, ...], steps: int) -> Iterator[Case]:
    """All algorithms, on rows that are drawn once."""
    generator = stream(0, "rows")
    centres = 0.5 * generator.normal(size=(CLASSES, FEATURES))
    labels = generator.integers(0, CLASSES, rows)
    features = centres[labels] + generator.normal(size=(rows, FEATURES))
    many = Dataset(features, labels, CLASSES)
    two = Dataset(features, np.asarray(labels % 2, dtype=np.int64), 2)
    numbers = Dataset(features, features @ generator.normal(size=FEATURES))
    yield regression("linear", LinearRegression(l2=L2), numbers, workers, steps, HalfSquaredError())
    yield regression("logistic", LogisticRegression(l2=L2), two, workers, steps, HalfBinomialLoss())
    yield regression("softmax", Softmax(l2=L2), many, workers, steps, HalfMultinomialLoss(n_classes=CLASSES))
    yield lloyd(many, workers, steps)
    yield neighbours(many, workers)
    yield boosting(two, workers)


def iterative(job: TrainingJob) -> tuple[Training, Callable[[], Any], Callable[[], Any]]:
    """A training job's run without a cluster: what it begins with, its loop, and the first worker's first step."""

    def begun() -> Training:
        env = Environment()
        return Training(job, 0, env.event(), Trace(env))

    def loop() -> tuple[np.ndarray, float]:
        training = begun()
        update, everyone = update_of(training), list(range(len(job.workers)))
        for step in range(job.steps):
            values = [training.contribution(worker, step, update.parameters)() for worker in everyone]
            update.take(everyone, values, step, 1.0)()
        return update.parameters, training.loss(update.parameters)()

    first = begun()
    return first, loop, lambda: first.contribution(0, 0, first.initial)()


def training_job(model: Any, data: Dataset, workers: tuple[str, ...], steps: int) -> TrainingJob:
    """All rows in every step, one evaluation at the end."""
    return TrainingJob(
        model=model, data=data, batch_size=None, optimiser={"kind": "gradient_descent", "learning_rate": RATE},
        exchange=ParameterServer(server="server", retry_s=1e3), workers=workers, steps=steps, evaluate_every=steps,
    )  # fmt: skip


def regression(name: str, model: Any, data: Dataset, workers: tuple[str, ...], steps: int, loss: Any) -> Case:
    """Gradient descent over all rows; scikit-learn has its own loss and gradient, and the same steps."""
    job = training_job(model, data, workers, steps)
    _, loop, one_shard = iterative(job)
    known, targets = LinearModelLoss(loss, fit_intercept=False), data.targets.astype(float)
    penalty = np.full(FEATURES + 1, L2)
    if name != "softmax":
        penalty[-1] = 0.0  # of the bias

    def peer() -> np.ndarray:
        weights = np.zeros((data.classes, FEATURES + 1)) if name == "softmax" else np.zeros(FEATURES + 1)
        for _ in range(steps):
            weights = weights - RATE * (known.loss_gradient(weights, data.with_ones, targets)[1] + penalty * weights)
        return weights.T

    def agree(found: Any, ours: Any, theirs: Any) -> None:
        np.testing.assert_allclose(found.parameters, ours[0], atol=1e-12)
        np.testing.assert_allclose(found.loss, ours[1], rtol=1e-12)
        np.testing.assert_allclose(found.parameters, theirs, atol=1e-9)

    return Case(name, job, loop, one_shard, peer, agree)


def lloyd(data: Dataset, workers: tuple[str, ...], steps: int) -> Case:
    """Lloyd's steps from the same centres."""
    job = training_job(KMeans(clusters=CLUSTERS), data, workers, steps)
    first, loop, one_shard = iterative(job)

    def peer() -> np.ndarray:
        made = SklearnKMeans(CLUSTERS, init=first.initial, n_init=1, max_iter=steps, tol=0.0, algorithm="lloyd")
        made.fit(data.features)
        assert made.n_iter_ == steps, f"scikit-learn must take {steps} steps too, and took {made.n_iter_}"
        return made.cluster_centers_

    def agree(found: Any, ours: Any, theirs: Any) -> None:
        np.testing.assert_array_equal(found.parameters, ours[0])
        np.testing.assert_allclose(found.parameters, theirs, atol=1e-9)

    return Case("k-means (Lloyd)", job, loop, one_shard, peer, agree)


def neighbours(data: Dataset, workers: tuple[str, ...]) -> Case:
    """The votes of the nearest rows, all queries at once."""
    job = NearestNeighbourBatch(
        data=data, query_share=QUERY_SHARE, neighbours=NEIGHBOURS, batch_size=None, front_end="server",
        servers=workers, retry_s=1e3,
    )  # fmt: skip
    known, asked = job.split(0)
    searched = Dataset(data.features[known], data.targets[known], data.classes)
    points, shares = data.features[asked], np.full(len(workers), 1 / len(workers))

    def dealt() -> list[NeighbourShard]:
        parts = shard(job.sharding, searched, shares, stream(0, "partition"))
        return [NeighbourShard(data.features, known[np.sort(part)]) for part in parts]

    def loop() -> np.ndarray:
        merged = merge_all([each.search_all(points, NEIGHBOURS)() for each in dealt()])()
        return vote(data.targets[merged.rows], data.classes)()

    def peer() -> np.ndarray:
        made = KNeighborsClassifier(NEIGHBOURS, algorithm="brute", n_jobs=1)
        return made.fit(searched.features, searched.targets).predict(points)

    def agree(found: Any, ours: Any, theirs: Any) -> None:
        np.testing.assert_array_equal(found.predictions, ours)
        np.testing.assert_array_equal(found.predictions, theirs)

    one = dealt()[0].search_all(points, NEIGHBOURS)
    return Case("nearest neighbours", job, loop, one, peer, agree)


def boosting(data: Dataset, workers: tuple[str, ...]) -> Case:
    """As many trees, of the same depth and settings; of splits of nearly equal gain scikit-learn may choose another."""
    model = GradientBoosting(rounds=TREES, depth=DEPTH)
    job = training_job(model, data, workers, model.steps)
    _, loop, one_shard = iterative(job)

    def peer() -> np.ndarray:
        made = HistGradientBoostingClassifier(
            learning_rate=model.learning_rate, max_iter=TREES, max_depth=DEPTH, max_leaf_nodes=None,
            min_samples_leaf=model.min_samples_leaf, max_bins=model.max_bins, early_stopping=False,
        )  # fmt: skip
        return made.fit(data.features, data.targets).predict(data.features)

    def agree(found: Any, ours: Any, theirs: Any) -> None:
        np.testing.assert_array_equal(found.parameters, ours[0])
        same = np.mean(model.predict(found.parameters, data.features) == theirs)
        assert same >= 0.99, f"the trees must say the same of 99 % of the rows, got {same:.1%}"

    return Case("boosting", job, loop, one_shard, peer, agree)


if __name__ == "__main__":
    typer.run(main)
