"""Property tests: a property asked of many runs, which says what broke it, and when there was nothing to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from simcluster.faults import Broken, NothingChecked, Property, Tally, Vacuous, examine
from simcluster.measurement import story
from simcluster.scenario import Result, Scenario, run


class Violated(AssertionError):
    """A property does not hold of a run: the rule, the seed, the faults, and the story of what led to it."""


def assert_holds(holds: Property[Result], result: Result) -> int | Vacuous:
    """Assert a property of one result; how many checks it made, or ``Vacuous`` when none. Raises ``Violated``."""
    __tracebackhide__ = True
    found = examine(holds, result)
    if isinstance(found, Broken):
        raise Violated(_told(found, result))
    return found


def _identifier(holds: object) -> str:
    name = getattr(holds, "__name__", "")
    return name if name.isidentifier() else "property"


def check_property(
    holds: Property[Result],
    scenarios: SearchStrategy[Scenario],
    *,
    seeds: SearchStrategy[int] | None = None,
    settings: hypothesis.settings | None = None,
    run: Callable[[Scenario, int], Result] = run,
) -> Tally:
    """Ask a property of the runs of scenarios that are drawn, and shrink what breaks it. The tally of the runs::

        def test_no_acknowledged_write_is_lost():
            check_property(reads_see_writes, schedules(scenario, last_s=5.0).map(scenario.under))

    ``seeds`` draws the seeds of the runs, by default 0 to 9. ``run`` runs; ``partial(run, check=True)`` asserts the
    invariants of the cluster too. ``settings`` are Hypothesis's, but for a deadline and the phase "explain", which are
    not for simulations. Its statistics (``--hypothesis-show-statistics``) say how many runs checked nothing, and how
    those ended.

    Raises ``Violated``, and ``NothingChecked`` when all runs were vacuous: they hit the horizon, say, before anything
    was read. What is raised by a run itself has a note of the seed and the faults.
    """
    __tracebackhide__ = True
    tally = Tally()

    def attempt(case: _Case) -> None:
        try:
            found = assert_holds(holds, run(case.scenario, case.seed))
        except Exception as error:
            if not isinstance(error, Violated):
                error.add_note(f"under seed {case.seed}{_faults(case.scenario)}")
            raise
        tally.add(found if isinstance(found, Vacuous) else None)
        hypothesis.event(f"checked nothing, {found.ended}" if isinstance(found, Vacuous) else "checked something")

    cases = st.builds(_Case, scenarios, st.integers(0, 9) if seeds is None else seeds)
    attempt.__name__ = attempt.__qualname__ = f"check_{_identifier(holds)}"  # Hypothesis's key
    try:
        _steady(settings or hypothesis.settings())(given(cases)(attempt))()
        tally.require_checks()
    except (Violated, NothingChecked) as error:
        raise error.with_traceback(None) from None  # it says all, and its way through Hypothesis is long
    return tally


def _steady(chosen: hypothesis.settings) -> hypothesis.settings:
    """For simulations, which take their time, and whose every line "explain" would trace; the error says it all."""
    return hypothesis.settings(
        chosen,
        deadline=None,
        phases=[phase for phase in chosen.phases if phase is not Phase.explain],
        suppress_health_check=[*chosen.suppress_health_check, HealthCheck.too_slow],
        verbosity=Verbosity.quiet,
    )


@dataclass(frozen=True)
class _Case:
    scenario: Scenario
    seed: int


def _told(broken: Broken, result: Result) -> str:
    """The rule, the faults and the story, for a person."""
    when = "" if broken.record is None else f" at {broken.record['time_s']:.6g} s"
    how = f"{broken.rule}: broken{when} under seed {result.seed}, ended: {result.ended}"
    return f"{how}{_faults(result.scenario)}\n  what led to it:\n{story(result.trace.rows(), broken.record)}"


def _faults(scenario: Scenario) -> str:
    return "\n  faults:" + ("".join(f"\n    {fault!r}" for fault in scenario.faults) or " none")
