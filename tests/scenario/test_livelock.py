"""A run in which time stands still ends with an error that says who keeps it there."""

import re

import pytest

from simcluster import run
from tests.scenario.ends import scenario


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("program", ["spins", "hardly_moves", "sends_to_itself", "spawns_for_ever"])
def test_a_program_that_never_lets_time_pass_is_named_with_its_node_and_the_time(program, check):
    with pytest.raises(RuntimeError, match=r"events_per_instant: .* within 3000 events.* since 2\.5 s") as error:
        run(scenario(program, events_per_instant=3000), 0, check=check)

    assert re.search(rf"{program}(, which .* spawned,| spawned,)? on a", str(error.value))
    assert "'quiet'" not in str(error.value)


def test_a_program_that_yields_what_has_happened_is_named_too():
    with pytest.raises(RuntimeError, match=r"got 3000 times in a row") as error:
        run(scenario("passes", events_per_instant=3000), 0)

    assert error.value.__notes__ == ["in passes on a at 2.5 s"]


def test_a_million_events_at_one_instant_are_too_many_unless_said():
    assert scenario("spins").events_per_instant == 10**6
    with pytest.raises(RuntimeError, match=r"within 1000000 events, got none of it since 2\.5 s"):
        run(scenario("spins", trace_kinds=()), 0)


def test_many_events_at_one_instant_are_none_as_long_as_they_are_fewer():
    result = run(scenario("busy_at_once", events_per_instant=600), 0)

    assert (result.outcome, result.verdicts) == ("over", ())


def test_a_limit_of_no_events_is_refused():
    with pytest.raises(ValueError, match=r"events_per_instant: .*greater than or equal to 1"):
        scenario("spins", events_per_instant=0)
