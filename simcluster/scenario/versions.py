"""Versions: what the last digits of a result may depend on besides scenario and seed."""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
from functools import cache

from simcluster.engine import ENGINE
from simcluster.kernels import instruction_set

PACKAGES = ("simpy", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """The versions of what computes a result: simcluster, Python, packages, engine and the kernels' instruction set."""
    return dict(_versions())


def machine() -> str:
    """The family of this machine: its system and its processor's architecture, such as "Linux x86_64"."""
    return f"{platform.system()} {platform.machine()}"


@cache
def _versions() -> dict[str, str]:
    return {
        "simcluster": str(importlib.import_module("simcluster").__version__),  # whose first import imports this module
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{package: importlib.metadata.version(package) for package in PACKAGES},
        "engine": ENGINE,
        "instructions": instruction_set(),
    }
