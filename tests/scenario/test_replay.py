"""A result is run again with its full trace, and must be what it was."""

import pytest

from simcluster import Result, Scenario, plugins, run
from simcluster.faults import CrashNode
from simcluster.scenario import NotTheSame, machine, replay, run_again, versions
from tests.scenario.ends import TWO, Boots, scenario
from tests.strategies import training


@pytest.mark.parametrize("kinds", [None, (), ("loss",), ("send", "drop")])
def test_a_run_is_replayed_with_its_full_trace_whatever_it_kept(tmp_path, kinds):
    made = training([CrashNode(node="server", begin_s=0.02, end_s=0.03)], steps=4, kinds=kinds)
    result, full = run(made, 3), run(made.replace(trace_kinds=None), 3)
    path = result.save(tmp_path / "result")

    for again in (replay(path), replay(str(path)), replay(Result.load(path)), replay(result)):
        assert again.digest == full.digest
        assert again.trace.digest(kinds) == result.digest


def test_a_digest_that_is_not_the_runs_is_an_error_that_names_the_versions():
    made = training(steps=2)
    known = {**versions(), "numpy": "1.0", "machine": "CP/M z80"}
    said = rf"must have the digest 00, got \w+; numpy was 1.0 and is .*, machine was CP/M z80 and is {machine()}"

    with pytest.raises(NotTheSame, match=said):
        run_again(made, 0, "00", known)
    with pytest.raises(NotTheSame, match="no version differs"):
        run_again(made, 0, "00", versions())
    with pytest.raises(NotTheSame, match="with which versions it was made is not known"):
        run_again(made, 0, "00")


def test_another_seed_is_another_run():
    made = training(steps=2)

    assert run_again(made, 0, run(made, 0).digest).seed == 0
    with pytest.raises(NotTheSame):
        run_again(made, 1, run(made, 0).digest)


def test_a_run_that_kept_no_records_must_end_as_it_did(tmp_path, monkeypatch):
    path = run(scenario("busy_at_once", trace_kinds=()), 0).save(tmp_path / "result")
    monkeypatch.setattr(Boots, "start", lambda self, cluster, seed: cluster.env.timeout(1.0))

    said = r"must be finished at 3.* s, got finished at 1"
    with plugins("tests.scenario.ends"), pytest.raises(NotTheSame, match=said):
        replay(path)


def test_a_job_of_ones_own_is_replayed_where_it_is_allowed(tmp_path):
    path = run(Scenario(cluster=TWO, job=Boots(program="busy_at_once")), 0).save(tmp_path / "result")

    with pytest.raises(ValueError, match="--plugin"):
        replay(path)
    with plugins("tests.scenario.ends"):
        assert replay(path).ended == "finished"
