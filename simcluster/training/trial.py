"""A trial of a model before anything runs: what is wrong with one's own is said by name, and not by NumPy later."""

from __future__ import annotations

from typing import Any

import numpy as np

from simcluster.learning import Array, Call, Optimiser, Rows


def try_model(model: Any, initial: Any, rows: Rows, optimiser: Optimiser) -> None:
    """Do one step on ``rows`` and forget it. Raises ``ValueError`` with the method that gives what it must not."""
    name = type(model).__name__
    parameters = _array(f"{name}.initial", initial)
    total = _array(f"{name}.contribution", _computed(f"{name}.contribution", model.contribution(parameters, rows)))
    moves = "gradient" if hasattr(model, "gradient") else "update"
    moved = _array(f"{name}.{moves}", getattr(model, moves)(parameters, total, float(len(rows))), parameters.shape)
    loss = _computed(f"{name}.loss", model.loss(parameters, rows))
    if not isinstance(loss, float | np.floating):
        raise ValueError(f"{name}.loss must compute a float, got {_shown(loss)}")
    if moves == "gradient":
        step = f"{type(optimiser).__name__}.step"
        made = _computed(step, optimiser.step(parameters, moved, optimiser.start(parameters), 0, 1.0))
        if not isinstance(made, tuple) or len(made) != 2:
            raise ValueError(f"{step} must compute the next parameters and the next memory, got {_shown(made)}")
        _array(step, made[0], parameters.shape)


def _computed(method: str, made: Any) -> Any:
    if not isinstance(made, Call):
        raise ValueError(f"{method} must return a Call, as call(function, *arrays) makes one, got {_shown(made)}")
    return made()


def _array(method: str, value: Any, shape: tuple[int, ...] | None = None) -> Array:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        raise ValueError(f"{method} must give an array of float64, got {_shown(value)}")
    if shape is not None and value.shape != shape:
        raise ValueError(f"{method} must give an array of the shape {shape} of the parameters, got {value.shape}")
    return value


def _shown(value: Any) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"{type(value).__name__}: {value!r}"
