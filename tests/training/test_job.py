"""A training job refuses what cannot be, and survives what it says it survives."""

import math

import numpy as np
import pytest
from simpy.events import AllOf

from simcluster import run
from simcluster.cluster import NodeSpec
from simcluster.engine import Environment, Spec, Trace
from simcluster.faults import CrashNode, DuplicateMessages, PauseNode, SlowNode
from simcluster.learning import GradientDescent, KMeans, call, ordered
from simcluster.recovery import Checkpoints, Heartbeats, RemoteStore, Timeout, ask
from simcluster.training import BoundedStaleness, Progress, Training, TrainingJob, Waiting
from tests.strategies import training


def prepared(job, seed):
    env = Environment()
    return Training(job, seed, env.event(), Trace(env))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backup_workers": 3}, "backup_workers must be fewer than the 3 workers, got 3"),
        ({"staleness": -1}, "staleness: .*greater than or equal to 0"),
        ({"steps": 0}, "steps: .*greater than or equal to 1"),
        ({"checkpoint_every": 0}, "recovery\\..*every: "),
        ({"model": {"kind": "svm"}}, "svm"),
    ],
)
def test_a_job_that_cannot_be_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)


def test_a_server_that_is_also_a_worker_is_refused():
    with pytest.raises(ValueError, match="server must be none of the workers, got 'a'"):
        TrainingJob(model=KMeans(), server="a", workers=("a",), steps=1)


def test_the_same_worker_twice_is_refused():
    with pytest.raises(ValueError, match=r"workers must differ, got \['a', 'a'\]"):
        TrainingJob(model=KMeans(), server="s", workers=("a", "a"), steps=1)


def test_workers_that_are_not_in_the_cluster_are_refused():
    scenario = training()
    job = scenario.job.replace(workers=("worker-7",))
    with pytest.raises(ValueError, match=r"workers must name a node of the cluster .*, got 'worker-7'"):
        run(scenario.replace(job=job), 0)


@pytest.mark.parametrize(("staleness", "allowed"), [(0, 0), (3, 3), (math.inf, 10**9)])
def test_a_worker_may_lead_by_the_staleness_and_no_more(staleness, allowed):
    rule, progress = BoundedStaleness(staleness=staleness), Progress(("a",), {"a": 0}, clock=5)

    assert rule.may_start("a", 5 + allowed, progress)
    assert staleness == math.inf or not rule.may_start("a", 6 + allowed, progress)


def test_training_lowers_the_objective():
    rows = list(run(training(steps=40), 0).trace.rows("loss"))

    assert [row["step"] for row in rows] == list(range(1, 41))
    assert rows[-1]["loss"] < 0.7 * math.log(3)


@pytest.mark.parametrize(("every", "steps"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6, 7]), (7, [7]), (100, [7])])
def test_the_loss_is_evaluated_every_so_many_steps_and_at_the_end(every, steps):
    rows = run(training(steps=7, evaluate_every=every), 0).trace.rows("loss")

    assert [row["step"] for row in rows] == steps


def test_a_job_with_a_target_ends_when_it_is_reached():
    result = run(training(steps=1000, target_loss=0.8), 0)

    assert result.ended == "finished"
    assert result.outcome.loss <= 0.8
    assert result.outcome.steps < 1000


def test_without_a_checkpoint_a_crash_of_the_server_begins_anew_and_with_one_it_does_not():
    crash = CrashNode(node="server", begin_s=0.1, end_s=0.12)

    def steps(**job):
        trace = run(training([crash], **job), 0).trace
        return [row["clock"] for row in trace.rows("step") if row["worker"] == "worker-0" and row["time_s"] > 0.12]

    assert steps()[0] == 0
    assert steps(checkpoint_every=2)[0] > 2
    assert [row["clock"] for row in run(training([crash], checkpoint_every=2), 0).trace.rows("restore")] != []


@pytest.mark.parametrize(("steps", "saved"), [(9, [3, 6]), (10, [3, 6, 9])])
@pytest.mark.parametrize("staleness", [0, 2, math.inf])
def test_a_checkpoint_follows_every_third_complete_step_but_the_last(steps, saved, staleness):
    rows = run(training(steps=steps, checkpoint_every=3, staleness=staleness), 0).trace.rows("checkpoint")

    assert [row["clock"] for row in rows] == saved


def test_a_backup_worker_spares_the_others_a_straggler():
    straggler = SlowNode(node="worker-2", factor=50, begin_s=0)

    waiting = run(training([straggler]), 0).ended_s
    spared = run(training([straggler], backup_workers=1), 0).ended_s

    assert spared < waiting / 10


def test_a_run_that_hits_its_horizon_says_so():
    result = run(training([CrashNode(node="server", begin_s=0.05)], horizon_s=1.0), 0)

    assert (result.ended, result.ended_s, result.outcome) == ("horizon", 1.0, None)


def test_a_queue_that_grows_is_said_in_the_result():
    slow = SlowNode(node="worker-0", factor=1e6, begin_s=0)

    assert run(training([slow], horizon_s=1.0), 0).backlog == {"worker-0": 1}
    assert run(training(), 0).backlog == {}


def test_a_run_in_which_nothing_can_happen_any_more_is_a_deadlock():
    dead = [CrashNode(node=node, begin_s=0.05) for node in ("server", "worker-0", "worker-1", "worker-2")]

    assert run(training(dead, horizon_s=1.0), 0).ended == "deadlock"


def test_the_batches_of_an_epoch_are_disjoint_and_each_epoch_has_its_own_order():
    made = prepared(training(batch_size=5).job, 4)
    epochs = [np.concatenate([made.rows(1, 10 * epoch + step).index for step in range(10)]) for epoch in range(4)]

    for rows in epochs:
        assert len(set(rows.tolist())) == 50
    assert len({tuple(rows.tolist()) for rows in epochs}) == 4
    assert len({frozenset(rows.tolist()) for rows in epochs}) == 1  # the shard


def test_a_batch_that_is_asked_for_again_is_the_same_batch():
    made = prepared(training(batch_size=5).job, 4)
    first = [made.rows(0, clock).index for clock in range(20)]

    for clock in reversed(range(20)):
        np.testing.assert_array_equal(made.rows(0, clock).index, first[clock])


@pytest.mark.parametrize("size", [50, 51, 1000, None])
def test_a_batch_that_reaches_over_the_shard_is_the_whole_shard(size):
    made = prepared(training(batch_size=size).job, 0)

    assert [len(made.rows(1, clock)) for clock in range(3)] == [50] * 3
    assert made.rows(1, 0) is made.rows(1, 1)  # whose features are copied once
    assert made.batch_rows.tolist() == [50.0] * 3


def test_the_loss_is_an_oracle_s_or_paid_for():
    oracle, paid = (run(training(evaluation=how), 0) for how in ("oracle", "paid"))

    assert [row["loss"] for row in paid.trace.rows("loss")] == [row["loss"] for row in oracle.trace.rows("loss")]
    assert paid.ended_s > oracle.ended_s


def test_robust_aggregation_and_contributions_that_count_one_by_one_do_not_go_together():
    def median(values, rows):
        return call(np.median, values, 0)

    assert training(aggregation=median).job.aggregation is median
    with pytest.raises(ValueError, match="aggregation must be total where contributions count one by one, got"):
        training(aggregation=median, staleness=1)


def test_an_aggregation_of_one_s_own_is_what_moves_the_parameters():
    def nothing(values, rows):
        return call(lambda a: 0 * a[0], values)

    result = run(training(aggregation=nothing, steps=3), 0)

    assert not result.outcome.parameters.any()


def test_two_jobs_of_other_names_keep_their_checkpoints_apart():
    class Both:
        def __init__(self, *jobs):
            self.jobs = jobs

        def start(self, cluster, seed):
            return AllOf(cluster.env, [job.start(cluster, seed) for job in self.jobs])

    crash = CrashNode(node="server", begin_s=0.1, end_s=0.12)
    scenario = training([crash], checkpoint_every=2)
    other = scenario.job.replace(name="other", model=KMeans(clusters=3))
    alone = [run(scenario.replace(job=job), 0).outcome for job in (scenario.job, other)]

    result = run(scenario.replace(job=Both(scenario.job, other)), 0)

    both = result.outcome.todict().values()
    assert [each.parameters.tobytes() for each in both] == [each.parameters.tobytes() for each in alone]
    assert len(list(result.trace.rows("restore"))) == 2


FOR_GOOD = CrashNode(node="worker-2", begin_s=0.05)
WATCHED = Heartbeats(period_s=0.01, suspicion=Timeout(after_s=0.05))


@pytest.mark.parametrize("staleness", [0, 2, math.inf])
def test_with_a_detector_training_goes_on_without_a_worker_that_is_gone_for_good(staleness):
    # So long a time-out that nothing but the detector could make the server look again.
    fields = {"staleness": staleness, "horizon_s": 5.0, "retry_s": 1e3}
    for_ever = run(training([FOR_GOOD], **fields), 0)
    goes_on = run(training([FOR_GOOD], detector=WATCHED, **fields), 0)

    assert (for_ever.ended, goes_on.ended) == ("horizon", "finished")
    assert [(row["node"], row["suspected"]) for row in goes_on.trace.rows("suspect")] == [("worker-2", True)]
    assert (goes_on.outcome.steps, goes_on.outcome.stopped) == (12, None)
    last = {row["worker"]: row["clock"] for row in goes_on.trace.rows("contribution") if row["accepted"]}
    assert last["worker-0"] == last["worker-1"] == 11
    assert last["worker-2"] < 11


def test_training_may_stop_and_say_who_is_gone():
    result = run(training([FOR_GOOD], detector=WATCHED, when_gone="stop"), 0)

    assert result.ended == "finished"
    assert result.outcome.stopped == "worker-2 is gone"
    assert 0 < result.outcome.steps < 12
    assert result.ended_s == pytest.approx(0.05 + 0.05, abs=0.015)  # the time-out, and a look each 0.01 s


def test_a_worker_that_was_wrongly_suspected_takes_part_again():
    pause = PauseNode(node="worker-2", begin_s=0.05, end_s=0.2)
    result = run(training([pause], detector=WATCHED, steps=40), 0)

    said = [row["suspected"] for row in result.trace.rows("suspect")]
    rows = [row for row in result.trace.rows("contribution") if row["worker"] == "worker-2"]
    took_part = [row["clock"] for row in rows if row["accepted"]]
    assert said == [True, False]
    assert result.outcome.steps == 40
    assert max(took_part) == 39
    assert len(took_part) < 40


class AsItStands(Waiting):
    """The protocol's own bodies."""


@pytest.mark.parametrize("waiting", [AsItStands(), BoundedStaleness(), BoundedStaleness(backup_workers=2)])
def test_when_everybody_is_gone_no_step_is_complete(waiting):
    dead = [CrashNode(node=f"worker-{place}", begin_s=0.05) for place in range(3)]
    result = run(training(dead, detector=WATCHED, waiting=waiting, horizon_s=2.0), 0)

    assert result.ended == "horizon"
    assert len(list(result.trace.rows("suspect"))) == 3


def test_a_server_that_restarts_watches_again():
    crash = CrashNode(node="server", begin_s=0.04, end_s=0.1)
    result = run(training([FOR_GOOD, crash], detector=WATCHED, checkpoint_every=1, horizon_s=5.0), 0)

    assert result.ended == "finished"
    assert result.outcome.steps == 12


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("evaluation", ["oracle", "paid"])
def test_a_crash_of_the_server_moves_no_evaluation(every, evaluation):
    def steps(*faults):
        scenario = training(faults, steps=12, checkpoint_every=1, evaluate_every=every, evaluation=evaluation)
        # A server so slow that a crash may come between a checkpoint and the end of the evaluation after it.
        slow = NodeSpec(name="server", flops_per_s=2e6)
        cluster = scenario.cluster.replace(nodes=(slow, *scenario.cluster.nodes[1:]))
        return [row["step"] for row in run(scenario.replace(cluster=cluster), 0).trace.rows("loss")]

    expected = steps()
    assert expected == list(range(every, 13, every))
    for begin_s in np.linspace(0.01, 0.15, 40):
        seen = steps(CrashNode(node="server", begin_s=begin_s, end_s=begin_s + 0.01))
        assert sorted(set(seen)) == expected


def test_nothing_of_a_detector_runs_on_when_training_is_over():
    class Both(Spec):
        def start(self, cluster, seed):
            training_job.start(cluster, seed)
            return cluster.env.event()

    training_job = training(detector=WATCHED).job
    result = run(training().replace(job=Both()), 0)

    assert result.ended == "deadlock"
    assert result.ended_s < 1.0


def test_whoever_asks_hears_how_far_training_is_and_what_it_has_learned():
    heard = []

    class Curious(Spec):
        def start(self, cluster, seed):
            cluster["worker-0"].boot(self.asks, "asks")
            return scenario.job.start(cluster, seed)

        def asks(self, node):
            while True:
                reply = yield from ask(node, "server", "training.parameters", timeout_s=0.05)
                heard.append(reply.body)
                yield node.timer(0.01)

    scenario = training(steps=30)
    outcome = run(scenario.replace(job=Curious()), 0).outcome

    clocks = [clock for clock, _ in heard]
    assert clocks == sorted(clocks)
    assert clocks[0] == 0 < clocks[-1] < 30
    distances = [np.abs(parameters - outcome.parameters).sum() for _, parameters in heard]
    assert distances[-1] < 0.2 * distances[0]


class Momentum(GradientDescent):
    """An optimiser of one's own, which remembers (Polyak 1964)."""

    def start(self, parameters):
        return np.zeros_like(parameters)

    def step(self, parameters, gradient, memory, clock, share):
        velocity = 0.9 * memory + gradient
        return call(lambda: (parameters - self.learning_rate * share * velocity, velocity), flops=1e3)


@pytest.mark.parametrize("every", [1, 3])
def test_what_an_optimiser_remembers_survives_a_crash_of_the_server(every):
    fields = {"optimiser": Momentum(learning_rate=0.1), "checkpoint_every": every}
    crash = CrashNode(node="server", begin_s=0.1, end_s=0.12)
    undisturbed, crashed = run(training(**fields), 0), run(training([crash], **fields), 0)

    assert list(crashed.trace.rows("restore"))
    assert crashed.outcome.parameters.tobytes() == undisturbed.outcome.parameters.tobytes()


def test_each_worker_goes_through_its_shard_in_an_order_of_its_own():
    env = Environment()
    made = Training(training(batch_size=5, sharding=ordered).job, 0, env.event(), Trace(env))
    orders = [tuple(made.rows(worker, step).index[0] - 50 * worker for step in range(10)) for worker in range(3)]

    assert len(set(orders)) == 3


def test_a_late_copy_of_a_request_takes_no_reply_from_the_request_after_it():
    # So that the others' next requests are there, and wait for the slow one, when copies of those before come.
    faults = [DuplicateMessages(probability=1.0, begin_s=0.0), SlowNode(node="worker-2", factor=3, begin_s=0.0)]

    assert run(training(faults, retry_s=1e3), 0).ended == "finished"


def test_how_often_checkpoints_are_made_can_change_without_their_store():
    kept = training(recovery=Checkpoints(every=7, store=RemoteStore(server="server"))).job
    often = kept.replace(checkpoint_every=3)

    assert often.recovery == Checkpoints(every=3, store=RemoteStore(server="server"))
    assert often.replace(checkpoint_every=None).recovery is None
    assert training(checkpoint_every=2).job.recovery == Checkpoints(every=2)
