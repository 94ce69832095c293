"""Whether an optimiser needs to know all parameters: what lies in parts on several nodes must not."""

from __future__ import annotations

from typing import Any

import numpy as np


def moves_each_number_by_itself(optimiser: Any) -> bool:
    """Whether three steps of four numbers are those of two and two."""
    gradients = np.array([[3.0, -4.0, 0.5, 1e3], [1.0, 2.0, -8.0, 0.0], [-5.0, 1.0, 1.0, 7.0]])

    def stepped(places: slice) -> Any:
        parameters = np.array([1.0, 2.0, -3.0, 0.25])[places]
        memory = optimiser.start(parameters)
        for clock, gradient in enumerate(gradients[:, places]):
            parameters, memory = optimiser.step(parameters, np.ascontiguousarray(gradient), memory, clock, 1.0)()
        return parameters

    with np.errstate(all="ignore"):  # of a rate that is too great the run says so
        halves = np.concatenate([stepped(slice(0, 2)), stepped(slice(2, 4))])
        return np.allclose(stepped(slice(0, 4)), halves, rtol=1e-12, atol=0.0, equal_nan=True)
