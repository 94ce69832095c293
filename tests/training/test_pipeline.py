"""Pipeline parallel training: one machine's parameters, the bubble, and the bytes on the network."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, Together, nodes, run
from simcluster.cluster import NetworkSpec, StorageSpec
from simcluster.engine import Constant, stream
from simcluster.kernels import Call, Cost
from simcluster.learning import Bundled, GradientDescent, MultilayerPerceptron, Rows, arrays, ordered
from simcluster.training import (
    ParameterServer,
    PipelineTraining,
    Softmax,
    TrainingJob,
    gpipe,
    one_forward_one_backward,
)
from simcluster.training.pipeline import Pass
from simcluster.training.pipeline.cut import even_cut
from tests.training.pipelines import FIELDS, MODEL, job, trained

SCHEDULES = pytest.mark.parametrize("schedule", [gpipe, one_forward_one_backward])
IRIS = Bundled(name="iris").load()
FREE = NetworkSpec(latency=Constant(value=0.0), bandwidth_bytes_per_s=1e300)


def data_parallel(workers, **fields):
    names = tuple(f"n-{place}" for place in range(workers))
    exchange = ParameterServer(server="server")
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("n", workers)))
    made = TrainingJob(exchange=exchange, workers=names, sharding=ordered, **(FIELDS | fields))
    return run(Scenario(cluster=cluster, job=made), 3).outcome


@SCHEDULES
@pytest.mark.parametrize("micro_batches", [1, 4, 5])
def test_parameters_are_one_machines_and_the_same_bits_however_many_stages_there_are(schedule, micro_batches):
    found = [trained(p, micro_batches=micro_batches, schedule=schedule, steps=8).outcome for p in (1, 2, 3, 4)]
    whole = data_parallel(1, steps=8)  # an epoch has six

    for each in found[1:]:
        np.testing.assert_array_equal(each.parameters, found[0].parameters)
        assert each.loss == found[0].loss
    np.testing.assert_allclose(found[0].parameters, whole.parameters, atol=1e-10, rtol=0)
    assert found[0].loss == pytest.approx(whole.loss, abs=1e-10)


@pytest.mark.parametrize("workers", [2, 3])
def test_parameters_are_those_of_data_parallel_training_on_the_same_rows(workers):
    ours, theirs = trained(3, batch_size=None).outcome, data_parallel(workers, batch_size=None)

    np.testing.assert_allclose(ours.parameters, theirs.parameters, atol=1e-10, rtol=0)


def test_schedules_differ_in_the_memory_that_they_take_and_not_in_a_bit():
    ours, theirs = (trained(4, schedule=each, micro_batches=8) for each in (gpipe, one_forward_one_backward))

    np.testing.assert_array_equal(ours.outcome.parameters, theirs.outcome.parameters)
    for result, kept in ((ours, [8, 8, 8, 8]), (theirs, [4, 3, 2, 1])):
        rows = list(result.trace.rows("pass"))
        assert [max(row["kept"] for row in rows if row["stage"] == stage) for stage in range(4)] == kept
        assert result.metrics["micro_batches_kept"] == max(kept)


@SCHEDULES
@pytest.mark.parametrize(("rows", "micro_batches"), [(24, 4), (25, 3), (7, 7)])
@pytest.mark.parametrize("stages", [1, 2, 4])
def test_the_network_carries_what_the_docstring_says(schedule, rows, micro_batches, stages):
    fields = {"batch_size": rows, "micro_batches": micro_batches, "schedule": schedule, "steps": 3}
    widths = {1: (), 2: (12,), 4: MODEL.hidden}[stages]  # 16·5 + 12·17 | 8·13 + 3·9 parameters

    result = trained(stages, **fields)

    expected = 3 * sum(2 * (8 * rows * width + 144 * micro_batches) for width in widths)
    assert sum(row["size_bytes"] for row in result.trace.rows("send")) == expected


@dataclass
class Idle:
    """A layer that does nothing, in a billion operations forward and two backward."""

    size: int = 1

    def forward(self, parameters, inputs):
        return Call(lambda: inputs, Cost(1e9, 0.0))

    def backward(self, parameters, inputs, outputs, slopes):
        return Call(lambda: (slopes, np.zeros(1)), Cost(2e9, 0.0))


class Equal:
    """A model of equal layers."""

    def __init__(self, count):
        self.count = count

    def layers(self, data):
        return [Idle()] * self.count

    def initial(self, data, generator):
        return np.zeros(self.count)

    def slopes(self, outputs, rows):
        return Call(lambda: outputs, Cost(0.0, 0.0))

    def contribution(self, parameters, rows):
        return Call(lambda: np.zeros(self.count), Cost(0.0, 0.0))

    def gradient(self, parameters, total, rows):
        return total

    def loss(self, parameters, rows):
        return Call(lambda: 0.0, Cost(0.0, 0.0))


class Still:
    """An optimiser that takes no time."""

    def start(self, parameters):
        return np.empty(0)

    def step(self, parameters, gradient, memory, clock, share):
        return Call(lambda: (parameters, memory), Cost(0.0, 0.0))


@SCHEDULES
@pytest.mark.parametrize(("p", "m"), [(1, 3), (2, 1), (2, 4), (3, 8), (4, 4), (4, 16)])
def test_the_bubble_of_equal_stages_on_a_free_network_is_what_gpipe_says(schedule, p, m):
    disk = StorageSpec(flush_s=0.0, bandwidth_bytes_per_s=1e300)
    cluster = ClusterSpec(nodes=nodes("n", p, flops_per_s=1e11, storage=disk), network=FREE)
    fields = {"model": Equal(p), "optimiser": Still(), "batch_size": 16, "micro_batches": m, "steps": 3}

    result = trained(p, cluster=cluster, schedule=schedule, **fields)

    # To add up gradients takes some of 10⁹ operations.
    assert result.ended_s == pytest.approx(3 * (m + p - 1) * 0.03, rel=1e-6)
    assert result.metrics["bubble"] == pytest.approx((p - 1) / (m + p - 1), abs=1e-6)


def test_stages_are_cut_so_that_the_greatest_is_least():
    assert even_cut([80, 204, 104, 27], 2) == (2, 2)
    assert even_cut([5], 1) == (1,)
    with pytest.raises(ValueError, match="stages must be at most the 2 layers, got 3"):
        even_cut([1, 1], 3)


@settings(max_examples=40)
@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=7), parts=st.integers(1, 7))
def test_no_cut_has_a_smaller_greatest_part(sizes, parts):
    parts = min(parts, len(sizes))

    def greatest(ends):
        return max(sum(sizes[a:b]) for a, b in zip((0, *ends), (*ends, len(sizes)), strict=True))

    found = even_cut(sizes, parts)

    assert (len(found), sum(found)) == (parts, len(sizes))
    assert min(found) >= 1
    best = min(greatest(ends) for ends in combinations(range(1, len(sizes)), parts - 1))
    assert greatest(np.cumsum(found)[:-1].tolist()) == best


@given(stage=st.integers(0, 5), more=st.integers(1, 4), micro_batches=st.integers(1, 9))
def test_one_forward_one_backward_makes_all_passes_and_keeps_no_more_than_stages_follow(stage, more, micro_batches):
    passes = one_forward_one_backward(stage, stage + more, micro_batches)
    kept = np.cumsum([1 if each.direction == "forward" else -1 for each in passes])

    assert sorted(passes) == sorted(gpipe(stage, stage + more, micro_batches))
    assert kept.max() == min(more, micro_batches)
    assert kept[-1] == 0
    for direction in ("forward", "backward"):
        assert [number for way, number in passes if way == direction] == list(range(micro_batches))


def backward_first(stage, stages, micro_batches):
    return [Pass("backward", 0), Pass("forward", 0)]


class Normalised:
    """A step as long as the gradient is not: each number's depends on all."""

    def start(self, parameters):
        return np.empty(0)

    def step(self, parameters, gradient, memory, clock, share):
        return Call(lambda: (parameters - gradient / np.linalg.norm(gradient), memory), Cost(0.0, 0.0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stages": ("a", "a")}, "stages must differ"),
        ({"layers_per_stage": (2, 1, 1)}, r"layers_per_stage must say it of each of the 2 stages, got \[2, 1, 1\]"),
        ({"micro_batches": 1, "schedule": backward_first}, "schedule must take each of the 1 micro-batches"),
        ({"optimiser": Normalised()}, "optimiser must move each number by itself"),
        ({"model": Softmax()}, "model.*layers"),
        ({"micro_batches": 0}, "micro_batches.*greater than or equal to 1"),
        ({"schedule": "pipedream"}, "schedule"),
    ],
)
def test_what_does_not_go_together_is_refused_when_the_job_is_made(fields, message):
    with pytest.raises(ValueError, match=message):
        PipelineTraining(**(FIELDS | {"stages": ("a", "b")} | fields))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers_per_stage": (2, 3)}, r"layers_per_stage must add up to the 4 layers, got \[2, 3\]"),
        ({"micro_batches": 25}, "micro_batches must be at most the 24 rows of a batch, got 25"),
        ({"batch_size": None, "micro_batches": 151}, "micro_batches must be at most the 150 rows of a batch, got 151"),
        ({"model": MultilayerPerceptron(hidden=())}, "stages must be at most the 1 layers, got 2"),
        ({"model": MODEL.replace(objective="squared_error"), "data": arrays([[1.0]], [0.5])}, "at most the 1 rows"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_when_the_scenario_is_made(fields, message):
    with pytest.raises(ValueError, match=message):
        Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=job(2, **fields))


def test_layers_lie_where_one_says():
    result = trained(2, layers_per_stage=(1, 3), steps=1)

    carried = sum(row["size_bytes"] for row in result.trace.rows("send"))
    assert carried == 2 * (8 * 24 * 16 + 144 * 4)


def test_numbers_are_learned_and_a_great_rate_is_a_verdict():
    model = MODEL.replace(objective="squared_error", activation="tanh")
    data = arrays(IRIS.features[:, :3], IRIS.features[:, 3], labels=False)

    good = trained(3, model=model, data=data, steps=30, optimiser=GradientDescent(learning_rate=0.1))
    bad = trained(3, model=model, data=data, steps=9, optimiser=GradientDescent(learning_rate=1e200))

    assert good.verdicts == ()
    assert good.outcome.loss < np.var(data.targets) / 2
    assert "diverged" in [verdict.name for verdict in bad.verdicts]


def test_the_loss_is_recorded_every_so_many_steps_and_at_the_end():
    result = trained(2, steps=5, evaluate_every=2)

    assert [row["step"] for row in result.trace.rows("loss")] == [2, 4, 5]
    assert list(result.series["loss"]["step"]) == [2, 4, 5]
    assert result.metrics["loss_final"] == result.outcome.loss
    assert (result.metrics["steps"], result.outcome.steps) == (5, 5)


def test_a_pipeline_runs_beside_another_job_on_the_same_nodes():
    names = ("n-0", "n-1")
    both = Together(jobs=(job(2), job(2, name="other"), TrainingJob(
        model=Softmax(), data=Bundled(name="iris"), exchange=ParameterServer(server="n-0"), workers=("n-1",), steps=3
    )))

    result = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", len(names))), job=both), 3)

    alone = trained(2).outcome
    np.testing.assert_array_equal(result.outcome[0].parameters, alone.parameters)
    np.testing.assert_array_equal(result.outcome[1].parameters, alone.parameters)


def test_micro_batches_of_an_epoch_are_all_its_rows_once():
    from simcluster.engine import Environment, Trace
    from simcluster.training.pipeline.pipeline import Pipeline

    env = Environment()
    made = Pipeline(job(2, batch_size=50, micro_batches=3), 3, env.event(), Trace(env))
    rows = [made.micro_batch(step, number) for step in range(3) for number in range(3)]

    assert sorted(np.concatenate([each.index for each in rows]).tolist()) == list(range(150))
    assert {len(each) for each in rows} == {16, 17}
    assert all(isinstance(each, Rows) for each in rows)
    assert stream(3, "batch", 0, 0).permutation(150)[:17].tolist() == rows[0].index.tolist()
