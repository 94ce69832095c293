"""Secure aggregation: the sum of the survivors to the last bit, and nothing of anybody before the masks are off."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simcluster import run
from simcluster.cluster import NetworkSpec
from simcluster.engine import Environment, Exponential, Trace, stream
from simcluster.faults import (
    Byzantine,
    CorruptMessages,
    CrashNode,
    CutOneWay,
    DuplicateMessages,
    LoseMessages,
    PauseNode,
)
from simcluster.learning import Bundled, GradientDescent, KMeans, LinearRegression, Momentum, arrays
from simcluster.recovery import Checkpoints
from simcluster.training import (
    ElasticAveraging,
    LocalSteps,
    ParameterServer,
    SecureAggregation,
    TopK,
    Training,
    coordinate_median,
)
from simcluster.training.secrecy import secrets, server
from simcluster.training.update import update_of
from tests.strategies import faults
from tests.training import exchanges
from tests.training.exchanges import NUMBERS

WAITS = SecureAggregation(server="server-0", retry_s=0.05)
HURRIES = SecureAggregation(server="server-0", retry_s=0.02, patience_s=0.06, threshold=2)
NODES = ("server-0", "worker-0", "worker-1", "worker-2", "worker-3")
IRIS = Bundled(name="iris").load()
NUMBERED = arrays(IRIS.features, IRIS.features @ [1.0, 2.0, 3.0, 4.0])
BIG = 2**255 - 20
#: Fast enough that a step, most of which is powers of numbers of 255 bits, takes about 20 ms.
training, finished, parameters = (
    functools.partial(each, flops_per_s=5e7) for each in (exchanges.training, exchanges.finished, exchanges.parameters)
)


def draws(*name):
    return stream(0, "test", *name)


@given(st.integers(0, BIG), st.integers(1, 9), st.data())
@settings(max_examples=50, deadline=None)
def test_any_shares_that_are_enough_tell_a_secret_and_fewer_tell_another(secret, threshold, data):
    count = data.draw(st.integers(threshold, 10))
    shares = secrets.shares(secret, count, threshold, draws(threshold, count))
    chosen = data.draw(st.permutations(range(1, count + 1)))

    assert secrets.combined({point: shares[point - 1] for point in chosen[:threshold]}) == secret
    assert secrets.combined({point: shares[point - 1] for point in chosen}) == secret
    if threshold > 1:
        assert secrets.combined({point: shares[point - 1] for point in chosen[: threshold - 1]}) != secret


def test_fewer_shares_fit_every_secret_alike():
    # Of a line through (0, secret), the one share at 1 is uniform whatever the secret is.
    shares = [secrets.shares(7, 2, 2, draws("uniform", place))[0] / secrets.PRIME for place in range(400)]

    assert stats.kstest(shares, stats.uniform.cdf).pvalue > 1e-3


def test_two_agree_on_a_key_which_seals_and_opens():
    one, other = (secrets.secret(draws(name)) for name in "ab")
    key = secrets.agreed(one, secrets.public(other))
    text = bytes(range(64))
    sealed = secrets.sealed(key, b"one", text)

    assert secrets.agreed(other, secrets.public(one)) == key
    assert secrets.opened(key, b"one", sealed) == text
    assert len(sealed) == 96
    assert text[:8] not in sealed
    assert secrets.sealed(key, b"two", text)[:64] != sealed[:64]
    assert secrets.opened(key, b"two", sealed) is None
    assert secrets.opened(key, b"one", bytes([sealed[0] ^ 1]) + sealed[1:]) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), st.integers(0, 40))
def test_fixed_point_numbers_are_right_to_half_a_step_and_add_up_exactly(values, bits):
    values = np.array(values)
    words = secrets.fixed(values, bits, 2)

    if words is None:
        assert np.abs(values).max() >= 2.0 ** (62 - bits) * 0.999
    else:
        assert np.abs(secrets.real(words, bits, values.shape) - values).max() <= 2.0 ** -(bits + 1) + 1e-10
        np.testing.assert_array_equal(secrets.real(words - words, bits, values.shape), 0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**31 / 3, -(2.0**31) / 3])
def test_what_does_not_fit_is_no_fixed_point_number(value):
    assert secrets.fixed(np.array([1.0, value]), 32, 3) is None
    assert secrets.fixed(np.array([1.0, 2.0**31 / 3 - 1]), 32, 3) is not None


class Round:
    """One aggregation, by hand: ``count`` workers with their keys."""

    def __init__(self, count, size=500):
        self.words = [np.full(size, place, dtype=np.uint64) for place in range(count)]
        self.keys = [secrets.secret(draws("key", place)) for place in range(count)]
        self.seeds = [secrets.secret(draws("seed", place)) for place in range(count)]
        self.public = {place: secrets.public(key) for place, key in enumerate(self.keys)}
        self.sent = {place: self.masked(place) for place in range(count)}

    def masked(self, place):
        between = {other: secrets.agreed(self.keys[place], key) for other, key in self.public.items() if other != place}
        return secrets.masked(self.words[place], place, self.seeds[place], between)


@pytest.mark.parametrize("lost", [(), (0,), (2,), (0, 3), (1, 2)])
def test_masks_cancel_whoever_is_lost(lost):
    made = Round(5)
    alive = {place: words for place, words in made.sent.items() if place not in lost}
    own = {place: made.seeds[place] for place in alive}
    found = secrets.unmasked(alive, own, {place: made.keys[place] for place in lost}, made.public)

    np.testing.assert_array_equal(found, np.sum([made.words[place] for place in alive], axis=0))


def test_what_a_server_hears_of_one_worker_is_noise_to_it():
    made = Round(3, size=4000)
    for place, words in made.sent.items():
        assert stats.kstest(words / 2.0**64, stats.uniform.cdf).pvalue > 1e-3
        bits = np.unpackbits(words.view(np.uint8))
        assert stats.binomtest(int(bits.sum()), bits.size, 0.5).pvalue > 1e-3
        # With the keys of all others but not the worker's own seed it still is.
        others = {other: made.keys[other] for other in made.public if other != place}
        bare = secrets.unmasked({place: words}, {place: made.seeds[place - 1]}, others, made.public)
        assert stats.kstest(bare / 2.0**64, stats.uniform.cdf).pvalue > 1e-3
    # And so it is with its seed, as long as one other's key is not known.
    bare = secrets.unmasked({0: made.sent[0]}, {0: made.seeds[0]}, {1: made.keys[1]}, made.public)
    assert stats.kstest(bare / 2.0**64, stats.uniform.cdf).pvalue > 1e-3
    whole = secrets.unmasked({0: made.sent[0]}, {0: made.seeds[0]}, {1: made.keys[1], 2: made.keys[2]}, made.public)
    np.testing.assert_array_equal(whole, made.words[0])


def plainly(result):
    """What fixed-point sums of those who took part lead to, without masks, messages or a cluster."""
    env, job = Environment(), result.scenario.job
    made = Training(job, result.seed, env.event(), Trace(env, ()))
    update, bits, most = update_of(made), job.exchange.fraction_bits, len(job.workers)
    for clock in range(result.outcome.steps):
        took_part = sorted(
            job.workers.index(row["worker"]) for row in result.trace.rows("contribution") if row["clock"] == clock
        )
        words = [
            secrets.fixed(made.work(worker, clock, update.parameters, None)()[0], bits, most) for worker in took_part
        ]
        total = secrets.real(np.sum(words, axis=0, dtype=np.uint64), bits, update.parameters.shape)
        update.take(took_part, [total], clock, 1.0)()
    return update.parameters


@pytest.mark.parametrize("fields", [
    {}, {"workers": 2}, {"workers": 7, "batch_size": None}, {"local": LocalSteps(steps=2)},
    {"exchange": WAITS.replace(threshold=4, fraction_bits=16)},
    {"optimiser": Momentum(learning_rate=0.1)}, {"shares": (1.0, 2.0, 3.0, 4.0)},
])  # fmt: skip
def test_what_is_learned_is_bitwise_that_of_the_plain_fixed_point_sum(fields):
    result = finished(**{"exchange": WAITS, **fields})

    np.testing.assert_array_equal(result.outcome.parameters, plainly(result))
    assert result.verdicts == ()


def test_it_is_what_a_server_learns_that_hears_everybody_to_the_bits_of_the_fraction():
    assert np.abs(parameters(exchange=WAITS) - parameters(exchange=ParameterServer(server="server-0"))).max() < 1e-9


@pytest.mark.parametrize("workers", [2, 4, 9])
def test_messages_and_bytes_are_those_of_the_docstring(workers):
    metrics = finished(exchange=WAITS, workers=workers).metrics

    assert metrics["messages_sent"] == 8 * 8 * workers
    assert metrics["sent_bytes"] == 8 * workers * (448 + 320 * workers + 16 * NUMBERS)


#: When worker-1 has answered a stage of the first step and not the next, by what it was last sent.
STAGES = {"keys": "shares", "shares": "masked", "masked": "unmask"}


def lost_after(stage):
    """Worker-1 crashes for good after it has said a stage."""
    calm = finished(exchange=HURRIES)
    kind = f"training.{stage}-said"
    said_s = next(
        row["time_s"] for row in calm.trace.rows("send") if row["source"] == "worker-1" and row["message_kind"] == kind
    )
    return run(training((CrashNode(node="worker-1", begin_s=said_s + 1e-7),), exchange=HURRIES), seed=0)


@pytest.mark.parametrize("stage", STAGES)
def test_who_is_lost_at_a_stage_is_left_out_and_the_rest_is_summed_exactly(stage):
    result = lost_after(stage)
    dropouts = [(row["clock"], row["stage"]) for row in result.trace.rows("dropout") if row["worker"] == "worker-1"]
    first = {row["worker"] for row in result.trace.rows("contribution") if row["clock"] == 0}

    assert dropouts[0] == (0, STAGES[stage])
    assert dropouts[1:] == [(clock, "keys") for clock in range(1, 8)]
    assert ("worker-1" in first) == (stage == "masked")
    assert result.ended == "finished"
    assert result.outcome.steps == 8
    np.testing.assert_array_equal(result.outcome.parameters, plainly(result))


def test_too_many_that_are_lost_are_a_verdict_and_no_hang():
    exchange = HURRIES.replace(threshold=3)
    gone = tuple(CrashNode(node=f"worker-{place}", begin_s=0.03) for place in (1, 2))
    result = run(training(gone, exchange=exchange), seed=0)

    assert result.ended == "finished"
    assert result.outcome.steps < 8
    (verdict,) = result.verdicts
    assert verdict.name == "stopped"
    assert "2 workers said" in verdict.sentence
    assert "fewer than the threshold of 3" in verdict.sentence
    assert result.ended_s < 1.0


@pytest.mark.parametrize("patience_s", [None, 0.5])
def test_a_number_that_does_not_fit_stops_training_and_says_whose(patience_s):
    exchange = WAITS.replace(fraction_bits=52, patience_s=patience_s)
    fields = {"model": LinearRegression(), "data": NUMBERED, "optimiser": GradientDescent(learning_rate=1e5)}
    wild = run(training(exchange=exchange, **fields), seed=0)

    (verdict,) = [each for each in wild.verdicts if each.name == "stopped"]
    assert "cannot say its contribution: a number is none, or not below 2^11/4" in verdict.sentence


def test_who_comes_back_without_its_secrets_has_the_step_begin_anew():
    calm = finished(exchange=WAITS)
    for stage in STAGES:
        kind = f"training.{stage}-said"
        said_s = next(row["time_s"] for row in calm.trace.rows("send") if row["message_kind"] == kind)
        again = finished((CrashNode(node="worker-0", begin_s=said_s + 1e-7, end_s=said_s + 0.02),), exchange=WAITS)
        np.testing.assert_array_equal(again.outcome.parameters, calm.outcome.parameters)
        # Whoever has been counted already need not say anything more.
        assert {row["stage"] for row in again.trace.rows("dropout")} <= {"unmask"}


def test_nobody_ever_tells_both_the_seed_and_the_key_of_another():
    """Of what is opened in all rounds of a disturbed run, no share of one secret stands beside one of the other."""
    faults = (PauseNode(node="worker-2", begin_s=0.01, end_s=0.15), LoseMessages(probability=0.3, begin_s=0.0),
              DuplicateMessages(probability=0.3, begin_s=0.0))  # fmt: skip
    told = {}
    result = run(training(faults, exchange=HURRIES), seed=0, check=True)
    before = server.Rounds._take

    def take(self, message, kind, orders, said):
        if message.kind == "training.unmask-said" and message.body[1] is not None:
            for owner, share in message.body[1]:
                told.setdefault((message.body[0], message.source, owner), set()).add(share)
        before(self, message, kind, orders, said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server.Rounds, "_take", take)
        again = run(training(faults, exchange=HURRIES), seed=0)
    assert again.digest == result.digest
    assert told
    assert all(len(shares) == 1 for shares in told.values())


@pytest.mark.parametrize(("fields", "reason"), [
    ({"model": KMeans()}, "model must have a gradient with secure_aggregation"),
    ({"aggregation": coordinate_median}, "aggregation must be total with secure_aggregation: no single word is heard"),
    ({"compression": TopK()}, "compression must be None with secure_aggregation"),
    ({"staleness": 1}, "waiting must be bulk-synchronous with secure_aggregation"),
    ({"backup_workers": 1}, "waiting must be bulk-synchronous with secure_aggregation"),
    ({"workers": 1}, "threshold must be from 2 to the 1 workers with secure_aggregation"),
    ({"exchange": WAITS.replace(threshold=5)}, "threshold must be from 2 to the 4 workers"),
    ({"exchange": WAITS.replace(server="worker-0")}, "server must be none of the workers"),
])  # fmt: skip
def test_what_needs_single_words_is_refused_with_the_reason(fields, reason):
    with pytest.raises(ValueError, match=f"{reason}.*got"):
        training(**{"exchange": WAITS, **fields})


def test_a_liar_changes_no_more_than_what_it_could_say_itself():
    liar = (Byzantine(node="worker-0", adversary="negate", begin_s=0.0),)

    np.testing.assert_array_equal(parameters(liar, exchange=WAITS), parameters(exchange=WAITS))


def ends(schedule, seed, kept):
    """A run that hurries is over, and is the plain sum of those who took part; or it says what it lacks."""
    recovery = Checkpoints(every=2) if kept else None
    result = run(training(schedule, exchange=HURRIES, recovery=recovery), seed=seed)
    assert result.ended == "finished"
    if result.outcome.steps < 8:
        assert result.verdicts[0].name == "stopped"
    if not any(type(fault) is CrashNode and fault.node == "server-0" for fault in schedule):
        np.testing.assert_array_equal(result.outcome.parameters, plainly(result))


GIVEN = given(st.lists(faults(nodes=NODES), min_size=1, max_size=6), st.integers(0, 3), st.booleans())


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@GIVEN
def test_a_few_schedules_of_faults_end_in_the_sum_of_the_survivors_or_a_verdict(schedule, seed, kept):
    ends(schedule, seed, kept)


@pytest.mark.long
@settings(max_examples=500, deadline=None)
@GIVEN
def test_five_hundred_schedules_of_faults_end_in_the_sum_of_the_survivors_or_a_verdict(schedule, seed, kept):
    ends(schedule, seed, kept)


@functools.cache
def undisturbed(local):
    return parameters(exchange=WAITS, local=local).tobytes()


def changes_nothing(schedule, local, network, kept, jitter):
    fields = {"recovery": Checkpoints(every=2) if kept else None, "network": network, "jitter": jitter}
    assert parameters(schedule, exchange=WAITS, local=local, **fields).tobytes() == undisturbed(local)


LOSSY = NetworkSpec(latency=Exponential(mean=0.001), loss_probability=0.2, failures="reported")
ANY = given(
    st.lists(faults(nodes=NODES), min_size=1, max_size=6), st.sampled_from([None, LocalSteps(steps=2, proximal=0.1)]),
    st.sampled_from([NetworkSpec(), LOSSY]), st.booleans(), st.sampled_from([None, Exponential(mean=1)]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@ANY
def test_a_few_schedules_change_no_bit_where_all_are_waited_for(schedule, local, network, kept, jitter):
    changes_nothing(schedule, local, network, kept, jitter)


@pytest.mark.long
@settings(max_examples=500, deadline=None)
@ANY
def test_five_hundred_schedules_change_no_bit_where_all_are_waited_for(schedule, local, network, kept, jitter):
    changes_nothing(schedule, local, network, kept, jitter)


@pytest.mark.parametrize("local", [None, ElasticAveraging()])
def test_damage_and_cuts_that_end_change_no_bit(local):
    faults = (CutOneWay(senders=("worker-1",), receivers=("server-0",), begin_s=0.02, end_s=0.2),
              CorruptMessages(probability=0.2, begin_s=0.0, end_s=0.5),
              DuplicateMessages(probability=0.5, begin_s=0.0, end_s=0.5))  # fmt: skip
    fields = {"exchange": WAITS, "local": local}

    np.testing.assert_array_equal(parameters(faults, **fields), parameters(**fields))
