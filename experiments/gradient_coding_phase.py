"""Where does it pay to compute shards more than once?

Ten workers train softmax regression on the digits through one server, each step on 32 rows of each of ten shards: each
worker its own alone; s + 1 shards each by a cyclic code that does without s stragglers; two shards each, which two
workers have, and the first counts; or its own, and that of one who is late when half have come. To a shard's time of 1
comes an exponential delay of mean ρ, from less than a shard's time to eight times it: to a worker's step as it is, as
if it had to wait for its turn (additive), or to each shard that it computes, as if the machine were slow
(multiplicative).

Expected, for n workers (Tandon, Lei, Dimakis & Karampatziakis, "Gradient coding", ICML 2017): a coded step takes
(s + 1) + ρ(H_n − H_s) where the delay is additive, so that s + 1 pays beside s for ρ > s + 1, and (s + 1)(1 + ρ(H_n −
H_s)) where it scales with the load, which is more than 1 + ρH_n for any ρ and these s. Copies of two take
2 + ρH_{n/2}/2 and 2 + ρH_{n/2}: they wait for five of ten, if these are the right ones, and pay from ρ = 0.56 and
ρ = 1.55 on.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes
from simcluster.engine import Constant, Positive, Spec
from simcluster.experiment import Experiment
from simcluster.report import COLOURS, band, figure, legend, plain_log, reference_line, seeds_in_words, wide
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import (
    CyclicCode,
    ParameterServer,
    Replicated,
    Replication,
    Softmax,
    Speculation,
    TrainingJob,
    random,
)

COUNT, STEPS = 10, 100
#: What is computed more than once, by name.
WAYS: dict[str, Any] = {
    "no redundancy": None,
    **{f"code, s = {s}": CyclicCode(stragglers=s) for s in range(1, 5)},
    "copies of two": Replication(copies=2),
    "speculation": Speculation(after=0.5),
}
LAWS = ("additive", "multiplicative")
DELAYS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SMALL_WAYS, SMALL_DELAYS = ("no redundancy", "code, s = 1", "code, s = 3", "copies of two"), (0.5, 2.0, 8.0)


class Late(Spec):
    """A factor 1 + X, X exponential of mean ``delay``: what takes t takes X·t longer."""

    kind: Literal["late"] = "late"
    delay: Positive
    """The mean of X."""

    @property
    def mean(self) -> float:
        """The expected value."""
        return 1.0 + self.delay

    def sample(self, generator: np.random.Generator) -> float:
        """One draw."""
        return 1.0 + self.delay * float(generator.exponential())


def shards(way: str) -> int:
    """How many a worker computes in a step at once."""
    code = WAYS[way]
    return int(getattr(code, "stragglers", 0)) + 1 if not isinstance(code, Replication) else code.copies


def scenario(way: str, law: str, delay: float) -> Scenario:
    """One way under one law; the delay is in times of a shard."""
    jitter = Late(delay=delay / (shards(way) if law == "additive" else 1))
    server = NodeSpec(name="server", flops_per_s=1e10)
    workers = nodes("worker", COUNT, flops_per_s=1e7, jitter=jitter)
    return Scenario(
        cluster=ClusterSpec(
            nodes=(server, *workers),
            network=NetworkSpec(latency=Constant(value=1e-5), bandwidth_bytes_per_s=1.25e9),
        ),
        job=TrainingJob(
            model=Softmax(),
            redundancy=WAYS[way],
            exchange=ParameterServer(server="server", retry_s=60.0),
            workers=tuple(worker.name for worker in workers),
            steps=STEPS,
            evaluate_every=STEPS,
            sharding=Replicated(copies=COUNT) if isinstance(WAYS[way], Speculation) else random,
        ),
        trace_kinds=(),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each way, law and delay; the small version has four ways and three delays."""
    return {
        (way, law, delay): scenario(way, law, delay)
        for way in (SMALL_WAYS if small else WAYS)
        for law in LAWS
        for delay in (SMALL_DELAYS if small else DELAYS)
    }


def measure(result: Result) -> dict[str, Any]:
    """The simulated milliseconds of a step, and the loss in the end, which is the same in all ways."""
    return {"step_ms": 1000 * result.ended_s / STEPS, "loss": result.outcome.loss}


def law_of(way: str, law: str, delay: Any) -> Any:
    """What the formulas above say of a step, beside one without redundancy; of speculation they say nothing."""
    code, load = WAYS[way], shards(way)
    if isinstance(code, Replication):
        waited = _harmonic(COUNT // code.copies) / code.copies
    else:
        waited = _harmonic(COUNT) - _harmonic(load - 1)
    delays = np.asarray(delay)
    took = load + (delays if law == "additive" else load * delays) * waited
    return took / (1 + delays * _harmonic(COUNT))


def _harmonic(count: int) -> float:
    return math.fsum(1 / k for k in range(1, count + 1))


def beside(table: pd.DataFrame) -> pd.DataFrame:
    """The table, and how long a step takes beside one without redundancy under the same seed, law and delay."""
    plain = table[table["way"] == "no redundancy"].set_index(["seed", "law", "delay"])["step_ms"]
    keys = pd.MultiIndex.from_frame(table[["seed", "law", "delay"]])
    return table.assign(beside=table["step_ms"].to_numpy() / plain.loc[keys].to_numpy())


def crossings(table: pd.DataFrame, way: str, law: str) -> pd.Series:
    """By seed, from which delay on a way pays: between two delays times are straight lines; NaN where it never does."""
    rows = table[(table["law"] == law) & table["way"].isin((way, "no redundancy"))]
    times = rows.pivot(index=["seed", "delay"], columns="way", values="step_ms")
    longer = (times[way] - times["no redundancy"]).unstack("seed")
    delays = longer.index.to_numpy(dtype=float)
    return pd.Series({seed: _zero(delays, values.to_numpy()) for seed, values in longer.items()})


def _zero(delays: Any, longer: Any) -> float:
    pays = np.flatnonzero(longer < 0)
    if not len(pays) or pays[0] == 0:
        return math.nan if not len(pays) else float(delays[0])
    begin, end = longer[pays[0] - 1], longer[pays[0]]
    return float(delays[pays[0] - 1] + begin * (delays[pays[0]] - delays[pays[0] - 1]) / (begin - end))


def score(table: pd.DataFrame) -> pd.DataFrame:
    """How long a step takes beside one without redundancy, in the mean over laws and delays."""
    return beside(table).groupby(["seed", "way"], sort=False)["beside"].mean().unstack("way")


def draw(table: pd.DataFrame) -> Figure:
    """The time of a step beside that without redundancy, against the delay, by law; below the grey line it pays."""
    drawn, panels = figure(
        "Where does it pay to compute shards more than once?",
        "mean delay (times of a shard)",
        "step (× without redundancy)",
        subtitle=f"{COUNT} workers; thin: what the formulas say; 95 % intervals, {seeds_in_words(table['seed'])}",
        panels=LAWS,
    )
    found = beside(table)
    delays = np.geomspace(found["delay"].min(), found["delay"].max(), 50)
    for axes, law in zip(panels, LAWS, strict=True):
        for place, way in enumerate(way for way in found["way"].unique() if way != "no redundancy"):
            samples = wide(found[(found["law"] == law) & (found["way"] == way)], "delay", "beside")
            band(axes, samples.columns, samples, way, place, markers=True)
            if not isinstance(WAYS[way], Speculation):
                said = law_of(way, law, delays)
                axes.plot(delays, said, color=COLOURS[place], linewidth=0.9, label="_nolegend_")
        reference_line(axes, 1.0, "no redundancy")
        plain_log(axes.xaxis, DELAYS)
        plain_log(axes.yaxis, (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4))
        axes.set_ylim(0.3, 4.5)
    legend(panels[-1], points=10)
    return drawn


experiment = Experiment(
    name="gradient_coding_phase",
    question="Where does it pay to compute shards more than once?",
    labels=("way", "law", "delay"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="time of a step beside one without redundancy, in the mean over laws and delays",
    unit="×",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
