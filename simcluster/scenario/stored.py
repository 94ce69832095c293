"""Stored results: one file each, a zip of JSON and arrays that holds no code and runs none."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel

from simcluster.cluster import Ending
from simcluster.engine import Trace, Verdict, write_whole
from simcluster.scenario.scenario import Scenario
from simcluster.scenario.shown import printed, tabulated
from simcluster.scenario.text.encoding import Arrays, decoded, encoded

if TYPE_CHECKING:
    import pandas as pd

    from simcluster.scenario.result import Result

FORMAT, FORMAT_VERSION = "simcluster result", 1
_CHECKSUM = 64  # letters, which end the file as the comment of the zip
_THEN = (1980, 1, 1, 0, 0, 0)  # so that one result is always the same bytes


class _Document(BaseModel):
    """What stands in the file beside trace and arrays."""

    format: Literal["simcluster result"]
    format_version: Literal[1]
    scenario: dict[str, Any]
    scenario_digest: str
    seed: int
    digest: str
    ended: str
    waits: tuple[str, ...]
    ended_s: float
    outcome: Any
    metrics: Any
    series: dict[str, list[tuple[Any, Any]]]
    verdicts: list[tuple[str, str]]
    never_begun: list[int]
    backlog: dict[str, int]
    versions: dict[str, str]
    machine: str


class _Job(BaseModel):
    """What must be said of a job, be it what it may."""

    kind: str


class _Cluster(BaseModel):
    """What must be said of a cluster."""

    nodes: list[Any]


class _Scenario(BaseModel):
    """What must be said of a scenario, so that it can be shown."""

    job: _Job
    cluster: _Cluster
    faults: list[dict[str, Any]]
    trace_kinds: list[str] | None


@dataclass(frozen=True, eq=False, repr=False)
class StoredResult:
    """A result that was read from a file: what ``Result`` has, by the same names, but for what only code could make.

    ``scenario_data`` is the scenario as a file has it, and ``faults`` are parts of it; ``scenario`` makes it anew. Of
    ``outcome`` numbers, text, arrays and containers are as they were; a dataclass, a named tuple or a specification is
    a ``StoredObject`` with the same attributes, and what could not be stored a ``NotStored``, which says so.
    """

    scenario_data: dict[str, Any]
    scenario_digest: str
    seed: int
    digest: str
    ended: Ending
    ended_s: float
    outcome: Any
    metrics: dict[str, float | str]
    verdicts: tuple[Verdict, ...]
    faults_never_begun: tuple[dict[str, Any], ...]
    backlog: dict[str, int]
    versions: dict[str, str]
    machine: str
    _records: bytes
    _columns: dict[str, dict[str, Any]]

    def __repr__(self) -> str:
        return printed(self, self._what)

    def _repr_html_(self) -> str:
        return tabulated(self, self._what)

    @property
    def _what(self) -> str:
        data = self.scenario_data
        return f"{data['job']['kind']} on {len(data['cluster']['nodes'])} nodes"

    @property
    def scenario(self) -> Scenario:
        """The scenario, made anew. Parts of one's own are loaded from the modules that ``plugins`` allows alone.

        Raises ``ValueError`` where one of its parts may not be loaded, or cannot be made any more.
        """
        return Scenario.model_validate(self.scenario_data)

    @property
    def faults(self) -> tuple[dict[str, Any], ...]:
        """The faults of the run, as a file has them."""
        return tuple(self.scenario_data["faults"])

    @cached_property
    def trace(self) -> Trace:
        """The records that were kept."""
        kinds = self.scenario_data["trace_kinds"]
        return Trace.of(map(json.loads, self._records.splitlines()), kinds)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Where the seconds of each node have gone, see ``Result.ledger``."""
        from simcluster.measurement import ledger

        names = [node["name"] for node in self.scenario_data["cluster"]["nodes"]]
        return ledger(self.trace, names, self.ended_s)

    @cached_property
    def series(self) -> dict[str, pd.DataFrame]:
        """What changed over time, by name: a frame with a column for each quantity."""
        import pandas as pd  # which a run that nobody asks for frames goes without

        return {name: pd.DataFrame(columns) for name, columns in self._columns.items()}


def write(result: Result, path: Path | str) -> Path:
    """Write a result, aside and then in place, so that the file is whole or not there.

    Raises ``ValueError`` where a part of the scenario cannot stand in a file, or where the file cannot be written.
    """
    return write_whole(path, _packed(result))


def read(path: Path | str) -> StoredResult:
    """The result in a file. Raises ``ValueError`` for one that cannot be read, or is not as ``write`` left it."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"path: must be a file that can be read, got {str(path)!r} ({reason})") from error
    whole, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if _checksum(whole) != checksum:
        rule = "must be a result as Result.save writes it, whole and unchanged"
        raise ValueError(f"path: {rule}, got {str(path)!r}, which is another kind of file, cut off or damaged")
    try:
        return _unpacked(content)
    except (
        ValueError, LookupError, TypeError, AttributeError, EOFError, RuntimeError, OSError, zlib.error,
        zipfile.BadZipFile,
    ) as error:  # fmt: skip
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"path: must be a result as Result.save writes it, got {str(path)!r} ({said})") from error


def _packed(result: Result) -> bytes:
    arrays: Arrays = []
    scenario = result.scenario.model_dump_json()
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "scenario": json.loads(scenario),
        "scenario_digest": result.scenario.digest,
        "seed": result.seed,
        "digest": result.digest,
        "ended": result.ended.word,
        "waits": result.ended.waits,
        "ended_s": float(result.ended_s),
        "outcome": encoded(result.outcome, arrays),
        "metrics": encoded(result.metrics, arrays),
        "series": {name: _columns_of(frame, arrays) for name, frame in result.series.items()},
        "verdicts": [(verdict.name, verdict.sentence) for verdict in result.verdicts],
        "never_begun": [result.scenario.faults.index(fault) for fault in result.faults_never_begun],
        "backlog": result.backlog,
        "versions": result.versions,
        "machine": result.machine,
    }
    members = {"result.json": json.dumps(document, indent=1, allow_nan=False).encode()}
    members["trace.jsonl"] = "".join(line + "\n" for line in result.trace.lines()).encode()
    for place, array in enumerate(arrays):
        file = io.BytesIO()
        np.lib.format.write_array(file, array, allow_pickle=False)
        members[f"arrays/{place}.npy"] = file.getvalue()
    return packed(members)


def packed(members: Mapping[str, bytes]) -> bytes:
    """A zip of these files, which ends with the checksum of all that stands before it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            zipped.writestr(zipfile.ZipInfo(name, _THEN), content, zipfile.ZIP_DEFLATED)
        zipped.comment = b"0" * _CHECKSUM
    whole = archive.getvalue()[:-_CHECKSUM]
    return whole + _checksum(whole)


def _checksum(whole: bytes) -> bytes:
    return hashlib.blake2b(whole, digest_size=_CHECKSUM // 2).hexdigest().encode()


def _columns_of(frame: pd.DataFrame, arrays: Arrays) -> list[tuple[Any, Any]]:
    columns = []
    for name in frame.columns:
        values = frame[name].to_numpy()
        columns.append((encoded(name, arrays), encoded(values.tolist() if values.dtype.hasobject else values, arrays)))
    return columns


def _unpacked(content: bytes) -> StoredResult:
    with zipfile.ZipFile(io.BytesIO(content)) as zipped:
        given = json.loads(zipped.read("result.json"))
        if given["format_version"] != FORMAT_VERSION:
            raise ValueError(f"its format is {given['format_version']!r}, and {FORMAT_VERSION} is what is known here")
        document = _Document.model_validate(given)
        _Scenario.model_validate(document.scenario)
        records = zipped.read("trace.jsonl")

        def array(place: int) -> Any:
            file = io.BytesIO(zipped.read(f"arrays/{place}.npy"))
            return np.lib.format.read_array(file, allow_pickle=False)

        outcome, metrics = decoded(document.outcome, array), decoded(document.metrics, array)
        columns = {
            name: {decoded(column, array): decoded(values, array) for column, values in each}
            for name, each in document.series.items()
        }
    if hashlib.blake2b(records, digest_size=16).hexdigest() != document.digest:
        raise ValueError("its records have another digest than it says")
    faults = document.scenario["faults"]
    return StoredResult(
        scenario_data=document.scenario,
        scenario_digest=document.scenario_digest,
        seed=document.seed,
        digest=document.digest,
        ended=Ending(document.ended, document.waits),
        ended_s=document.ended_s,
        outcome=outcome,
        metrics=metrics,
        verdicts=tuple(Verdict(name, sentence) for name, sentence in document.verdicts),
        faults_never_begun=tuple(faults[place] for place in document.never_begun),
        backlog=document.backlog,
        versions=document.versions,
        machine=document.machine,
        _records=records,
        _columns=columns,
    )
