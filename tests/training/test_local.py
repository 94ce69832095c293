"""Local work: steps on a worker's own rows, clients that are sampled, buffers, and springs to a centre."""

import math

import numpy as np
import pytest

from simcluster.faults import CrashNode
from simcluster.learning import Adam, Bundled, GradientDescent, KMeans, Momentum, Softmax
from simcluster.recovery import Checkpoints
from simcluster.training import (
    AllReduce,
    Buffered,
    ClientSampling,
    ElasticAveraging,
    EveryoneToEveryone,
    Gossip,
    LocalSteps,
    PairwiseGossip,
    ParameterServer,
    Progress,
    ShardedServers,
    TopK,
    arrays,
)
from tests.training.exchanges import SERVERS, finished, parameters, training

EXCHANGES = {
    "server": ParameterServer(server="server-0", retry_s=0.05),
    "sharded": ShardedServers(servers=SERVERS, retry_s=0.05),
    "ring": AllReduce(retry_s=0.05),
    "everyone": EveryoneToEveryone(retry_s=0.05),
    "gossip": Gossip(retry_s=0.05),
}
WITH = pytest.mark.parametrize("name", EXCHANGES)


@WITH
@pytest.mark.parametrize("optimiser", [GradientDescent(), GradientDescent(decay=0.1)])
def test_one_local_step_is_training_without_local_work(name, optimiser):
    fields = {"exchange": EXCHANGES[name], "optimiser": optimiser}
    found = parameters(local=LocalSteps(steps=1), **fields)

    # W − η·g, and W less the mean of W − (W − η·g_i): the same but for the rounding of numbers about 1.
    np.testing.assert_allclose(found, parameters(**fields), rtol=0, atol=1e-12)


@WITH
def test_a_proximal_term_of_nothing_is_none(name):
    fields = {"exchange": EXCHANGES[name]}
    free, held = (parameters(local=LocalSteps(steps=3, proximal=mu), **fields) for mu in (0.0, 1.0))

    assert free.tobytes() == parameters(local=LocalSteps(steps=3), **fields).tobytes()
    assert np.abs(held).max() < np.abs(free).max()


def test_local_steps_are_their_formula():
    """FedProx by hand: w ← w − η(∇F_i(w) + μ(w − w_t)), H times on each worker, then the mean by rows."""
    job = training(steps=3, batch_size=None, sharding="ordered", optimiser=GradientDescent(learning_rate=0.1)).job
    data = Bundled(name="iris").load()
    shards = np.array_split(np.arange(150), 4)
    model, mu, point = Softmax(), 0.7, np.zeros((5, 3))
    for _ in range(3):
        ends = []
        for shard in shards:
            rows, here = type(data.all)(data, shard), point
            for _ in range(5):
                said = model.contribution(here, rows)()
                here = here - 0.1 * (model.gradient(here, said, len(shard)) + mu * (here - point))
            ends.append(here)
        point = np.average(ends, axis=0, weights=[len(shard) for shard in shards])

    fields = {"steps": 3, "batch_size": None, "sharding": "ordered", "optimiser": job.optimiser}
    found = parameters(local=LocalSteps(steps=5, proximal=mu), **fields)
    np.testing.assert_allclose(found, point, rtol=0, atol=1e-12)


def test_a_round_takes_as_long_as_its_local_steps():
    once, often = (finished(local=LocalSteps(steps=steps), steps=1).ended_s for steps in (1, 10))

    assert often > 5 * once


def test_an_outer_optimiser_follows_the_mean_way():
    for outer in (Momentum(learning_rate=1.0, momentum=0.5), Adam(learning_rate=0.1)):
        assert finished(local=LocalSteps(steps=2, outer=outer), steps=20).outcome.loss < 1.0


@pytest.mark.parametrize(("fraction", "drawn"), [(0.01, 1), (0.25, 2), (0.3, 3), (1.0, 8)])
def test_a_round_has_its_share_of_the_clients_and_no_others(fraction, drawn):
    fields = {"local": LocalSteps(steps=2), "workers": 8, "steps": 20, "exchange": ParameterServer(server="server-0")}
    result = finished(waiting=ClientSampling(fraction=fraction), **fields)
    rounds = {}
    for row in result.trace.rows("contribution"):
        assert row["accepted"]
        rounds.setdefault(row["clock"], set()).add(row["worker"])

    assert {len(each) for each in rounds.values()} == {drawn}
    assert len(rounds) == 20
    if drawn < 8:
        assert len({frozenset(each) for each in rounds.values()}) > 5
    assert len(list(result.trace.rows("step"))) == 20 * drawn


def test_all_clients_are_bulk_synchronous_training():
    assert parameters(waiting=ClientSampling(fraction=1.0)).tobytes() == parameters().tobytes()


def test_others_are_drawn_for_clients_that_are_gone_as_long_as_there_are_any():
    rule, workers = ClientSampling(fraction=0.5), tuple("abcd")
    progress = Progress(workers, dict.fromkeys(workers, 0))
    chosen = [worker for worker in workers if rule.may_start(worker, 0, progress)]
    progress.arrived = chosen[:1]

    assert len(chosen) == 2
    assert not rule.complete(progress)
    progress.gone = chosen[1:]
    instead = [worker for worker in workers if rule.may_start(worker, 0, progress) and worker not in chosen]
    assert len(instead) == 1
    assert not rule.complete(progress)
    progress.arrived = [chosen[0], *instead]
    assert rule.complete(progress)
    progress.arrived, progress.gone = chosen[:1], [worker for worker in workers if worker != chosen[0]]
    assert rule.complete(progress)
    assert rule.sees(5) == 5
    assert not rule.may_start(chosen[0], 1, progress)


@pytest.mark.parametrize("exchange", ["server", "sharded"])
def test_no_crash_changes_who_is_drawn_or_what_is_learned(exchange):
    fields = {"exchange": EXCHANGES[exchange], "waiting": ClientSampling(fraction=0.5), "local": LocalSteps(steps=2)}
    times_s = {"worker-1": 0.02, "server-0": 0.05, "worker-3": 0.06}
    crashes = [CrashNode(node=node, begin_s=begin_s, end_s=begin_s + 0.03) for node, begin_s in times_s.items()]

    assert parameters(crashes, **fields).tobytes() == parameters(**fields).tobytes()


def test_a_buffer_moves_parameters_when_it_is_full_by_the_mean():
    rule, point = Buffered(size=3, optimiser=GradientDescent(learning_rate=2.0)), np.ones((2, 1))
    memory = rule.start(point)
    for count, (gradient, share) in enumerate([(1.0, 0.25), (4.0, 0.5), (7.0, 0.25)] * 2, 1):
        moved, memory = rule.step(point, np.full((2, 1), gradient), memory, 0, share)()
        if count % 3:
            np.testing.assert_array_equal(moved, point)
        else:
            np.testing.assert_array_equal(moved, point - 2.0 * 4.0)
        point = moved


def test_a_buffer_of_every_contribution_of_a_step_is_a_step_where_nobody_waits():
    outer = Buffered(size=4)
    result = finished(local=LocalSteps(steps=2, outer=outer), staleness=math.inf, steps=30)

    assert result.outcome.loss < 0.7
    assert len(list(result.trace.rows("contribution"))) == 120


def test_a_buffer_remembers_for_its_optimiser():
    plain, buffered = (
        finished(optimiser=optimiser, steps=12).outcome.parameters
        for optimiser in (Momentum(), Buffered(size=1, optimiser=Momentum()))
    )
    np.testing.assert_array_equal(plain, buffered)


@pytest.mark.parametrize("exchange", ["server", "ring", "sharded"])
@pytest.mark.parametrize("steps", [1, 3])
def test_elastic_averaging_is_equations_3_and_4(exchange, steps):
    fields = {"steps": 6, "batch_size": None, "sharding": "ordered", "optimiser": GradientDescent(learning_rate=0.1)}
    data = Bundled(name="iris").load()
    model, alpha = Softmax(), 0.6 / 4
    shards = [type(data.all)(data, rows) for rows in np.split(np.arange(148), 4)]
    centre, points = np.zeros((5, 3)), [np.zeros((5, 3))] * 4

    def slope(point, rows):
        return 0.1 * model.gradient(point, model.contribution(point, rows)(), len(rows))

    for _ in range(6):
        stretched = [point - centre for point in points]
        following = []
        for point, rows, pull in zip(points, shards, stretched, strict=True):
            here = point - slope(point, rows) - alpha * pull
            for _ in range(steps - 1):
                here = here - slope(here, rows)
            following.append(here)
        centre = centre + alpha * np.sum(stretched, axis=0)
        points = following
    source = arrays(data.features[:148], data.targets[:148])
    found = parameters(
        data=source, exchange=EXCHANGES[exchange], local=ElasticAveraging(steps=steps, moving_rate=0.6), **fields
    )
    np.testing.assert_allclose(found, centre, rtol=0, atol=1e-12)


def test_elastic_workers_need_not_wait_and_survive_crashes():
    crashes = [CrashNode(node="worker-1", begin_s=0.1, end_s=0.15), CrashNode(node="server-0", begin_s=0.2, end_s=0.25)]
    fields = {"local": ElasticAveraging(steps=2), "staleness": math.inf, "steps": 60}

    assert finished(crashes, recovery=Checkpoints(every=2), **fields).outcome.loss < 0.8


def test_contributions_that_are_ways_can_be_compressed():
    result = finished(local=LocalSteps(steps=2), compression=TopK(share=0.5), steps=20)

    assert result.outcome.loss < 0.7


def test_pairs_do_local_steps():
    assert finished(exchange=PairwiseGossip(), staleness=math.inf, local=LocalSteps(steps=3)).outcome.loss < 1.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"local": LocalSteps(), "model": KMeans()}, "model must have a gradient with local_steps"),
        ({"local": ElasticAveraging(), "model": KMeans()}, "model must have a gradient with elastic_averaging"),
        ({"local": {"kind": "local_steps", "steps": 0}}, "steps"),
        ({"local": {"kind": "elastic_averaging", "moving_rate": 1.5}}, "moving_rate"),
        ({"local": {"kind": "local_steps", "outer": {"kind": "momentum", "learning_rate": "auto"}}}, "learning_rate"),
        ({"waiting": {"kind": "client_sampling", "fraction": 0}}, "fraction"),
        ({"waiting": ClientSampling(), "exchange": AllReduce()}, "waiting must be bulk-synchronous with all_reduce"),
        ({"local": object()}, "Local must have"),
    ],
)
def test_what_does_not_go_together_is_refused_with_the_reason(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)
