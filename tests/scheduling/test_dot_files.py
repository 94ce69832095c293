"""DOT says some things of all nodes and edges, and some within subgraphs: both count."""

import pytest

from simcluster.scheduling import Dot

PLAIN = "digraph { a [size=1]; b [size=5]; c [size=5]; a -> b [size=9]; b -> c [size=2]; a -> c [size=9]; }"


@pytest.mark.parametrize("text", [
    "digraph { node [size=5, shape=box]; edge [size=9]; a [size=1]; b; c; a -> b; b -> c [size=2]; a -> c; }",
    "digraph { node [size=5]; node [shape=box]; edge [size=9]; a [size=1]; a -> {b c}; b -> c [size=2]; }",
    "digraph { edge [size=9]; subgraph cluster_0 { a [size=1]; b [size=5]; a -> b; "
    "subgraph s { c [size=5]; b -> c [size=2]; } } a -> c; }",
    "digraph { edge [size=9]; { rank=same; b; c } a [size=1]; b [size=5]; c [size=5]; a -> b; a -> c; "
    "b -> c [size=2]; }",
])  # fmt: skip
def test_what_is_said_of_all_and_what_is_in_subgraphs_counts(tmp_path, text):
    pytest.importorskip("pydot")
    graphs = []
    for written in (PLAIN, text):
        path = tmp_path / "written.dot"
        path.write_text(written)
        graphs.append(Dot(path=path).graph(0))
    plain, read = graphs
    assert {name: task.cost for name, task in plain.nodes(data="task")} == {
        name: task.cost for name, task in read.nodes(data="task")
    }
    assert sorted(plain.edges(data="size_bytes")) == sorted(read.edges(data="size_bytes"))
