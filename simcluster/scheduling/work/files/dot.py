"""Task graphs in DOT, the language of Graphviz."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simcluster.engine import Name
from simcluster.scheduling.work.files.order import in_order
from simcluster.scheduling.work.files.text import text_of
from simcluster.scheduling.work.numerics.solved import REFERENCE_FLOPS_PER_S
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped

if TYPE_CHECKING:
    import networkx as nx


class Dot(Shaped):
    """The task graph of a DOT file, by what its nodes and edges have as attributes.

    As SimGrid and daggen have it: a node's ``size`` are its operations, an edge's its bytes. An edge without one
    carries nothing, and is there all the same. What ``node`` and ``edge`` say at the top is of all that do not say it
    themselves; what is in subgraphs counts as if it were not. A file that breaks a rule is refused with the node or
    edge, the rule and the value. Reads by pydot, which comes with ``pip install 'simcluster[dot]'``.
    """

    kind: Literal["dot"] = "dot"
    path: Path
    """The file."""
    flops: Name = "size"
    """Which attribute of a node has its operations."""
    size_bytes: Name = "size"
    """Which attribute of an edge has its bytes."""

    def shape(self, seed: int) -> Shape:
        """The file's tasks. Raises ``ValueError`` for a broken rule, ``MissingFile`` where there is no file."""
        graph = self._read()
        made = {}
        for name in graph:
            where = f"{self.path}: node {name!r}: {self.flops}"
            flops = _number(where, graph.nodes[name].get(self.flops))
            takes = tuple(
                (before, _number(f"{self.path}: edge {before!r} -> {name!r}: {self.size_bytes}", edge))
                for before, edge in graph.pred[name].items() for edge in [edge.get(self.size_bytes, "0")]
            )  # fmt: skip
            made[name] = Piece(flops / REFERENCE_FLOPS_PER_S, takes)
        return made

    def _read(self) -> nx.DiGraph[Any]:
        """The graph, whose nodes stand in an order."""
        import networkx as nx

        text = text_of(self.path)
        try:
            found = _parsed(text)
        except ImportError:
            raise ValueError("pydot must be installed to read DOT: pip install 'simcluster[dot]'") from None
        except Exception as error:  # whatever its parser raises
            said = " ".join(str(error).split())
            raise ValueError(f"{self.path}: a DOT file must have one digraph, got what is none ({said})") from None
        if not found or len(found) != 1:
            raise ValueError(f"{self.path}: a DOT file must have one digraph, got {len(found or ())} that can be read")
        if found[0].get_type() != "digraph":
            raise ValueError(f"{self.path}: a task graph must be a digraph, got a {found[0].get_type()}")
        read = nx.nx_pydot.from_pydot(found[0])
        graph: nx.DiGraph[Any] = nx.DiGraph()
        nodes: list[tuple[Any, Any]] = [(name, read.nodes[name]) for name in read]
        edges: list[tuple[Any, Any, Any]] = list(read.edges(data=True))
        for part in _within(found[0]):  # which networkx leaves out
            nodes += [(node.get_name(), node.get_attributes()) for node in part.get_nodes()]
            edges += [(edge.get_source(), edge.get_destination(), edge.get_attributes()) for edge in part.get_edges()]
        of_nodes, of_edges = _said_of_all(found[0].get_node_defaults()), _said_of_all(found[0].get_edge_defaults())
        for name, of in nodes:
            if name not in ("\\n", "", "node", "edge", "graph"):
                graph.add_node(_plain(name), **of)
        for before, after, of in edges:
            edge = _plain(before), _plain(after)
            if graph.has_edge(*edge):
                raise ValueError(f"{self.path}: edges must differ, got {edge[0]!r} -> {edge[1]!r} twice")
            graph.add_edge(*edge, **{**of_edges, **of})
        for name in graph:
            graph.add_node(name, **{**of_nodes, **graph.nodes[name]})
        if not len(graph):
            raise ValueError(f"{self.path}: a task graph must have at least one node, got none")
        ordered: nx.DiGraph[Any] = nx.DiGraph()
        ordered.add_nodes_from((name, graph.nodes[name]) for name in in_order(graph, str(self.path)))
        ordered.add_edges_from(graph.edges(data=True))
        return ordered


def _parsed(text: str) -> list[Any] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of pyparsing, which pydot calls by its old names
        import pydot

        found: list[Any] | None = pydot.graph_from_dot_data(text)
        return found


def _within(graph: Any) -> Iterator[Any]:
    """The subgraphs of a graph, and theirs."""
    for part in graph.get_subgraph_list():
        yield part
        yield from _within(part)


def _said_of_all(defaults: list[dict[str, Any]]) -> dict[str, Any]:
    """What `node [...]` or `edge [...]` says of each that does not say it itself."""
    return {field: value for each in defaults for field, value in each.items()}


def _plain(word: Any) -> str:
    """A word without the quotation marks that DOT may have around it."""
    text = str(word)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _number(where: str, given: Any) -> float:
    if given is None:
        raise ValueError(f"{where}: must be given, got nothing")
    try:
        number = float(_plain(given))
    except ValueError:
        raise ValueError(f"{where}: must be a number, got {_plain(given)!r}") from None
    if not 0 <= number < math.inf:
        raise ValueError(f"{where}: must be finite and at least 0, got {number}")
    return number
