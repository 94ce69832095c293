"""Search tries what it says, in its order, and what it finds replays."""

import pytest

from simcluster import run
from simcluster.faults import (
    Broken,
    CrashNode,
    Failure,
    Finding,
    LoseMessages,
    NothingChecked,
    NotReproduced,
    PartitionNetwork,
    Vacuous,
    search_seeds,
    search_single_faults,
    single_faults,
    trial_of,
)
from tests.strategies import NODES, training

CRASH = CrashNode(node="a", begin_s=0.1, end_s=2)


def fails_with_a_crash(faults, seed):
    return Failure("no crash", f"{seed}") if any(isinstance(fault, CrashNode) for fault in faults) else None


def no_crash(result):
    """Every step is a check."""
    crashes = [Broken("no node must crash", row) for row in result.trace.rows("crash")]
    return crashes or [None for _ in result.trace.rows("step")]


train = trial_of(lambda faults, seed: run(training(steps=3).under(faults), seed), no_crash)


def test_a_trial_is_none_when_all_is_well_and_else_has_the_rule_and_the_digest():
    crash = CrashNode(node="worker-0", begin_s=0.01, end_s=0.02)

    assert train((), 1) is None
    assert train((crash,), 1) == Failure("no node must crash", run(training([crash], steps=3), 1).digest)


def test_an_assertion_that_breaks_in_the_run_is_a_failure():
    def run(faults, seed):
        assert not faults, "no faults, please\nbut there are some"

    assert trial_of(run, lambda _: [None])((CRASH,), 0) == Failure("no faults, please")


def test_a_run_in_which_nothing_was_checked_is_neither_well_nor_a_failure():
    unread = trial_of(lambda faults, seed: run(training(horizon_s=1e-9).under(faults), seed), no_crash)

    assert unread((), 0) == Vacuous("horizon")
    with pytest.raises(NothingChecked, match=r"got 3 runs in which nothing broke, of which 3 checked .* the horizon"):
        search_seeds(unread, lambda seed: (), range(3))
    with pytest.raises(NothingChecked, match="got 1 runs"):
        list(search_single_faults(unread, [CRASH.replace(node="server")], 0))


def test_a_search_that_finds_nothing_says_in_how_many_runs_it_checked_nothing():
    tally = search_seeds(lambda faults, seed: Vacuous("deadlock") if seed % 4 else None, lambda seed: (), range(8))

    assert str(tally) == "8 runs in which nothing broke, of which 6 checked nothing (6 ended in a deadlock)"
    assert str(search_seeds(fails_with_a_crash, lambda seed: (), range(10))) == "10 runs in which nothing broke"
    assert list(search_single_faults(lambda faults, seed: Vacuous("horizon"), [], 0)) == []


@pytest.mark.parametrize("said", [None, "a rule", 3, ["a rule"], [True]])
def test_a_property_that_does_not_yield_its_checks_is_refused(said):
    with pytest.raises(TypeError, match=r"property must (be|yield) None or Broken\(rule\)"):
        trial_of(lambda faults, seed: run(training(steps=1), seed), lambda result: said)((), 0)


def test_random_search_stops_at_the_first_seed_that_fails():
    seen = []
    found = search_seeds(
        fails_with_a_crash,
        lambda seed: [CRASH] if seed == 7 else [],
        range(5, 100),
        lambda runs, faults: seen.append((runs, faults)),
    )

    assert found == Finding(rule="no crash", seed=7, digest="7", runs=3, faults=(CRASH,))
    assert seen == [(1, ()), (2, ()), (3, (CRASH,))]


def test_there_is_one_fault_for_each_node_and_link_at_each_different_time():
    rows = [
        {"time_s": 0.0, "kind": "send", "source": "a", "target": "b"},
        {"time_s": 0.5, "kind": "deliver", "source": "a", "target": "b"},
        {"time_s": 0.5, "kind": "compute", "node": "b"},
        {"time_s": 0.7, "kind": "loss"},
        {"time_s": 0.5, "kind": "send", "source": "b", "target": "b"},
    ]
    faults = single_faults(rows, ["a", "b"], 1.0)

    assert len(set(faults)) == len(faults) == 2 * (2 * 2 + 1)
    assert {fault.begin_s for fault in faults} == {0.0, 0.5}
    assert [fault for fault in faults if isinstance(fault, LoseMessages)] == [
        LoseMessages(probability=1, senders=("a",), receivers=("b",), begin_s=begin_s, end_s=begin_s + 1)
        for begin_s in (0.0, 0.5)
    ]

    losses = single_faults(rows, "a", None, kinds=("loss",), of_node=(CrashNode,), of_link=())
    assert losses == (CrashNode(node="a", begin_s=0.7),)


def test_single_faults_that_fail_are_all_found():
    faults = single_faults(run(training(steps=3), 0).trace.rows(), NODES, 0.01, kinds=("contribution",), of_link=())
    found = list(search_single_faults(train, faults, 0))

    assert [finding.faults[0] for finding in found] == [fault for fault in faults if isinstance(fault, CrashNode)] != []
    assert [finding.replay(train).rule for finding in found] == ["no node must crash"] * len(found)


def test_a_finding_survives_its_file_and_replays_bit_for_bit(tmp_path):
    faults = (CrashNode(node="worker-0", begin_s=1 / 70, end_s=0.02), LoseMessages(probability=0.3, begin_s=0.001))
    found = search_seeds(train, lambda seed: faults, [3])
    found.save(tmp_path / "found.json")

    again = Finding.load(tmp_path / "found.json")
    assert again == found
    assert again.replay(train) == Failure(found.rule, found.digest)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (None, "the run breaks nothing any more$"),
        (Vacuous("horizon"), r"the run breaks nothing any more, for it checks nothing \(ended: horizon\)$"),
        (Failure("no pause", "7"), "the run breaks another rule, 'no pause'$"),
        (Failure("no crash", "8"), "the run breaks the same rule by another trace, 8 instead of 7$"),
    ],
)
def test_a_finding_that_does_not_fail_as_it_did_says_how_it_differs(now, said):
    found = Finding(rule="no crash", seed=3, digest="7", faults=(CRASH,))

    with pytest.raises(NotReproduced, match=f"seed 3 must break 'no crash': {said}"):
        found.replay(lambda faults, seed: now)
    with pytest.raises(NotReproduced, match=r"\(found by simcluster 0\.0\.9, this is .*\)$"):
        found.replace(simcluster="0.0.9").replay(lambda faults, seed: now)


def test_a_finding_names_its_version_and_its_scenario_and_loading_it_elsewhere_is_noted(tmp_path):
    path, scenario = tmp_path / "found.json", training(steps=3)
    found = Finding(rule="no crash", seed=3, digest="7", faults=(CRASH,))
    found.save(path, scenario.under([CRASH.replace(node="server")]))

    assert Finding.load(path, scenario).scenario == scenario.digest
    assert Finding.load(path) == found.replace(scenario=scenario.digest)
    with pytest.warns(UserWarning, match=rf"found.json was saved for {scenario.digest}, and this scenario is "):
        Finding.load(path, training(steps=4))
    found.replace(simcluster="0.0.9").save(path)
    with pytest.warns(UserWarning, match=r"found.json was saved by simcluster 0\.0\.9, and this is .*: a run may"):
        Finding.load(path)


def test_the_reproducer_is_three_lines_that_run(tmp_path):
    crash = CrashNode(node="worker-0", begin_s=0.01, end_s=0.02)
    search_seeds(train, lambda seed: (crash,), [0]).save(tmp_path / "found.json")
    lines = Finding.load(tmp_path / "found.json").reproducer(tmp_path / "found.json", f"{__name__}.train")

    assert len(lines.splitlines()) == 3
    exec(lines, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"rule": "x",\n "seed" 3}', r"found\.json, line 2, column 9: the text must be JSON"),
        ('{"rule": "x", "seed": 3, "digest": null, "faults": [{"kind": "boom"}]}', r"found\.json: faults.0: .*boom"),
        ('{"rule": "x", "digest": null, "faults": []}', r"found\.json: seed: must be given"),
    ],
)
def test_a_finding_that_is_wrong_says_what(tmp_path, text, message):
    (tmp_path / "found.json").write_text(text)

    with pytest.raises(ValueError, match=message):
        Finding.load(tmp_path / "found.json")


def test_what_cannot_be_searched_is_refused():
    found = Finding(rule="x", seed=0, digest=None, faults=(PartitionNetwork(groups=(("a",),), begin_s=0),))

    with pytest.raises(ValueError, match="length_s must be finite and greater than 0, got 0"):
        single_faults([], ["a"], 0)
    with pytest.raises(ValueError, match="trial must be the name of a module and of a trial in it, got 'trial'"):
        found.reproducer("found.json", "trial")
