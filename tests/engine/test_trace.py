"""The trace keeps what happened, and says the same thing as a file and as a digest."""

import json

import numpy as np
import pytest

from simcluster.engine import Environment, Trace


def traced(values, kinds=None):
    env = Environment()
    trace = Trace(env, kinds)
    record = trace.recorder("loss", "step", "loss")
    for step, value in enumerate(values):
        env.run(until=env.now + 0.5)
        record(step, value)
    return trace


def test_a_record_has_time_kind_and_fields():
    assert list(traced([2.5]).rows()) == [{"time_s": 0.5, "kind": "loss", "step": 0, "loss": 2.5}]


def test_the_file_is_the_trace(tmp_path):
    trace = traced([0.1, 1 / 3])
    trace.write(tmp_path / "trace.jsonl")

    lines = (tmp_path / "trace.jsonl").read_text().splitlines()

    assert [json.loads(line) for line in lines] == list(trace.rows())


def test_one_bit_of_one_number_changes_the_digest():
    assert traced([0.1]).digest() == traced([0.1]).digest()
    assert traced([0.1]).digest() != traced([np.nextafter(0.1, 1)]).digest()


def test_a_numpy_number_reads_as_python_s():
    assert traced([np.float64(0.1)]).digest() == traced([0.1]).digest()


def test_a_kind_that_is_not_kept_leaves_nothing():
    assert len(traced([1.0, 2.0], kinds=("step",))) == 0


def test_a_kind_has_one_set_of_fields():
    trace = traced([])
    with pytest.raises(ValueError, match=r"records of kind 'loss' have the fields \('step', 'loss'\)"):
        trace.recorder("loss", "loss")


def test_a_record_with_a_missing_value_is_refused():
    record = traced([]).recorder("loss", "step", "loss")
    with pytest.raises(ValueError, match=r"a 'loss' record takes \('step', 'loss'\), got \(1,\)"):
        record(1)


def test_what_is_recorded_is_a_value():
    several = [1, [2]]
    trace = traced([several])
    several[1].append(3)

    assert [row["loss"] for row in trace.rows()] == [(1, (2,))]


@pytest.mark.parametrize("value", [{1}, {"a": 1}, np.zeros(2), [object()]], ids=lambda value: type(value).__name__)
def test_a_record_of_anything_else_is_refused(value):
    with pytest.raises(TypeError, match="a record holds numbers"):
        traced([value])


def test_the_digest_tells_the_times_of_records_apart():
    digests = set()
    for step_s in (0.5, 0.25):
        env = Environment()
        trace = Trace(env)
        record = trace.recorder("loss", "step", "loss")
        env.run(until=step_s)
        record(0, 1.0)
        digests.add(trace.digest())

    assert len(digests) == 2


def test_a_trace_of_rows_is_the_trace_that_gave_them():
    whole = traced([2.5, float("inf"), (1, (2, "x"))])
    again = Trace.of(map(json.loads, whole.lines()), whole._kinds)

    assert list(again.rows()) == list(whole.rows())
    assert again.digest() == whole.digest()
    with pytest.raises(ValueError, match=r"have the fields \('step', 'loss'\)"):
        Trace.of([*whole.rows(), {"time_s": 0.0, "kind": "loss", "other": 1}])


@pytest.mark.parametrize("kinds", [None, (), ("loss",), ("other",), ("loss", "other")])
def test_the_digest_of_some_kinds_is_that_of_a_trace_that_keeps_no_others(kinds):
    def recorded(kept):
        trace = traced([2.5, 1.5], kept)
        trace.recorder("other", "value")(7)
        return trace

    assert recorded(None).digest(kinds) == recorded(kinds).digest()
