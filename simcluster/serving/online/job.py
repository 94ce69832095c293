"""The online learning job: a model that learns from what comes, is tested by it first, and is served meanwhile."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cached_property, partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster, ClusterSpec, Ran
from simcluster.engine import NUMBER, Count, Environment, Event, Name, NodeName, Open, Spec, Trace
from simcluster.learning import AnyData, AnyModel, AnyOptimiser, GradientDescent, MissingFile
from simcluster.recovery import AnyRecovery
from simcluster.serving.online.arriving import ArrivingBatches
from simcluster.serving.online.copies import Copies
from simcluster.serving.online.course import Course, Learned, judged
from simcluster.serving.online.learner import learn
from simcluster.serving.online.stored import StoredBatches
from simcluster.serving.protocols import Batches

AnyBatches = Annotated[Batches, Open(Batches, StoredBatches, ArrivingBatches)]
"""Where batches come from: one of the two, or one's own; in a file ``kind`` says which."""

MEASURES = ("accuracy", "squared_error")


class OnlineLearning(Spec):
    """Mini-batches come one after the other to a learner, which predicts each and then learns from it, once.

    Batch b is rows b·``batch_size`` … of the data, in their order, so data may drift. Test-then-train: what counts is
    what is predicted of a batch before anything is learned from it (prequential evaluation; Gama, Sebastião & Rodrigues
    2013). Without faults that is a loop over the rows on one machine, to the last bit, and the parameters are those of
    a ``TrainingJob`` that takes the same rows in the same order.

    A batch counts once in what is tested and at most once in the parameters, whatever crashes: a learner that begins
    anew goes on from what ``recovery`` has kept, or from nothing, and of what it has forgotten ``batches`` says whether
    it comes again or is lost. The job is over when there are no more batches; the event's value is ``Learned``.

    To a request of kind ``name.parameters`` the learner replies with the number of batches that they know, the
    parameters, and since when they are so: so ``copies`` predict, and jobs beside it may (``Together``).
    """

    kind: Literal["online_learning"] = "online_learning"
    model: AnyModel
    """What is learned: a model that goes down a gradient, and predicts."""
    data: AnyData
    """The rows that come, in this order; of what comes later nothing is known before."""
    batch_size: Count = 32
    """How many rows come at once; those that are left over at the end do not come."""
    optimiser: AnyOptimiser = GradientDescent()
    """How the parameters follow the gradient; an automatic rate is that of the first batch that is learned from."""
    batches: AnyBatches = StoredBatches()
    """Where batches come from."""
    learner: NodeName
    """The node that learns."""
    recovery: AnyRecovery | None = None
    """What survives a crash of the learner (``None``: nothing, it begins with the first parameters)."""
    copies: Copies | None = None
    """Who predicts meanwhile with copies of the parameters, and what is asked (``None``: nobody)."""
    window: Count = 1000
    """Over how many rows the sliding mean in ``series`` goes; of a batch partly among them each counts its mean."""
    fading: Annotated[float, Field(gt=0, le=1), NUMBER] = 0.999
    """By which factor a row counts less for each that came after it, in the faded mean there."""
    name: Name = "online"
    """What its programs, messages and checkpoints begin with."""

    records: ClassVar = ("tested", "learned", "batch_lost", "served", "query_lost")

    @model_validator(mode="after")
    def _parts_go_together(self) -> OnlineLearning:
        missing = [method for method in ("gradient", "predict") if not hasattr(self.model, method)]
        if missing:
            raise ValueError(f"model must have {missing[0]} with {self.kind}, got {self.model!r}")
        for field, part in (("model", self.model), ("optimiser", self.optimiser)):
            if getattr(part, "needs_whole_steps", False):
                raise ValueError(f"{field} must do with some of the rows at a time with {self.kind}, got {part!r}")
        stores = [getattr(getattr(part, "store", None), "name", None) for part in (self.batches, self.recovery)]
        if stores[0] is not None and stores[0] == stores[1]:
            raise ValueError(f"stores of batches and of recovery must have different names, got {stores[0]!r} twice")
        return self

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where model, data and arrivals do not fit, by the data of seed 0, if they are here."""
        _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        env = Environment()
        with suppress(MissingFile):  # it may be there where this is run
            course = Course(self, 0, env.event(), Trace(env, ()))
            judged(self.model, course.initial, course.rows(0))
            if (reason := self.batches.refuses(course.count)) is not None:
                raise ValueError(reason)
        return True

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Begin; the event's value is ``Learned``."""
        done = cluster.env.event()
        if self.recovery is not None:
            self.recovery.start(cluster)
        course = Course(self, seed, done, cluster.trace)
        course.feed = self.batches.start(cluster, course)
        cluster[self.learner].boot(partial(learn, course=course), f"{self.name}.learner")
        if self.copies is not None:
            self.copies.start(cluster, course)
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """What came of the batches, and how good predictions were: the learner's own, and those of its copies.

        ``prequential_accuracy`` (or ``prequential_squared_error``) is the mean over all rows that were tested, and
        ``served_accuracy`` over the queries that copies answered; ``model_age_s_mean`` is how old the parameters were
        that did, in the mean, and ``lag_s_mean`` how long after its coming a batch had been learned from.
        """
        rows = {kind: list(result.trace.rows(kind)) if result.trace.keeps(kind) else None for kind in self.records}
        found: dict[str, float] = {}
        if isinstance(learned := result.outcome, Learned):
            found["batches_learned"] = len(learned.batches)
        if (lost := rows["batch_lost"]) is not None:
            found["batches_lost"] = len(lost)
        if (kept := rows["learned"]) is not None:
            found["lag_s_mean"] = _mean([row["lag_s"] for row in kept], len(kept))
        if (tested := rows["tested"]) is not None:
            count = int(math.fsum(row["rows"] for row in tested))
            found["rows_tested"] = count
            found |= {f"prequential_{name}": value for name, value in _means(tested, count).items()}
        if self.copies is None:
            return found
        if (unanswered := rows["query_lost"]) is not None:
            found["queries_lost"] = len(unanswered)
        if (answered := rows["served"]) is not None:
            found["queries_answered"] = len(answered)
            found |= {f"served_{name}": value for name, value in _means(answered, len(answered)).items()}
            found["model_age_s_mean"] = _mean([row["age_s"] for row in answered], len(answered))
        return found

    def series(self, result: Ran) -> dict[str, Any]:
        """The ``prequential`` mean over time, and what copies have ``served``, query by query.

        ``prequential`` has ``time_s``, how many ``rows`` had been tested then, and of the measure, which is
        ``accuracy`` or ``squared_error``, the mean over all of these, over the sliding window (``…_window``), and with
        the fading factor (``…_faded``).
        """
        from simcluster.measurement.metrics import records_frame
        from simcluster.measurement.prequential import prequential

        found: dict[str, Any] = {}
        if result.trace.keeps("tested"):
            tested = records_frame(result.trace, "tested", ("time_s", "rows", "measure", "total"))
            measure = MEASURES[0] if tested.empty else tested["measure"][0]
            given = tested["total"], tested["rows"]
            means = {
                measure: prequential(*given),
                f"{measure}_window": prequential(*given, window=self.window),
                f"{measure}_faded": prequential(*given, fading=self.fading),
            }
            found["prequential"] = tested[["time_s"]].assign(rows=tested["rows"].cumsum(), **means)
        if self.copies is not None and result.trace.keeps("served"):
            columns = ("time_s", "query", "server", "measure", "total", "clock", "age_s")
            found["served"] = records_frame(result.trace, "served", columns)
        return found


def _means(records: list[dict[str, Any]], count: int) -> dict[str, float]:
    """The mean of what records are judged by, under its name; of none it is the accuracy, which is NaN."""
    measure = records[0]["measure"] if records else MEASURES[0]
    return {measure: _mean([row["total"] for row in records], count)}


def _mean(values: list[float], count: int) -> float:
    return math.fsum(values) / count if count else math.nan
