"""Workflows that ran, in WfFormat, the JSON of the WfCommons project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simcluster.engine import broken_rules, check_differ
from simcluster.scheduling.work.files.order import in_order
from simcluster.scheduling.work.files.text import text_of
from simcluster.scheduling.work.shapes.shape import Piece, Shape, Shaped

if TYPE_CHECKING:
    import networkx as nx

VERSIONS = ("1.5",)
"""Of the schema; earlier ones have other fields."""

_Text = Annotated[str, Field(min_length=1)]
_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Part(BaseModel):
    """What is read of an object; what else it has is left alone."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Task(_Part):
    id: _Text
    parents: list[_Text] = []
    children: list[_Text] = []
    inputFiles: list[_Text] = []
    outputFiles: list[_Text] = []


class _File(_Part):
    id: _Text
    sizeInBytes: _Number


class _Specification(_Part):
    tasks: Annotated[list[_Task], Field(min_length=1)]
    files: list[_File] = []


class _Ran(_Part):
    id: _Text
    runtimeInSeconds: _Number
    coreCount: Annotated[float, Field(ge=1)] | None = None
    memoryInBytes: _Number | None = None
    priority: float | None = None


class _Execution(_Part):
    makespanInSeconds: _Number
    tasks: list[_Ran]


class _Workflow(_Part):
    specification: _Specification
    execution: _Execution


class _Document(_Part):
    schemaVersion: Literal[VERSIONS]  # type: ignore[valid-type]
    workflow: _Workflow


class Workflow(Shaped):
    """The task graph of a file in WfFormat 1.5, such as those of WfInstances (Coleman et al., 2022).

    Tasks are called by their ids, and take on a reference core the seconds that they ran. A task follows its parents,
    and whoever writes what it reads; an edge carries the files that the one writes and the other reads. Files that no
    task writes lie where they are read. A task holds the cores that its execution names, if it does.

    A file that breaks a rule is refused with its place in the file, the rule and the value.
    """

    kind: Literal["wfformat"] = "wfformat"
    path: Path
    """The file."""
    memory: bool = False
    """Whether tasks hold the memory that they used, where the file says so."""

    def shape(self, seed: int) -> Shape:
        """The file's tasks. Raises ``ValueError`` for a broken rule, ``MissingFile`` where there is no file."""
        workflow = self._read()
        order, edges, ran = _checked(workflow, self.path)
        made = {}
        for name in order:
            execution = ran[name]
            fields: dict[str, Any] = {"cores": round(execution.coreCount or 1)}
            if execution.priority is not None:
                fields["priority"] = execution.priority
            if self.memory and execution.memoryInBytes is not None:
                fields["memory_bytes"] = execution.memoryInBytes
            takes = tuple((before, edge["size_bytes"]) for before, edge in edges.pred[name].items())
            made[name] = Piece(execution.runtimeInSeconds, takes, fields)
        return made

    def measured_s(self) -> float:
        """The makespan that the file's machines took."""
        return self._read().execution.makespanInSeconds

    def _read(self) -> _Workflow:
        try:
            found = json.loads(text_of(self.path), parse_constant=_refuse)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ValueError(f"{self.path}: {where}: a file in WfFormat must be JSON, got {error.msg!r}") from None
        except _NoNumber as error:
            raise ValueError(f"{self.path}: a number must be finite, got {error}") from None
        if not isinstance(found, dict):
            raise ValueError(f"{self.path}: a file in WfFormat must be an object, got {type(found).__name__}")
        try:
            return _Document.model_validate(found).workflow
        except ValidationError as error:
            raise ValueError("\n".join(f"{self.path}: {line}" for line in broken_rules(error))) from None


class _NoNumber(Exception):
    pass


def _refuse(word: str) -> Any:
    raise _NoNumber(word)


def _checked(workflow: _Workflow, path: Path) -> tuple[list[str], nx.DiGraph[Any], dict[str, _Ran]]:
    """The ids of tasks in an order, who takes how much of whom, and how each ran."""
    import networkx as nx

    specification, execution = workflow.specification, workflow.execution
    at = "workflow.specification"
    _check_differ(path, f"{at}.tasks: id", [task.id for task in specification.tasks])
    _check_differ(path, f"{at}.files: id", [file.id for file in specification.files])
    _check_differ(path, "workflow.execution.tasks: id", [task.id for task in execution.tasks])
    tasks = {task.id: task for task in specification.tasks}
    sizes = {file.id: file.sizeInBytes for file in specification.files}
    ran = {task.id: task for task in execution.tasks}
    writers: dict[str, str] = {}
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(tasks)
    for place, task in enumerate(specification.tasks):
        here = f"{path}: {at}.tasks.{place}"
        if task.id not in ran:
            raise ValueError(f"{here}.id: must be among workflow.execution.tasks too, got {task.id!r}")
        for field in ("inputFiles", "outputFiles"):
            for file in getattr(task, field):
                if file not in sizes:
                    raise ValueError(f"{here}.{field}: a file must be among {at}.files, got {file!r}")
        for file in task.outputFiles:
            if writers.setdefault(file, task.id) != task.id:
                raise ValueError(f"{here}.outputFiles: a file must be written by one task, got {file!r} twice")
        for field, back in (("parents", "children"), ("children", "parents")):
            for other in getattr(task, field):
                if other not in tasks:
                    raise ValueError(f"{here}.{field}: must be ids of tasks, got {other!r}")
                if task.id not in getattr(tasks[other], back):
                    raise ValueError(f"{here}.{field}: must have {task.id!r} among their {back}, got {other!r}")
        for parent in task.parents:
            graph.add_edge(parent, task.id, size_bytes=0.0)
    for name in ran:
        if name not in tasks:
            raise ValueError(f"{path}: workflow.execution.tasks: id must be that of a task, got {name!r}")
    for task in specification.tasks:
        for file in dict.fromkeys(task.inputFiles):
            writer = writers.get(file, task.id)
            if writer != task.id:
                carried = graph.edges[writer, task.id]["size_bytes"] if graph.has_edge(writer, task.id) else 0.0
                graph.add_edge(writer, task.id, size_bytes=carried + sizes[file])
    return in_order(graph, f"{path}: {at}.tasks"), graph, ran


def _check_differ(path: Path, field: str, given: list[str]) -> None:
    try:
        check_differ(field, given)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
