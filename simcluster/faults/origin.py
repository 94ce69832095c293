"""Origin: by which version, and for which scenario, a schedule was saved."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from simcluster.faults.fault import Fault


class Scene(Protocol):
    """A scenario, whatever its faults."""

    @property
    def digest(self) -> str:
        """The fingerprint of all its fields."""
        ...

    def under(self, faults: Sequence[Fault]) -> Scene:
        """The same under other faults."""
        ...


def version() -> str:
    """The version of simcluster that runs."""
    running = importlib.import_module(__name__.partition(".")[0])  # which by then has been imported
    return str(running.__version__)


def digest_of(scenario: Scene | None) -> str | None:
    """The fingerprint of a scenario without its faults."""
    return None if scenario is None else scenario.under(()).digest


def note_origin(path: Path | str, saved_by: str, saved_for: str | None, scenario: Scene | None) -> None:
    """Warn, for the caller of whoever loads ``path``, when it was saved by another version or for another scenario."""
    notes = []
    if saved_by != version():
        notes.append(f"was saved by simcluster {saved_by}, and this is {version()}")
    here = digest_of(scenario)
    if here is not None and saved_for != here:
        notes.append(f"was saved for {saved_for or 'no scenario that it names'}, and this scenario is {here}")
    if notes:
        warnings.warn(f"{path} {' and '.join(notes)}: a run may be another than it was", stacklevel=3)
