"""k-means‖ on a cluster gives the centres with which training begins, for the bytes that it says."""

import numpy as np
import pytest

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Exponential, stream
from simcluster.faults import ADVERSARIES, Byzantine, CrashNode, LoseMessages
from simcluster.learning import Bundled, KMeans, Rows, arrays, by_key, ordered, random
from simcluster.learning.initialisation import parallel_seed
from simcluster.learning.kmeans_parallel import SeedingShard, seeding
from simcluster.training import KMeansSeeding

WINE = Bundled(name="wine").load()
TWO = arrays([[1.0], [2.0]], [0, 0])


def scenario(workers=4, faults=(), **fields):
    made = ClusterSpec(
        nodes=(NodeSpec(name="server"), *nodes("worker", workers, flops_per_s=1e7)),
        network=NetworkSpec(latency=Exponential(mean=0.0005)),
    )
    job = {"clusters": 8, "data": Bundled(name="wine"), "retry_s": 0.05, **fields}
    job = KMeansSeeding(server="server", workers=made.names[1:], **job)
    return Scenario(cluster=made, job=job, faults=tuple(faults), horizon_s=600.0)


def centres(*args, seed=0, **fields):
    result = run(scenario(*args, **fields), seed)
    assert (result.ended, result.verdicts) == ("finished", ())
    return result.outcome


def uneven(data, shares, generator):
    return np.split(generator.permutation(len(data)), np.arange(1, len(shares)))


@pytest.mark.parametrize("sharding", [random, ordered, by_key, uneven])
@pytest.mark.parametrize("workers", [1, 3, 8])
def test_the_centres_are_those_with_which_training_begins(workers, sharding):
    for seed in (0, 1):
        begin = KMeans(clusters=8, initialisation="k-means||").initial(WINE, stream(seed, "initial"))

        assert centres(workers, sharding=sharding, seed=seed).tobytes() == begin.tobytes()


@pytest.mark.parametrize("workers", [1, 5])
def test_the_bytes_on_the_network_are_those_of_the_formula(workers):
    seed, d = parallel_seed(stream(0, "initial")), 13
    shards = [SeedingShard(Rows(WINE, part), 8, seed) for part in np.array_split(np.arange(178), workers)]
    asking, answers, total, rounds = seeding(d, 8, seed), None, 0, 0
    while answers is None or question.what != "weigh":  # noqa: F821
        question = asking.send(answers)
        answers = [shard.answer(question)() for shard in shards]
        c = len(question.candidates)
        said = {
            "spread": lambda answer: 8 * len(answer),
            "draw": lambda answer: 8 * (d + 1) * len(answer[1]),
            "weigh": lambda answer: 8 * c,  # noqa: B023
        }[question.what]
        total += workers * (80 + 8 * c * d) + sum(64 + said(answer) for answer in answers)
        rounds += question.what == "spread"

    result = run(scenario(workers, sharding=ordered, retry_s=100.0), 0)

    assert rounds == 5
    assert result.metrics["sent_bytes"] == total


@pytest.mark.slow
def test_fifty_schedules_of_crashes_change_no_bit():
    plain = run(scenario(), 0)
    for seed in range(50):
        generator = stream(seed, "crashes")
        begins = np.sort(generator.uniform(0, plain.ended_s, int(generator.integers(1, 5))))
        faults = [
            CrashNode(node=f"worker-{generator.integers(4)}", begin_s=begin, end_s=begin + down)
            for begin, down in zip(begins.tolist(), generator.uniform(0.001, 0.1, len(begins)).tolist(), strict=True)
        ]
        result = run(scenario(faults=faults), 0)

        assert result.metrics["crashes"] > 0
        assert result.outcome.tobytes() == plain.outcome.tobytes()


def test_a_server_that_begins_anew_asks_shards_that_know_more_and_gets_the_same():
    plain = run(scenario(), 0)
    for share in (0.3, 0.6, 0.9):
        crash = CrashNode(node="server", begin_s=share * plain.ended_s, end_s=share * plain.ended_s + 0.01)
        lossy = LoseMessages(probability=0.2, begin_s=0.0, end_s=plain.ended_s)

        assert centres(faults=[crash, lossy]).tobytes() == plain.outcome.tobytes()


def test_many_rows_that_are_alike_leave_each_centre_another():
    data = arrays(np.repeat(np.arange(40.0), 10)[:, np.newaxis], np.zeros(400))

    for seed in range(5):
        assert len(np.unique(centres(data=data, clusters=36, seed=seed))) == 36


def nothing(numbers, strength, generator, receiver):
    return np.full_like(numbers, np.nan)


@pytest.mark.parametrize("adversary", [*ADVERSARIES, nothing])
@pytest.mark.parametrize("node", ["server", "worker-1"])
def test_liars_lead_astray_and_to_no_error(node, adversary):
    lies = Byzantine(node=node, adversary=adversary, begin_s=0.0)
    result = run(scenario(faults=[lies]).replace(horizon_s=10.0), 0)

    assert result.ended == "finished" or (node, adversary) == ("server", nothing)  # which never finds candidates
    assert result.outcome is None or np.isfinite(result.outcome).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"clusters": 179}, "clusters must be at most the 178 distinct rows, got 179"),
        ({"data": arrays(np.ones((9, 2)), np.zeros(9)), "clusters": 2}, "at most the 1 distinct rows, got 2"),
        ({"workers": ("worker-0", "worker-0")}, r"workers must differ, got \['worker-0', 'worker-0'\]"),
        ({"server": "worker-0"}, "server must be none of the workers, got 'worker-0'"),
        ({"data": TWO, "clusters": 2}, "every shard must have a row, got 2 rows for 4 shards"),
    ],
)
def test_a_job_that_cannot_be_is_refused(fields, message):
    made = scenario()
    with pytest.raises(ValueError, match=message):
        made.replace(job=made.job.replace(**fields))
