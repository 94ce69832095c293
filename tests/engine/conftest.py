"""Both engines, for tests of what they have in common."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from simcluster.engine import plain
from simcluster.kernels import events


@pytest.fixture(params=[events, plain], ids=["compiled", "simpy"])
def engine(request: pytest.FixtureRequest) -> ModuleType:
    return request.param


@pytest.fixture
def env(engine: Any) -> Any:
    return engine.Environment()
