"""Which rule against liars pays, and what does it cost?

Two of 13 workers that learn digits by softmax regression with batches of 32 lie in one of eight ways: they turn the
sign of their contributions, scale them, say numbers at random, learn from flipped labels, say what is a little off the
others' mean (Baruch et al., NeurIPS 2019), push the mean backwards (Xie et al., UAI 2020), or say nothing, for whom the
server does not wait then; or all are honest. The colluding ones are served last, and so know what the others say in the
same step. Against them the server aggregates by the mean, or by one of eight rules, each told that two lie. Rows lie at
random, or so that workers' classes are mixed as Dirichlet draws with α = 0.3 say.

Expected: the mean is lost against all that is far from the truth. Every rule stands that where rows lie at random, for
honest workers are alike; where they are not, a rule takes an honest worker of rare classes for a liar, and mixing with
neighbours before it helps (Karimireddy, He & Jaggi, ICLR 2022; Allouah et al., AISTATS 2023). Rules that compare all
pairs cost 3pm²/2 operations in a step, the geometric median 5pm in each of its iterations: the server's core is busy
for as long, while all workers wait.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario
from simcluster.engine import Constant
from simcluster.experiment import Experiment
from simcluster.faults import ADVERSARIES, ATTACKS, AnyFault, Byzantine, Collude, CutOneWay, FlipLabels
from simcluster.report import heat_map
from simcluster.scenario import Result
from simcluster.sweep import Label, Seeded
from simcluster.training import (
    BoundedStaleness,
    Bulyan,
    Bundled,
    CentredClipping,
    Dirichlet,
    GeometricMedian,
    GradientDescent,
    Krum,
    NearestNeighbourMixing,
    ParameterServer,
    Softmax,
    TrainingJob,
    TrimmedMean,
    coordinate_median,
    random,
    total,
)

LIARS = 2
WORKERS = tuple(f"worker-{place:02}" for place in range(13))
TOLD: dict[str, Any] = {"node": "worker-1[12]", "begin_s": 0.0}  # the last two, who are served last
SAYING: dict[str, Any] = {**TOLD, "kinds": ("training.step",)}
#: Twice what turns the mean: ε > (n − f)/f (Xie et al.).
EPSILON = 2.0 * (len(WORKERS) - LIARS) / LIARS
LIES: dict[str, AnyFault | None] = {
    "none": None,
    "sign flip": Byzantine(adversary=ADVERSARIES["negate"], strength=10.0, **SAYING),
    "scaling": Byzantine(adversary=ADVERSARIES["scale"], strength=100.0, **SAYING),
    "Gaussian": Byzantine(adversary=ADVERSARIES["gaussian"], strength=200.0, **SAYING),
    "label flip": FlipLabels(**TOLD),
    "a little": Collude(attack=ATTACKS["a_little_is_enough"], strength=1.0, **SAYING),
    "inner product": Collude(attack=ATTACKS["inner_product_manipulation"], strength=EPSILON, **SAYING),
    "silent": CutOneWay(senders=("worker-1[12]",), receivers=("server",), begin_s=0.0),
}
DEFENCES: dict[str, Any] = {
    "mean": total,
    "median": coordinate_median,
    "trimmed mean": TrimmedMean(trim=LIARS),
    "geometric median": GeometricMedian(),
    "Krum": Krum(liars=LIARS),
    "multi-Krum": Krum(liars=LIARS, chosen=len(WORKERS) - 2 * LIARS - 2),
    "Bulyan": Bulyan(liars=LIARS),
    "centred clipping": CentredClipping(radius=2.0),
    "mixing, trimmed mean": NearestNeighbourMixing(liars=LIARS, then=TrimmedMean(trim=LIARS)),
}
#: How rows lie on workers.
ROWS: dict[str, Any] = {"random": random, "unlike": Dirichlet(alpha=0.3)}
DECIDING = "unlike"
STEPS = 100


def scenario(rows: str, attack: str, defence: str) -> Scenario:
    """One attack against one defence; for those who are silent nobody waits."""
    fault = LIES[attack]
    waiting = BoundedStaleness(backup_workers=LIARS if attack == "silent" else 0)
    return Scenario(
        cluster=ClusterSpec(
            nodes=(NodeSpec(name="server", flops_per_s=1e8), *(NodeSpec(name=worker) for worker in WORKERS)),
            network=NetworkSpec(bandwidth_bytes_per_s=1e8, latency=Constant(value=0.0005)),
        ),
        job=TrainingJob(
            model=Softmax(),
            data=Bundled(),
            held_out=0.25,
            sharding=ROWS[rows],
            optimiser=GradientDescent(learning_rate=0.5),
            waiting=waiting,
            exchange=ParameterServer(server="server"),
            aggregation=DEFENCES[defence],
            workers=WORKERS,
            steps=STEPS,
            evaluate_every=STEPS,
        ),
        faults=() if fault is None else (fault,),
        trace_kinds=(),
    )


def scenarios(small: bool = False) -> dict[Label, Seeded]:
    """One scenario for each way that rows lie, attack and defence; the small version has one way and three of each."""
    attacks = ("none", "sign flip", "inner product") if small else tuple(LIES)
    defences = ("mean", "median", "multi-Krum") if small else tuple(DEFENCES)
    return {
        (rows, attack, defence): scenario(rows, attack, defence)
        for rows in ((DECIDING,) if small else ROWS)
        for attack in attacks
        for defence in defences
    }


def measure(result: Result) -> dict[str, Any]:
    """The share of held-out digits that are recognised, and the milliseconds of a step."""
    return {"accuracy": result.metrics["held_out_accuracy"], "step_ms": 1000 * result.ended_s / STEPS}


def score(table: pd.DataFrame) -> pd.DataFrame:
    """The share of wrong predictions under the attack that a defence stands worst, of rows that are not alike."""
    return 1 - table[table["rows"] == DECIDING].groupby(["seed", "defence"], sort=False)["accuracy"].min().unstack()


def draw(table: pd.DataFrame) -> Figure:
    """Accuracy by attack and defence, of rows that are not alike, with each defence's step beside its name."""
    rows = table[table["rows"] == DECIDING]
    steps = rows[rows["attack"] == "none"].groupby("defence", sort=False)["step_ms"].mean()
    named = rows.assign(
        defence=[f"{name} ({steps[name]:.2f} ms)" for name in rows["defence"]], held_out_accuracy=rows["accuracy"]
    )
    title = "Which rule against liars pays where workers' rows are unlike?"
    return heat_map(named, "attack", "defence", "held_out_accuracy", title=title)


experiment = Experiment(
    name="byzantine",
    question="Which rule against liars pays, and what does it cost?",
    labels=("rows", "attack", "defence"),
    scenarios=scenarios,
    measure=measure,
    figure=draw,
    score=score,
    quantity="share of wrong predictions, held out, under the attack that a rule stands worst, of rows that are unlike",
    unit="",
)
compare = experiment.compare

if __name__ == "__main__":
    experiment.main()
