"""The training job: what is learned, from what, and by which strategies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simcluster.cluster import Cluster, ClusterSpec, NodeSpec, Ran
from simcluster.engine import NUMBER, Count, Environment, Event, Finite, Name, NodeNames, Positive, Spec, Trace
from simcluster.learning import (
    AnyData,
    AnyModel,
    AnyOptimiser,
    AnyReplicatedSharding,
    Array,
    Bundled,
    GradientDescent,
    MissingFile,
    Rows,
    SoftmaxRegression,
    confusion,
    evaluation,
    holders_of,
    predictions,
    random,
)
from simcluster.recovery import AnyDetector, AnyRecovery
from simcluster.training.aggregation import AnyAggregation, total
from simcluster.training.compression import AnyCompression
from simcluster.training.exchange import AnyExchange
from simcluster.training.local import AnyLocal
from simcluster.training.placement import AnyPlacement, InMemory
from simcluster.training.privacy import AnyPrivacy
from simcluster.training.redundancy import AnyRedundancy
from simcluster.training.redundancy.refusal import refusal, refused_by_code
from simcluster.training.short_forms import changed, describe, spelled_out
from simcluster.training.training import Trained, Training
from simcluster.training.trial import try_model
from simcluster.training.waiting import AnyWaiting, BoundedStaleness

HeldOut = Annotated[float, Field(ge=0, lt=1), NUMBER]


class TrainingJob(Spec):
    """Iterative learning on a cluster: independent parts, each of which may be one's own.

    The job is over after ``steps`` steps, or when the objective is at most ``target_loss``; the event's value is
    ``Trained``. Usual parts have short forms: ``server`` and ``retry_s`` are those of a ``ParameterServer``,
    ``staleness`` and ``backup_workers`` those of ``BoundedStaleness``, ``checkpoint_every`` that of ``Checkpoints``.
    They are refused beside a part of another kind.
    """

    kind: Literal["training"] = "training"
    model: AnyModel
    """What is learned."""
    data: AnyData = Bundled()
    """What from."""
    held_out: HeldOut = 0.0
    """Which share of the rows is not learned from, each class alike, so that what was learned is judged by them."""
    standardised: bool = False
    """Whether features have mean 0 and deviation 1 over the rows that are learned from, as all shards together say."""
    sharding: AnyReplicatedSharding = random
    """Which rows lie on which worker."""
    shares: Literal["equal", "speed"] | Annotated[tuple[Positive, ...], Field(min_length=1)] = "equal"
    """How many rows lie on a worker: equally many, in proportion to what its core does in a second, or these weights.

    Where they are not equal ``batch_size`` is the mean, and each worker's is in proportion too.
    """
    placement: AnyPlacement = InMemory()
    """Where they lie before it has them in memory, all of them, 8 (d + 1) bytes a row."""
    batch_size: Count | None = 32
    """How many rows of its shard make a worker's step (``None``: all of them)."""
    optimiser: AnyOptimiser = GradientDescent()
    """How the parameters follow the gradient of a model that has one; any other goes without, whatever this is."""
    local: AnyLocal | None = None
    """What a worker does by itself before it contributes (``None``: it contributes what one batch says)."""
    waiting: AnyWaiting = BoundedStaleness()
    """Who waits for whom."""
    exchange: AnyExchange
    """How parameters and contributions travel."""
    compression: AnyCompression | None = None
    """How contributions are written in fewer bytes."""
    aggregation: AnyAggregation = total
    """How the contributions to a step become one."""
    redundancy: AnyRedundancy | None = None
    """What several workers compute, so that nobody in particular is waited for (``None``: each its shard alone)."""
    privacy: AnyPrivacy | None = None
    """How little of single rows is to be seen in what is learned (``None``: nobody has asked)."""
    recovery: AnyRecovery | None = None
    """What survives a crash of the node that holds the parameters (``None``: nothing, training begins anew)."""
    detector: AnyDetector | None = None
    """Who is suspected of being gone for good (``None``: nobody, so that training may wait for ever)."""
    when_gone: Literal["go_on", "stop"] = "go_on"
    """Whether training goes on without whoever is suspected, until it is heard again, or stops and says so.

    Neither, where the sharding is ``replicated`` and somebody has a copy of its rows and takes its place.
    """
    workers: NodeNames
    """The nodes that learn."""
    steps: Count
    """How many steps are done at most."""
    evaluate_every: Count = 1
    """After how many steps the objective over all rows is evaluated."""
    evaluation: Literal["oracle", "paid"] = "oracle"
    """Whether that is outside the simulation and takes no time, or computed by the node that holds the parameters."""
    evaluate_held_out: bool = False
    """Whether the held-out rows are evaluated as often, which takes no simulated time; at the end they always are."""
    target_loss: Finite | None = None
    """At which objective training is over."""
    name: Name = "training"
    """What its programs, messages and checkpoints begin with."""

    records: ClassVar = ("load", "step", "contribution", "loss", "held_out", "privacy", "dropout")

    @model_validator(mode="before")
    @classmethod
    def _takes_short_forms_apart(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        fields = dict(given)
        if isinstance(model := fields.get("model"), SoftmaxRegression):
            twice = [name for name in model.parts() if name != "model" and name in fields]
            if twice:
                raise ValueError(f"{twice[0]} must not be given beside a SoftmaxRegression, which has one, got both")
            fields |= model.parts()
        return spelled_out(fields)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the short forms."""
        schema = super().__get_pydantic_json_schema__(core, handler)
        describe(handler.resolve_ref_schema(schema), handler)
        return schema

    def replace(self, **fields: Any) -> Self:
        """The same with other ``fields``, checked like any that is made anew; a short form changes its part."""
        return super().replace(**changed(self, fields))

    @model_validator(mode="after")
    def _parts_go_together(self) -> TrainingJob:
        if len(set(self.workers)) < len(self.workers):
            raise ValueError(f"workers must differ, got {list(self.workers)}")
        moving = (self.model, self.optimiser) if hasattr(self.model, "gradient") else (self.model,)
        parts: tuple[Any, ...] = (*moving, self.local, self.compression, self.aggregation, self.privacy)
        also = [part.refuses(self) for part in parts if hasattr(part, "refuses")]
        also += self._redundant()
        whole = [self._part_of_a_step(part) for part in moving if getattr(part, "needs_whole_steps", False)]
        for reason in (self.exchange.refuses(self), self.waiting.refuses(self.workers), *also, *whole):
            if reason is not None:
                raise ValueError(reason)
        if self.when_gone == "stop" and self.detector is None:
            raise ValueError("when_gone must be go_on without a detector, which says who is gone, got 'stop'")
        if hasattr(self.sharding, "holders") and (reason := self._copies_in_vain()) is not None:
            raise ValueError(reason)
        if self.evaluate_held_out and not self.held_out:
            raise ValueError("evaluate_held_out must be false where no rows are held out, got true with held_out 0")
        if isinstance(self.shares, tuple) and len(self.shares) != len(self.workers):
            raise ValueError(f"shares must be one for each of {len(self.workers)} workers, got {self.shares}")
        stores = [getattr(part, "store", None) for part in (self.recovery, self.placement)]
        if (name := getattr(stores[0], "name", None)) is not None and name == getattr(stores[1], "name", None):
            raise ValueError(f"the stores of recovery and placement must have names that differ, got {name!r} twice")
        if self.aggregation is not total and getattr(self.waiting, "any_worker", False):
            raise ValueError(
                f"aggregation must be total where one worker may contribute to a step more often than another, "
                f"got {self.aggregation!r} with waiting {self.waiting!r}"
            )
        if self.aggregation is not total and self.waiting.sees(0) > 0:
            raise ValueError(
                f"aggregation must be total where contributions count one by one, got {self.aggregation!r} "
                f"with waiting {self.waiting!r}"
            )
        if not hasattr(self.model, "gradient") and (reason := self._uneven()) is not None:
            raise ValueError(reason)
        return self

    def _redundant(self) -> list[str | None]:
        """Why a redundancy does not go together with other parts."""
        if (rule := self.redundancy) is None:
            return []
        kind = getattr(rule, "kind", type(rule).__name__)
        by_code = refused_by_code(self, kind) if hasattr(rule, "code") else None
        return [refusal(self, kind), by_code, rule.refuses(self) if hasattr(rule, "refuses") else None]

    def _copies_in_vain(self) -> str | None:
        """Why copies of rows would never be used, or would not be the same as what they stand for."""
        holders_of(self.sharding, len(self.workers))  # which refuses more copies than workers
        if self.detector is None and self.redundancy is None:
            rule = "detector must say who is gone where rows are replicated, or no copy is ever used"
            return f"{rule}, got None with {self.sharding!r}"
        rule = "contributions must count whole, whatever their delay, where rows are replicated"
        if any(getattr(self.waiting, what, False) for what in ("weight", "cancels", "any_worker")):
            return f"{rule}, got {self.waiting!r}"
        if getattr(self.waiting, "asks_always", False):
            return f"waiting must let workers begin whoever else has where rows are replicated, got {self.waiting!r}"
        return f"{rule}, got {self.optimiser!r}" if hasattr(self.optimiser, "delayed_step") else None

    def _uneven(self) -> str | None:
        """Why a contribution may count for more than another."""
        rule: Any = self.waiting
        if not getattr(rule, "any_worker", False) and (not hasattr(rule, "weight") or rule.weight(2.0) in (0.0, 1.0)):
            return None
        who = type(self.model).__name__
        return (
            f"waiting must count each worker once and whole with {who}, which goes by their last word, got {rule!r}"
        )

    def _part_of_a_step(self, part: Any) -> str | None:
        """Why a step may be made of some rows only, or at parameters that are not all the same: ``part`` needs all."""
        who = f"with {type(part).__name__}, each of whose steps needs all rows at the same parameters"
        if self.batch_size is not None:
            return f"batch_size must be None {who}, got {self.batch_size}"
        if self.waiting != BoundedStaleness():
            return f"waiting must be bulk-synchronous {who}, got {self.waiting!r}"
        if self.detector is not None and self.when_gone == "go_on":
            return f"when_gone must be stop {who}, got {self.when_gone!r} with a detector"
        if self.compression is not None:
            return f"compression must be None {who}, to the last bit, got {self.compression!r}"
        if self.aggregation is not total:
            return f"aggregation must be total {who}, got {self.aggregation!r}"
        return None

    def check(self, cluster: ClusterSpec) -> None:
        """Raise ``ValueError`` where model, data and workers do not fit, by the data of seed 0, if they are here."""
        if self.shares == "speed":
            machines = {node.name: node for node in cluster.nodes}
            self._fit([_speed(machines[worker]) for worker in self.workers])
        else:
            _ = self._fits

    @cached_property
    def _fits(self) -> bool:
        return self._fit(None)

    def _fit(self, speeds: Sequence[float] | None) -> bool:
        env = Environment()
        with suppress(MissingFile):  # it may be there where this is run
            self._try(Training(self, 0, env.event(), Trace(env, ()), speeds))
        return True

    def shares_of(self, speeds: Sequence[float] | None = None) -> Array:
        """Each worker's share of the rows, (m,), which add up to 1.

        Raises ``ValueError`` for shares by speed without the workers' ``speeds``.
        """
        if self.shares == "equal":
            return np.full(len(self.workers), 1 / len(self.workers))
        weights = speeds if self.shares == "speed" else self.shares
        if weights is None or isinstance(weights, str):
            raise ValueError("shares by speed need the speed of each worker, got none")
        given = np.asarray(weights, dtype=np.float64)
        given = given / given.max()  # whose sum no weights, however great, can overflow
        return np.asarray(given / math.fsum(given))

    def _try(self, training: Training) -> Training:
        if (fits := getattr(self.exchange, "fits", None)) is not None:
            fits(training.on_trial())
        first = training.rows(0, 0) if self.privacy is None else training.shard(0)  # of which none may be sampled
        try_model(self.model, training.initial, first, training.local_optimiser)
        model: Any = self.model
        if training.held_out is not None and hasattr(model, "predict"):
            predictions(model, training.initial, [Rows(training.held_out, np.arange(1))])
        return training

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Begin; the event's value is ``Trained``."""
        done = cluster.env.event()
        if self.recovery is not None:
            self.recovery.start(cluster)
        speeds = [_speed(cluster[worker].spec) for worker in self.workers]
        poisons = [cluster[worker].poisons for worker in self.workers]
        training = self._try(Training(self, seed, done, cluster.trace, speeds, poisons))
        self.placement.start(training, cluster)
        self.exchange.start(training, cluster)
        return done

    def metrics(self, result: Ran) -> dict[str, float]:
        """Steps, loss, and simulated seconds to the target, where there is one.

        They are those of the outcome, and of a run that is not over those of the last evaluation. Of held-out rows
        there are ``held_out_loss`` and all that ``evaluation`` says of what is predicted of them, such as
        ``held_out_accuracy``. Of a job with ``privacy`` there is ``epsilon``, what has been spent.
        """
        from simcluster.measurement.metrics import training_metrics  # with SciPy's statistics, which no run waits for

        found = training_metrics(result.trace, self.target_loss)
        if isinstance(trained := result.outcome, Trained):
            found |= {"steps": trained.steps, "loss_final": trained.loss}
            if trained.epsilon is not None:
                found["epsilon"] = trained.epsilon
            if trained.held_out_loss is not None:
                found["held_out_loss"] = trained.held_out_loss
            if trained.held_out is not None:
                found |= {f"held_out_{name}": value for name, value in evaluation(trained.held_out).items()}
        elif result.trace.keeps("loss"):
            found["steps"] = max((row["step"] for row in result.trace.rows("loss")), default=0)
            if self.privacy is not None and result.trace.keeps("privacy"):
                found["epsilon"] = max((row["epsilon"] for row in result.trace.rows("privacy")), default=0.0)
        return found

    def series(self, result: Ran) -> dict[str, Any]:
        """The ``loss`` against ``time_s`` and ``step``.

        And of held-out rows, where they are evaluated as often, ``held_out``, their loss and their ``score``: accuracy,
        R² or minus the inertia, and minus the loss of a model that does not predict. With ``privacy`` it is how its
        ``epsilon`` has grown with the steps. Of predicted labels ``confusion``
        says how many rows of each class were taken for each.
        """
        from simcluster.measurement.metrics import records_frame

        found, trained = {}, result.outcome
        if result.trace.keeps("loss"):
            found["loss"] = records_frame(result.trace, "loss", ("time_s", "step", "loss"))
        if self.evaluate_held_out and result.trace.keeps("held_out"):
            found["held_out"] = records_frame(result.trace, "held_out", ("time_s", "step", "loss", "score"))
        if self.privacy is not None and result.trace.keeps("privacy"):
            found["privacy"] = records_frame(result.trace, "privacy", ("time_s", "step", "epsilon"))
        if isinstance(trained, Trained) and trained.held_out is not None and trained.held_out.what == "labels":
            found["confusion"] = confusion(trained.held_out)
        return found


def _speed(machine: NodeSpec) -> float:
    """Operations per second of one core; how fast its memory is does not enter."""
    return machine.flops_per_s * machine.speed
