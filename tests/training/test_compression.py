"""Compression sends fewer numbers, forgets none of them, counts none twice, and costs what it declares."""

import numpy as np
import pytest

from simcluster import run
from simcluster.cluster.messages.message import freeze
from simcluster.engine import stream
from simcluster.faults import Byzantine, CrashNode, KillProgram
from simcluster.learning import KMeans, call
from simcluster.training import (
    Float16,
    GradientDescent,
    PowerSgd,
    Qsgd,
    RandomK,
    SignSgd,
    TopK,
    coordinate_median,
    majority_vote,
)
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


VOTED = {"aggregation": majority_vote, "optimiser": GradientDescent(learning_rate=0.02)}
#: Of each compression, the bytes of a contribution of softmax to iris, (5, 3), and beside what it has to be used.
WAYS = {
    "dense": (None, 8 * 15, {}),
    "float16": (Float16(), 2 * 15, {}),
    "top-k": (TopK(share=0.2), 16 + 16 * 3, {}),
    "random-k": (RandomK(share=0.2), 16 + 8 * (1 + 3), {}),
    "QSGD, 4 bits": (Qsgd(), 16 + 8 + 8, {}),
    "QSGD, 2 bits": (Qsgd(levels=1), 16 + 8 + 4, {}),
    "QSGD, 9 bits": (Qsgd(levels=128), 16 + 8 + 17, {}),
    "signs": (SignSgd(), 16 + 8 + 2, VOTED),
    "PowerSGD": (PowerSgd(), 8 * (5 + 3), {}),
    "PowerSGD, whole": (PowerSgd(rank=2), 8 * 15, {}),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_contribution_has_exactly_the_bytes_that_the_compression_says_and_is_learned_from(name):
    compression, size_bytes, fields = WAYS[name]
    result = run(training(steps=60, compression=compression, **fields), 0)
    sizes = {row["size_bytes"] for row in result.trace.rows("send") if row["message_kind"] == "training.step"}

    assert sizes == {64.0, 64 + 8 + size_bytes}  # the heading, and the step's number; the first request has no body
    assert result.outcome.loss < (0.85 if fields else 0.56)  # of 1.1 at the start; 0.537 where nothing is left out
    assert result.verdicts == ()


EACH = [Float16(), TopK(share=0.4), RandomK(share=0.4), Qsgd(levels=100), SignSgd(), PowerSgd(), PowerSgd(rank=9)]


@pytest.mark.parametrize("compression", EACH)
@pytest.mark.parametrize("shape", [(40,), (8, 5), (4, 5, 2)])
@pytest.mark.parametrize("nasty", [None, np.nan, np.inf, -1e300])
def test_what_is_read_has_the_shape_of_what_was_written_whatever_the_numbers(compression, shape, nasty):
    values, memory = np.linspace(-1, 1, 40).reshape(shape), None
    if nasty is not None:
        values.ravel()[3] = nasty
    given = values.copy()
    for clock in range(3):
        payload, memory = compression.encode(values, memory, stream(clock))()
        read = compression.decode(freeze(payload)[0])()
        assert (read.shape, read.dtype) == (shape, np.float64)
        assert nasty is not None or np.isfinite(read).all()
    np.testing.assert_array_equal(values, given)


def test_half_precision_rounds_to_even_and_what_is_too_great_is_infinite():
    values = np.array([1.0 + 2.0**-11, 1.0 + 3 * 2.0**-11, 65504.0, 65520.0, -1e300, 2.0**-24])
    payload, _ = Float16().encode(values, None, None)()

    assert Float16().decode(payload)().tolist() == [1.0, 1.0 + 2.0**-9, 65504.0, np.inf, -np.inf, 2.0**-24]


@pytest.mark.parametrize("levels", [1, 3, 7, 8, 127, 2**15 - 1])
def test_codes_of_any_width_are_read_as_they_were_written(levels):
    compression = Qsgd(levels=levels)
    for values in (np.eye(1, 37)[0], -np.eye(1, 37)[0], np.zeros(37)):  # whose levels are exact: all, or none
        payload, _ = compression.encode(values, None, stream(0))()
        assert compression.decode(payload)().tolist() == values.tolist()
    (_, norm, packed), _ = compression.encode(np.ones(37), None, stream(0))()
    assert len(packed) == -(-37 * int(np.ceil(np.log2(2 * levels + 1))) // 8)
    assert norm == pytest.approx(37**0.5)


def test_signs_of_votes_are_those_of_the_numbers_and_a_liar_may_turn_them():
    payload, _ = SignSgd().encode(np.array([[0.5, -2.0, 0.0, np.nan]]), None, None)()
    assert SignSgd().decode(payload)().tolist() == [[1, -1, 1, -1]]

    liars = [Byzantine(node=f"worker-{place}", adversary="negate", begin_s=0.0) for place in (0, 1)]
    one, two, honest = (run(training(liars[:n], compression=SignSgd(), **VOTED), 0).outcome.loss for n in (1, 2, 0))
    assert honest < 1.05 < 1.099 < two
    assert one < two


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "aggregation must count votes, as majority_vote does, with sign_sgd, got total"),
        ({"aggregation": majority_vote, "model": KMeans()}, "model must go down a gradient with sign_sgd"),
    ],
)
def test_signs_are_refused_where_they_would_be_taken_for_sums(fields, message):
    with pytest.raises(ValueError, match=message):
        training(compression=SignSgd(), **fields)
    assert training(compression=SignSgd(), aggregation=coordinate_median)


@pytest.mark.parametrize("compression", [TopK(share=0.2), RandomK(share=0.2), PowerSgd()])
@pytest.mark.parametrize("fault", ["worker", "server", "server anew"])
def test_a_run_says_when_what_was_left_out_is_lost(compression, fault):
    node = "worker-1" if fault == "worker" else "server"
    crash = CrashNode(node=node, begin_s=0.085, end_s=0.1)
    fields = {"compression": compression, "checkpoint_every": 5 if fault == "server" else None}
    calm, crashed = run(training(**fields), 0), run(training([crash], **fields), 0)
    said = [verdict for verdict in crashed.verdicts if verdict.name == "forgotten"]

    assert calm.verdicts == ()
    if fault == "server anew":  # and so do the workers: nothing was to be known of steps before the first
        assert said == []
        np.testing.assert_array_equal(crashed.outcome.parameters, calm.outcome.parameters)
    else:
        lost = f"{'worker-1' if fault == 'worker' else 'worker-0'} lost what its compression had left out, so that"
        assert said[0].sentence.startswith(f"training: {lost}")
        assert len(said) == (1 if fault == "worker" else 3)
        assert not np.array_equal(crashed.outcome.parameters, calm.outcome.parameters)


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
