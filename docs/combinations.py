"""Write docs/combinations.md anew: which parts of a training job go together, found by making a job of each two.

Two parts go together when a job that has both is accepted, with whatever else either needs. Usage: ``python
docs/combinations.py``.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from simcluster import ClusterSpec, Scenario, nodes
from simcluster.engine import Open, stream
from simcluster.recovery import Checkpoints, Heartbeats
from simcluster.training import Replicated, Stored, TrainingJob, arrays

PAGE = Path(__file__).resolve().with_suffix(".md")
WORKERS = 8
CLUSTER = ClusterSpec(nodes=(*nodes("server", 2), *nodes("worker", WORKERS)))
NUMBERS = arrays(stream(0, "x").standard_normal((64, 8)), stream(0, "y").standard_normal(64))
LABELS = arrays(NUMBERS.features, np.arange(64) % 3)
TWO_CLASSES = arrays(NUMBERS.features, np.arange(64) % 2)

#: Fields whose built-ins are all tried, the first ones as columns.
COLUMNS = ("exchange", "waiting", "redundancy")
FIELDS = (*COLUMNS, "local", "compression", "aggregation", "privacy", "model", "optimiser")
#: What a built-in must be told, by its kind.
TOLD: dict[str, dict[str, Any]] = {
    "parameter_server": {"server": "server-0"},
    "secure_aggregation": {"server": "server-0"},
    "replicated_server": {"servers": ("server-0", "server-1")},
    "elastic_server": {"server": "server-0"},
    "sharded_servers": {"servers": ("server-0", "server-1")},
    "k_sync": {"k": 6},
    "k_batch_sync": {"k": 6},
    "rennala": {"batch": 6},
    "ringmaster": {"delay": 8},
    "sampled_staleness": {"share": 0.5},
}
#: In place of one row of a kind several, that differ in what goes with them.
SEVERAL: dict[str, dict[str, dict[str, Any]]] = {
    "bounded_staleness": {
        "bulk-synchronous": {},
        "stale-synchronous": {"staleness": 2},
        "asynchronous": {"staleness": math.inf},
        "backup workers": {"backup_workers": 1},
    }
}
#: Other parts, by name: fields, and what they are.
OTHERS: dict[str, dict[str, Any]] = {
    "recovery: checkpoints": {"recovery": Checkpoints()},
    "detector: heartbeats": {"detector": Heartbeats()},
    "sharding: replicated": {"sharding": Replicated()},
    "placement: stored": {"placement": Stored()},
    "evaluation: paid": {"evaluation": "paid"},
}
#: What parts may need beside them: the first that suits one is taken for it, and for a pair that of either.
BESIDE: tuple[dict[str, Any], ...] = (
    {},
    {"batch_size": None},
    {"waiting": {"kind": "bounded_staleness", "staleness": math.inf}},
    {"detector": Heartbeats()},
    {"sharding": Replicated()},
    {"aggregation": "majority_vote"},
    {"compression": "sign_sgd"},
    {"model": "linear_regression", "data": NUMBERS},
    {"model": "linear_regression", "data": NUMBERS, "batch_size": None},
    {"model": "gradient_boosting", "batch_size": None},
    {"data": NUMBERS},
    {"data": TWO_CLASSES},
    {"data": NUMBERS, "batch_size": None},
)

Part = tuple[dict[str, Any], dict[str, Any]]
"""Fields of a job, and what else they need."""


def page() -> str:
    """The whole page."""
    found = parts()
    notes: dict[str, int] = {}
    tables = "".join(_table(field, found, notes) for field in COLUMNS)
    rest = "".join(f"- {line}\n" for line in _rest(found, notes))
    reasons = "".join(f"{_lines(f'{number}. {reason}', '   ')}\n" for reason, number in notes.items())
    return (
        "# Which parts of a training job go together\n\n"
        + _lines(
            "`python docs/combinations.py` writes this page: it makes a job of each two built-in parts, with whatever "
            "else either needs, and a number stands where none is accepted, for the reason below. Data sets, other "
            "shardings and sizes go with all. Three parts of which each two go together mostly do."
        )
        + tables
        + "## All others\n\nOf each two of the other parts, these do not go together:\n\n"
        + rest
        + "\n## Reasons\n\n"
        + reasons
    )


def parts() -> dict[str, Part]:
    """All parts, by name, in the order in which they stand on the page."""
    found: dict[str, dict[str, Any]] = {}
    for field in FIELDS:
        for kind in _opens(field).kinds:
            for name, more in SEVERAL.get(kind, {kind: {}}).items():
                found[f"{field}: {name}"] = {field: {"kind": kind, **TOLD.get(kind, {}), **more}}
    return {name: (fields, _needs(name, fields)) for name, fields in (found | OTHERS).items()}


def refusal(one: Part, other: Part) -> str | None:
    """Why no job has both parts, or ``None``."""
    own = {**one[0], **other[0]}
    of_one, of_other = _beside(one, own), _beside(other, own)
    first: str | None = None
    both = {**of_one, **of_other}
    for beside in (both, {**of_other, **of_one}, of_one, of_other, {**both, "when_gone": "stop"}):
        reason = _refused({**beside, **own})
        if reason is None:
            return None
        first = first or reason
    for word in _words(own):
        first = str(first).replace(f"with {word}", "with it")
    return first


def _beside(part: Part, own: Mapping[str, Any]) -> dict[str, Any]:
    """What a part needs that has this for it already: data go with a model, and so without that of another part."""
    gone = {"model", "data"} if "model" in own and "model" not in part[0] else set()
    return {field: value for field, value in part[1].items() if field not in gone}


def _words(own: Mapping[str, Any]) -> Iterator[str]:
    """What the parts are called in a reason: by their kinds, or by the names of classes."""
    for field, value in own.items():
        if isinstance(value, Mapping):
            yield value["kind"]
            yield _opens(field).kinds[value["kind"]].__name__


def _opens(field: str) -> Open:
    """Where the built-ins of a field are named."""
    said = TrainingJob.model_fields[field]
    within = [*said.metadata, *(each for part in get_args(said.annotation) for each in get_args(part))]
    return next(each for each in within if isinstance(each, Open))


def _needs(name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a part must have beside it."""
    for beside in BESIDE:
        if _refused({**beside, **fields}) is None:
            return beside
    raise ValueError(f"BESIDE must have what each part needs, got nothing for {name}: {_refused(fields)}")


def _refused(fields: Mapping[str, Any]) -> str | None:
    given = {"exchange": TOLD["parameter_server"] | {"kind": "parameter_server"}, "data": LABELS, "batch_size": 4}
    names = tuple(name for name in CLUSTER.names if name.startswith("worker"))
    job = {"model": "softmax", "workers": names, "steps": 2, **given, **fields}
    try:
        Scenario(cluster=CLUSTER, job=TrainingJob(**job))
    except ValueError as error:
        return str(error).partition(", got ")[0].removeprefix("job: ")
    return None


def _table(field: str, found: Mapping[str, Part], notes: dict[str, int]) -> str:
    """A column for each part of a field, and a row for each part of a field that is no column before."""
    done = COLUMNS[: COLUMNS.index(field) + 1]
    across = [name for name in found if name.partition(": ")[0] == field]
    rows = [name for name in found if name.partition(": ")[0] not in done]
    lines = [f"| {field} | " + " | ".join(f"`{name.partition(': ')[2]}`" for name in across) + " |"]
    lines.append("|---" * (len(across) + 1) + "|")
    for row in rows:
        cells = [_cell(refusal(found[row], found[column]), notes) for column in across]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return f"## {field.capitalize()}\n\n" + "\n".join(lines) + "\n\n"


def _rest(found: Mapping[str, Part], notes: dict[str, int]) -> Iterator[str]:
    """Of the parts that are no columns, those that do not go together, in one line all with the same against them."""
    others = [name for name in found if name.partition(": ")[0] not in COLUMNS]
    alike: dict[tuple[tuple[int, str], ...], list[str]] = {}
    for one in others:
        against: dict[int, list[str]] = {}
        for other in others[others.index(one) + 1 :]:
            if one.partition(": ")[0] == other.partition(": ")[0]:
                continue
            if (reason := refusal(found[one], found[other])) is not None:
                against.setdefault(_number(reason, notes), []).append(other)
        if against:
            alike.setdefault(tuple((number, _named(names)) for number, names in against.items()), []).append(one)
    for against_all, names in alike.items():
        said = "; ".join(f"{others_named} ({number})" for number, others_named in against_all)
        yield _lines(f"{_named(names)}, with {said}", "  ")


def _named(names: list[str]) -> str:
    """Parts by their fields, each field once."""
    by_field: dict[str, list[str]] = {}
    for name in names:
        by_field.setdefault(name.partition(": ")[0], []).append(f"`{name.partition(': ')[2]}`")
    return ", ".join(f"{field} {', '.join(kinds)}" for field, kinds in by_field.items())


def _cell(reason: str | None, notes: dict[str, int]) -> str:
    return "yes" if reason is None else str(_number(reason, notes))


def _number(reason: str, notes: dict[str, int]) -> int:
    return notes.setdefault(reason, len(notes) + 1)


def _lines(text: str, later: str = "") -> str:
    wrapped = textwrap.fill(text, 118, subsequent_indent=later, break_on_hyphens=False)
    return wrapped if later else wrapped + "\n\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
