"""A study: its cells, its rows, and that nothing done is repeated or mixed."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from studying import Deed, how_long, scenario

from simcluster import plugins, run, sweep
from simcluster.measurement import Precision
from simcluster.scenario import NotTheSame, versions
from simcluster.study import (
    Interrupted,
    RunFailed,
    Store,
    Study,
    StudyFile,
    grid,
    open_study,
    zipped,
)


def study(path=":memory:", measure=how_long, seeds=range(3), **fields):
    return Study(scenario(**fields), seeds, measure, vary=grid({"job.steps": [1, 2, 5]}), path=path)


def test_the_frame_is_that_of_a_sweep_over_the_same_scenarios():
    made = study().run(1).frame()
    swept = sweep({steps: scenario(steps=steps) for steps in (1, 2, 5)}, range(3), how_long, labels=("steps",))

    pd.testing.assert_frame_equal(made, swept)


def test_scenarios_by_label_and_functions_of_the_seed_have_their_columns():
    made = Study(
        {"a": scenario(), "b": lambda seed: scenario(steps=seed)},
        range(2),
        how_long,
        labels=("who",),
        vary=grid({"job.steps": [7], "horizon_s": [3.0, 100.0]}),
    ).run(1)

    frame = made.frame()
    assert list(frame.columns) == ["who", "steps", "horizon_s", "seed", "ended", "verdicts", "digest", "time_s"]
    assert list(frame["time_s"]) == [3.0, 3.0, 7.0, 8.0] * 2


def test_what_is_done_is_not_done_again_and_a_change_is_another_study(tmp_path):
    path = tmp_path / "x.db"
    calls = tmp_path / "calls"

    def counting(result):
        with calls.open("a") as file:
            file.write("x")
        return how_long(result)

    first = study(path, counting).run(1)
    again = study(path, counting).run(1)
    more = study(path, counting, seeds=range(4)).run(1)
    assert len(calls.read_text()) == 12
    assert first.key == again.key == more.key
    assert len(open_study(path).frame()) == 12

    other = study(path, lambda result: {"time_s": result.ended_s + 1}).run(1)
    assert other.key != first.key
    assert [key for key, _, _ in Store(path).studies()] == [first.key, other.key]
    assert open_study(path).key == other.key
    assert len(open_study(path, first.key[:8]).frame()) == 12


def test_a_failed_run_is_a_row_and_the_others_are_there(tmp_path):
    path = tmp_path / "x.db"
    made = Study(scenario(), range(2), how_long, vary=grid({"job.word": ["", "raise", "leave"]}), path=path).run(1)

    assert len(made.frame()) == 2
    failures = open_study(path).failures()
    assert list(failures["word"]) == ["raise", "raise", "leave", "leave"]
    assert failures["error"][0] == "ValueError: as seed 0 says"
    again = f"simcluster replay {path} --study {made.key[:8]} --cell 1 --seed 1 --plugin studying"
    assert failures["command"][1] == again
    assert "in start" in failures["traceback"][0]
    assert repr(made) == f"<study study {made.key[:8]}: 6 of 6 runs are done, 4 of them failed>"


def test_a_study_stops_on_an_error_that_names_the_run_and_keeps_what_is_done():
    made = Study(scenario(), range(2), how_long, vary=grid({"job.word": ["", "raise", "x"]}))
    said = r"ValueError: as seed 0 says .in the run word='raise' under seed 0; again: study.replay"
    with pytest.raises(RunFailed, match=said):
        made.run(1, stop_on_error=True)

    assert len(made.frame()) == 2


@pytest.mark.parametrize("processes", [1, 2])
def test_a_study_that_was_stopped_goes_on_in_the_same_process(processes, tmp_path):
    switch = tmp_path / "switch"

    def measure(result):
        if result.seed == 7 and not switch.exists():
            raise ValueError("seven")
        return {"x": result.seed}

    made = Study(scenario(), range(60), measure, path=tmp_path / "x.db")
    with pytest.raises(RunFailed, match="in the run of the only cell under seed 7"):
        made.run(processes, stop_on_error=True)
    switch.touch()
    made.run(processes, retry_failed=True)

    assert list(made.frame()["x"]) == list(range(60))


@pytest.mark.parametrize("value", [1j, np.zeros(2), b"x", object()])
def test_a_value_that_cannot_be_stored_is_an_error_of_its_run_alone(value):
    made = Study(scenario(), range(6), lambda result: {"x": value if result.seed == 3 else 1}).run(1)

    assert list(made.frame()["seed"]) == [0, 1, 2, 4, 5]
    assert "measure must be of numbers, words and lists of them to be stored" in made.failures()["error"][0]


def test_half_a_surrogate_pair_in_an_error_loses_nothing():
    def measure(result):
        raise ValueError("x\ud800")

    assert list(Study(scenario(), range(2), measure).run(1).failures()["error"]) == ["ValueError: x\\ud800"] * 2


def test_a_function_may_hold_a_frame_and_numpy_numbers_are_numbers():
    known = pd.DataFrame({"a": range(3)})
    made = Study(
        scenario(), [0], lambda result: {"x": int(known["a"].sum())}, vary=grid({"job.steps": np.arange(1, 3)})
    ).run(1)

    assert made.labels == [(1,), (2,)]
    assert list(made.frame()["x"]) == [3, 3]


def test_parts_of_one_kind_are_told_apart_by_their_fields():
    jobs = [scenario(steps=steps).job for steps in (1, 2)]
    made = Study(scenario(), [0], how_long, vary=grid({"job": jobs}))

    assert made.labels == [("Deed()",), ("Deed(steps=2)",)]


def test_until_counts_runs_that_fail_and_names_a_metric_that_is_none():
    def failing(result):
        raise ValueError("always")

    rule = Precision(at_least=5, at_most=30)
    made = Study(scenario(), range(50), failing).run(1, until=rule, metric="x")
    assert len(made.failures()) == 30
    with pytest.raises(ValueError, match=r"metric must be one of .*time_s, got 'times_s'.*did you mean 'time_s'"):
        Study(scenario(), range(9), how_long).run(1, until=rule, metric="times_s")
    with pytest.raises(ValueError, match=r"metric must be a number .*\(in the cell \{'steps': 1\}\)"):
        Study(scenario(), range(9), lambda _: {"x": "a"}, vary=grid({"job.steps": [1]})).run(1, until=rule, metric="x")


def test_nothing_that_is_measured_hides_what_was_varied():
    made = Study(scenario(), [0], lambda result: {"steps": 99}, vary=grid({"job.steps": [1, 2]})).run(1)
    assert "measure must not write over the columns ['steps'], got 'steps'" in made.failures()["error"][0]

    own = Study({7: scenario()}, [0], labels=("ended_s",)).run(1)  # which is also the name of a metric
    assert list(own.frame()["ended_s"]) == [7]


def test_a_zip_varies_fields_together():
    own = Study(scenario(), [0], how_long, vary=zipped({"job.steps": [1, 2], "horizon_s": [10.0, 20.0]})).run(1)

    assert own.labels == [(1, 10.0), (2, 20.0)]


def test_a_replay_of_another_version_says_so(tmp_path):
    path = tmp_path / "x.db"
    study(path).run(1)
    stored = open_study(path)
    stored.definition["versions"]["numpy"] = "0.0"
    digest = stored.run_of(0, 0).rows[0]["digest"]
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE runs SET rows = replace(rows, ?, 'another')", (digest,))

    with plugins("studying"), pytest.raises(NotTheSame, match=r"numpy was 0\.0"):
        stored.replay(0, 0)


def test_failed_runs_are_run_again_when_that_is_asked(tmp_path):
    switch = tmp_path / "switch"

    def measure(result):
        if not switch.exists():
            raise ValueError("not yet")
        return how_long(result)

    made = study(measure=measure).run(1)
    assert len(made.failures()) == 9
    switch.touch()
    assert len(made.run(1).failures()) == 9
    assert len(made.run(1, retry_failed=True).frame()) == 9


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: study(seeds=3), "seeds must be several, got 3: write range.3."),
        (lambda: study(seeds=[1, 1]), "seeds must"),
        (lambda: study(seeds=[2**63]), r"seeds must be below 2\*\*63 to be kept, got 9223372036854775808"),
        (lambda: study(path=""), "path must name a file, got ''"),
        (lambda: study(path="a\0b"), "path must name a file"),
        (lambda: study(path="\ud800"), "path must name a file"),
        (lambda: grid({"job.steps": 5}), r"values of job.steps must be several, got 5: write \[5\]"),
        (lambda: grid({"job.word": "ab"}), "values of job.word must be several, got 'ab'"),
        (lambda: study(measure=3), "measure must be a function of a result, got 3"),
        (lambda: Study({}, [0]), "scenarios must be at least one, got none"),
        (lambda: Study({"a": scenario()}, [0], labels="who"), r"labels must be in a tuple, got 'who': write"),
        (lambda: Study({"a": scenario()}, [0], labels=("seed",)), "labels must differ .* got 'seed'"),
        (lambda: Study({("a", 1): scenario()}, [0]), "a label must have one value for each of"),
        (lambda: Study(scenario(), [0], vary=grid({"job.stepps": [1]})), "job.stepps.*did you mean.*steps"),
        (lambda: Study(scenario(), [0], vary=grid({"job.steps": [1, 1]})), "cells must differ .* twice"),
        (lambda: Study(lambda seed: 3, [0]), "a scenario must be a Scenario or a function of the seed"),
        (lambda: study().run(0), "processes must be"),
        (lambda: study().run(1, until=Precision()), "until and metric must be given together"),
        (lambda: study().run(dask="local", time_limit_s=1.0), "limits of a run are for processes of this machine"),
        (lambda: study().compare("stepps", "time_s"), "column must be one of steps, got 'stepps'"),
        (lambda: study().run(1).compare("steps", "time"), "metric must be one of time_s, got 'time'"),
        (lambda: study().run(1).export("x.xlsx"), "path must end in .csv or .parquet, got 'x.xlsx'"),
        (lambda: study().scenario(7), "cell must be from 0 to 2, got 7"),
    ],
)
def test_what_is_wrong_is_said(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_without_a_measure_the_metrics_are_kept():
    made = Study(scenario(), range(2)).run(1)

    known = run(scenario(), 0).metrics
    assert made.frame().iloc[0]["ended_s"] == known["ended_s"]


def test_a_stored_run_is_replayed_and_checked(tmp_path):
    path = tmp_path / "x.db"
    study(path).run(1)
    stored = open_study(path)
    with plugins("studying"):
        assert stored.scenario(2) == scenario(steps=5)
        assert stored.replay(2, 1).ended_s == 6


def test_comparisons_and_summaries_are_those_of_the_numbers():
    noise = {seed: float(np.random.default_rng(seed).normal()) for seed in range(30)}
    made = Study(
        scenario(),
        range(30),
        lambda result: {"cost": result.scenario.job.steps + noise[result.seed]},
        vary=grid({"job.steps": [1, 2], "horizon_s": [50.0, 60.0]}),
    ).run(1)

    ranked = made.compare("steps", "cost")
    assert ranked.winner == "1"
    assert ranked.pairs[0].difference.estimate == pytest.approx(-1)
    assert ranked.pairs[0].difference.high == pytest.approx(-1)  # what seeds share is no difference
    summary = made.summary()
    assert list(summary["mean"]) == pytest.approx(
        [
            made.frame().groupby(["steps", "horizon_s"])["cost"].mean()[key]
            for key in [(1, 50), (1, 60), (2, 50), (2, 60)]
        ]
    )
    matters = made.sensitivity("cost")
    assert matters.loc["horizon_s", "total"] == pytest.approx(0, abs=1e-9)


def test_a_comparison_over_missing_runs_is_refused():
    made = Study(
        scenario(),
        range(3),
        lambda r: how_long(r) if r.seed or r.scenario.job.steps < 5 else 1 / 0,
        vary=grid({"job.steps": [1, 5]}),
    ).run(1)

    with pytest.raises(ValueError, match="steps must have the same runs for each of its values, got so many"):
        made.compare("steps", "time_s")


def test_a_study_runs_until_its_metric_is_precise():
    def noisy(result):
        return {"x": 10 + float(np.random.default_rng(result.seed).normal()) * result.scenario.job.steps}

    rule = Precision(relative=0.1, at_least=5, at_most=400)
    made = Study(scenario(), range(400), noisy, vary=grid({"job.steps": [1, 4]})).run(1, until=rule, metric="x")

    counts = made.frame().groupby("steps").size()
    values = {steps: group["x"].to_numpy() for steps, group in made.frame().groupby("steps")}
    assert all(rule.reached(each) for each in values.values())
    assert 5 <= counts[1] < counts[4] < 400
    assert list(made.frame().query("steps == 4")["seed"]) == list(range(counts[4]))


def test_a_study_adds_as_many_runs_as_its_rule_asks_for():
    values = [10 + float(np.random.default_rng(seed).normal()) for seed in range(60)]
    rule, n = Precision(relative=0.05, at_least=5, at_most=60), 0
    while more := rule.more(values[:n]):
        n += more
    made = Study(scenario(), range(60), lambda result: {"x": values[result.seed]}).run(1, until=rule, metric="x")

    assert list(made.frame()["seed"]) == list(range(n))


def test_another_version_is_another_study(monkeypatch):
    known = versions()
    before = study().key
    monkeypatch.setattr("simcluster.study.study.versions", lambda: {**known, "simcluster": "another"})

    assert study().key != before


class Counting(Deed):
    """A job one of whose figures is called like a column."""

    def metrics(self, result):
        return {"seed": 7, "deeds": 1}


def test_figures_that_are_called_like_columns_are_left_out_of_all_metrics():
    frame = Study(scenario().replace(job=Counting()), [3]).run(1).frame()

    assert frame[["seed", "deeds"]].to_numpy().tolist() == [[3, 1]]


def test_numbers_of_numpy_are_kept_as_those_of_python():
    frame = study(measure=lambda result: {"n": np.int64(3), "x": np.float32(0.5), "b": np.bool_(True)}).run(1).frame()

    assert frame[["n", "x", "b"]].to_numpy().tolist() == [[3, 0.5, True]] * 9


def test_a_failed_run_is_replayed_to_its_error():
    made = Study(scenario(word="raise"), [0]).run(1)
    with plugins("studying"), pytest.raises(ValueError, match="as seed 0 says"):
        made.replay(0, 0)


def test_what_no_file_can_hold_is_replayed_by_the_study_that_is_made_again(tmp_path):
    class Local(Deed):
        pass

    Local.__module__, Local.__qualname__ = "__main__", "Local"
    whole = {"own": scenario().replace(job=Local(word="raise")), "drawn": lambda seed: scenario(word="raise")}
    for measure in (how_long, None):
        made = Study(whole, [0], measure, path=tmp_path / "x.db").run(1)

        assert list(made.failures()["command"]) == ["study.replay(0, 0)", "study.replay(1, 0)"]
        for cell in (0, 1):
            with pytest.raises(ValueError, match="as seed 0 says"):
                made.replay(cell, 0)


def test_a_measure_that_failed_fails_again():
    def measure(result):
        raise ZeroDivisionError("no ratio")

    made = Study(scenario(), [0], measure).run(1)

    with pytest.raises(ZeroDivisionError, match="no ratio"):
        made.replay(0, 0)


def test_ctrl_c_keeps_what_is_done(tmp_path):
    def measure(result):
        if result.seed == 2:
            raise KeyboardInterrupt
        return how_long(result)

    made = study(tmp_path / "x.db", measure)
    with pytest.raises(Interrupted, match="interrupted after 2 of 9 runs") as interrupted:
        made.run(1)

    assert len(interrupted.value.table) == 2


def test_a_study_file_is_a_study():
    wanted = StudyFile.model_validate(
        {
            "scenario": scenario(), "vary": {"kind": "grid", "values": {"job.steps": [1, 2]}}, "seeds": 2,
            "metrics": ["ended_s"],
        }
    )  # fmt: skip
    frame = wanted.study().run(1).frame()

    assert list(frame["ended_s"]) == [1, 2, 2, 3]
    with pytest.raises(ValueError, match="scenario, or scenarios, must be given, and not both"):
        StudyFile(scenario=scenario(), scenarios={"a": scenario()})
    wrong = wanted.replace(metrics=("ended",)).study().run(1)
    assert "metrics must be of" in wrong.failures()["error"][0]
