"""The experiments, by what they are about, and what the tests of their small versions share."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ON_LEARNING = (
    "algorithms",
    "data_distribution",
    "communication",
    "online",
    "is_async_needed",
    "gradient_coding_phase",
    "execution_modes",
    "all_reduce",
    "federated",
    "byzantine",
    "compression",
    "recovery",
    "detectors",
)

ON_SCHEDULING = ("task_graphs", "locality", "stragglers")
ON_SERVING = ("retry_storm", "stale_information", "autoscaling")

ON_REPLICATION = (
    "consistency_levels",
    "quorum_staleness",
    "raft_availability",
    "partition_and_heal",
    "replicated_training",
)

BESIDE_THE_DEMO = ON_LEARNING + ON_SCHEDULING + ON_SERVING + ON_REPLICATION

PAGE, REPLICATION = (
    (Path(__file__).parent.parent / "docs" / page).read_text(encoding="utf-8")
    for page in ("experiments.md", "replication.md")
)


def answers(modules: Mapping[str, Any], seeds: Sequence[int]) -> Any:
    """A fixture: the answer of an experiment's small version by its name, which runs once for a module of tests."""

    @pytest.fixture(scope="module")
    def answer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
        found, out = {}, tmp_path_factory.mktemp("out")

        def of(name: str) -> Any:
            if name not in found:
                found[name] = modules[name].experiment.compare(seeds, small=True, out=out)
            return found[name]

        return of

    return answer


def assert_answered(name: str, found: Any, seeds: Sequence[int]) -> None:
    """An answer has a picture, a table with every run and nothing left out, and what it finds stands on a page."""
    asked = found.experiment.question
    assert found.picture.stat().st_size > 10_000
    assert len(pd.read_csv(found.picture.with_suffix(".csv"), comment="#")) == len(found.table)
    runs = found.table.groupby(["seed", *found.experiment.labels]).ngroups
    assert runs == len(found.experiment.scenarios(True)) * len(seeds)
    assert not found.table.isna().any(axis=None)
    section = f"## `experiments/{name}.py`: {asked[0].lower()}{asked[1:]}"
    assert section in PAGE or f"\n`experiments/{name}.py`: " in REPLICATION
