"""Compression sends fewer numbers, forgets none of them, counts none twice, and costs what it declares."""

import numpy as np
import pytest

from simcluster import run
from simcluster.faults import CrashNode, KillProgram
from simcluster.learning import call
from simcluster.training import TopK
from tests.strategies import training


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_compression_sends_fewer_numbers_and_still_learns(share):
    plain, sparse = run(training(steps=60), 0), run(training(steps=60, compression=TopK(share=share)), 0)

    sent = [np.mean([row["size_bytes"] for row in each.trace.rows("send") if row["message_kind"] == "training.step"])
            for each in (plain, sparse)]

    assert (sparse.outcome.loss == plain.outcome.loss) == (share == 1.0)
    assert sparse.outcome.loss == pytest.approx(plain.outcome.loss, rel=0.05)  # of the loss at the start a half
    assert share == 1.0 or sent[1] < sent[0]


@pytest.mark.parametrize(
    ("share", "size", "sent"), [(0.07, 100, 7), (0.55, 100, 55), (0.3, 4, 2), (1e-12, 5, 1), (1.0, 3, 3)]
)
def test_top_k_sends_the_share_that_it_says_rounded_up(share, size, sent):
    (_, places, _), _ = TopK(share=share).encode(np.arange(1.0, 1.0 + size), None, None)()

    assert len(places) == sent


def test_top_k_remembers_what_it_leaves_out():
    compression = TopK(share=0.5)
    payload, memory = compression.encode(np.array([[1.0, -3.0], [2.0, 0.5]]), None, None)()
    assert compression.decode(payload)().tolist() == [[0, -3], [2, 0]]

    payload, memory = compression.encode(np.array([[1.0, 0.0], [0.0, np.nan]]), memory, None)()

    np.testing.assert_array_equal(compression.decode(payload)(), [[2, 0], [0, np.nan]])
    assert memory.tolist() == [0, 0, 0, 0]


class Two:
    """A model whose contribution is (3, 1) in each step, and whose parameters are their sum."""

    def initial(self, data, generator):
        return np.zeros(2)

    def contribution(self, parameters, rows):
        return call(lambda: np.array([3.0, 1.0]), flops=1e4)

    def update(self, parameters, total, rows):
        return parameters + total

    def loss(self, parameters, rows):
        return call(lambda: 0.0)


@pytest.mark.parametrize("checkpoint_every", [None, 1, 2])
def test_compression_never_counts_more_than_was_contributed_though_the_server_goes_back(checkpoint_every):
    """Four steps contribute (12, 4) in all."""
    for begin_s in np.linspace(0.05, 0.4, 40):
        kill = KillProgram(node="server", program="training.server", begin_s=begin_s, end_s=begin_s + 0.01)
        fields = {"compression": TopK(share=0.5), "checkpoint_every": checkpoint_every, "batch_size": None}
        scenario = training([kill], model=Two(), steps=4, **fields)
        scenario = scenario.replace(job=scenario.job.replace(workers=("worker-0",)))
        parameters = run(scenario, 0).outcome.parameters
        assert (parameters <= [12.0, 4.0]).all()


class Sealed:
    """A compression of one's own that writes what it drew beside the numbers, and costs what is said."""

    def __init__(self, encode_flops, decode_flops):
        self.encode_flops, self.decode_flops = encode_flops, decode_flops

    def encode(self, values, memory, generator):
        return call(lambda: ((values, generator.random()), values), flops=self.encode_flops)

    def decode(self, payload):
        return call(lambda: drawn.append(payload[1]) or payload[0], flops=self.decode_flops)


drawn = []


@pytest.mark.parametrize("flops", [(1e5, 0.0), (0.0, 1e9)])  # a second of a worker, and of the server
def test_writing_a_contribution_in_fewer_bytes_and_reading_it_costs_time(flops):
    free, paid = (run(training(compression=Sealed(*each), steps=5, retry_s=1e3), 0) for each in ((0.0, 0.0), flops))

    seconds = 5 if flops[0] else 3 * 5  # workers write beside each other, the server reads one after the other
    assert paid.ended_s - free.ended_s == pytest.approx(seconds, abs=0.1)


def test_a_compression_draws_anew_for_each_worker_and_step_and_the_same_when_it_is_done_again():
    drawn.clear()
    run(training(compression=Sealed(0.0, 0.0)), 0)
    once = [*drawn]
    drawn.clear()
    run(training([CrashNode(node="server", begin_s=0.1, end_s=0.12)], compression=Sealed(0.0, 0.0)), 0)

    assert len(set(once)) == 12 * 3
    assert len(drawn) > 12 * 3
    assert set(drawn) == set(once)
