"""What the server's ledger takes, and what a read of it sees."""

import math

import numpy as np
import pytest

from simcluster.learning import Cost
from simcluster.training.parameter_server import Ledger
from simcluster.training.staleness import visible_before
from tests.strategies import training


class Adds:
    """A model that adds up what it is given: its parameters are the total of the contributions folded in."""

    contribution_size = 1

    def initial(self):
        return 0.0

    def parameters(self, state):
        return state

    def fold(self, state, worker, contribution, share):
        return state + contribution


@pytest.fixture
def ledger():
    job = training().job
    return Ledger(job, Adds()), job.workers


def test_a_repetition_is_refused_and_changes_nothing(ledger):
    ledger, (first, *_) = ledger

    assert ledger.accept(first, 0, 1.0)
    assert not ledger.accept(first, 0, 100.0)
    assert ledger.accepted == 1
    assert ledger.view(math.inf) == 1.0


def test_a_contribution_ahead_of_what_the_server_remembers_is_refused(ledger):
    ledger, (first, *_) = ledger

    assert not ledger.accept(first, 1, 1.0)
    assert ledger.accepted == 0


def test_a_contribution_to_a_complete_step_is_refused(ledger):
    ledger, workers = ledger
    for worker in workers:
        assert ledger.accept(worker, 0, 1.0)
    assert ledger.complete()
    ledger.commit_call()()

    assert not ledger.accept(workers[0], 0, 1.0)
    assert ledger.state == len(workers)


@pytest.mark.parametrize("staleness", [0, 1, 2])
def test_a_read_sees_no_step_from_its_own_clock_plus_the_staleness_on(ledger, staleness):
    ledger, (first, *_) = ledger
    for clock in range(6):
        assert ledger.accept(first, clock, 10.0**clock)

    for clock in range(4):
        seen = ledger.view(visible_before(clock, staleness))
        # Ho et al. 2013, section 3: at most the updates of the steps up to clock + staleness - 1.
        assert seen == sum(10.0**step for step in range(min(clock + staleness, 6)))


def test_contributions_are_folded_in_the_order_of_workers_not_of_arrival():
    class Lists(Adds):
        def initial(self):
            return ()

        def fold(self, state, worker, contribution, share):
            return (*state, worker)

    job = training().job
    ledger = Ledger(job, Lists())
    for worker in reversed(job.workers):
        ledger.accept(worker, 0, np.nan)
    assert ledger.view(math.inf) == tuple(range(len(job.workers)))


def test_a_commit_costs_two_operations_and_three_numbers_of_memory_for_each_number_of_each_contribution():
    for backup_workers, contribution_size in [(0, 1), (1, 7), (0, 300)]:
        model = Adds()
        model.contribution_size = contribution_size
        ledger = Ledger(training(backup_workers=backup_workers).job, model)
        numbers = contribution_size * (3 - backup_workers)

        assert ledger.commit_call().cost == Cost(flops=2 * numbers, bytes=3 * 8 * numbers)
