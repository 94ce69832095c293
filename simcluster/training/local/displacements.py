"""What becomes of contributions that say how far workers have moved."""

from __future__ import annotations

from simcluster.learning import Array


class Displacements:
    """In place of a model's gradient the mean way back of the workers, each counted by its rows.

    An optimiser of rate 1 that follows it lands on the mean of where they are (McMahan et al. 2017); others are those
    of Reddi et al., "Adaptive federated optimization", ICLR 2021, who call it a pseudo-gradient.
    """

    def gradient(self, parameters: Array, total: Array, rows: float) -> Array:
        """The mean, from the total of rows times the way back."""
        return total / rows
