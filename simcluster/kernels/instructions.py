"""Which instruction set the kernels use: the best that this machine has, or what the environment asks for."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from simcluster.kernels._instructions import processor

ASKED = "SIMCLUSTER_INSTRUCTIONS"


def instruction_set() -> str:
    """Return "avx512", "avx2" or "baseline": what the kernels of this process were compiled for.

    The best that the processor has and that was built; the environment variable SIMCLUSTER_INSTRUCTIONS
    takes a lesser one. Raises ValueError for one that the machine or the build has not.
    """
    built = [name for name in processor() if name == "baseline" or _is_built(name)]
    asked = os.environ.get(ASKED) or built[0]
    if asked not in built:
        raise ValueError(f"{ASKED} must be one of {', '.join(built)} on this machine, got {asked}")
    return asked


def compiled(stem: str) -> Any:
    """Return the module of *stem* (such as "_gradient") for this machine's instruction set."""
    return import_module(f"simcluster.kernels.{stem}{_suffix(instruction_set())}")


def _is_built(name: str) -> bool:
    return find_spec(f"simcluster.kernels._gradient{_suffix(name)}") is not None


def _suffix(name: str) -> str:
    return "" if name == "baseline" else f"_{name}"
