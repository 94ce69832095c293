"""A run that does not repeat is caught at the first record that differs."""

import os

import pytest
from wavering import wavering

from simcluster import determinism
from simcluster.determinism import check_determinism


@pytest.fixture
def here_only(monkeypatch):
    """No other processes, so that it takes milliseconds."""
    monkeypatch.setattr(determinism, "_elsewhere", lambda scenario, seed, _: determinism.records(scenario, seed))


@pytest.mark.usefixtures("here_only")
def test_a_run_that_repeats_has_no_divergence():
    assert check_determinism(wavering("none"), 0) is None


@pytest.mark.usefixtures("here_only")
@pytest.mark.parametrize("reason", ["counter", "address"])
def test_the_first_record_that_differs_is_found_though_the_scenario_keeps_none(reason):
    found = check_determinism(wavering(reason), 0)

    assert (found.time_s, found.place, found.where) == (6.0, 5, "same process")
    assert {found.first["number"], found.other["number"]} == {5}
    assert found.first["value"] != found.other["value"]
    assert str(found).startswith("two runs must be alike, but differ at 6.0 s in record 5 (same process)")


@pytest.mark.usefixtures("here_only")
def test_a_run_that_only_ends_at_another_time_differs_in_its_last_record():
    found = check_determinism(wavering("end"), 0)

    assert found.first["kind"] == found.other["kind"] == "ended"
    assert found.time_s == min(found.first["time_s"], found.other["time_s"])


@pytest.mark.slow
@pytest.mark.parametrize("reason", ["hash", "set"])
def test_what_depends_on_hashes_shows_in_another_process(reason):
    before = os.environ.get("PYTHONHASHSEED")
    found = check_determinism(wavering(reason), 0, hash_seeds=(11, 12))

    assert (found.time_s, found.place, found.where) == (6.0, 5, "other process")
    assert os.environ.get("PYTHONHASHSEED") == before


@pytest.mark.slow
def test_a_run_that_repeats_does_so_in_another_process_too():
    assert check_determinism(wavering("none"), 0, hash_seeds=(11,)) is None


def test_records_that_are_missing_differ_too():
    lines = ['{"time_s":1.0,"kind":"a"}', '{"time_s":2.0,"kind":"b"}']
    found = determinism._compare(lines, lines[:1], "same process")

    assert (found.time_s, found.place, found.other) == (2.0, 1, None)
    assert determinism._compare(lines, lines, "same process") is None


def test_a_second_run_that_raises_says_that_the_first_did_not(monkeypatch):
    def raises(scenario, seed):
        raise RuntimeError("no")

    monkeypatch.setattr(determinism, "records", raises)
    with pytest.raises(RuntimeError) as caught:
        determinism._noting("the second run", wavering("none"), 0)
    assert caught.value.__notes__ == ["in the second run; the first one went through"]
