"""Pipeline parallel training, a job: each node has some of the layers, and micro-batches go through all of them."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property, partial
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import Count, Environment, Event, Name, NodeNames, Period, Spec, Trace, check_differ
from simcluster.learning import AnyData, AnyLayeredModel, AnyOptimiser, Bundled, GradientDescent, MissingFile
from simcluster.learning.optimisers.each_number import moves_each_number_by_itself
from simcluster.training.pipeline.pipeline import Pipeline
from simcluster.training.pipeline.schedules import AnySchedule, gpipe, refusal
from simcluster.training.pipeline.stage import run_stage
from simcluster.training.training import Trained


class PipelineTraining(Spec):
    """Synchronous pipeline parallel training (Huang et al., "GPipe", NeurIPS 2019).

    The layers are cut into as many stages as there are nodes, p, and each batch into m micro-batches. They go forward
    through all stages and backward again; gradients are added up over them, and then each stage makes one step. So the
    parameters are those of one machine, and the same bits for every p and under every crash. The event's value is
    ``Trained``, with the parameters put together outside the simulation.

    Of p equal stages on a free network each stands still for (p − 1)/(m + p − 1) of the time, the bubble. For each
    boundary between stages, of w units, a step of n rows takes 2·(8·n·w + 144·m) bytes on the network: activations one
    way and their gradients the other, each micro-batch asked for (64 + 16 bytes) and sent with a header (64). Who waits
    for longer than ``retry_s`` asks again.

    A stage whose step is done keeps its piece of the parameters on its disk, beside that before the step, and only then
    begins the next, which needs all others. So no two are more than a step apart, and who comes back from a crash finds
    all others able to repeat what it has lost. When its disk is lost too, a verdict says so. Unlike GPipe, no stage
    computes its activations twice to spare memory.
    """

    kind: Literal["pipeline_training"] = "pipeline_training"
    model: AnyLayeredModel
    """What is learned."""
    data: AnyData = Bundled()
    """What from: the first stage has the features, the last one the targets."""
    batch_size: Count | None = 32
    """How many rows make a step (``None``: all of them); each epoch has its own order."""
    micro_batches: Count = 4
    """Into how many parts a batch is cut, as equal as can be."""
    schedule: AnySchedule = gpipe
    """In which order a stage takes them forward and backward."""
    optimiser: AnyOptimiser = GradientDescent()
    """How the parameters follow the gradient: one that moves each number by itself."""
    stages: NodeNames
    """The nodes, from the first layers to the last."""
    layers_per_stage: tuple[Count, ...] | None = None
    """How many layers each has (``None``: so that the most parameters on a node are as few as can be)."""
    steps: Count
    """How many steps are done."""
    evaluate_every: Count = 1
    """After how many steps the objective over all rows is evaluated, outside the simulation."""
    retry_s: Period = 1.0
    """After how long a request that is refused or not answered is repeated, and a write that failed."""
    name: Name = "pipeline"
    """What its programs, messages and checkpoints begin with."""

    records: ClassVar = ("pass", "loss", "checkpoint", "restore", "checkpoint_failed")

    @model_validator(mode="after")
    def _parts_go_together(self) -> PipelineTraining:
        check_differ("stages", self.stages)
        if self.layers_per_stage is not None and len(self.layers_per_stage) != len(self.stages):
            rule = f"layers_per_stage must say it of each of the {len(self.stages)} stages"
            raise ValueError(f"{rule}, got {list(self.layers_per_stage)}")
        if (reason := refusal(self.schedule, len(self.stages), self.micro_batches)) is not None:
            raise ValueError(reason)
        if not moves_each_number_by_itself(self.optimiser):
            rule = "optimiser must move each number by itself, for its stages know nothing of each other's"
            raise ValueError(f"{rule}, got {self.optimiser!r}")
        return self

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where model, data and stages do not fit, by the data of seed 0, if they are here."""
        _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        env = Environment()
        with suppress(MissingFile):  # it may be there where this is run
            Pipeline(self, 0, env.event(), Trace(env, ()))
        return True

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the stages."""
        done = cluster.env.event()
        pipeline = Pipeline(self, seed, done, cluster.trace)
        for index, name in enumerate(self.stages):
            cluster[name].boot(partial(run_stage, pipeline=pipeline, index=index), f"{self.name}.stage")
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """Steps, loss, and the bubble: for which share of the time, of first pass to last, the stages made none.

        ``micro_batches_kept`` is how many a stage held at most between their passes.
        """
        losses = list(result.trace.rows("loss")) if result.trace.keeps("loss") else []
        found: dict[str, float] = {}
        if isinstance(trained := result.outcome, Trained):
            found |= {"steps": trained.steps, "loss_final": trained.loss}
        elif losses:
            found |= {"steps": losses[-1]["step"], "loss_final": losses[-1]["loss"]}
        passes = list(result.trace.rows("pass")) if result.trace.keeps("pass") else []
        if passes:
            busy_s = np.sum([row["time_s"] - row["begin_s"] for row in passes])
            whole_s = max(row["time_s"] for row in passes) - min(row["begin_s"] for row in passes)
            found["bubble"] = float(1 - busy_s / (len(self.stages) * whole_s)) if whole_s else 0.0
            found["micro_batches_kept"] = max(row["kept"] for row in passes)
        return found

    def series(self, result: Ran) -> dict[str, Any]:
        """The ``loss`` against ``time_s`` and ``step``."""
        from simcluster.measurement.metrics import records_frame

        kept = result.trace.keeps("loss")
        return {"loss": records_frame(result.trace, "loss", ("time_s", "step", "loss"))} if kept else {}
