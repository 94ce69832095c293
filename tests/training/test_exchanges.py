"""Where parameters live: on several servers, on every worker, on each worker its own."""

import math

import networkx as nx
import numpy as np
import pytest
from training.exchanges import NUMBERS, SERVERS, finished, parameters, training

from simcluster import load_scenario, save_scenario
from simcluster.cluster.collectives import Hierarchical
from simcluster.faults import CrashNode, KillProgram, LoseMessages
from simcluster.learning import (
    Adam,
    Bundled,
    GradientDescent,
    KMeans,
    Lbfgs,
    LogisticRegression,
    Momentum,
    Nesterov,
    Softmax,
    call,
)
from simcluster.recovery import Checkpoints, Heartbeats
from simcluster.training import (
    AllReduce,
    BoundedStaleness,
    ElasticAveraging,
    EveryoneToEveryone,
    Gossip,
    PairwiseGossip,
    ShardedServers,
    TopK,
)

SHARDED = ShardedServers(servers=SERVERS, retry_s=0.05)
FOLDED = ["rabenseifner", "binomial_tree", "auto", Hierarchical(group=2)]


def median(values, rows):
    return call(np.median, values, 0)


@pytest.mark.parametrize("algorithm", FOLDED)
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_all_reduce_has_the_server_s_parameters_up_to_the_order_of_sums(algorithm, workers):
    found = parameters(workers=workers, exchange=AllReduce(algorithm=algorithm))

    np.testing.assert_allclose(found, parameters(workers=workers), rtol=0, atol=1e-12)


@pytest.mark.parametrize("fields", [{}, {"model": KMeans(clusters=3), "batch_size": None}, {"aggregation": median}])
@pytest.mark.parametrize("workers", [1, 4])
def test_everyone_to_everyone_has_the_server_s_parameters_to_the_last_bit(workers, fields):
    found = parameters(workers=workers, exchange=EveryoneToEveryone(), **fields)

    assert found.tobytes() == parameters(workers=workers, **fields).tobytes()


@pytest.mark.parametrize("optimiser", [GradientDescent(), Momentum(), Nesterov(), Adam()])
@pytest.mark.parametrize("model", [Softmax(), LogisticRegression()])
def test_sharded_servers_have_one_server_s_parameters_to_the_last_bit(optimiser, model):
    data = Bundled(name="iris" if isinstance(model, Softmax) else "breast_cancer")
    fields = {"optimiser": optimiser, "model": model, "data": data}

    assert parameters(exchange=SHARDED, **fields).tobytes() == parameters(**fields).tobytes()


def test_sharded_servers_share_the_traffic_of_one():
    def busiest(**fields):
        sent = {}
        for row in finished(**fields).trace.rows("send"):
            sent[row["source"]] = sent.get(row["source"], 0) + row["size_bytes"]
        return max(bytes for node, bytes in sent.items() if node.startswith("server"))

    model = {"model": Softmax(), "data": Bundled()}
    assert busiest(exchange=SHARDED, **model) < 0.4 * busiest(**model)


@pytest.mark.parametrize("staleness", [1, math.inf])
def test_sharded_servers_serve_workers_that_do_not_wait(staleness):
    result = finished(exchange=SHARDED, staleness=staleness, steps=40)
    one = finished(staleness=staleness, steps=40)

    assert result.outcome.steps == 40
    assert result.outcome.loss == pytest.approx(one.outcome.loss, rel=0.1)
    assert len(list(result.trace.rows("contribution"))) == pytest.approx(160, abs=4)


def test_gossip_among_all_is_bulk_synchronous_descent():
    for optimiser in (GradientDescent(), Momentum()):
        found = parameters(exchange=Gossip(graph="complete"), optimiser=optimiser)
        # Averages of parameters are rounded otherwise than sums of gradients; momentum of the mean is the mean's.
        np.testing.assert_allclose(found, parameters(optimiser=optimiser), rtol=0, atol=1e-12)


@pytest.mark.parametrize("overlapped", [False, True])
def test_gossip_is_its_formula(overlapped):
    job = training(exchange=Gossip(overlapped=overlapped), steps=5, optimiser=GradientDescent(learning_rate=0.2)).job
    learner = TrainingOf(job)
    points = np.array([learner.initial] * 4)
    weights = np.array([[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]]) / 3
    for clock in range(5):
        steps = [0.2 * learner.slope(index, clock, points[index]) for index in range(4)]
        mixed = np.einsum("ij,jkl->ikl", weights, points if overlapped else points - steps)
        points = mixed - steps if overlapped else mixed

    found = parameters(exchange=Gossip(overlapped=overlapped), steps=5, optimiser=job.optimiser)
    np.testing.assert_allclose(found, points.mean(axis=0), rtol=0, atol=1e-12)


class TrainingOf:
    """The mathematics of a job's steps."""

    def __init__(self, job):
        from simcluster.engine import Environment, Trace
        from simcluster.training import Training

        env = Environment()
        self.training = Training(job, 0, env.event(), Trace(env, ()))
        self.initial = self.training.initial

    def slope(self, index, clock, point):
        said = self.training.contribution(index, clock, point)()
        return self.training.job.model.gradient(point, said, self.training.batch_rows[index])


def test_overlapped_gossip_takes_less_time():
    assert finished(exchange=Gossip(overlapped=True)).ended_s < finished(exchange=Gossip()).ended_s


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_pairs_average_and_learn_and_nobody_waits(workers):
    fields = {"staleness": math.inf, "workers": workers, "steps": 60, "optimiser": GradientDescent(learning_rate=0.05)}
    result = finished(exchange=PairwiseGossip(), **fields)
    distances = [row["distance"] for row in result.trace.rows("consensus")]

    assert result.outcome.loss == pytest.approx(finished(**fields).outcome.loss, rel=0.1)
    assert len(distances) == 60
    assert max(distances) < 0.3
    assert min(distances[5:]) > 0 or workers == 1


def test_pairs_that_do_not_learn_keep_their_mean_whatever_is_lost():
    still = {"optimiser": GradientDescent(learning_rate=1e-300), "staleness": math.inf, "steps": 40}
    lost = [LoseMessages(probability=0.4, begin_s=0.0, end_s=1.0)]
    for faults in ((), lost):
        found = parameters(faults, exchange=PairwiseGossip(retry_s=0.002), **still)
        # What one takes the other gives, to the rounding of a sum.
        np.testing.assert_allclose(
            found, training(**still).job.model.initial(Bundled(name="iris").load(), None), atol=1e-12
        )


def test_a_worker_of_pairs_that_crashes_goes_on_from_a_neighbour_or_from_what_was_kept():
    crash = [CrashNode(node="worker-1", begin_s=0.08, end_s=0.12)]
    for recovery in (None, Checkpoints(every=2)):
        result = finished(crash, exchange=PairwiseGossip(retry_s=0.02), staleness=math.inf, steps=30, recovery=recovery)
        begun = [
            row["clock"] for row in result.trace.rows("step") if row["worker"] == "worker-1" and row["time_s"] > 0.12
        ]
        assert begun[0] > 3
        assert result.outcome.steps == 30


BYTES = {
    "sharded": (SHARDED, lambda p, m: 64 * 3 * p / 8 + p * (144 * 3 + 16 * m)),
    "everyone": (EveryoneToEveryone(), lambda p, m: p * (p - 1) * (8 * m + 80)),
    "gossip": (Gossip(), lambda p, m: 2 * (p if p > 2 else p - 1) * (72 + 8 * m)),
    "gossip among all": (Gossip(graph="complete"), lambda p, m: p * (p - 1) * (72 + 8 * m)),
    "tree": (AllReduce(algorithm="binomial_tree"), lambda p, m: 2 * (p - 1) * (8 * m + 80)),
    "two levels": (
        AllReduce(algorithm=Hierarchical(group=2)),
        lambda p, m: 2 * (p // 2) * (8 * m + 80) + 2 * (-(-p // 2) - 1) * (8 * m + 80 * -(-p // 2)),
    ),
    "rabenseifner": (AllReduce(algorithm="rabenseifner"), lambda p, m: halving(p, m)),
}


def halving(p, m):
    q = 2 ** int(math.log2(p))
    return 2 * (q - 1) * 8 * m + 160 * q * math.log2(q) + 2 * (p - q) * (8 * m + 80)


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize("workers", [2, 3, 8])
def test_the_bytes_on_the_network_are_those_of_the_docstring(name, workers):
    exchange, law = BYTES[name]

    assert finished(workers=workers, exchange=exchange).metrics["sent_bytes"] == 8 * law(workers, NUMBERS)


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_a_step_of_a_pair_is_a_question_and_an_answer(workers):
    result = finished(workers=workers, exchange=PairwiseGossip(), staleness=math.inf)
    sizes = {}
    for row in result.trace.rows("send"):
        sizes.setdefault(row["message_kind"], []).append(row["size_bytes"])

    assert sizes["training.pair"] == [64 + 8 * NUMBERS] * 8 * workers
    assert len(sizes["training.pair-reply"]) == 8 * workers
    assert {*sizes["training.pair-reply"]} == {64, 64 + 8 * NUMBERS}


EXCHANGES = {
    "sharded": SHARDED,
    "everyone": EveryoneToEveryone(retry_s=0.05),
    "gossip": Gossip(retry_s=0.05),
    "overlapped": Gossip(retry_s=0.05, overlapped=True, graph=nx.star_graph(3)),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_training_ends_at_the_target_whoever_crashes(name):
    fields = {"exchange": EXCHANGES[name], "steps": 100, "target_loss": 0.85}
    plain = finished(**fields).outcome
    crash = [CrashNode(node="worker-2", begin_s=0.03, end_s=0.05)]

    assert plain.loss <= 0.85
    assert plain.steps < 100
    assert finished(crash, **fields).outcome.parameters.tobytes() == plain.parameters.tobytes()


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("every", [1, 3])
def test_every_evaluation_is_made_once(name, every):
    crash = [CrashNode(node="worker-2", begin_s=0.04, end_s=0.05)]
    if name == "sharded":
        crash.append(CrashNode(node="server-1", begin_s=0.05, end_s=0.06))
    steps = [row["step"] for row in finished(crash, exchange=EXCHANGES[name], evaluate_every=every).trace.rows("loss")]

    assert steps == [*range(every, 8, every), 8]


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_program_that_was_killed_and_revived_catches_up(name):
    dead = [KillProgram(node="worker-1", program="training.worker", begin_s=0.04, end_s=0.3)]

    assert parameters(dead, exchange=EXCHANGES[name]).tobytes() == parameters(exchange=EXCHANGES[name]).tobytes()


def test_a_checkpoint_spares_a_gossiping_worker_the_steps_before_it():
    crash = [CrashNode(node="worker-1", begin_s=0.06, end_s=0.07)]
    plain = parameters(exchange=EXCHANGES["gossip"])
    for recovery, first in ((None, 0), (Checkpoints(every=2), 2)):
        result = finished(crash, exchange=EXCHANGES["gossip"], recovery=recovery)
        redone = [
            row["clock"] for row in result.trace.rows("step") if row["worker"] == "worker-1" and row["time_s"] >= 0.07
        ]
        assert redone[0] >= first
        assert (redone[0] == 0) == (recovery is None)
        assert result.outcome.parameters.tobytes() == plain.tobytes()


def test_a_graph_of_ones_own_can_be_written_to_a_file(tmp_path):
    scenario = training(exchange=Gossip(graph=nx.path_graph(4), mixing="uniform"))
    save_scenario(tmp_path / "gossip.yaml", scenario)

    assert load_scenario(tmp_path / "gossip.yaml") == scenario
    assert [*scenario.job.exchange.graph(4).edges] == [(0, 1), (1, 2), (2, 3)]


REFUSED = [
    ({"exchange": Gossip(), "staleness": 2}, "waiting must be bulk-synchronous with gossip"),
    ({"exchange": Gossip(), "model": KMeans()}, "model must have a gradient with gossip"),
    ({"exchange": Gossip(), "compression": TopK()}, "compression must be None with gossip"),
    ({"exchange": Gossip(), "aggregation": median}, "aggregation must be total with gossip"),
    ({"exchange": Gossip(), "evaluation": "paid"}, "evaluation must be oracle with gossip"),
    ({"exchange": Gossip(), "detector": Heartbeats()}, "detector must be None with gossip"),
    ({"exchange": Gossip(), "local": ElasticAveraging()}, "local must not be elastic averaging with gossip"),
    ({"exchange": Gossip(graph=nx.path_graph(5))}, "graph must be undirected, of the places 0 to 3"),
    (
        {"exchange": Gossip(graph={"kind": "edges", "edges": [[0, 1], [2, 3]]})},
        "graph must be connected, .* got 2 parts",
    ),
    ({"exchange": Gossip(mixing=lambda graph: np.eye(3))}, r"mixing must give an array \(4, 4\)"),
    ({"exchange": Gossip(mixing=lambda graph: np.ones((4, 4)))}, "mixing must have rows and columns that add up to 1"),
    ({"exchange": Gossip(mixing=lambda graph: np.full((4, 4), 0.25))}, "mixing must be 0 where there is no edge"),
    ({"exchange": PairwiseGossip()}, "staleness must be infinite with pairwise_gossip"),
    ({"exchange": EveryoneToEveryone(), "staleness": 1}, "waiting must be bulk-synchronous with everyone_to_everyone"),
    ({"exchange": ShardedServers(servers=("server-0", "worker-0"))}, "servers must differ, and be none of the workers"),
    ({"exchange": ShardedServers(servers=("server-0", "server-0"))}, "differ"),
    ({"exchange": SHARDED, "waiting": BoundedStaleness(backup_workers=1)}, "waiting must leave nobody out"),
    ({"exchange": SHARDED, "compression": TopK()}, "compression must be None with sharded_servers"),
    ({"exchange": SHARDED, "aggregation": median}, "aggregation must be total with sharded_servers"),
    ({"exchange": SHARDED, "recovery": Checkpoints()}, "recovery must be None with sharded_servers"),
    ({"exchange": SHARDED, "model": KMeans()}, "model must have a gradient with sharded_servers"),
    ({"exchange": SHARDED, "optimiser": Lbfgs(), "batch_size": None}, "optimiser must move each number by itself"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_what_does_not_go_together_is_refused_with_the_reason(fields, message):
    with pytest.raises(ValueError, match=message):
        training(**fields)


class Norm(Softmax):
    """A model whose gradient at one number is not its own."""

    def gradient(self, parameters, total, rows):
        return total / max(1.0, float(np.linalg.norm(total)))


def test_a_model_whose_numbers_move_by_each_other_is_not_cut():
    with pytest.raises(ValueError, match="model must move each number by itself with sharded_servers, got Norm"):
        training(exchange=SHARDED, model=Norm())
