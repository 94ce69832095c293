"""Expressions of NumPy in one pass, without the arrays between: the same bits, the same types, the same warnings.

Of numbers of float64 in C order and of one shape; of what else there is they are NumPy's own. They are no kernels with
a cost of their own: what is made of them says what it costs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simcluster.kernels.instructions import compiled
from simcluster.kernels.reference import Floats

_expressions = compiled("_expressions")

scaled: Callable[[Floats, float], Any] = _expressions.scaled
"""a·x, a new array."""
minus_scaled: Callable[[Floats, float, Floats], Any] = _expressions.minus_scaled
"""x − a·y, a new array."""
divided_plus_scaled: Callable[[Floats, float, float, Floats], Any] = _expressions.divided_plus_scaled
"""x / n + a·y, a new array."""
