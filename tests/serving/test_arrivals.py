"""Arrivals come as their law says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, nodes
from simcluster.engine import Environment, stream
from simcluster.learning import MissingFile
from simcluster.serving import (
    ArrivingBatches,
    Deterministic,
    Diurnal,
    MarkovModulated,
    Poisson,
    ServiceJob,
    Steps,
    Synthetic,
    TraceFile,
)


def times_of(arrivals, until_s, seed=0, begin_s=0.0):
    env, asked_s = Environment(begin_s), []

    def ask():
        asked_s.append(env.now)
        return env.event()

    env.process(arrivals.run(env, ask, stream(seed, "arrivals")))
    env.run(until=until_s)
    return np.array(asked_s)


@given(st.floats(0.01, 1e4), st.integers(0, 9))
def test_a_poisson_process_draws_in_blocks_what_it_would_draw_one_by_one(per_s, seed):
    generator, time_s, expected_s = stream(seed, "arrivals"), 0.0, []
    for _ in range(600):  # more than a block
        time_s = time_s + generator.exponential(1 / per_s)
        expected_s.append(time_s)

    assert times_of(Poisson(per_s=per_s), expected_s[-1] + 1e-9 * time_s, seed)[:600].tolist() == expected_s


@given(st.floats(0.01, 1e4), st.floats(0, 100))
def test_deterministic_arrivals_stay_at_equal_distances_for_ever(per_s, begin_s):
    times_s = times_of(Deterministic(per_s=per_s), begin_s + 200.5 / per_s, begin_s=begin_s)

    np.testing.assert_allclose(times_s, begin_s + np.arange(1, 201) / per_s, rtol=1e-13)


def test_a_modulated_process_has_the_mean_rate_and_the_dispersion_of_its_states():
    # Two states of rates a, b that last 1/r, 1/s in the mean. Of the count of a long time the mean grows by λ and the
    # variance by λ·(1 + 2rs(a − b)²/(λ·(r + s)³)) (Fischer & Meier-Hellstern 1993, section 2, the limit of the index of
    # dispersion). 500 windows of 100 s: their mean has a standard error of 1.1 %, their variance one of 6 %.
    law = MarkovModulated(per_s=(20.0, 2.0), state_s=(0.5, 2.0))
    counts = np.histogram(times_of(law, 50_000.0), bins=500, range=(0, 50_000))[0]
    a, b, r, s = 20.0, 2.0, 2.0, 0.5
    dispersion = 1 + 2 * r * s * (a - b) ** 2 / (law.per_s_mean * (r + s) ** 3)

    assert law.per_s_mean == pytest.approx((a * s + b * r) / (r + s))
    assert counts.mean() / 100 == pytest.approx(law.per_s_mean, rel=0.04)
    assert counts.var() / counts.mean() == pytest.approx(dispersion, rel=0.25)


def test_a_state_without_arrivals_is_silent_and_more_than_two_states_all_come():
    law = MarkovModulated(per_s=(0.0, 100.0, 1000.0), state_s=(1.0, 1.0, 1.0))
    counts = np.histogram(times_of(law, 300.0), bins=3000, range=(0, 300))[0]

    assert {np.count_nonzero(counts == 0) > 700, np.count_nonzero(counts > 50) > 700} == {True}
    assert counts.sum() / 300 == pytest.approx(law.per_s_mean, rel=0.25)


def expected(law, edges_s):
    """How many come between each two edges, by Simpson's rule."""
    middle_s = (edges_s[1:] + edges_s[:-1]) / 2
    rates = [np.array([law.rate_per_s(each) for each in at]) for at in (edges_s[:-1], middle_s, edges_s[1:])]
    return np.diff(edges_s) * (rates[0] + 4 * rates[1] + rates[2]) / 6


@pytest.mark.parametrize("law", [
    Diurnal(per_s=50.0, swing=0.8, period_s=40.0),
    Diurnal(per_s=50.0, swing=1.0, period_s=25.0, phase_s=6.0),
    Diurnal(per_s=50.0, swing=0.0),
])  # fmt: skip
def test_the_rate_of_a_day_is_met_at_every_hour(law):
    edges_s = np.linspace(0.0, 100.0, 51)
    counts = np.histogram(times_of(law, 100.0), bins=edges_s)[0]
    awaited = expected(law, edges_s)

    # Poisson counts about what is awaited: a chance of one in 1,000 to be farther away, and the seed is fixed.
    assert stats.chi2.sf(((counts - awaited) ** 2 / awaited).sum(), len(counts)) > 0.001


def test_each_step_has_its_rate_and_nothing_comes_before_the_first():
    law = Steps(begin_s=(1.0, 3.0, 4.0, 6.0), per_s=(1000.0, 0.0, 5000.0, 100.0))
    counts = np.histogram(times_of(law, 10.0), bins=[0.0, 1.0, 3.0, 4.0, 6.0, 10.0])[0]

    assert counts[0] == counts[2] == 0
    for count, awaited in zip(counts[[1, 3, 4]], (2000, 10_000, 400), strict=True):
        assert count == pytest.approx(awaited, abs=4 * math.sqrt(awaited))


@pytest.mark.parametrize("text", [
    "0.5\n0.25\n3\n", "time_s\n0.5\n0.25\n3\n",
    "user,time_s\na,0.5\nb,0.25\n\nc, 3\n", "\ufefftime_s\r\n.5\r\n.25\r\n3",
])  # fmt: skip
def test_queries_come_at_the_times_of_a_file(tmp_path, text):
    file = tmp_path / "times.csv"
    file.write_text(text, encoding="utf-8")

    assert times_of(TraceFile(path=file), 10.0).tolist() == [0.25, 0.5, 3.0]
    assert TraceFile(path=file).most == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "path must name a file with at least one time"),
        ("time_s\n", "path must name a file with at least one time"),
        ("0.5\nsoon\n", "line 2: time_s must be a finite number of seconds, at least 0, got 'soon'"),
        ("time_s\n0.5\n-1\n", "line 3: time_s must be a finite number of seconds, at least 0, got '-1'"),
        ("time_s,user\n0.5,a\nnan,b\n", "line 3: time_s must be a finite number of seconds, at least 0, got 'nan'"),
        ("user,time_s\na,0.5\nb\n", "line 3: time_s must be a finite number of seconds, at least 0, got ''"),
        ("user,times_s\na,0.5\n", r"line 1: one column must be called 'time_s', got \['user', 'times_s'\]"),
    ],
)
def test_a_file_that_says_no_times_is_refused_with_the_line_that_is_wrong(tmp_path, text, message):
    file = tmp_path / "times.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=message):
        TraceFile(path=file).times_s()
    with pytest.raises(ValueError, match=message):
        ServiceJob(arrivals=TraceFile(path=file), queries=1, front_end="n-0", servers=("n-1",))


def test_more_queries_than_a_file_has_are_refused_and_a_file_that_is_not_there_only_when_it_is_read(tmp_path):
    file = tmp_path / "times.csv"
    job = ServiceJob(
        service=Synthetic(), arrivals=TraceFile(path=file), queries=3, front_end="n-0", servers=("n-1",)
    )
    with pytest.raises(MissingFile, match=r"path must name a file that there is, got .*times\.csv"):
        run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=job), 0)
    file.write_text("0.5\n1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="queries must be at most the 2 times at which one comes, got 3"):
        job.replace(queries=3)
    assert ArrivingBatches(arrivals=job.arrivals).refuses(3) == "times_s must be one for each of 3 batches, got 2"
    served = run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 2)), job=job.replace(queries=2)), 0)
    assert len(served.outcome.answers) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MarkovModulated(per_s=(1.0,), state_s=(1.0,)), "per_s: "),
        (lambda: MarkovModulated(per_s=(0.0, 0.0), state_s=(1.0, 1.0)), "per_s must not all be 0"),
        (lambda: MarkovModulated(per_s=(1.0, 2.0), state_s=(1.0, 1.0, 1.0)), "a time for each of the 2 rates"),
        (lambda: Diurnal(per_s=1.0, swing=1.5), "swing: "),
        (lambda: Steps(begin_s=(0.0, 0.0), per_s=(1.0, 2.0)), r"begin_s must rise, got \(0.0, 0.0\)"),
        (lambda: Steps(begin_s=(0.0,), per_s=(1.0, 2.0)), "a rate for each of the 1 times"),
        (lambda: Steps(begin_s=(0.0, 1.0), per_s=(1.0, 0.0)), "the last of per_s must be greater than 0"),
    ],
)
def test_a_law_that_cannot_be_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
