"""The JSON Schema of a file, by which an editor completes and checks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simcluster.engine import Spec, plugins
from simcluster.scenario.scenario import Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(kind: type[Spec] = Scenario, modules: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file that ``load_spec(path, kind)`` reads.

    It lists the built-ins of every open field by their ``kind``, and as ``module:Class`` the classes and functions of
    these ``modules`` that fit. The fields of these have no types in it. Short forms (``server`` of a training job,
    ``search`` of a task graph) are in it, and beside what they may stand. Raises ``ValueError`` for a module that
    there is not.
    """
    if isinstance(modules, str):
        raise ValueError(f"modules must be several, or one in a list: write [{modules!r}], got {modules!r}")
    with plugins(*modules):
        return {"$schema": DIALECT, **kind.model_json_schema()}
