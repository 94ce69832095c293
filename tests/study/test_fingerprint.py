"""Fingerprints differ where code, values or fields do, and only there."""

import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from studying import how_long, scenario

from simcluster.study.fingerprint import fingerprint

FUNCTIONS = """
FACTOR = 2
def helper(x): return x * FACTOR
def plain(r): return {"a": helper(r)}
words = {"one", "two", "three"}
def asks(r): return r in {"one", "two", "three"}
class Job:
    def start(self): return helper(1)
    @staticmethod
    def other(): return 1
def closure(k): return lambda r: {"t": k * r}
"""


def made(text):
    names = {"__name__": "a_script"}
    exec(compile(text, "a_script.py", "exec"), names)
    return names


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("plain", '"a"', '"b"'),
        ("plain", "FACTOR = 2", "FACTOR = 3"),
        ("plain", "x * FACTOR", "x + FACTOR"),
        ("asks", '"two", "three"}\nclass', '"two", "four"}\nclass'),
        ("Job", "return helper(1)", "return helper(2)"),
        ("Job", "x * FACTOR", "x + FACTOR"),
        ("Job", "def other(): return 1", "def other(): return 2"),
    ],
)
def test_a_change_in_a_function_or_in_what_it_calls_changes_the_fingerprint(name, old, new):
    assert old in FUNCTIONS
    before, after = made(FUNCTIONS)[name], made(FUNCTIONS.replace(old, new))[name]

    assert fingerprint(before) == fingerprint(made(FUNCTIONS)[name])
    assert fingerprint(before) != fingerprint(after)


def test_what_a_function_encloses_counts():
    closure = made(FUNCTIONS)["closure"]

    assert fingerprint(closure(2)) == fingerprint(closure(2))
    assert fingerprint(closure(2)) != fingerprint(closure(3))
    assert fingerprint(partial(how_long, 1)) != fingerprint(partial(how_long, 2))


def test_a_function_may_enclose_what_is_not_there_yet():
    def outer():
        def inner():
            return later

        early = fingerprint(inner)
        later = 1
        return early, fingerprint(inner)

    early, late = outer()
    assert early != late


def test_a_function_that_calls_itself_has_a_fingerprint():
    again = made("def again(n): return n and again(n - 1)")["again"]

    assert len(fingerprint(again)) == 32


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@given(values, values)
def test_values_have_one_fingerprint_if_they_print_alike(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (repr(one) == repr(other))


def test_scenarios_that_differ_in_a_field_differ():
    assert fingerprint(scenario(steps=1)) == fingerprint(scenario(steps=1))
    assert fingerprint(scenario(steps=1)) != fingerprint(scenario(steps=2))
    assert fingerprint(scenario(steps=1)) != fingerprint(scenario(steps=1).replace(horizon_s=1.0))


def test_it_is_the_same_in_each_process_whatever_its_hashes(tmp_path):
    (tmp_path / "a_script.py").write_text(FUNCTIONS)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport a_script\n"
        "from simcluster.study.fingerprint import fingerprint\n"
        "print(fingerprint(a_script.asks, a_script.words, a_script.Job, a_script.closure(1)))"
    )

    def said(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
        ).stdout

    assert said("1") == said("2")


MORE = """
FACTOR = 2
class Base:
    def start(self): return 1
class Job(Base):
    @property
    def size(self): return 1
def asks(r, k=2, *, n=3): return k * n
def inner(r): return [FACTOR * x for x in r], lambda: FACTOR
"""


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("asks", "k=2", "k=4"),
        ("asks", "n=3", "n=4"),
        ("Job", "def start(self): return 1", "def start(self): return 2"),
        ("Job", "def size(self): return 1", "def size(self): return 2"),
        ("inner", "FACTOR = 2", "FACTOR = 3"),
    ],
)
def test_defaults_bases_properties_and_what_inner_functions_name_count(name, old, new):
    assert old in MORE
    assert fingerprint(made(MORE)[name]) == fingerprint(made(MORE)[name])
    assert fingerprint(made(MORE)[name]) != fingerprint(made(MORE.replace(old, new))[name])


def test_arrays_of_the_same_bytes_differ_by_type_and_shape():
    arrays = [np.zeros(4), np.zeros(4, dtype=np.int64), np.zeros((2, 2))]

    assert len({fingerprint(array) for array in arrays}) == 3
    assert fingerprint(arrays[0]) == fingerprint(np.zeros(4))
