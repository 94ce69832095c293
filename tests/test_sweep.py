import gc
import itertools
import weakref

import pandas as pd
import pytest
from sweeping import duration, halves, refuse, slowed, times, waiting

from simcluster import ClusterSpec, NodeSpec, Scenario, Spec
from simcluster.cluster import DiskFull
from simcluster.faults import SlowNode
from simcluster.sweep import Interrupted, sweep, verdicts_in_words, workers
from tests.scenario.ends import scenario as ends

SCENARIOS = {("short", 1): waiting(1.0), ("long", 2): waiting(10.0)}
LABELS = ("kind", "size")


def test_there_is_one_row_for_each_scenario_and_seed_in_the_order_given():
    table = sweep(SCENARIOS, [3, 1, 2], duration, labels=LABELS)

    assert list(table.columns) == ["kind", "size", "seed", "ended", "verdicts", "digest", "duration_s"]
    assert list(zip(table["kind"], table["size"], table["seed"], strict=True)) == [
        ("short", 1, 3), ("short", 1, 1), ("short", 1, 2), ("long", 2, 3), ("long", 2, 1), ("long", 2, 2),
    ]  # fmt: skip


@pytest.mark.slow
def test_the_table_does_not_depend_on_the_number_of_processes():
    alone = sweep(SCENARIOS, range(4), duration, labels=LABELS)
    with workers(2) as within:
        together = sweep(SCENARIOS, range(4), duration, labels=LABELS, within=within)

    pd.testing.assert_frame_equal(alone, together)


def test_scenarios_under_one_seed_meet_the_same_draws():
    table = sweep(SCENARIOS, range(3), duration, labels=LABELS).pivot(
        index="seed", columns="kind", values="duration_s"
    )

    assert table["long"].to_list() == pytest.approx((10 * table["short"]).to_list())


def test_a_measure_may_give_several_rows():
    table = sweep({"a": waiting(1.0)}, [7], halves)

    assert table["half"].to_list() == [0, 1]
    assert table["seed"].to_list() == [7, 7]


def test_a_scenario_may_depend_on_the_seed():
    table = sweep({"a": slowed}, [1, 2], lambda result: {"begin_s": result.scenario.faults[0].begin_s})

    assert table["begin_s"].to_list() == [1e-6, 2e-6]


def test_progress_counts_every_run():
    seen = []
    sweep(SCENARIOS, range(2), duration, labels=LABELS, progress=lambda done, total: seen.append((done, total)))

    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_wrong_case_at_the_end_costs_no_run():
    runs = []

    def wrong_at_last(seed):
        if seed == 9:
            raise ValueError("a seed must like it here")
        return waiting(1.0)

    with pytest.raises(ValueError, match="must like it here") as error:
        sweep({"a": waiting(1.0), "b": wrong_at_last}, range(10), runs.append)

    assert runs == []
    assert error.value.__notes__ == ["in the run scenario='b' under seed 9"]


def test_scenarios_that_depend_on_the_seed_do_not_all_lie_in_memory():
    made = weakref.WeakSet()
    most = []
    gc.collect()
    gc.freeze()  # so that a collection looks at what is made from here on, and not at all that tests have imported

    def of_seed(seed):
        scenario = slowed(seed)
        made.add(scenario.faults[0])
        return scenario

    def count(result):
        gc.collect()
        most.append(len(made))
        return {}

    try:
        sweep({"a": of_seed}, range(10), count)
    finally:
        gc.unfreeze()

    assert max(most) <= 3


@pytest.mark.slow
def test_a_pool_runs_more_than_lie_in_memory(monkeypatch):
    monkeypatch.setitem(sweep.__globals__, "_AHEAD", 3)
    with workers(2) as within:
        table = sweep({"a": waiting(1.0)}, range(10), duration, within=within)

    pd.testing.assert_frame_equal(table, sweep({"a": waiting(1.0)}, range(10), duration))


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_interrupt_keeps_the_runs_that_were_done(processes):
    count = itertools.count(1)

    def stop(done, total):
        if next(count) == 3:
            raise KeyboardInterrupt

    with workers(processes) as within, pytest.raises(Interrupted, match="after 3 of 8 runs") as interrupt:
        sweep(SCENARIOS, range(4), duration, labels=LABELS, within=within, progress=stop)

    assert len(interrupt.value.table) == 3


def test_a_table_without_rows_still_has_its_columns():
    columns = list(sweep(SCENARIOS, [], duration, labels=LABELS).columns)

    assert columns == [*LABELS, "seed", "ended", "verdicts", "digest"]


def test_what_a_run_refuses_is_told_with_its_seed():
    with pytest.raises(ValueError, match="measure must like") as error:
        sweep({"a": waiting(1.0)}, [5], refuse)

    assert error.value.__notes__ == ["in the run scenario='a' under seed 5"]


def test_a_label_must_fill_its_columns():
    with pytest.raises(ValueError, match=r"one value for each of \('scenario',\), got \('short', 1\)"):
        sweep(SCENARIOS, [1], duration)


def test_no_process_at_all_is_refused():
    with pytest.raises(ValueError, match="processes must be at least 1, got 0"), workers(0):
        pass


@pytest.mark.parametrize("processes", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("program", ["divides", "fills_the_disk"])
def test_an_error_in_a_cell_names_label_seed_program_node_and_time(program, processes):
    scenarios = {("fine", 1): ends("busy_at_once"), ("bad", 2): ends(program)}

    with workers(processes) as within, pytest.raises((ZeroDivisionError, DiskFull)) as error:
        sweep(scenarios, [5], times, labels=LABELS, within=within)

    assert error.value.__notes__ == [
        f"in {program} on a at 1.5 s",
        "in the run kind='bad', size=2 under seed 5",
    ]


@pytest.mark.slow
def test_an_error_that_cannot_leave_its_process_is_told_with_its_class_and_all_that_is_known_of_it():
    message = r"Odd: 1 is odd \(which cannot leave its process"
    with workers(2) as within, pytest.raises(RuntimeError, match=message) as error:
        sweep({"a": ends("is_odd")}, [5], times, within=within)

    assert error.value.__notes__ == ["in is_odd on a at 1.5 s", "in the run scenario='a' under seed 5"]


def test_a_scenario_that_cannot_be_made_of_its_seed_is_told_with_both():
    def made(seed):
        return waiting(1.0) if seed < 2 else waiting(-1.0 / 0)

    with pytest.raises(ZeroDivisionError) as error:
        sweep({"a": made}, [1, 2], duration)

    assert error.value.__notes__ == ["in the run scenario='a' under seed 2"]


def test_verdicts_are_a_column_of_text_that_is_empty_when_all_is_well():
    scenarios = {"well": waiting(1.0), "short": waiting(1.0).replace(horizon_s=1e-9)}
    table = sweep(scenarios, range(3), lambda result: [{"half": 0}, {"half": 1}])

    assert table["verdicts"].to_list() == 6 * [""] + 6 * ["horizon"]
    assert verdicts_in_words(table) == "horizon in 3 of 6 runs"
    assert verdicts_in_words(table[table["scenario"] == "well"]) == ""


def test_a_scenario_whose_fault_begins_under_no_seed_is_warned_of():
    late = SlowNode(node="node-0", factor=2.0, begin_s=1e5)
    scenarios = {("well", 1): waiting(1.0), ("late", 2): waiting(1.0).replace(faults=(late,))}

    message = "fault never began: under no seed did all faults of kind='late', size=2 begin"
    with pytest.warns(UserWarning, match=message):
        table = sweep(scenarios, range(2), duration, labels=LABELS)

    assert table["verdicts"].to_list() == ["", "", "fault never began", "fault never began"]


def test_faults_that_are_drawn_for_longer_than_a_run_takes_are_no_warning():
    late = SlowNode(node="node-0", factor=2.0, begin_s=1e5)
    table = sweep({"a": lambda seed: waiting(1.0).replace(faults=(late,))}, range(2), duration)

    assert set(table["verdicts"]) == {"fault never began"}


class Exits(Spec):
    """A job whose program leaves Python."""

    def start(self, cluster, seed):
        def exits(node):
            yield node.timer(1.5)
            raise SystemExit(3)

        cluster["a"].boot(exits)
        return cluster.env.timeout(5.0)


def test_a_program_that_leaves_python_is_named_with_its_cell_too():
    scenario = Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="a"),)), job=Exits())
    with pytest.raises(SystemExit) as error:
        sweep({"a": scenario}, [5], times)

    assert error.value.__notes__ == ["in exits on a at 1.5 s", "in the run scenario='a' under seed 5"]


@pytest.mark.parametrize("name", ["seed", "ended", "verdicts", "digest", "kind"])
def test_a_measure_that_writes_over_a_column_is_refused(name):
    with pytest.raises(ValueError, match=rf"measure must not write over the columns .*, got '{name}'") as error:
        sweep(SCENARIOS, [1], lambda result: {name: 0}, labels=LABELS)

    assert error.value.__notes__ == ["in the run kind='short', size=1 under seed 1"]
    assert len(error.value.table) == 0


def test_a_scenario_whose_fault_begins_under_some_seed_is_not_warned_of():
    ends_s = sorted(sweep({"a": waiting(1.0)}, range(4), duration)["duration_s"])
    late = SlowNode(node="node-0", factor=2.0, begin_s=(ends_s[1] + ends_s[2]) / 2)
    table = sweep({"a": waiting(1.0).replace(faults=(late,))}, range(4), duration)

    assert sorted(table["verdicts"]) == ["", "", "fault never began", "fault never began"]
