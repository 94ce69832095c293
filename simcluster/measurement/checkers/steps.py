"""The steps of a transaction: what was asked, with what was read."""

from __future__ import annotations

from typing import Any

from simcluster.measurement.histories import Operation, Plain


def steps_of(operation: Operation) -> tuple[tuple[str, Plain, Plain], ...]:
    """The steps (f, key, value) of a transaction: with what they read where it is known.

    Raises ``ValueError`` for a value that is no list of such.
    """
    value: Any = operation.result if operation.status == "ok" and operation.result is not None else operation.value
    if not isinstance(value, tuple) or not all(isinstance(part, tuple) and len(part) == 3 for part in value):
        raise ValueError(f"a transaction must be a list of [f, key, value], got {value!r:.80}")
    return value


def checked_steps(operation: Operation) -> tuple[tuple[str, Plain, Plain], ...]:
    """The steps of a transaction that did what it was asked to: what came back differs in what was read only.

    Raises ``ValueError`` as ``steps_of``, and for what came back of other steps.
    """
    steps, asked = steps_of(operation), operation.value
    if steps is not asked and asked is not None:
        reads = ("r", "read")
        wanted = [part if part[0] not in reads else part[:2] for part in steps_of(operation._replace(result=None))]
        if wanted != [part if part[0] not in reads else part[:2] for part in steps]:
            raise ValueError(f"what came back must be of the steps {asked!r:.80}, got {steps!r:.80}")
    return steps
