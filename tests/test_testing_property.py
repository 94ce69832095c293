"""A property test says what broke and what led to it, and fails when there was nothing to check in any run."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.faults import Broken, CrashNode, NothingChecked, PartitionNetwork, PauseNode, Vacuous
from simcluster.testing import Violated, assert_holds, check_property, schedules

PAGE = Path(__file__).parent.parent / "docs" / "register.py"
found = importlib.util.spec_from_file_location("register_of_the_page", PAGE)
register = sys.modules[found.name] = importlib.util.module_from_spec(found)
found.loader.exec_module(register)

SCENARIO = register.scenario()
KINDS = (CrashNode, PauseNode, PartitionNetwork)
SMALL = settings(max_examples=20, derandomize=True, database=None, phases=(Phase.generate,), deadline=None)
BUG = (
    CrashNode(node="replica-0", begin_s=0.1, end_s=0.2),
    PartitionNetwork(groups=(("replica-0",),), begin_s=0.0, end_s=1.0),
)
FAILS = """\
a read must see every acknowledged write: broken at 2.401 s under seed 0, ended: finished
  faults:
    CrashNode(begin_s=0.1, end_s=0.2, node='replica-0')
    PartitionNetwork(begin_s=0.0, end_s=1.0, groups=(('replica-0',),))
  what led to it:
"""


def test_a_failure_has_the_rule_the_faults_and_a_story_that_ends_where_it_shows():
    with pytest.raises(Violated) as failed:
        assert_holds(register.reads_see_writes, run(SCENARIO.under(BUG), 0))
    text = str(failed.value)

    assert text.startswith(FAILS)
    story = text.removeprefix(FAILS).splitlines()
    assert any("CrashNode begins; replica-0 is down" in line for line in story)
    assert any("→ replica-1, replica-2, replica-3, replica-4  read, dropped (partition)" in line for line in story)
    assert story[-1].endswith("2.401 s  read: term 2, version 0")
    assert sum("left out" not in line for line in story) == 12


def test_a_property_that_holds_says_how_many_checks_it_made_or_that_it_made_none():
    assert assert_holds(register.reads_see_writes, run(SCENARIO, 0)) == 7
    assert assert_holds(register.reads_see_writes, run(SCENARIO.replace(horizon_s=0.001), 0)) == Vacuous("horizon")


@pytest.mark.slow
def test_what_breaks_a_property_is_shrunk_and_told_without_a_page_of_defaults():
    chosen = settings(max_examples=2000, derandomize=True, database=None, phases=(Phase.generate, Phase.shrink))
    drawn = schedules(SCENARIO, 10.0, kinds=KINDS).map(SCENARIO.under)

    with pytest.raises(Violated) as failed:
        check_property(register.reads_see_writes, drawn, seeds=st.just(0), settings=chosen)

    rule, faults, *kinds, story = str(failed.value).splitlines()[:5]
    assert rule.startswith("a read must see every acknowledged write: broken at ")
    assert (faults, story) == ("  faults:", "  what led to it:")
    assert sorted(line.strip().partition("(")[0] for line in kinds) == ["CrashNode", "PartitionNetwork"]
    assert not any("seed" in note for note in getattr(failed.value, "__notes__", []))  # Hypothesis may add its own


def test_a_property_that_no_run_lets_check_anything_fails():
    short = SCENARIO.replace(horizon_s=1e-4)
    drawn = schedules(short, 1.0, kinds=KINDS).map(short.under)

    with pytest.raises(NothingChecked, match=r"got 20 runs .* of which 20 checked nothing \(20 ended at the horizon\)"):
        check_property(register.reads_see_writes, drawn, settings=SMALL)


def test_the_tally_of_a_property_that_holds_has_the_runs_in_which_nothing_was_checked():
    def rare(result):
        return [None] if result.seed == 3 else []

    tally = check_property(rare, st.just(SCENARIO.replace(horizon_s=1e-4)), settings=SMALL)

    assert tally.runs <= 20  # the seeds alone differ
    assert 0 < tally.vacuous["horizon"] < tally.runs


def test_an_error_of_a_run_has_a_note_of_the_seed_and_the_faults():
    def wrong(scenario, seed):
        raise ValueError("the job is wrong")

    with pytest.raises(ValueError, match="the job is wrong") as failed:
        check_property(register.reads_see_writes, st.just(SCENARIO.under(BUG)), run=wrong, settings=SMALL)

    said, *of_hypothesis = failed.value.__notes__  # which may add how to reproduce the example
    assert said == "under seed 0" + FAILS[FAILS.index("\n  faults") : FAILS.index("\n  what")]
    assert not any("seed" in note for note in of_hypothesis)


def test_an_error_of_a_property_is_raised_as_it_is():
    def wrong(result):
        yield Broken("x") if result.seed < 0 else "x"

    with pytest.raises(TypeError, match="a check of a property must be None or Broken"):
        check_property(wrong, st.just(SCENARIO.replace(horizon_s=1e-4)), settings=SMALL)
