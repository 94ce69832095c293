"""A result that was saved is the same when it is loaded, or is refused; and no code is run by that."""

import io
import json
import pickle
import re
import sys
import zipfile
from collections import namedtuple
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from simcluster import Result, Scenario, plugins, run
from simcluster.engine import InvalidSpec
from simcluster.faults import CrashNode
from simcluster.scenario import NotStored, StoredObject, StoredResult
from simcluster.scenario.stored import packed
from simcluster.scenario.text.encoding import decoded, encoded
from tests.scenario.ends import TWO, Gives, scenario
from tests.strategies import schedules, training

HERE = "tests.scenario.ends"
Pair = namedtuple("Pair", "left right")


@dataclass
class Point:
    """Any dataclass."""

    x: object
    _kind: object = "mine"


def same(one, other):
    """Whether two values are alike to the last bit, and of the same types."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    return repr(one) == repr(other)


numbers = arrays_of.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_, np.complex128, "U3", "M8[s]"]),
    arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.complex_numbers(), st.binary(), numbers,
    numbers.filter(lambda array: array.ndim == 0).map(lambda array: array[()]).filter(lambda x: hasattr(x, "dtype")),
)  # fmt: skip
names = st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.tuples(st.integers(), st.text()))
outcomes = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=6,
)


def through_text(value):
    """What is left of a value that was written and read."""
    arrays = []
    return decoded(json.loads(json.dumps(encoded(value, arrays))), arrays.__getitem__)


@pytest.mark.slow
@given(outcomes)
def test_what_an_outcome_is_made_of_is_the_same_when_it_is_read(value):
    assert same(through_text(value), value)


@given(outcomes, outcomes)
def test_objects_keep_their_fields(one, other):
    pair, point = through_text((Pair(one, other), Point(one, other)))

    assert isinstance(pair, StoredObject)
    assert isinstance(point, StoredObject)
    assert same([pair.left, pair.right, point.x, vars(point)["_kind"]], [one, other, one, other])
    assert repr(pair).startswith("Pair(left=")
    assert same(vars(through_text(point)), vars(point))


def test_what_cannot_be_stored_says_so():
    knot = []
    knot.append(knot)
    found = through_text([len, {1, 2}, knot, np.array([None]), StoredObject])

    assert all(isinstance(each, NotStored) for each in [*found[:2], found[2][0], *found[3:]])
    assert repr(found[0]) == "<not stored: <built-in function len>>"
    assert repr(through_text(found[0])) == repr(found[0])


@pytest.mark.slow
@given(schedules, st.integers(0, 3), st.sampled_from([None, (), ("loss",), ("send", "drop")]))
def test_a_result_is_the_same_when_it_is_loaded(tmp_path_factory, faults, seed, kinds):
    result = run(training(faults, steps=3, kinds=kinds), seed)
    path = result.save(tmp_path_factory.getbasetemp() / "result")
    stored = Result.load(path)

    for name in (
        "scenario", "scenario_digest", "seed", "digest", "ended", "ended_s", "verdicts", "backlog", "metrics",
        "versions", "machine",
    ):  # fmt: skip
        assert getattr(stored, name) == getattr(result, name), name
    assert stored.ended.waits == result.ended.waits
    assert list(stored.trace.rows()) == list(result.trace.rows())
    assert stored.trace.digest() == result.digest
    assert stored.series.keys() == result.series.keys()
    for name, frame in stored.series.items():
        pd.testing.assert_frame_equal(frame, result.series[name])
    assert list(stored.faults) == [fault.model_dump(mode="json") for fault in faults]
    never = [fault.model_dump(mode="json") for fault in result.faults_never_begun]
    assert list(stored.faults_never_begun) == never
    if result.outcome is not None:
        assert same(stored.outcome.parameters, result.outcome.parameters)
    assert repr(stored).splitlines()[2:] == repr(result).splitlines()[2:]


def test_the_same_result_is_the_same_bytes(tmp_path):
    one, other = (run(training(steps=2), 0).save(tmp_path / name) for name in "ab")

    assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_what_is_in_the_file_can_be_read_without_simcluster(tmp_path):
    def refused(word):
        raise AssertionError(f"JSON has no {word}")

    result = run(training(steps=2, target_loss=-1.0), 0)
    with zipfile.ZipFile(result.save(tmp_path / "result")) as zipped:
        document = json.loads(zipped.read("result.json"), parse_constant=refused)
        records = [json.loads(line) for line in zipped.read("trace.jsonl").splitlines()]
        parameters = np.load(io.BytesIO(zipped.read("arrays/0.npy")))

    assert result.metrics["time_to_target_s"] == float("inf")
    assert (document["digest"], document["scenario"]["job"]["kind"]) == (result.digest, "training")
    assert records == list(result.trace.rows())
    assert same(parameters, result.outcome.parameters)


def saved(folder):
    """A small file."""
    return run(Scenario(cluster=TWO, job=Gives("here"), trace_kinds=()), 0).save(folder / "small")


REFUSED = r"path: must be a result as Result.save writes it, whole and unchanged, got '.*small', which is another kind"


@pytest.mark.slow
def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path):
    path = saved(tmp_path)
    content = path.read_bytes()

    whole = Result.load(path)
    assert isinstance(whole, StoredResult)
    assert whole.outcome == "here"
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(ValueError, match=REFUSED):
            Result.load(path)


@pytest.mark.slow
def test_a_file_in_which_any_byte_is_another_is_refused(tmp_path):
    path = saved(tmp_path)
    content = path.read_bytes()

    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        with pytest.raises(ValueError, match=REFUSED):
            Result.load(path)


@pytest.mark.parametrize("content", [b"", b"a text", pickle.dumps({}), packed({})[:-64]])
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "small"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=REFUSED):
        Result.load(path)


def remade(path, change, **members):
    """The same file after ``change`` of its document, with other ``members``, and a checksum that is right."""
    with zipfile.ZipFile(path) as zipped:
        kept = {name: zipped.read(name) for name in zipped.namelist()}
    document = json.loads(kept["result.json"])
    change(document)
    path.write_bytes(packed({**kept, "result.json": json.dumps(document).encode(), **members}))
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.pop("seed"), "validation error"),
        (lambda document: document.update(seed="x"), "validation error"),
        (lambda document: document.update(format="other"), "validation error"),
        (lambda document: document.update(format_version=2), "its format is 2, and 1 is what is known here"),
        (lambda document: document.update(outcome={"call": "os.system"}), "a value must be one of .*, got 'call'"),
        (lambda document: document.update(outcome={"array": 7}), "no item named 'arrays/7.npy'"),
        (lambda document: document.update(outcome={"tuple": 7}), "'int' object is not iterable"),
        (lambda document: document.update(outcome={}), "a value must say in one word what it is"),
        (lambda document: document.update(never_begun=[4]), "out of range"),
        (lambda document: document["scenario"].update(job={}), "validation error"),
        (lambda document: document["scenario"].pop("trace_kinds"), "validation error"),
        (lambda document: document.update(digest="0"), "its records have another digest than it says"),
    ],
)
def test_a_file_that_says_what_none_does_is_refused(tmp_path, change, said):
    path = remade(saved(tmp_path), change)

    with pytest.raises(ValueError, match=rf"path: must be a result as Result.save writes it, got '.*small' \(.*{said}"):
        Result.load(path)


class Runs:
    """What would leave a file behind when a pickle of it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_no_code_is_run_by_loading_and_showing(tmp_path, monkeypatch):
    (tmp_path / "never_imported.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    own = {"kind": "never_imported:Job", "command": "exit"}
    path = remade(saved(tmp_path), lambda document: document["scenario"].update(job=own))
    stored = Result.load(path)

    assert "never_imported:Job on 2 nodes" in repr(stored)
    assert "never_imported:Job" in stored._repr_html_()
    assert stored.scenario_data["job"] == own
    for kind in ("never_imported:Job", "os:system", "subprocess:Popen"):
        own["kind"] = kind
        with pytest.raises(InvalidSpec, match="kind may name only a module that is allowed"):
            _ = Result.load(remade(path, lambda document: document["scenario"].update(job=own))).scenario
    assert "never_imported" not in sys.modules


def test_an_array_that_holds_a_pickle_is_refused(tmp_path):
    file, trap = io.BytesIO(), tmp_path / "trap"
    np.save(file, np.array([Runs(trap)], dtype=object), allow_pickle=True)
    change, members = (lambda document: document.update(outcome={"array": 0})), {"arrays/0.npy": file.getvalue()}
    path = remade(saved(tmp_path), change, **members)

    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        Result.load(path)
    assert not trap.exists()


def test_a_scenario_with_parts_of_ones_own_is_made_where_its_module_is_allowed(tmp_path):
    result = run(scenario("busy_at_once"), 0)
    stored = Result.load(result.save(tmp_path / "own"))

    with pytest.raises(InvalidSpec, match=f"--plugin {HERE}"):
        _ = stored.scenario
    with plugins(HERE):
        assert stored.scenario == result.scenario


def test_a_scenario_that_no_file_can_hold_is_said(tmp_path):
    class Hidden(Gives):
        pass

    with pytest.raises(ValueError, match="only what has a name in its module can be written"):
        run(Scenario(cluster=TWO, job=Hidden()), 0).save(tmp_path / "hidden")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["missing/result", "", ".", "file/result", "folder"])
def test_a_file_that_cannot_be_written_is_said_and_nothing_is_left(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()

    with pytest.raises(ValueError, match=rf"path: must be a file that can be written, got '{re.escape(path)}' \(\w"):
        run(training(steps=1), 0).save(path)
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["file", "folder"]
    with pytest.raises(ValueError, match=rf"path: must be a file that can be read, got '{re.escape(path)}' \(\w"):
        Result.load(path)


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = saved(tmp_path)
    before = path.read_bytes()

    def no_space(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(ValueError, match=r"must be a file that can be written, got .* \(No space left"):
        run(training(steps=1), 0).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_are_none_and_faults_twice_are_kept(tmp_path):
    twice = CrashNode(node="worker-0", begin_s=50.0)
    result = replace(run(training([twice, twice], steps=1), 0), outcome={"loss": float("nan"), "worst": -np.inf})
    stored = Result.load(result.save(tmp_path / "nan"))

    assert repr(stored.outcome) == repr({"loss": float("nan"), "worst": float("-inf")})
    assert len(stored.faults_never_begun) == 2
