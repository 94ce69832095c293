"""Training without a server: the server's parameters, on every worker, whatever happens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simpy.events import AllOf

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, nodes
from simcluster.engine import Exponential, Spec
from simcluster.faults import CrashNode, KillProgram, LoseMessages, PauseNode
from simcluster.learning import Bundled, GradientDescent, KMeans, Softmax, by_key, call, ordered
from simcluster.recovery import Checkpoints, Heartbeats, RemoteStore, ask
from simcluster.training import AllReduce, BoundedStaleness, TopK, TrainingJob, Waiting
from tests.strategies import faults

WORKERS = ("worker-0", "worker-1", "worker-2")
ALGORITHMS = pytest.mark.parametrize("algorithm", ["ring", "recursive_doubling"])


def training(faults=(), *, algorithm="ring", workers=3, network=None, jitter=None, horizon_s=60.0, **job):
    """A small scenario whose step takes about 10 ms."""
    spec = nodes("worker", workers, flops_per_s=1e5, jitter=jitter)
    cluster = ClusterSpec(nodes=(*nodes("server", 1), *spec), network=network or NetworkSpec())
    exchange = AllReduce(algorithm=algorithm, retry_s=0.05)
    fields = {"model": Softmax(), "data": Bundled(name="iris"), "batch_size": 8, "steps": 8, "exchange": exchange}
    names = tuple(node.name for node in spec)
    return Scenario(
        cluster=cluster, job=TrainingJob(workers=names, **{**fields, **job}), faults=faults, horizon_s=horizon_s
    )


def finished(scenario, seed=0, check=False):
    result = run(scenario, seed, check=check)
    assert result.ended == "finished"
    return result


def bits(scenario):
    return finished(scenario).outcome.parameters.tobytes()


@ALGORITHMS
@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("model", [Softmax(), KMeans(clusters=4)])
@pytest.mark.parametrize("batch_size", [5, None])
def test_it_reaches_the_server_s_parameters(algorithm, workers, model, batch_size):
    scenario = training(algorithm=algorithm, workers=workers, model=model, batch_size=batch_size)
    served = scenario.replace(job=scenario.job.replace(exchange={"kind": "parameter_server", "server": "server-0"}))
    alone, centre = finished(scenario), finished(served)

    np.testing.assert_allclose(alone.outcome.parameters, centre.outcome.parameters, rtol=1e-12, atol=1e-12)
    assert alone.outcome.steps == centre.outcome.steps == 8
    assert alone.outcome.loss == pytest.approx(centre.outcome.loss, rel=1e-12)
    assert [row["step"] for row in alone.trace.rows("loss")] == list(range(1, 9))


@pytest.mark.parametrize("sharding", [ordered, by_key])
def test_whole_shards_give_one_worker_s_parameters_for_any_split(sharding):
    one = finished(training(workers=1, batch_size=None)).outcome.parameters
    for workers in (2, 5, 30):
        many = finished(training(workers=workers, batch_size=None, sharding=sharding)).outcome.parameters
        np.testing.assert_allclose(many, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_the_bytes_of_a_step_are_those_of_the_docstring(workers):
    ringed = finished(training(workers=workers)).metrics["sent_bytes"]
    doubled = finished(training(workers=workers, algorithm="recursive_doubling")).metrics["sent_bytes"]
    numbers = 5 * 3

    assert ringed == 8 * 2 * (workers - 1) * (8 * numbers + 80 * workers)
    messages = {2: 2, 3: 2 * 1 + 2, 8: 8 * 3}[workers]
    assert doubled == 8 * messages * (8 * numbers + 80)


class AndAsks(Spec):
    """Training, and at its end a question to every worker for its parameters."""

    job: TrainingJob

    def start(self, cluster, seed):
        trained, done = self.job.start(cluster, seed), cluster.env.event()
        cluster["server-0"].boot(lambda node: self.asks(node, trained, done), "asks")
        return done

    def asks(self, node, trained, done):
        yield trained
        heard = []
        for worker in self.job.workers:
            reply = yield from ask(node, worker, "training.parameters", timeout_s=0.1)
            heard.append((reply.body[0], reply.body[1].tobytes()))
        done.succeed(heard)


@ALGORITHMS
@pytest.mark.parametrize("model", [Softmax(), KMeans(clusters=4)])
@pytest.mark.parametrize("fault", [(), (CrashNode(node="worker-1", begin_s=0.03, end_s=0.06),)])
def test_all_workers_end_with_the_same_bits(algorithm, model, fault):
    scenario = training(fault, algorithm=algorithm, model=model)
    heard = finished(scenario.replace(job=AndAsks(job=scenario.job))).outcome

    assert heard == [(8, bits(scenario))] * 3


def test_whoever_asks_on_the_way_hears_how_far_it_is():
    heard = []

    class Curious(Spec):
        def start(self, cluster, seed):
            cluster["server-0"].boot(self.asks, "asks")
            return scenario.job.start(cluster, seed)

        def asks(self, node):
            while True:
                reply = yield from ask(node, "worker-2", "training.parameters", timeout_s=0.05)
                heard.append(reply.body[0])
                yield node.timer(0.005)

    scenario = training(steps=20)
    finished(scenario.replace(job=Curious()))

    assert heard == sorted(heard)
    assert heard[0] == 0 < heard[-1] <= 20


class AsItStands(Waiting):
    pass


def median(values, rows):
    return call(np.median, values, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"staleness": 2}, "waiting must be bulk-synchronous with all_reduce: a sum needs every worker, got Bounded"),
        ({"waiting": BoundedStaleness(backup_workers=1)}, "waiting must be bulk-synchronous"),
        ({"waiting": AsItStands()}, "waiting must be bulk-synchronous"),
        ({"detector": Heartbeats()}, "detector must be None with all_reduce"),
        ({"compression": TopK()}, "compression must be None with all_reduce: .*, got TopK"),
        ({"aggregation": median}, "aggregation must be total with all_reduce"),
        ({"exchange": {"kind": "all_reduce", "algorithm": "star"}}, "algorithm: .*got 'star'"),
        ({"exchange": {"kind": "all_reduce", "retry_s": 0}}, "retry_s: "),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)


def test_training_ends_at_the_target_and_at_the_same_step_whatever_happens():
    fields = {"steps": 100, "target_loss": 0.9}
    plain = finished(training(**fields)).outcome

    assert plain.loss <= 0.9
    assert plain.steps < 100
    for begin_s in np.linspace(0.005, 0.1, 12):
        crash = CrashNode(node="worker-0", begin_s=begin_s, end_s=begin_s + 0.02)
        troubled = finished(training([crash], **fields)).outcome
        assert (troubled.steps, troubled.parameters.tobytes()) == (plain.steps, plain.parameters.tobytes())


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("evaluation", ["oracle", "paid"])
def test_every_evaluation_is_made_once_whoever_crashes(every, evaluation):
    fields = {"evaluate_every": every, "evaluation": evaluation}

    def rows(*faults):
        return [(row["step"], row["loss"]) for row in finished(training(faults, **fields)).trace.rows("loss")]

    expected = rows()
    assert [step for step, _ in expected] == [*range(every, 8, every), 8]
    for begin_s in np.linspace(0.001, 0.1, 10):
        assert rows(CrashNode(node="worker-0", begin_s=begin_s, end_s=begin_s + 0.01)) == expected


def test_an_evaluation_that_is_paid_takes_time():
    assert finished(training(evaluation="paid")).ended_s > finished(training()).ended_s


@pytest.mark.parametrize("store", [None, RemoteStore(server="server-0", timeout_s=0.1)])
@ALGORITHMS
def test_when_all_crash_at_once_training_goes_on_from_what_they_have_kept(store, algorithm):
    everybody = [
        CrashNode(node=worker, begin_s=0.06, end_s=0.08 + 0.01 * place) for place, worker in enumerate(WORKERS)
    ]
    recovery = Checkpoints(every=2) if store is None else Checkpoints(every=2, store=store)
    plain = bits(training(algorithm=algorithm))
    anew, kept = (
        finished(training(everybody, algorithm=algorithm, **fields)) for fields in ({}, {"recovery": recovery})
    )

    def first(result):
        return min(row["clock"] for row in result.trace.rows("step") if row["time_s"] > 0.08)

    assert anew.outcome.parameters.tobytes() == kept.outcome.parameters.tobytes() == plain
    assert first(anew) == 0 < first(kept)
    assert len({row["clock"] for row in kept.trace.rows("restore")}) >= 1


class Momentum(GradientDescent):
    """An optimiser that remembers."""

    def start(self, parameters):
        return np.zeros_like(parameters)

    def step(self, parameters, gradient, memory, clock, share):
        velocity = 0.9 * memory + gradient
        return call(lambda: (parameters - self.learning_rate * share * velocity, velocity), flops=1e3)


def test_what_an_optimiser_remembers_comes_from_a_neighbour_too():
    fields = {"optimiser": Momentum(learning_rate=0.1), "steps": 20}
    crash = CrashNode(node="worker-1", begin_s=0.1, end_s=0.12)

    assert bits(training([crash], **fields)) == bits(training(**fields))


def test_a_program_that_was_killed_and_revived_catches_up():
    dead = KillProgram(node="worker-1", program="training.worker", begin_s=0.04, end_s=0.3)

    assert bits(training([dead])) == bits(training())


def test_lost_messages_and_pauses_change_only_the_clock():
    troubles = [
        LoseMessages(probability=0.6, begin_s=0.0, end_s=0.4),
        PauseNode(node="worker-2", begin_s=0.02, end_s=0.2),
    ]
    plain, troubled = finished(training()), finished(training(troubles))

    assert troubled.outcome.parameters.tobytes() == plain.outcome.parameters.tobytes()
    assert troubled.ended_s > plain.ended_s


def test_two_trainings_of_other_names_share_workers():
    class Both(Spec):
        def start(self, cluster, seed):
            return AllOf(cluster.env, [job.start(cluster, seed) for job in jobs])

    scenario = training()
    jobs = scenario.job, scenario.job.replace(name="other", model=KMeans(clusters=3))
    alone = [bits(scenario.replace(job=job)) for job in jobs]
    both = finished(scenario.replace(job=Both())).outcome.todict().values()

    assert [each.parameters.tobytes() for each in both] == alone


def test_a_worker_that_is_down_for_good_is_waited_for_until_the_horizon():
    result = run(training([CrashNode(node="worker-1", begin_s=0.02)], horizon_s=1.0), 0)

    assert (result.ended, result.outcome) == ("horizon", None)


NETWORKS = [
    NetworkSpec(latency=Exponential(mean=0.0005)),
    NetworkSpec(latency=Exponential(mean=0.02), seed=99),
    NetworkSpec(latency=Exponential(mean=0.001), loss_probability=0.2, failures="reported"),
    NetworkSpec(bandwidth_bytes_per_s=1e5, fidelity="flow"),
]


@pytest.mark.slow
@ALGORITHMS
@settings(max_examples=50, deadline=None)
@given(
    st.lists(faults(nodes=WORKERS), min_size=1, max_size=6),
    st.sampled_from([Softmax(), KMeans(clusters=3)]),
    st.sampled_from(NETWORKS),
    st.sampled_from([None, Checkpoints(every=2)]),
    st.sampled_from([None, Exponential(mean=1)]),
)
def test_fifty_schedules_of_faults_change_no_bit(algorithm, schedule, model, network, recovery, jitter):
    fields = {"algorithm": algorithm, "model": model}
    troubled = training(schedule, network=network, recovery=recovery, jitter=jitter, **fields)

    assert finished(troubled, check=True).outcome.parameters.tobytes() == bits(training(**fields))


@pytest.mark.slow
@ALGORITHMS
def test_fifty_crashes_of_several_workers_change_no_bit(algorithm):
    plain = bits(training(algorithm=algorithm, workers=5))
    for number in range(50):
        draw = np.random.default_rng(number)
        crashes = [
            CrashNode(node=f"worker-{draw.integers(5)}", begin_s=begin_s, end_s=begin_s + draw.uniform(0.001, 0.1))
            for begin_s in draw.uniform(0, 0.15, size=draw.integers(1, 8))
        ]
        assert bits(training(crashes, algorithm=algorithm, workers=5)) == plain
