"""Which instruction set the kernels use: the best that this machine has, or what the environment asks for."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

try:
    from simcluster.kernels._instructions import processor
except ModuleNotFoundError as error:
    if error.name != "simcluster.kernels._instructions":
        raise
    raise ImportError(
        f"simcluster in {Path(__file__).parents[2]} is not compiled for this Python: run `pip install -e .` there, or "
        "start in another folder to import the one that is installed"
    ) from None

ASKED = "SIMCLUSTER_INSTRUCTIONS"


def instruction_set() -> str:
    """Return "avx512", "avx2" or "baseline": what the kernels of this process were compiled for.

    The best that the processor has and that was built; the environment variable SIMCLUSTER_INSTRUCTIONS
    takes a lesser one. Raises ValueError for one that the machine or the build has not.
    """
    built = [name for name in processor() if _is_built("_gradient", name)]
    asked = os.environ.get(ASKED) or built[0]
    if asked not in built:
        raise ValueError(f"{ASKED} must be one of {', '.join(built)} on this machine, got {asked}")
    return asked


def compiled(stem: str) -> Any:
    """Return the module of *stem* (such as "_gradient") for this instruction set, or for the next that it gains by."""
    names = processor()
    best = next(name for name in names[names.index(instruction_set()) :] if _is_built(stem, name))
    return import_module(_module(stem, best))


def _is_built(stem: str, name: str) -> bool:
    return find_spec(_module(stem, name)) is not None


def _module(stem: str, name: str) -> str:
    return f"simcluster.kernels.{stem}" + ("" if name == "baseline" else f"_{name}")
