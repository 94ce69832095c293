"""What the server's ledger takes, what counts of it and when, and what a checkpoint of it holds."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.engine import Environment, Trace
from simcluster.kernels import Call, Cost
from simcluster.learning import call
from simcluster.training import (
    BoundedStaleness,
    Bundled,
    KBatchSync,
    Ringmaster,
    Softmax,
    StalenessAware,
    Training,
    TrainingJob,
    Waiting,
)
from simcluster.training.exchange.servers.ledger import Ledger

WORKERS = ("a", "b", "c")


class Adds:
    """Its parameters are the list of what was folded in, in that order: a number for each contribution."""

    def initial(self, data, generator):
        return np.zeros(0)

    def contribution(self, parameters, rows):
        raise NotImplementedError

    def loss(self, parameters, rows):
        raise NotImplementedError

    def gradient(self, parameters, total, rows):
        return total


class Appends:
    def start(self, parameters):
        return np.empty(0)

    def step(self, parameters, gradient, memory, clock, share):
        return call(lambda: (np.append(parameters, gradient), np.array([clock, share])), flops=3, bytes=5)




def ledger_of(waiting=None, steps=100, workers=WORKERS, **fields):
    class Listed(Adds):
        def gradient(self, parameters, total, rows):
            return np.array(total)

    job = TrainingJob(
        model=Listed(), optimiser=Appends(), waiting=waiting or BoundedStaleness(), server="s", workers=workers,
        steps=steps, **fields,
    )
    return Ledger(Training(job, 0, (env := Environment()).event(), Trace(env)))


def settle(ledger):
    while (due := ledger.due()) is not None:
        due()


def give(ledger, worker, clock, value=1.0):
    accepted = ledger.accept(worker, clock, np.array([value]))
    settle(ledger)
    return accepted


class Counted(Waiting):
    """Waits for nobody, and writes down of what progress it is asked whether a step is complete."""

    def __init__(self):
        self.asked = []

    def complete(self, progress):
        self.asked.append((progress.clock, dict(progress.next_clock), list(progress.gone)))
        return super().complete(progress)

    def sees(self, clock):
        return math.inf


def test_a_rule_is_asked_whether_a_step_is_complete_when_its_progress_has_changed_and_not_before():
    ledger = ledger_of(rule := Counted())
    rule.asked.clear()

    settle(ledger)
    assert len(rule.asked) == 1
    settle(ledger)
    assert not give(ledger, "a", 5)
    assert len(rule.asked) == 1
    for clock in range(3):
        give(ledger, "a", clock)  # which is taken in at once; the second and third are none of the open step
    give(ledger, "b", 0)
    assert [clocks for _, clocks, _ in rule.asked[1:]] == [
        {"a": 1, "b": 0, "c": 0}, {"a": 2, "b": 0, "c": 0}, {"a": 3, "b": 0, "c": 0}, {"a": 3, "b": 1, "c": 0}
    ]  # fmt: skip
    ledger.progress.gone = ["c"]
    settle(ledger)
    assert [(clock, gone) for clock, _, gone in rule.asked[5:]] == [(0, ["c"]), (1, ["c"])]
    assert ledger.progress.clock == 1


def test_a_repetition_is_refused_and_changes_nothing():
    ledger = ledger_of(BoundedStaleness(staleness=math.inf))

    assert give(ledger, "a", 0, 1.0)
    assert not give(ledger, "a", 0, 100.0)
    assert ledger.parameters.tolist() == [1.0]


def test_a_contribution_ahead_of_what_the_server_remembers_is_refused():
    ledger = ledger_of()

    assert not give(ledger, "a", 1)
    assert ledger.progress.arrived == ()


def test_a_contribution_to_a_complete_step_is_refused_and_whoever_was_late_goes_on_with_the_next():
    ledger = ledger_of(BoundedStaleness(backup_workers=1))
    for worker in "ab":
        assert give(ledger, worker, 0)

    assert (ledger.progress.clock, ledger.progress.left_out) == (1, ["c"])
    assert ledger.progress.next_clock == {"a": 1, "b": 1, "c": 1}
    assert not give(ledger, "c", 0)
    assert ledger.parameters.tolist() == [2.0]


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_a_whole_step_is_folded_once_in_the_order_of_workers_whoever_comes_first(order):
    seen = []

    def listing(values, rows):
        seen.append((values.ravel().tolist(), rows.tolist()))
        return Call(lambda: values.sum(axis=0), Cost(7.0, 11.0))

    ledger = ledger_of(aggregation=listing, batch_size=4)
    for worker in order:
        ledger.accept(worker, 0, np.array([{"a": 1.0, "b": 20.0, "c": 300.0}[worker]]))
        if worker != order[-1]:
            assert ledger.due() is None

    due = ledger.due()
    assert ledger.parameters.size == 0
    due()
    assert seen == [([1.0, 20.0, 300.0], [4.0, 4.0, 4.0])]
    assert ledger.parameters.tolist() == [321.0]
    assert ledger.progress.clock == 1
    # The aggregation's, an estimate of the gradient's (two operations for each number), the optimiser's.
    assert due.cost == Cost(flops=7 + 2 * (0 + 1) + 3, bytes=11 + 8 * (0 + 1) + 5)


@pytest.mark.parametrize("staleness", [0, 1, 2, math.inf])
def test_no_read_sees_a_step_from_its_own_clock_plus_the_staleness_on(staleness):
    ledger = ledger_of(BoundedStaleness(staleness=staleness))
    for clock in range(6):
        assert give(ledger, "a", clock, 10.0**clock)

    # Ho et al. 2013, section 3: the slowest reads at clock 0, and sees at most the steps before its staleness.
    assert ledger.parameters.sum() == sum(10.0**step for step in range(6) if step < staleness)
    for worker in "bc":
        give(ledger, worker, 0, 0.0)
    assert ledger.progress.clock == 1
    assert ledger.parameters.sum() == sum(10.0**step for step in range(6) if step < 1 + staleness)


@given(
    seed=st.integers(0, 10**6),
    staleness=st.sampled_from([0, 1, 3, math.inf]),
    backups=st.integers(0, 2),
    crash=st.integers(0, 60),
)
def test_every_contribution_counts_at_most_once_and_a_checkpoint_forgets_nothing_that_counts(
    seed, staleness, backups, crash
):
    """Against a plain model: a set of (worker, clock) that have been folded in, each encoded as a power of two."""
    rule = BoundedStaleness(staleness=staleness, backup_workers=backups)
    generator, ledger = random.Random(seed), ledger_of(rule)
    counted, pending, clock = {}, {}, 0

    def number(worker, step):
        return float(2 ** (3 * step + WORKERS.index(worker)))

    following = dict.fromkeys(WORKERS, 0)
    for turn in range(60):
        if turn == crash:
            kept = ledger.state()
            ledger = ledger_of(rule)
            ledger.restore(*kept)
            for worker, step in pending:
                following[worker] = min(following[worker], step)
            pending = {}
        worker = generator.choice(WORKERS)
        step = following[worker]
        if step - clock > min(staleness, 10):
            continue
        assert give(ledger, worker, step, number(worker, step))
        following[worker], pending[worker, step] = step + 1, True
        while sum(step == clock for _, step in [*pending, *counted]) >= 3 - backups:
            done = [each for each in pending if each[1] == clock]
            counted |= dict.fromkeys(done)
            pending = {each: True for each in pending if each not in done}
            clock += 1
            following = {name: max(each, clock) for name, each in following.items()}
        early = [each for each in pending if each[1] < clock + staleness]
        counted |= dict.fromkeys(early)
        pending = {each: True for each in pending if each not in early}
        assert ledger.progress.clock == clock
        assert dict(ledger.progress.next_clock) == following
        assert sorted(ledger.progress.arrived) == sorted(n for n, step in [*pending, *counted] if step == clock)
        assert sum(map(int, ledger.parameters)) == sum(int(number(*each)) for each in counted)
        assert ledger.steps == clock + sum(step >= clock for _, step in counted) // 3


def test_a_rule_may_go_by_who_was_left_out_also_after_a_crash():
    class NeverTwice(Waiting):
        def complete(self, progress):
            return len(progress.arrived) >= 2 and set(progress.left_out) <= set(progress.arrived)

    ledger = ledger_of(NeverTwice())
    for worker in "ab":
        give(ledger, worker, 0)
    assert (ledger.progress.clock, ledger.progress.left_out) == (1, ["c"])

    restored = ledger_of(NeverTwice())
    restored.restore(*ledger.state())
    for each in (ledger, restored):
        for worker in "ab":
            give(each, worker, 1)
        assert each.progress.clock == 1
        give(each, "c", 1)
        assert each.progress.clock == 2


def test_a_step_of_any_workers_takes_several_contributions_of_one_in_the_order_of_their_numbers():
    ledger = ledger_of(KBatchSync(k=4))
    for worker, clock, value in [("b", 0, 1.0), ("a", 0, 10.0), ("b", 1, 100.0)]:
        assert ledger.accept(worker, clock, np.array([value]), ledger.version)
        assert ledger.due() is None

    assert not ledger.accept("b", 1, np.array([1e9]), ledger.version)  # a repetition
    assert ledger.progress.arrived == ["b", "a", "b"]
    kept = ledger.state()
    ledger.accept("b", 2, np.array([1000.0]), ledger.version)
    settle(ledger)
    assert ledger.parameters.tolist() == [1111.0]
    assert (ledger.progress.clock, ledger.progress.left_out) == (1, ["c"])
    assert ledger.progress.next_clock == {"a": 1, "b": 3, "c": 0}  # who was left out goes on with its own

    restored = ledger_of(KBatchSync(k=4))
    restored.restore(*kept)
    assert restored.progress.next_clock == {"a": 0, "b": 0, "c": 0}  # what was pending is contributed again


def test_a_contribution_counts_as_much_as_its_delay_says_and_what_is_stale_is_done_anew():
    ledger = ledger_of(Ringmaster(delay=2))
    read = ledger.version
    for worker in "ab":
        assert ledger.accept(worker, 0, np.array([1.0]), read)
        settle(ledger)

    assert not ledger.accept("c", 0, np.array([1.0]), read)
    assert ledger.progress.next_clock["c"] == 0
    assert ledger.accept("c", 0, np.array([1.0]), ledger.version)

    weighed = ledger_of(StalenessAware())
    read = weighed.version
    shares = []
    for worker in "abc":
        assert weighed.accept(worker, 0, np.array([1.0]), read)
        settle(weighed)
        memory = weighed.state()[-1][1]
        shares.append(memory[1])
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 1 / 6])  # of delays 0, 1 and 2


def test_parameters_that_a_crash_has_undone_are_infinitely_old():
    class Later(Ringmaster):
        def weight(self, delay):
            delays.append(delay)
            return 1.0

    delays, ledger = [], ledger_of(Later(delay=2))
    ledger.accept("a", 0, np.array([1.0]), (-1.0, 0))

    assert delays == [math.inf]


def test_nothing_is_complete_after_the_last_step():
    ledger = ledger_of(steps=1, workers=("a",))
    give(ledger, "a", 0)
    assert give(ledger, "a", 1)

    assert ledger.progress.clock == 1


def test_a_step_that_did_not_wait_for_all_is_a_whole_step():
    ledger = ledger_of(BoundedStaleness(backup_workers=1))
    for worker in "ab":
        give(ledger, worker, 0)

    *_, (_, memory, _) = ledger.state()
    assert memory.tolist() == [0.0, 1.0]  # the clock, and the share of a step, that the optimiser was given


def test_whoever_is_gone_but_had_contributed_is_waited_for_no_less_than_the_others():
    ledger = ledger_of()
    give(ledger, "a", 0)
    ledger.progress.gone = ["a", "b"]
    settle(ledger)
    assert ledger.progress.clock == 0  # "c" is there, and has not contributed

    give(ledger, "c", 0)
    assert ledger.progress.clock == 1


def test_a_contribution_counts_the_rows_of_its_own_worker_and_those_of_several_add_up():
    job = TrainingJob(
        model=Softmax(), data=Bundled(), shares=(1, 2, 4), batch_size=32, server="s", workers=WORKERS, steps=1
    )
    training = Training(job, 0, (env := Environment()).event(), Trace(env))
    assert len(set(training.batch_rows)) == 3
    for workers in ([0], [1], [2], [0, 2], [0, 1, 2]):
        rows, together = training.rows_of(workers)
        assert rows.tolist() == training.batch_rows[workers].tolist()
        assert together == math.fsum(training.batch_rows[workers])
        rows[:] = 0.0  # whoever aggregates may write to what it is given
    assert training.batch_rows.all()
