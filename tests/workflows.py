"""Workflows that ran, in WfFormat: beside the repository, or where SIMCLUSTER_WORKFLOWS says; else skipped."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("SIMCLUSTER_WORKFLOWS", Path(__file__).parents[2] / "shared" / "workflows"))
NAMES = (
    "bacass-dirt02-001.json",
    "epigenomics-chameleon-hep-1seq-100k-001.json",
    "helloworld-chain-5-chameleon.json",
    "helloworld-forkjoin-10-chameleon.json",
    "srasearch-chameleon-10a-001.json",
)


def file(name):
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is missing")
    return path
