"""Fields by dotted path."""

import functools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from simcluster import Scenario, Spec
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.faults import CrashNode, SlowNode
from simcluster.learning import Softmax
from simcluster.study import field, with_fields
from simcluster.study.fields import short_names
from simcluster.training import BoundedStaleness, ParameterServer, TrainingJob

CLUSTER = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("worker", 2)))
JOB = TrainingJob(model=Softmax(), exchange=ParameterServer(server="server"), workers=CLUSTER.names[1:], steps=5)
SCENARIO = Scenario(cluster=CLUSTER, job=JOB, faults=(SlowNode(node="worker-0", factor=2.0, begin_s=0.0),))


def test_what_is_put_in_is_there_and_nothing_else_has_changed():
    made = with_fields(SCENARIO, {"job.waiting.staleness": 3, "faults.0.factor": 4.0, "cluster.nodes.2.cores": 5})

    assert made.job.waiting == JOB.waiting.replace(staleness=3)
    assert made.faults == (SCENARIO.faults[0].replace(factor=4.0),)
    assert [node.cores for node in made.cluster.nodes] == [1, 1, 5]
    back = {"job.waiting.staleness": JOB.waiting.staleness, "faults.0.factor": 2.0, "cluster.nodes.2.cores": 1}
    assert with_fields(made, back) == SCENARIO


def test_a_whole_part_may_be_put_in():
    assert with_fields(SCENARIO, {"job.waiting": BoundedStaleness(staleness=7)}).job.waiting.staleness == 7
    as_in_a_file = {"kind": "bounded_staleness", "staleness": 7}
    assert with_fields(SCENARIO, {"job.waiting": as_in_a_file}).job.waiting.staleness == 7
    crash = CrashNode(node="worker-1", begin_s=1.0)
    assert with_fields(SCENARIO, {"faults": [crash]}).faults == (crash,)


def test_fields_that_only_fit_each_other_change_together():
    cluster = ClusterSpec(nodes=nodes("other", 3))
    made = with_fields(
        SCENARIO,
        {
            "cluster": cluster, "job.exchange.server": "other-0", "job.workers": ("other-1", "other-2"),
            "faults.0.node": "other-1",
        },
    )  # fmt: skip

    assert made.cluster == cluster


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("job.wating", 1, r"job\.wating: there is one of .* at job, got 'wating'.*did you mean.*waiting"),
        ("faults.1.factor", 1, r"faults\.1: there is one of 0 at faults, got '1'"),
        ("horizon_s.x", 1, r"horizon_s\.x: there is nothing inside of horizon_s, which is 3600\.0"),
        ("", 1, "a path must be names with dots between, such as 'job.steps', got ''"),
        ("job..steps", 1, r"a path must be names with dots between, such as 'job.steps', got 'job\.\.steps'"),
        ("job.steps", 0, r"job\.steps: .*got 0"),
        ("faults.0.factor", -1.0, r"faults\.0\.factor: .*got -1"),
        ("job.exchange.server", "nobody", "nobody"),
    ],
)
def test_a_wrong_path_or_value_is_said_with_its_path(path, value, said):
    with pytest.raises(ValueError, match=said):
        with_fields(SCENARIO, {path: value})


@pytest.mark.parametrize("paths", [("job", "job.steps"), ("job.steps", "job")])
def test_paths_do_not_lead_into_each_other(paths):
    with pytest.raises(ValueError, match="paths must not lead into each other"):
        with_fields(SCENARIO, {path: field(SCENARIO, path) for path in paths})


@given(st.lists(st.lists(st.sampled_from("abc01"), min_size=1, max_size=4).map(".".join), min_size=1, unique=True))
def test_short_names_differ_and_are_ends_of_their_paths(paths):
    short = short_names(paths)

    assert len(set(short.values())) == len(paths)
    assert all(f".{path}".endswith(f".{name}") for path, name in short.items())


def test_the_last_name_is_enough_where_no_other_path_ends_so():
    assert short_names(["job.waiting.staleness", "faults.0.factor", "faults.1.factor"]) == {
        "job.waiting.staleness": "staleness", "faults.0.factor": "0.factor", "faults.1.factor": "1.factor"
    }  # fmt: skip
    assert short_names(["cluster.nodes.2"]) == {"cluster.nodes.2": "nodes.2"}


class Calls(Spec):
    """A function with fields, and a mapping."""

    call: Any = functools.partial(pow, 2, exp=3)
    words: dict[str, int] = Field({"a": 1, "b": 2})


def test_what_a_partial_function_or_a_mapping_has_is_a_field_too():
    made = with_fields(Calls(), {"call.exp": 4, "words.b": 5})

    assert made.call() == 16
    assert made.words == {"a": 1, "b": 5}
