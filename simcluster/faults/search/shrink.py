"""Shrinking: from a schedule that fails to a smaller one that fails in the same way, by running it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from simcluster.engine import InvalidSpec, check_whole
from simcluster.faults.search.search import Failure, Finding, NotReproduced, Outcome, Progress, Schedule, Trial
from simcluster.faults.search.simpler import (
    size,
    with_aligned_times,
    with_shorter_fault,
    with_simpler_parts,
    with_times_moved_together,
)

_STEPS: tuple[Callable[[Schedule, int], Iterator[Schedule]], ...] = (
    with_simpler_parts,
    with_aligned_times,
    with_times_moved_together,
    with_shorter_fault,
)


def shrink(finding: Finding, trial: Trial, *, budget: int = 2000, progress: Progress | None = None) -> Finding:
    """A finding with the same seed and the same broken rule, in which nothing is superfluous.

    Faults are dropped in ever smaller groups until none can be (delta debugging: Zeller and Hildebrandt,
    "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002; the result is 1-minimal). Then each
    loses names that it need not have, moves to round times or to those of other faults, and becomes shorter; and all
    that again until nothing changes. What no longer fits the scenario (``InvalidSpec``), as a ring of three nodes, is
    passed over. It is deterministic, and stops early, with ``minimal`` false, when it has
    run ``budget`` trials.

    Raises ``ValueError`` when the finding does not fail, or not as it says.
    """
    check_whole("budget", budget, 1)
    try:
        finding.replay(trial)
    except NotReproduced as error:
        raise ValueError(f"a finding must fail again as it did before, got {error}") from None
    shrinking = _Shrinking(finding, trial, budget, progress)
    try:
        shrinking.run()
        minimal = True
    except _BudgetSpent:
        minimal = False
    runs = finding.runs + shrinking.runs
    return Finding.of(shrinking.failure, finding.seed, shrinking.faults, runs=runs, minimal=minimal)


class _BudgetSpent(Exception):
    pass


class _Shrinking:
    """The smallest schedule so far that fails, and what has been tried."""

    def __init__(self, finding: Finding, trial: Trial, budget: int, progress: Progress | None) -> None:
        self.faults: Schedule = finding.faults
        self.failure = Failure(finding.rule, finding.digest)
        self.runs = 1
        self._seed = finding.seed
        self._trial = trial
        self._budget = budget
        self._progress = progress
        self._tried = {repr(finding.faults)}

    def run(self) -> None:
        before = None
        while before != self.faults:
            before = self.faults
            self._drop()
            for step in _STEPS:
                for place in range(len(self.faults)):
                    while any(self._accepts(candidate) for candidate in step(self.faults, place)):
                        pass

    def _drop(self) -> None:
        """Drop groups of faults, half of them first, until not even one can be dropped."""
        group = max(1, len(self.faults) // 2)
        while self.faults:
            place, dropped = 0, False
            while place < len(self.faults):
                if self._accepts(self.faults[:place] + self.faults[place + group :]):
                    dropped = True
                else:
                    place += group
            if group == 1 and not dropped:
                return
            group = max(1, min(group, len(self.faults)) // 2)

    def _accepts(self, candidate: Schedule) -> bool:
        """Go on with ``candidate`` if it is smaller and fails in the same way."""
        if not size(candidate) < size(self.faults):
            return False
        key = repr(candidate)
        if key in self._tried:
            return False
        if self.runs >= self._budget:
            raise _BudgetSpent
        self._tried.add(key)
        self.runs += 1
        outcome = self._outcome(candidate)
        same = isinstance(outcome, Failure) and outcome.rule == self.failure.rule
        if isinstance(outcome, Failure) and same:
            self.faults, self.failure = candidate, outcome
        if self._progress is not None:
            self._progress(self.runs, self.faults)
        return same

    def _outcome(self, candidate: Schedule) -> Outcome:
        """What the trial says; of a schedule that no longer fits its scenario, as a ring of three, that it is well."""
        try:
            return self._trial(candidate, self._seed)
        except InvalidSpec:
            return None
