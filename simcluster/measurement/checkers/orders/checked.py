"""What a history must be before it is checked against a model."""

from __future__ import annotations

from typing import Any

from simcluster.measurement.histories import BadHistory, History


def check_operations(history: History, model: Any) -> None:
    """Raise ``ValueError`` for a model without ``init`` and ``step``, ``BadHistory`` for an operation it has not."""
    for method in ("init", "step"):
        if not callable(getattr(model, method, None)):
            raise ValueError(f"a model must have the method {method}, got {model!r:.80}")
    check = getattr(model, "check", None)
    if check is None:
        return
    for place, operation in enumerate(history.operations):
        try:
            check(operation)
        except ValueError as error:
            raise BadHistory(history.line(place), str(error)) from None
