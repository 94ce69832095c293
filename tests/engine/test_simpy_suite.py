"""SimPy's own tests pass on the compiled loop: ``pytest -m network``."""

from __future__ import annotations

import pytest

from tests.engine.simpy_suite import EXCEPTIONS, run


@pytest.mark.network
def test_simpys_own_suite_passes_and_leaks_nothing() -> None:
    assert run(["-q"]) == 0


def test_exceptions_are_few_and_justified() -> None:
    assert len(EXCEPTIONS) <= 4
    assert all(EXCEPTIONS.values())
