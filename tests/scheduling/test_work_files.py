"""Files of other tools: what they say is what there is to do, and what breaks a rule is refused with its place."""

import json
import math
import sys
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.learning import MissingFile
from simcluster.scheduling import Dot, Layered, SwfTrace, TaskGraphJob, Workflow, fifo
from tests.workflows import NAMES, file

EXAMPLES = "experiments/scenarios"


def told(graph):
    """Operations of each task and bytes of each edge."""
    return (
        {name: node["task"].cost.flops for name, node in graph.nodes.items()},
        {(before, after): edge["size_bytes"] for before, after, edge in graph.edges(data=True)},
    )


def approximately(found):
    return tuple({name: pytest.approx(value, rel=1e-9) for name, value in part.items()} for part in found)


# WfFormat


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_that_ran_has_the_tasks_the_files_and_the_seconds_of_its_file(name):
    path = file(name)
    workflow = json.loads(path.read_text())["workflow"]
    specification, execution = workflow["specification"], workflow["execution"]
    sizes = {each["id"]: each["sizeInBytes"] for each in specification["files"]}
    writer = {each: task["id"] for task in specification["tasks"] for each in task["outputFiles"]}

    graph = Workflow(path=path).graph(0)

    assert set(graph) == {task["id"] for task in specification["tasks"]}
    assert set(graph.edges) == {(parent, task["id"]) for task in specification["tasks"] for parent in task["parents"]}
    for task in specification["tasks"]:
        for parent in task["parents"]:
            travels = [sizes[each] for each in task["inputFiles"] if writer.get(each) == parent]
            assert graph.edges[parent, task["id"]]["size_bytes"] == math.fsum(travels)
    taken = {each for task in specification["tasks"] for each in (*task["inputFiles"], *task["outputFiles"])}
    assert taken == set(sizes)  # no file is left that no task reads or writes
    seconds = {task["id"]: task["runtimeInSeconds"] for task in execution["tasks"]}
    assert told(graph)[0] == approximately([{name: 1e9 * each for name, each in seconds.items()}])[0]
    assert Workflow(path=path).measured_s() == execution["makespanInSeconds"]


def document(graph):
    """The graph in WfFormat, a file for each edge."""
    names = {edge: f"{edge[0]} to {edge[1]}" for edge in graph.edges}
    return {
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "id": name, "name": name, "parents": list(graph.pred[name]), "children": list(graph.adj[name]),
                        "inputFiles": [names[before, name] for before in graph.pred[name]],
                        "outputFiles": [names[name, after] for after in graph.adj[name]],
                    } for name in graph
                ],
                "files": [{"id": names[edge], "sizeInBytes": graph.edges[edge]["size_bytes"]} for edge in graph.edges],
            },
            "execution": {
                "makespanInSeconds": 1,
                "tasks": [
                    {"id": name, "runtimeInSeconds": node["task"].cost.flops / 1e9}
                    for name, node in graph.nodes.items()
                ],
            },
        },
    }  # fmt: skip


GRAPHS = st.builds(lambda tasks, seed: Layered(tasks=tasks).graph(seed), st.integers(1, 25), st.integers(0, 99))


@given(GRAPHS)
@settings(max_examples=20, deadline=None)
def test_a_graph_written_in_wfformat_is_read_as_it_was(tmp_path_factory, graph):
    path = tmp_path_factory.mktemp("wfformat") / "graph.json"
    path.write_text(json.dumps(document(graph)))

    assert told(Workflow(path=path).graph(0)) == approximately(told(graph))


def example():
    return json.loads(Path(EXAMPLES, "diamond_workflow.json").read_text(encoding="utf-8"))


def tasks(given):
    return given["workflow"]["specification"]["tasks"]


def executed(given):
    return given["workflow"]["execution"]["tasks"]


def files(given):
    return given["workflow"]["specification"]["files"]


def cycle(given):
    tasks(given)[0]["parents"] = ["report"]
    tasks(given)[3]["children"] = ["fetch"]


BROKEN = {
    "another version": (lambda d: d.update(schemaVersion="1.4"), "schemaVersion: Input should be '1.5', got '1.4'"),
    "no version": (lambda d: d.pop("schemaVersion"), "schemaVersion: must be given, got nothing"),
    "no workflow": (lambda d: d.pop("workflow"), "workflow: must be given, got nothing"),
    "no execution": (lambda d: d["workflow"].pop("execution"), "workflow.execution: must be given, got nothing"),
    "no tasks": (lambda d: tasks(d).clear(), "workflow.specification.tasks: .* at least 1 item"),
    "tasks that are none": (
        lambda d: d["workflow"]["specification"].update(tasks={}),
        "workflow.specification.tasks: Input should be a valid list, got {}",
    ),
    "a task without an id": (lambda d: tasks(d)[1].pop("id"), "tasks.1.id: must be given, got nothing"),
    "an id that is a number": (
        lambda d: tasks(d)[1].update(id=7), "tasks.1.id: Input should be a valid string, got 7",
    ),
    "an id twice": (lambda d: tasks(d)[1].update(id="fetch"), "tasks: id must differ, got 'fetch' more than once"),
    "a file twice": (lambda d: files(d)[1].update(id="source"), "files: id must differ, got 'source' more than once"),
    "a run twice": (
        lambda d: executed(d)[1].update(id="fetch"), "execution.tasks: id must differ, got 'fetch' more than once",
    ),
    "an unknown parent": (
        lambda d: tasks(d)[1]["parents"].append("nobody"), "tasks.1.parents: must be ids of tasks, got 'nobody'",
    ),
    "a parent that does not know": (
        lambda d: tasks(d)[0].update(children=["clean"]),
        "tasks.2.parents: must have 'count' among their children, got 'fetch'",
    ),
    "a child that does not know": (
        lambda d: tasks(d)[1].update(parents=[]),
        "tasks.0.children: must have 'fetch' among their parents, got 'clean'",
    ),
    "a cycle": (cycle, "tasks: a task graph must not have a cycle, got "),
    "an unknown file": (
        lambda d: tasks(d)[1].update(inputFiles=["raw", "rare"]),
        "tasks.1.inputFiles: a file must be among workflow.specification.files, got 'rare'",
    ),
    "a file of two tasks": (
        lambda d: tasks(d)[2]["outputFiles"].append("cleaned"),
        "tasks.2.outputFiles: a file must be written by one task, got 'cleaned' twice",
    ),
    "a negative size": (
        lambda d: files(d)[1].update(sizeInBytes=-1),
        "files.1.sizeInBytes: Input should be greater than or equal to 0, got -1",
    ),
    "a size that is text": (
        lambda d: files(d)[1].update(sizeInBytes="7"), "files.1.sizeInBytes: Input should be a valid number, got '7'",
    ),
    "a task that did not run": (
        lambda d: executed(d).pop(), "tasks.3.id: must be among workflow.execution.tasks too, got 'report'",
    ),
    "a run of nobody": (
        lambda d: executed(d).append({"id": "nobody", "runtimeInSeconds": 1}),
        "execution.tasks: id must be that of a task, got 'nobody'",
    ),
    "no seconds": (
        lambda d: executed(d)[2].pop("runtimeInSeconds"), "tasks.2.runtimeInSeconds: must be given, got nothing",
    ),
    "negative seconds": (
        lambda d: executed(d)[2].update(runtimeInSeconds=-1.0), "tasks.2.runtimeInSeconds: .* got -1.0",
    ),
    "no number": (lambda d: executed(d)[2].update(runtimeInSeconds=math.nan), "a number must be finite, got NaN"),
    "half a core": (lambda d: executed(d)[2].update(coreCount=0.5), "tasks.2.coreCount: .* got 0.5"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_workflow_is_refused_with_its_place_the_rule_and_the_value(tmp_path, what):
    change, rule = BROKEN[what]
    given, path = example(), tmp_path / "broken.json"
    change(given)
    path.write_text(json.dumps(given))

    with pytest.raises(ValueError, match=rule) as raised:
        Workflow(path=path).graph(0)
    assert str(raised.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"a": [1,', "line 1, column 10: a file in WfFormat must be JSON, got 'Expecting value'"),
        ("[1]", "a file in WfFormat must be an object, got list"),
        ("", "must be JSON"),
    ],
)
def test_what_is_no_object_of_json_is_refused(tmp_path, text, rule):
    path = tmp_path / "broken.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=rule):
        Workflow(path=path).graph(0)


@pytest.mark.parametrize("kind", [Workflow, Dot, SwfTrace])
def test_a_file_that_is_not_there_is_missed_and_one_that_is_no_text_refused(kind, tmp_path):
    with pytest.raises(MissingFile, match=r"^path must name a file that there is, got "):
        kind(path=tmp_path / "nowhere").graph(0)
    (tmp_path / "picture").write_bytes(b"\x89PNG\xff")
    with pytest.raises(ValueError, match=r"^path must name a file of UTF-8 text, got "):
        kind(path=tmp_path / "picture").graph(0)
    with pytest.raises(ValueError, match=r"^path must name a file that can be read, got "):
        kind(path=tmp_path).graph(0)


def test_who_reads_a_file_follows_who_writes_it_though_nobody_said_so(tmp_path):
    given, path = example(), tmp_path / "more.json"
    tasks(given)[3]["inputFiles"].append("raw")
    path.write_text(json.dumps(given))

    assert Workflow(path=path).graph(0).edges["fetch", "report"]["size_bytes"] == 1e6


def test_a_workflow_holds_the_cores_and_the_memory_that_it_had(tmp_path):
    given, path = example(), tmp_path / "wide.json"
    executed(given)[1]["coreCount"] = 4
    path.write_text(json.dumps(given))
    task = Workflow(path=path, memory=True).graph(0).nodes["clean"]["task"]

    assert (task.cores, task.memory_bytes) == (4, 1e8)
    assert Workflow(path=path).graph(0).nodes["clean"]["task"].memory_bytes == 0.0


# DOT


@given(GRAPHS)
@settings(max_examples=8, deadline=None)
def test_a_graph_written_in_dot_by_networkx_is_read_as_it_was(tmp_path_factory, graph):
    pytest.importorskip("pydot")
    path = tmp_path_factory.mktemp("dot") / "graph.dot"
    written = nx.DiGraph()
    for name, flops in told(graph)[0].items():
        written.add_node(name, size=repr(flops))
    for edge, size_bytes in told(graph)[1].items():
        written.add_edge(*edge, size=repr(size_bytes))
    path.write_text(str(nx.nx_pydot.to_pydot(written)))

    assert told(Dot(path=path).graph(0)) == approximately(told(graph))


def test_dot_and_wfformat_say_the_same_of_the_same_graph():
    pytest.importorskip("pydot")
    dot, workflow = (
        kind(path=f"{EXAMPLES}/{name}").graph(0)
        for kind, name in ((Dot, "diamond.dot"), (Workflow, "diamond_workflow.json"))
    )

    assert told(dot) == told(workflow)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('digraph { a [size="1"]; b; a -> b; }', "node 'b': size: must be given, got nothing"),
        ('digraph { a [size="many"]; }', "node 'a': size: must be a number, got 'many'"),
        ('digraph { a [size="-1"]; }', "node 'a': size: must be finite and at least 0, got -1.0"),
        ('digraph { a [size="inf"]; }', "node 'a': size: must be finite and at least 0, got inf"),
        ('digraph { a [size=1]; b [size=1]; a -> b [size="x"]; }', "edge 'a' -> 'b': size: must be a number, got 'x'"),
        ("digraph { a [size=1]; b [size=1]; a -> b; b -> a; }", "must not have a cycle, got "),
        ("digraph { a [size=1]; b [size=1]; a -> b; a -> b; }", "edges must differ, got 'a' -> 'b' twice"),
        ("graph { a [size=1]; b [size=1]; a -- b; }", "a task graph must be a digraph, got a graph"),
        ("digraph { }", "a task graph must have at least one node, got none"),
        ("digraph { a [size=1]; } digraph { b [size=1]; }", "must have one digraph, got 2 that can be read"),
        ("something else", "a DOT file must have one digraph, got "),
        ("digraph { a [size=1;", "a DOT file must have one digraph, got "),
    ],
)
def test_a_broken_dot_file_is_refused_with_its_place_the_rule_and_the_value(tmp_path, text, rule, capfd):
    pytest.importorskip("pydot")
    path = tmp_path / "broken.dot"
    path.write_text(text)

    with pytest.raises(ValueError, match=rule) as raised:
        Dot(path=path).graph(0)
    assert str(raised.value).startswith(f"{path}: ")


def test_other_attributes_may_have_operations_and_bytes(tmp_path):
    pytest.importorskip("pydot")
    path = tmp_path / "other.dot"
    path.write_text('digraph { a [work="2e6"]; b [work=3]; a -> b [data="10"]; }')
    graph = Dot(path=path, flops="work", size_bytes="data").graph(0)

    assert told(graph) == ({"a": pytest.approx(2e6), "b": pytest.approx(3.0)}, {("a", "b"): 10.0})


def test_without_pydot_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydot", None)

    with pytest.raises(ValueError, match=r"^pydot must be installed to read DOT: pip install 'simcluster\[dot\]'$"):
        Dot(path=f"{EXAMPLES}/diamond.dot").graph(0)


# SWF


LINE = "{number} {submit} -1 {run} {allocated} -1 {memory} {requested} {claimed} -1 1 {user} 1 -1 1 -1 -1 -1"
JOB = {"submit": 0, "run": 10, "allocated": 2, "memory": -1, "requested": 2, "claimed": 30, "user": 4}


def swf(path, *jobs, head="; Version: 2.2\n"):
    lines = [LINE.format(**{**JOB, "number": place, **job}) for place, job in enumerate(jobs, 1)]
    path.write_text(head + "\n".join([*lines, ""]))
    return path


def test_a_job_of_a_log_holds_its_processors_from_its_submission_on(tmp_path):
    path = swf(
        tmp_path / "log.swf", {}, {"submit": 7.5, "allocated": -1, "requested": 5, "claimed": -1, "user": -1},
        {"run": 0}, {"run": -1}, {"allocated": 0, "requested": -1}, {"submit": 9, "memory": 100},
        head="; Version: 2.2\n;\n\n",
    )  # fmt: skip
    graph = SwfTrace(path=path, cores_most=2, faster=2.0, memory=True).graph(0)
    held = {
        name: (
            task.cost.flops / 1e9, task.release_s, task.cores, task.user, task.job, task.gang, task.estimate_s,
            task.memory_bytes,
        ) for name, node in graph.nodes.items() for task in [node["task"]]
    }  # fmt: skip

    assert held == {
        "job-1": (10.0, 0.0, 2, "user-4", "job-1", "", 30.0, 0.0),
        "job-2-0": (10.0, 3.75, 2, "", "job-2", "job-2", None, 0.0),
        "job-2-1": (10.0, 3.75, 2, "", "job-2", "job-2", None, 0.0),
        "job-2-2": (10.0, 3.75, 1, "", "job-2", "job-2", None, 0.0),
        "job-6": (10.0, 4.5, 2, "user-4", "job-6", "", 30.0, 2 * 100 * 1024.0),
    }
    assert list(SwfTrace(path=path, jobs=1).graph(0)) == ["job-1"]


@pytest.mark.parametrize(
    ("job", "rule"),
    [
        ({"submit": "soon"}, "line 3: submit time must be a number, got 'soon'"),
        ({"submit": -1}, "line 3: submit time must be at least 0, got -1"),
        ({"submit": "nan"}, "line 3: submit time must be finite, got nan"),
        ({"run": -5}, "line 3: run time must be at least 0, or -1 where it is unknown, got -5"),
        ({"allocated": 1.5}, "line 3: allocated processors must be a whole number, got 1.5"),
        ({"number": 1}, "line 3: job number must be new, got 1, which line 2 has"),
        ({"number": 1.5}, "line 3: job number must be a whole number, got 1.5"),
        ({"user": 0.5}, "line 3: user must be a whole number, got 0.5"),
        ({"user": ""}, "line 3: a job must have 18 fields, got 17"),
        ({"user": "3 4"}, "line 3: a job must have 18 fields, got 19"),
        ({"claimed": "inf"}, "line 3: requested time must be finite, got inf"),
    ],
)
def test_a_broken_line_of_a_log_is_refused_with_its_number_the_rule_and_the_value(tmp_path, job, rule):
    path = swf(tmp_path / "log.swf", {}, job)

    with pytest.raises(ValueError, match=f"^{path}: {rule}$"):
        SwfTrace(path=path).graph(0)


def test_a_log_without_a_job_that_ran_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a trace must have a job that ran, got none"):
        SwfTrace(path=swf(tmp_path / "log.swf", {"run": 0})).graph(0)


def test_the_jobs_of_a_log_run_no_earlier_than_they_were_submitted():
    work = SwfTrace(path=f"{EXAMPLES}/small_cluster.swf")
    workers = nodes("w", 1, cores=4)
    job = TaskGraphJob(work=work, policy=fifo, master="m", workers=("w-0",))
    result = run(Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name="m"), *workers)), job=job), 0)

    ran = result.series["jobs"].set_index("job")
    assert len(ran) == 11 == result.metrics["jobs_done"]  # of twelve one was cancelled
    assert (ran["sojourn_s"] >= ran["least_s"] * (1 - 1e-9)).all()
    begun = result.series["spans"].set_index("task")["begin_s"]
    assert (begun.loc[ran.index] >= ran["release_s"]).all()
    # No more than four cores at any time: what begins finds room.
    cores = {name: node["task"].cores for name, node in work.graph(0).nodes.items()}
    spans = result.series["spans"].to_dict("records")
    for each in spans:
        held = sum(cores[o["task"]] for o in spans if o["begin_s"] <= each["begin_s"] < o["end_s"])
        assert held <= 4
