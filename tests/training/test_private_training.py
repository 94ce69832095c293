"""DP-SGD: rows are clipped one by one, noise comes once, and what would spoil either is refused."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simcluster import run
from simcluster.engine import Environment, Trace
from simcluster.learning import (
    Bundled,
    GradientDescent,
    KMeans,
    Lbfgs,
    LinearRegression,
    LinearSvm,
    LogisticRegression,
    MultilayerPerceptron,
    Rows,
    Softmax,
    arrays,
    call,
)
from simcluster.learning.clipping import clipped_contribution
from simcluster.recovery import Checkpoints, Heartbeats, Timeout
from simcluster.training import (
    AllReduce,
    ClientSampling,
    DpSgd,
    EveryoneToEveryone,
    Float16,
    Gossip,
    LocalSteps,
    ParameterServer,
    SecureAggregation,
    ShardedServers,
    Training,
    TrainingJob,
    Vertical,
    coordinate_median,
)
from tests.strategies import faults
from tests.training import exchanges

IRIS = Bundled(name="iris").load()
CANCER = Bundled(name="breast_cancer").load()
NUMBERS = arrays(IRIS.features, IRIS.features @ [1.0, 2.0, 3.0, 4.0])
MODELS = {
    "softmax": (Softmax(), IRIS),
    "logistic": (LogisticRegression(), CANCER),
    "linear": (LinearRegression(), NUMBERS),
    "hinge": (LinearSvm(), CANCER),
}
SERVER = ParameterServer(server="server-0", retry_s=0.05)
EXCHANGES = {
    "server": SERVER,
    "all-reduce": AllReduce(retry_s=0.05),
    "everyone": EveryoneToEveryone(retry_s=0.05),
    "secure": SecureAggregation(server="server-0", retry_s=0.05),
}
#: Fast enough for the powers of secure aggregation.
training, finished, parameters = (
    functools.partial(each, flops_per_s=5e7) for each in (exchanges.training, exchanges.finished, exchanges.parameters)
)
NOISY = DpSgd(clip=0.5, noise=0.8, sampling_rate=0.2)


def plain(privacy=None, workers=4, seed=0, steps=5, **fields):
    """A training run without a cluster."""
    fields = {"model": Softmax(), "data": IRIS, "steps": steps, "batch_size": None, "exchange": SERVER} | fields
    job = TrainingJob(workers=tuple(f"w-{place}" for place in range(workers)), privacy=privacy, **fields)
    env = Environment()
    return Training(job, seed, env.event(), Trace(env, ()))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("count", [0, 1, 40])
def test_without_a_bound_rows_say_what_the_model_says(name, count):
    model, data = MODELS[name]
    point = 0.1 * np.random.default_rng(1).standard_normal(model.initial(data, None).shape)
    rows = Rows(data, np.random.default_rng(2).permutation(len(data))[:count])

    clipped, whole = (said() for said in (
        clipped_contribution(model, point, rows, math.inf), model.contribution(point, rows),
    ))  # fmt: skip

    np.testing.assert_allclose(clipped, whole, rtol=1e-12, atol=1e-12 * max(1.0, np.abs(whole).max()))


@pytest.mark.parametrize("name", MODELS)
def test_each_row_is_clipped_by_itself(name):
    model, data = MODELS[name]
    point = 0.1 * np.random.default_rng(1).standard_normal(model.initial(data, None).shape)
    singles = [model.contribution(point, Rows(data, np.array([row])))() for row in range(30)]
    lengths = [np.linalg.norm(each) for each in singles]
    bound = float(np.median([each for each in lengths if each]))
    wanted = sum(each * min(1.0, bound / length) for each, length in zip(singles, lengths, strict=True) if length)

    found = clipped_contribution(model, point, Rows(data, np.arange(30)), bound)

    np.testing.assert_allclose(found(), wanted, rtol=1e-9, atol=1e-12)
    assert found.cost.flops > model.contribution(point, Rows(data, np.arange(30))).cost.flops


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e100, 1e100), min_size=4, max_size=4), st.integers(0, 2), st.floats(1e-3, 100))
def test_one_more_row_changes_the_sum_by_no_more_than_the_bound(features, label, bound):
    data = arrays(np.vstack([IRIS.features[:9], [features]]), np.append(IRIS.targets[[0, 60, 120] * 3], label))
    point = np.random.default_rng(0).standard_normal((5, 3))
    with_it, without = (clipped_contribution(Softmax(), point, Rows(data, np.arange(n)), bound)() for n in (10, 9))

    assert np.linalg.norm(with_it - without) <= bound * (1 + 1e-9) + 1e-12 * bound * 10


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("batch_size", [8, None])
def test_without_noise_and_bound_it_is_plain_descent(exchange, batch_size):
    fields = {"exchange": EXCHANGES[exchange], "batch_size": batch_size}
    private = parameters(privacy=DpSgd(clip=math.inf, noise=0.0), **fields)

    np.testing.assert_allclose(private, parameters(**fields), rtol=0, atol=1e-12)


def test_without_noise_and_bound_and_with_every_row_sampled_it_is_full_descent():
    private = parameters(privacy=DpSgd(clip=math.inf, noise=0.0, sampling_rate=1.0), batch_size=None)

    np.testing.assert_allclose(private, parameters(batch_size=None), rtol=0, atol=1e-12)


def test_which_rows_take_part_and_what_noise_they_get_does_not_hang_on_the_workers():
    few, many = plain(NOISY, workers=2), plain(NOISY, workers=5)
    for clock in (0, 3, 1):
        taken = [np.sort(np.concatenate([each.rows(worker, clock).numbers for worker in range(count)]))
                 for each, count in ((few, 2), (many, 5))]  # fmt: skip
        np.testing.assert_array_equal(*taken)
        noises = [each.private.total(np.zeros((5, 3)), clock)() for each in (few, many)]
        np.testing.assert_array_equal(*noises)
    np.testing.assert_allclose(
        parameters(privacy=NOISY, batch_size=None, workers=2),
        parameters(privacy=NOISY, batch_size=None, workers=5), atol=1e-12,
    )  # fmt: skip


def test_rows_take_part_each_by_itself_with_the_sampling_rate():
    made = plain(DpSgd(sampling_rate=0.2), workers=1)
    counts = np.zeros(150)
    for clock in range(400):
        np.add.at(counts, made.rows(0, clock).numbers, 1)

    assert stats.binomtest(int(counts.sum()), 150 * 400, 0.2).pvalue > 1e-3
    assert stats.kstest(counts, stats.binom(400, 0.2).cdf).statistic < 0.15
    assert made.batch_rows.tolist() == [30.0]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("by", ["server", "workers"])
def test_the_noise_of_a_step_has_the_deviation_that_is_asked_for(by, workers):
    made = plain(DpSgd(clip=0.5, noise=3.0, sampling_rate=1.0, added_by=by), workers=workers)
    bare = plain(DpSgd(clip=0.5, noise=0.0, sampling_rate=1.0), workers=workers)
    drawn = []
    for clock in range(60):
        total, still = (
            each.private.total(np.sum([each.contribution(worker, clock, each.initial)() for worker in range(workers)],
                                      axis=0), clock)()
            for each in (made, bare)
        )  # fmt: skip
        drawn.append(total - still)
    drawn = np.concatenate(drawn).ravel()

    assert stats.kstest(drawn, stats.norm(0, 1.5).cdf).pvalue > 1e-3
    assert len(np.unique(drawn)) == drawn.size


def test_who_is_sampled_adds_the_share_of_those_who_are():
    job = {"waiting": ClientSampling(fraction=0.5), "steps": 1}
    made = plain(DpSgd(noise=3.0, added_by="workers", clip=1e-9, sampling_rate=1.0), workers=4, **job)
    bare = plain(DpSgd(noise=0.0, clip=1e-9, sampling_rate=1.0), workers=4, **job)
    still = bare.contribution(0, 0, bare.initial)()
    drawn = np.array([made.contribution(0, clock, made.initial)() - still for clock in range(200)]) / 1e-9

    assert np.std(drawn) == pytest.approx(3.0 / math.sqrt(2), rel=0.05)


def test_training_ends_before_the_step_that_would_spend_more_than_the_budget():
    privacy = DpSgd(noise=2.0, sampling_rate=0.1, epsilon=2.0)
    result = run(training(privacy=privacy, batch_size=None, steps=500), seed=0)
    steps = result.outcome.steps

    assert 1 < steps < 500
    assert result.outcome.epsilon <= 2.0 < privacy.spent(steps + 1, 1)
    assert [(each.name, f"after {steps} of 500 steps" in each.sentence) for each in result.verdicts] == [
        ("stopped", True)
    ]
    assert "privacy" in result.outcome.stopped
    full = run(training(privacy=privacy, batch_size=None, steps=steps), seed=0)
    assert full.verdicts == ()
    np.testing.assert_array_equal(full.outcome.parameters, result.outcome.parameters)
    with pytest.raises(ValueError, match=r"epsilon must allow a step, which gives away .*, got DpSgd"):
        run(training(privacy=privacy.replace(epsilon=1e-3), batch_size=None), seed=0)


def test_a_budget_of_batches_ends_with_an_epoch():
    result = run(training(privacy=DpSgd(noise=4.0, epsilon=2.1), batch_size=8, steps=40), seed=0)

    assert result.outcome.steps % 4 == 0
    assert result.outcome.epsilon <= 2.1 < result.scenario.job.privacy.spent(result.outcome.steps + 1, 4)


class Own:
    """A model of one's own: least squares of scores."""

    def initial(self, data, generator):
        return np.zeros(data.features.shape[1] + 1)

    def contribution(self, w, rows):
        ones = np.hstack([rows.features, np.ones((len(rows), 1))])
        return call(lambda: ones.T @ (ones @ w - rows.targets))

    def gradient(self, w, total, rows):
        return total / rows

    def loss(self, w, rows):
        return call(lambda: float(np.mean((rows.features @ w[:-1] + w[-1] - rows.targets) ** 2)))

    def score_slopes(self, scores, rows):
        return call(np.subtract, scores, rows.targets)


def test_a_model_of_ones_own_is_clipped_by_the_slopes_of_its_scores():
    fields = {"data": NUMBERS, "batch_size": None, "optimiser": GradientDescent(learning_rate=0.001)}
    private = parameters(model=Own(), privacy=DpSgd(clip=math.inf, noise=0.0), **fields)
    bounded = parameters(model=Own(), privacy=DpSgd(clip=0.1, noise=0.0), **fields)

    np.testing.assert_allclose(private, parameters(model=LinearRegression(l2=0), **fields), atol=1e-12)
    assert np.linalg.norm(bounded) < np.linalg.norm(private)


GONE = {"detector": Heartbeats(suspicion=Timeout(after_s=1.0))}


@pytest.mark.parametrize(("fields", "reason"), [
    ({"model": KMeans()}, "model must be linear, with score_slopes, with dp_sgd"),
    ({"model": MultilayerPerceptron()}, "model must be linear, with score_slopes, with dp_sgd"),
    ({"optimiser": Lbfgs()}, "optimiser must do without whole steps with dp_sgd"),
    ({"optimiser": GradientDescent(learning_rate="auto")}, "learning_rate must be a number with dp_sgd"),
    ({"local": LocalSteps(steps=2)}, "local must be None with dp_sgd"),
    ({"compression": Float16()}, "compression must be None with dp_sgd"),
    ({"aggregation": coordinate_median}, "aggregation must be total with dp_sgd"),
    ({"target_loss": 0.1}, "target_loss must be None with dp_sgd"),
    ({"standardised": True}, "standardised must be False with dp_sgd"),
    ({"staleness": 1}, "waiting must be bulk-synchronous or ClientSampling with dp_sgd"),
    ({"staleness": math.inf}, "waiting must be bulk-synchronous or ClientSampling with dp_sgd"),
    ({"backup_workers": 1}, "waiting must be bulk-synchronous or ClientSampling with dp_sgd"),
    (GONE, "when_gone must be stop with dp_sgd"),
    ({"exchange": Gossip()}, "exchange must add up all contributions to a step with dp_sgd"),
    ({"exchange": ShardedServers(servers=("server-0", "server-1"))}, "exchange must add up all contributions"),
    ({"exchange": Vertical(), "batch_size": None}, "exchange must add up all contributions to a step with dp_sgd"),
    ({"exchange": SecureAggregation(server="server-0", patience_s=1.0)}, "exchange must leave nobody out with dp_sgd"),
    ({"privacy": DpSgd(sampling_rate=0.1), "batch_size": 8}, "batch_size must be None beside a sampling_rate"),
])  # fmt: skip
def test_what_would_let_a_row_say_more_than_it_may_is_refused_with_the_reason(fields, reason):
    with pytest.raises(ValueError, match=f"{reason}.*got"):
        training(**{"privacy": DpSgd(), **fields})


def test_noise_wants_a_bound():
    with pytest.raises(ValueError, match="clip must be finite where there is noise, a multiple of it, got inf"):
        DpSgd(clip=math.inf)


@functools.cache
def undisturbed(exchange, by):
    fields = {"exchange": EXCHANGES[exchange], "privacy": NOISY.replace(added_by=by), "batch_size": None}
    return parameters(**fields).tobytes()


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    st.lists(faults(nodes=("server-0", "worker-0", "worker-1", "worker-2", "worker-3")), min_size=1, max_size=5),
    st.sampled_from(sorted(EXCHANGES)), st.sampled_from(["server", "workers"]), st.booleans(),
)  # fmt: skip
def test_no_schedule_of_faults_changes_a_bit_or_shows_a_sum_with_other_noise(schedule, exchange, by, kept):
    fields = {"exchange": EXCHANGES[exchange], "privacy": NOISY.replace(added_by=by), "batch_size": None}
    recovery = Checkpoints(every=2) if kept else None
    found = finished(schedule, recovery=recovery, **fields).outcome

    assert found.parameters.tobytes() == undisturbed(exchange, by)
    assert found.epsilon == NOISY.spent(8, 1)
