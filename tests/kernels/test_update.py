"""Updates in place."""

import numpy as np
import pytest

from simcluster.kernels import adam_step


def test_adam_refuses_a_step_before_the_first():
    with pytest.raises(ValueError, match=r"step must be at least 1, got 0"):
        adam_step(np.ones(1), np.ones(1), np.ones(1), np.ones(1), 0)
    with pytest.raises(ValueError, match=r"beta2 must be within \[0, 1\), got 1.0"):
        adam_step(np.ones(1), np.ones(1), np.ones(1), np.ones(1), 1, beta2=1.0)
