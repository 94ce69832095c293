"""Colluding liars say what they agree about, of what they have heard, and poisoned labels are learned from honestly."""

import numpy as np
import pytest

from simcluster import plugins, run
from simcluster.cluster import Cluster, ClusterSpec, nodes
from simcluster.engine import Environment, Trace
from simcluster.faults import ATTACKS, Collude, FlipLabels, Injector
from simcluster.learning import Bundled, KMeans, LinearRegression, Softmax, arrays
from simcluster.training import AllReduce, Training, TrainingJob
from tests.strategies import training

IRIS = Bundled(name="iris").load()
NUMBERS = arrays(IRIS.features[:, :3], IRIS.features[:, 3])


def heard(make, send, fault, sent, kind="gradient"):
    """What node 0 hears of ``sent``: at which time, from whom, what."""
    cluster, found = make(fault, count=5), []

    def listen(node):
        while True:
            message = yield node.receive()
            found.append((message.source, message.body))

    cluster["n-0"].boot(listen)
    for time_s, source, body in sent:
        send(cluster, time_s, source, 0, kind, body=body)
    cluster.env.run()
    return found


def spread(honest, liars, strength):
    """An attack of one's own: how far the others are apart, and how many agree."""
    return np.asarray(strength * liars * (honest.max(axis=0) - honest.min(axis=0)))


def test_liars_say_what_they_make_of_the_last_that_each_other_node_has_said(make, send):
    fault = Collude(node="n-[34]", attack=spread, strength=10.0, begin_s=0)
    sent = [(1, 1, (0, np.array([5.0]))), (2, 2, (0, np.array([1.0]))), (3, 3, (0, np.array([7.0]))),
            (4, 1, (1, np.array([2.0]))), (5, 4, (1, np.array([8.0])))]  # fmt: skip

    said = heard(make, send, fault, sent)

    assert [(source, step, value.tolist()) for source, (step, value) in said] == [
        ("n-1", 0, [5.0]), ("n-2", 0, [1.0]), ("n-3", 0, [80.0]), ("n-1", 1, [2.0]), ("n-4", 1, [20.0]),
    ]  # fmt: skip


def test_who_has_heard_nobody_goes_by_its_own_truth_and_other_shapes_are_not_heard(make, send):
    fault = Collude(node="n-3", attack="inner_product_manipulation", strength=2.0, begin_s=2, end_s=6)
    sent = [(1, 1, 4.0), (3, 3, 5.0), (4, 1, np.ones(2)), (5, 3, 6.0), (7, 3, 7.0)]

    assert [body for source, body in heard(make, send, fault, sent) if source == "n-3"] == [-10.0, -12.0, 7.0]


def test_liars_lie_in_their_kinds_and_each_array_is_of_those_in_its_place(make, send):
    bodies = {"a": np.array([1.0, 2.0]), "b": (np.array([3.0]), 7, "text")}
    fault = Collude(node="n-3", attack="inner_product_manipulation", kinds=("gradient",), begin_s=0)
    sent = [(1, 1, bodies), (2, 3, bodies)]

    (_, lie) = heard(make, send, fault, sent)[1]
    assert lie["a"].tolist() == [-1.0, -2.0]
    assert (lie["b"][0].tolist(), lie["b"][1:]) == ([-3.0], (7, "text"))
    (_, truth) = heard(make, send, fault, sent, kind="vote")[1]
    assert truth["a"].tolist() == [1.0, 2.0]


def test_an_attack_of_one_s_own_is_read_back_from_a_file_and_an_unknown_one_is_refused():
    fault = Collude(node="n-0", attack=spread, begin_s=0)
    with plugins(__name__):
        assert Collude.model_validate_json(fault.model_dump_json()) == fault
    for word in ATTACKS:
        known = Collude(node="n-0", attack=word, begin_s=0)
        assert Collude.model_validate_json(known.model_dump_json()) == known
    with pytest.raises(ValueError, match="did you mean 'a_little_is_enough'"):
        Collude(node="n-0", attack="a_little_is_enoug", begin_s=0)


# Labels


def prepared(poisons, **fields):
    job = TrainingJob(**{"server": "s", "workers": ("a", "b"), "steps": 9, "batch_size": 8, "model": Softmax(),
                         "data": Bundled(name="iris"), **fields})  # fmt: skip
    env = Environment()
    return Training(job, 0, env.event(), Trace(env), None, poisons)


@pytest.mark.parametrize("batch_size", [8, None])
def test_a_poisoned_worker_reads_flipped_labels_of_its_rows_and_nobody_else_does(batch_size):
    def flipped(labels, classes):
        return classes - 1 - labels

    poisons = [{}, {}]
    training = prepared(poisons, batch_size=batch_size)
    before = [training.rows(worker, 3) for worker in (0, 1)]
    poisons[1]["fault"] = flipped
    during = [training.rows(worker, 3) for worker in (0, 1)]
    poisons[1]["another"] = flipped
    twice = training.rows(1, 3)
    poisons[1].clear()

    np.testing.assert_array_equal(during[0].targets, before[0].targets)
    np.testing.assert_array_equal(during[1].targets, 2 - before[1].targets)
    np.testing.assert_array_equal(during[1].features, before[1].features)
    np.testing.assert_array_equal(twice.targets, before[1].targets)
    np.testing.assert_array_equal(training.rows(1, 3).targets, before[1].targets)
    assert len(set(before[1].targets.tolist())) > 1


@pytest.mark.parametrize("data", [Bundled(name="iris"), NUMBERS])
def test_a_step_of_a_run_with_flipped_labels_is_that_of_the_flipped_contribution(data):
    model = Softmax() if data.load(0).classes else LinearRegression()
    fields = {"data": data, "steps": 1, "batch_size": None, "model": model}
    plain = training(**fields)
    poisoned = run(plain.under([FlipLabels(node="worker-1", begin_s=0.0)]), 0).outcome.parameters

    def flip(labels, classes):
        return -labels if classes is None else classes - 1 - labels

    alike = Training(plain.job, 0, (env := Environment()).event(), Trace(env), None, [{}, {"fault": flip}, {}])
    said = [alike.contribution(worker, 0, alike.initial)() for worker in range(3)]
    gradient = model.gradient(alike.initial, np.sum(said, axis=0), len(alike.data))
    step, _ = alike.optimiser.step(alike.initial, gradient, alike.optimiser.start(alike.initial), 0, 1.0)()
    np.testing.assert_allclose(poisoned, step, rtol=1e-12, atol=1e-14)
    assert not np.allclose(poisoned, run(plain, 0).outcome.parameters)


def test_labels_are_poisoned_round_a_ring_too_and_only_while_the_fault_lasts():
    def loss(*faults):
        scenario = training(faults)
        workers = scenario.job.workers
        job = TrainingJob(model=Softmax(), data=Bundled(name="iris"), batch_size=8, exchange=AllReduce(),
                          workers=workers, steps=30)  # fmt: skip
        return run(scenario.replace(job=job), 0).outcome.loss

    honest = loss()
    short, long = (loss(FlipLabels(node="worker-[01]", begin_s=0.0, end_s=end_s)) for end_s in (0.1, None))
    assert honest < short < long


def test_a_model_that_looks_at_no_labels_does_not_notice():
    flip = FlipLabels(node="*", begin_s=0.0)
    found = [run(training(faults, model=KMeans(clusters=3)), 0).outcome.parameters for faults in ([], [flip])]

    np.testing.assert_array_equal(*found)


def test_a_node_whose_labels_are_poisoned_is_at_its_baseline_when_the_fault_is_over_and_needs_no_disk_for_it():
    cluster = Cluster(env := Environment(), ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
    Injector(cluster, [FlipLabels(node="n-0", begin_s=1.0, end_s=2.0)])
    env.run(until=1.5)
    assert [node.at_baseline for node in cluster.nodes.values()] == [False, True]
    env.run(until=2.5)
    assert cluster.at_baseline
    assert not any("storage" in vars(node) for node in cluster.nodes.values())
