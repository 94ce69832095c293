"""How soon can it be noticed that a node is gone, for how many false alarms?

One node watches nineteen others, each of which fails every minute in the mean and is back after five seconds. Messages
are lost (one of ten), or late (log-normal delays, most of some milliseconds and some of hundreds), or nodes stand still
for some tenths of a second now and then, also the one that watches. Each detector does something every 100 ms, and has
one knob, its patience: a time-out; Chen's margin; φ by the normal and by the exponential law; and for SWIM without and
with Lifeguard how long a suspicion lasts at least.

Expected: each detector trades one for the other along a curve of its own. Of heartbeats, of which a tenth are lost, n
in a row are lost once in 10ⁿ, so another period of patience makes mistakes ten times as rare, by any rule; a rule that
learns the deviation waits longer where it is great, and as long after an outage that it takes for an interval. SWIM
asks by several ways, and lets the other refute: it errs less for the same patience, but is later by the time until
somebody asks, and sends more, for all members to know what here only one does. Pauses can be told from failures by
waiting alone, whoever waits.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, Scenario, Spec, nodes
from simcluster.cluster import Cluster, Node
from simcluster.engine import Constant, Event, Lognormal, NodeName, Positive, Program, stream
from simcluster.experiment import Experiment
from simcluster.faults import PauseNode, draw_crashes
from simcluster.measurement import detection, mean_interval, message_cost
from simcluster.recovery import AnyDetector, ExpectedArrival, Heartbeats, Lifeguard, PhiAccrual, Swim, Timeout
from simcluster.report import figure, legend, seeds_in_words
from simcluster.report.plots.bands import COLOURS, MARKERS, Label
from simcluster.scenario import Result
from simcluster.study import Crossed

QUESTION = "How soon can it be noticed that a node is gone, for how many false alarms?"
COUNT, PERIOD_S, LENGTH_S, LATENCY_S = 20, 0.1, 120.0, 0.001
NAMES = tuple(node.name for node in nodes("n", COUNT))
MTTF_S, MTTR_S = 60.0, 5.0
#: How often a node stands still, and how long in the mean.
EVERY_S, STILL_S = 10.0, 0.3
#: How many mistakes are few: one a minute and peer.
FEW_PER_H = 60.0
CONDITIONS: dict[str, NetworkSpec] = {
    "loss": NetworkSpec(latency=Constant(value=LATENCY_S), loss_probability=0.1),
    "jitter": NetworkSpec(latency=Lognormal(mean=0.01, sigma=1.5)),
    "pauses": NetworkSpec(latency=Constant(value=LATENCY_S)),
}
SETTINGS = range(6)


def _heartbeats(rule: Any) -> Heartbeats:
    return Heartbeats(period_s=PERIOD_S, suspicion=rule)


#: Each detector by its patience: from hardly any to much.
DETECTORS: dict[str, tuple[Any, ...]] = {
    "time-out": tuple(_heartbeats(Timeout(after_s=each)) for each in (0.15, 0.25, 0.35, 0.55, 0.85, 1.65)),
    "Chen": tuple(
        _heartbeats(ExpectedArrival(period_s=PERIOD_S, margin_s=each)) for each in (0.05, 0.15, 0.25, 0.45, 0.75, 1.55)
    ),
    "φ, normal": tuple(_heartbeats(PhiAccrual(threshold=each)) for each in (1, 2, 4, 8, 16, 64)),
    "φ, exponential": tuple(
        _heartbeats(PhiAccrual(threshold=each, law="exponential")) for each in (0.6, 1, 1.5, 2.5, 4, 7)
    ),
    "SWIM": tuple(Swim(period_s=PERIOD_S, suspicion_s=each) for each in (0.0, 0.1, 0.2, 0.4, 0.8, 1.6)),
    "Lifeguard": tuple(
        Swim(period_s=PERIOD_S, suspicion_s=each, lifeguard=Lifeguard()) for each in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
    ),
}


class Watching(Spec):
    """One node watches others, and nothing else is done."""

    kind: Literal["watching"] = "watching"
    detector: AnyDetector
    """By which it does."""
    watcher: NodeName
    """Who watches."""
    peers: tuple[NodeName, ...]
    """Whom."""
    length_s: Positive
    """How long."""

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Let the peers do nothing, and record who is suspected."""
        over = cluster.env.event()
        record = cluster.trace.recorder("suspect", "node", "suspected")
        for peer in self.peers:
            cluster[peer].boot(_stay, "watching.peer")
        self.detector.start(cluster, "watching.peer", self.watcher, self.peers, over)
        watch = partial(self.detector.run, program="watching.peer", peers=self.peers, tell=record, over=over)
        cluster[self.watcher].boot(watch, "watching.watcher")
        cluster.env.call_later(self.length_s, over.succeed, None)
        return over


def _stay(node: Node) -> Program:
    while True:
        yield node.timer(3600.0)


def pauses(seed: int) -> tuple[PauseNode, ...]:
    """When which node stands still; both times are exponential."""
    made = []
    for name in NAMES:
        generator, at_s = stream(seed, "pauses", name), 0.0
        while (at_s := at_s + generator.exponential(EVERY_S)) < LENGTH_S:
            still_s = generator.exponential(STILL_S)
            made.append(PauseNode(node=name, begin_s=at_s, end_s=at_s + still_s))
            at_s += still_s
    return tuple(made)


def scenario(settings: tuple[Any, ...], setting: int, condition: str, seed: int) -> Scenario:
    """One detector, so patient; who fails when depends on the seed only."""
    job = Watching(detector=settings[setting], watcher=NAMES[0], peers=NAMES[1:], length_s=LENGTH_S)
    crashes = draw_crashes(NAMES[1:], MTTF_S, Constant(value=MTTR_S), LENGTH_S, seed)
    return Scenario(
        cluster=ClusterSpec(nodes=nodes("n", COUNT), network=CONDITIONS[condition]),
        job=job,
        faults=(*crashes, *(pauses(seed) if condition == "pauses" else ())),
        horizon_s=LENGTH_S,
        trace_kinds=("suspect", "node", "send"),
    )


def measure(result: Result) -> dict[str, Any]:
    """Chen's metrics; an outage that was not noticed counts with its whole length."""
    found = detection(result.trace, NAMES[1:], LENGTH_S)
    per_s, bytes_per_s = message_cost(result.trace, lambda kind: kind.startswith("watching."), LENGTH_S)
    times_s = [*found.detection_s, *[MTTR_S] * found.missed]
    return {
        "detection_s": float(np.mean(times_s)) if times_s else 0.0,
        "mistakes_per_h": 3600 * found.mistakes_per_s,
        "mistaken": 1 - found.accuracy,
        "outages_missed": found.missed,
        "messages_per_s": per_s,
        "bytes_per_s": bytes_per_s,
    }


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """For each detector and condition the setting that is soonest of those that make few mistakes.

    Where none does, that which makes fewest.
    """
    columns = ["detector", "condition", "setting"]
    means = table.groupby(columns, sort=False)[["mistakes_per_h", "detection_s"]].mean().reset_index()
    rows = []
    for _, each in means.groupby(["detector", "condition"], sort=False):
        few = each[each["mistakes_per_h"] <= FEW_PER_H]
        rows.append((few if len(few) else each).nsmallest(1, "detection_s" if len(few) else "mistakes_per_h"))
    return pd.concat(rows)[columns]


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The time to detection with so much patience that mistakes are few, in the mean over the conditions."""
    rows = table.merge(chosen(table), on=["detector", "condition", "setting"])
    means = rows.groupby(["seed", "detector"], sort=False)["detection_s"].mean().unstack("detector")
    return means[[name for name in DETECTORS if name in means.columns]]


def draw(table: pd.DataFrame) -> Figure:
    """Time to detection against mistakes, a panel for each condition, with 95 % intervals both ways."""
    conditions = list(dict.fromkeys(table["condition"]))
    drawn, panels = figure(
        QUESTION,
        "mistakes of a peer per hour",
        "time to detection (s)",
        subtitle=f"One of {COUNT} nodes watches, each detector with more and more patience; 95 % intervals, "
        f"{seeds_in_words(table['seed'])}",
        panels=conditions,
    )
    for axes, condition in zip(panels, conditions, strict=True):
        for place, name in enumerate(dict.fromkeys(table["detector"])):
            rows = table[(table["condition"] == condition) & (table["detector"] == name)]
            along, up = (
                np.array([list(_interval(each[field])) for _, each in rows.groupby("setting")])
                for field in ("mistakes_per_h", "detection_s")
            )
            axes.errorbar(
                along[:, 0],
                up[:, 0],
                xerr=[along[:, 0] - np.maximum(along[:, 1], 0), along[:, 2] - along[:, 0]],
                yerr=[up[:, 0] - up[:, 1], up[:, 2] - up[:, 0]],
                color=COLOURS[place],
                marker=MARKERS[place],
                markersize=6,
                linewidth=1.4,
                elinewidth=0.8,
            ).lines[0].set_label(Label(name))
        axes.axvline(FEW_PER_H, color="0.6", linewidth=0.8, linestyle=":")
        axes.set_xscale("symlog", linthresh=10.0)
        axes.set_xlim(left=-1.0)
        axes.set_xticks([0.0, 10.0, 100.0, 1000.0], ["0", "10", "100", "1000"])
        axes.set_ylim(bottom=0.0)
    legend(panels[0], points=10, location="upper right")
    return drawn


def _interval(values: pd.Series) -> tuple[float, float, float]:
    found = mean_interval(values.to_numpy())
    return found.estimate, found.low, found.high


experiment = Experiment(
    name="detectors",
    question=QUESTION,
    scenarios=Crossed(
        scenario,
        {"detector": DETECTORS, "setting": SETTINGS, "condition": {name: name for name in CONDITIONS}},
        small={"setting": [1, 3, 5], "condition": ["loss"]},
    ),
    measure=measure,
    figure=draw,
    score=score,
    quantity=f"time to detection where a peer is suspected wrongly no more than {FEW_PER_H:g} times an hour",
    unit="s",
)

if __name__ == "__main__":
    experiment.main()
