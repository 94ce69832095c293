"""What a program does not catch is raised by run with its place, or ends the program, or crashes its node."""

import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, Spec, run
from simcluster.cluster import DiskFull, StorageSpec
from simcluster.faults import CrashNode
from tests.scenario.ends import Odd, scenario

NAMED = "in fills_the_disk on a at 1.5 s"


@pytest.mark.parametrize("check", [False, True])
def test_a_failure_that_nobody_catches_is_raised_with_program_node_and_time(check):
    with pytest.raises(DiskFull, match="no room for 'x'") as error:
        run(scenario("fills_the_disk"), 0, check=check)

    assert error.value.__notes__ == [NAMED]
    assert error.traceback[-1].name == "fills_the_disk"


@pytest.mark.parametrize(("program", "kind"), [("divides", ZeroDivisionError), ("is_odd", Odd)])
@pytest.mark.parametrize("mode", ["raise", "end_program", "crash_node"])
def test_any_other_error_is_raised_whatever_the_scenario_says_of_failures(program, kind, mode):
    with pytest.raises(kind) as error:
        run(scenario(program, uncaught_failure=mode), 0)

    assert error.value.__notes__ == [f"in {program} on a at 1.5 s"]
    assert error.traceback[-1].name == program


@pytest.mark.parametrize("mode", ["raise", "end_program", "crash_node"])
def test_a_failure_that_is_caught_is_the_program_s_own_affair(mode):
    result = run(scenario("catches", uncaught_failure=mode), 0)

    assert (result.outcome, result.verdicts) == ("disk_full", ())


def rows(result, kind):
    return [tuple(value for key, value in row.items() if key != "kind") for row in result.trace.rows(kind)]


@pytest.mark.parametrize("check", [False, True])
def test_a_program_ends_with_all_that_it_spawned_and_its_node_goes_on(check):
    result = run(scenario("spawns_one_that_fails", uncaught_failure="end_program"), 0, check=check)

    assert (result.ended, result.outcome) == ("horizon", None)
    assert rows(result, "uncaught") == [(1.5, "a", "spawns_one_that_fails", "disk_full")]
    assert rows(result, "crash") == []
    said = {verdict.name: verdict.sentence for verdict in result.verdicts}
    assert said["program ended"] == (
        "a failure that no program caught ended its program once, first fills_the_disk, which spawns_one_that_fails "
        "spawned, on a at 1.5 s (DiskFull: no room for 'x')"
    )


def test_a_node_crashes_and_stays_down():
    result = run(scenario("fills_the_disk", uncaught_failure="crash_node"), 0, check=True)

    assert rows(result, "uncaught") == [(1.5, "a", "fills_the_disk", "disk_full")]
    assert rows(result, "crash") == [(1.5, "a", 0)]
    assert [verdict.name for verdict in result.verdicts] == ["horizon", "node crashed"]


@pytest.mark.parametrize(("mode", "times_s"), [("end_program", [1.5, 5.5]), ("crash_node", [1.5])])
def test_a_restart_boots_a_program_that_has_ended_anew_but_not_on_a_node_that_it_crashed(mode, times_s):
    crash = CrashNode(node="a", begin_s=3.0, end_s=4.0)
    result = run(scenario("fills_the_disk", uncaught_failure=mode, faults=(crash,)), 0, check=True)

    assert [time_s for time_s, *_ in rows(result, "uncaught")] == times_s


def test_records_that_are_not_kept_change_no_verdict():
    for mode in ("end_program", "crash_node"):
        made = scenario("fills_the_disk", uncaught_failure=mode)
        assert run(made, 0).verdicts == run(made.replace(trace_kinds=()), 0).verdicts


class AtOnce(Spec):
    """Two programs of a node, and two processes of each, that all fail at one moment."""

    def start(self, cluster, seed):
        def fails(node):
            yield node.timer(1.0)
            yield node.storage.write("k", b"x", size_bytes=1e30)

        def both(node):
            node.spawn(fails(node))
            yield from fails(node)

        for name in ("one", "other"):
            cluster["a"].boot(both, name)
        return cluster.env.timeout(3.0)


@pytest.mark.parametrize("mode", ["end_program", "crash_node"])
def test_failures_at_one_moment_go_down_together(mode):
    full = StorageSpec(capacity_bytes=10.0)
    cluster = ClusterSpec(nodes=(NodeSpec(name="a", storage=full),))
    result = run(Scenario(cluster=cluster, job=AtOnce(), uncaught_failure=mode), 0)

    assert result.ended == "finished"
    uncaught = [row["program"] for row in result.trace.rows("uncaught")]
    assert uncaught == (["one", "other"] if mode == "end_program" else uncaught[:1])
    expected = {"end_program": "program ended", "crash_node": "node crashed"}
    assert [verdict.name for verdict in result.verdicts] == [expected[mode]]
