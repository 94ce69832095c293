"""Schedules and failure traces survive a file, and a file that is wrong says where."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.faults import (
    SYNTHETIC_TRACE,
    CrashNode,
    LoseMessages,
    PauseNode,
    SlowNode,
    load_schedule,
    read_failure_trace,
    save_schedule,
)
from simcluster.testing import schedules
from tests.strategies import training


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("files") / "faults.json"


@given(schedules(("a", "b", "c"), last_s=1.0))
def test_a_schedule_survives_its_file_bit_for_bit(path, faults):
    save_schedule(path, faults)

    assert load_schedule(path) == faults
    assert [fault.begin_s.hex() for fault in load_schedule(path)] == [fault.begin_s.hex() for fault in faults]


@given(st.floats(0, allow_infinity=False), st.floats(0, 1))
def test_any_time_and_any_probability_survive(path, begin_s, probability):
    faults = (LoseMessages(begin_s=begin_s, probability=probability),)
    save_schedule(path, faults)

    assert load_schedule(path) == faults


def test_a_line_of_the_file_is_a_fault(path):
    save_schedule(path, [CrashNode(node="a", begin_s=1), PauseNode(node="b", begin_s=2, end_s=3)])

    first = json.loads(path.read_text().splitlines()[4].removesuffix(","))
    assert list(first)[:3] == ["kind", "begin_s", "end_s"]
    assert first.items() >= {"kind": "crash_node", "begin_s": 1.0, "end_s": None, "node": "a"}.items()


def test_a_schedule_names_its_version_and_its_scenario_and_loading_it_for_another_is_noted(path):
    scenario, faults = training(steps=3), (CrashNode(node="worker-0", begin_s=1, end_s=2),)
    save_schedule(path, faults, scenario.under([PauseNode(node="server", begin_s=0)]))

    assert load_schedule(path, scenario.under(faults)) == faults
    assert json.loads(path.read_text())["scenario"] == scenario.digest
    with pytest.warns(UserWarning, match=rf"was saved for {scenario.digest}, and this scenario is .*: a run may be"):
        assert load_schedule(path, training(steps=4)) == faults
    path.write_text(path.read_text().replace(json.loads(path.read_text())["simcluster"], "0.0.9"))
    with pytest.warns(UserWarning, match=r"was saved by simcluster 0\.0\.9, and this is "):
        assert load_schedule(path) == faults
    save_schedule(path, faults)
    with pytest.warns(UserWarning, match="was saved for no scenario that it names, and this scenario is "):
        assert load_schedule(path, scenario) == faults


def test_a_list_that_somebody_has_written_is_a_schedule(path):
    path.write_text('[{"kind": "crash_node", "node": "a", "begin_s": 1}]')

    assert load_schedule(path) == (CrashNode(node="a", begin_s=1),)


def test_a_trace_may_leave_out_what_has_a_default(tmp_path):
    trace = tmp_path / "trace.csv"
    trace.write_text("\ufeff# machines\nnode, begin_s, end_s, kind, factor\n\na,1,,,\nb,2,3,slow_node,4\n", "utf-8")

    expected = (CrashNode(node="a", begin_s=1), SlowNode(node="b", begin_s=2, end_s=3, factor=4))
    assert read_failure_trace(trace) == expected
    assert read_failure_trace(trace, "pause_node")[0] == PauseNode(node="a", begin_s=1)


def test_a_trace_says_the_same_as_json(tmp_path):
    rows = [{"node": "a", "begin_s": 1.5, "end_s": 2, "kind": "pause_node"}, {"node": "b", "begin_s": 3}]
    (tmp_path / "trace.json").write_text(json.dumps(rows))
    (tmp_path / "trace.csv").write_text("node,begin_s,end_s,kind\na,1.5,2,pause_node\nb,3,,\n")

    assert read_failure_trace(tmp_path / "trace.json") == read_failure_trace(tmp_path / "trace.csv")


def test_the_synthetic_trace_has_faults_of_eight_machines_in_one_day():
    faults = read_failure_trace(SYNTHETIC_TRACE)

    assert {type(fault) for fault in faults} == {CrashNode, PauseNode}
    assert all(fault.begin_s < fault.end_s < 86400 for fault in faults)
    assert {name for fault in faults for name in fault.targets} <= {f"node-{place}" for place in range(8)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: .*must begin with the names of its columns, got nothing"),
        ("node,begin\n", r"line 1, column 2: a column must be one of \[.*'begin_s'.*\], got 'begin'"),
        ("node,node,begin_s\n", "line 1, column 2: columns must differ, got 'node' more than once"),
        ("node,end_s\n", r"line 1, column 1: the columns must include 'begin_s', got \['node', 'end_s'\]"),
        ("node,begin_s\na,x\n", "line 2, column 2: begin_s: .*valid number.*, got 'x'"),
        ("node,begin_s\na,1\n\nb,-1\n", "line 4, column 2: begin_s: .*greater than or equal to 0, got '-1'"),
        ("node,begin_s,end_s\na,2,1\n", r"line 2, column 3: end_s must be after begin_s \(2.0\), got 1.0"),
        ("node,begin_s\na,1,2\n", "line 2, column 3: a line must have a value for each of the 2 columns, got 3"),
        ("node,begin_s,kind\na,1,explode\n", "line 2, column 3: kind must be one of .*, got 'explode'"),
        ("node,begin_s,kind\na,1,slow_node\n", "line 2, column 1: factor: Field required"),
        ('node,begin_s\n"a,1\n', "line 2, column 1: a line must be CSV"),
    ],
)
def test_a_csv_trace_that_is_wrong_says_the_line_and_the_column(tmp_path, text, message):
    (tmp_path / "bad.csv").write_text(text)

    with pytest.raises(ValueError, match=rf"bad\.csv, {message}"):
        read_failure_trace(tmp_path / "bad.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", r"line 1, column 1: a list of faults must begin with '\[', got '{'"),
        ('{"simcluster": "0", "scenario": null, "faults": 3}', r"line 1, column 49: a list of faults must begin with"),
        ('{"simcluster": "0", "scenario": null,\n "faults": [] ]', "line 2, column 15: '}' must follow the list of f"),
        (
            '[{"kind": "crash_node", "node": "a", "begin_s": 1} ;',
            "line 1, column 52: faults must be separated by ',', got ';'",
        ),
        ("", r"line 1, column 1: a list of faults must begin with '\[', got ''"),
        ('[\n {"node" "a"}]', "line 2, column 10: the text must be JSON: Expecting ':'"),
        ("[3]", "line 1, column 2: a fault must be an object, got 3"),
        ('[{"kind": "crash_node", "node": "a", "begin_s": 1}\n {}]', "line 2, column 2: faults must be .* by ','"),
        ('[\n\n  {"kind": "crash_node", "node": "a", "begin_s": -1}]', "line 3, column 39: begin_s: .*, got -1"),
        (
            '[{"kind": "duplicate_messages", "begin_s": 1, "probability": 1, "delay_s": {"kind": "constent"}}]',
            "line 1, column 65: kind must be one of .*, got 'constent' .did you mean 'constant'",
        ),
        ('[{"node": "a", "begin_s": 1}]', "line 1, column 2: kind must be one of .*, got none"),
        ("[] x", "line 1, column 4: nothing must follow the list of faults, got 'x'"),
    ],
)
def test_a_schedule_that_is_wrong_says_the_line_and_the_column(tmp_path, text, message):
    (tmp_path / "bad.json").write_text(text)

    with pytest.raises(ValueError, match=rf"bad\.json, {message}"):
        load_schedule(tmp_path / "bad.json")


def test_what_is_neither_csv_nor_json_or_not_text_is_refused(tmp_path):
    (tmp_path / "trace.csv").write_bytes(b"node,begin_s\n\xff,1\n")

    with pytest.raises(ValueError, match=r"must be a \.csv or a \.json file, got 'trace.xlsx'"):
        read_failure_trace(tmp_path / "trace.xlsx")
    with pytest.raises(ValueError, match=r"trace\.csv: the text must be UTF-8, got byte 0xff"):
        read_failure_trace(tmp_path / "trace.csv")
    with pytest.raises(ValueError, match=r"default_kind must be one of \['crash_node', .*\], got 'crash'"):
        read_failure_trace(tmp_path / "trace.csv", "crash")
