"""Crossed: the scenarios that a function makes of every value of each column with every value of the others."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from simcluster.engine import hint
from simcluster.scenario import Scenario
from simcluster.study.plan import Seeded

Values = Mapping[Any, Any] | Iterable[Any]


class Crossed:
    """The scenarios that ``make`` gives for every value of each column with every value of the others, by label.

    ``make`` takes a value of each of the ``columns`` in their order; one that takes a ``seed`` as well is asked anew
    under each. A column's values are a mapping, of which keys are the labels, or several, which are their own labels.
    ``small`` has, of some columns, the labels of a small version; those that the whole lacks are values too.

    Raises ``ValueError`` for a column without values, and for one of ``small`` that is none.
    """

    def __init__(
        self,
        make: Callable[..., Scenario],
        columns: Mapping[str, Values],
        *,
        small: Mapping[str, Iterable[Any]] | None = None,
    ) -> None:
        self._make = make
        self._whole = {name: _by_label(name, values) for name, values in columns.items()}
        fewer = {} if small is None else dict(small)
        for name in fewer:
            if name not in columns:
                known = ", ".join(columns)
                raise ValueError(f"small must be of the columns {known}, got {name!r}{hint(name, tuple(columns))}")
        self._small = {
            name: {label: values.get(label, label) for label in _by_label(name, fewer.get(name, values))}
            for name, values in self._whole.items()
        }

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._whole)

    def __call__(self, small: bool = False) -> dict[Any, Seeded]:
        """Each scenario by its label, the values of all columns; the last column changes fastest."""
        columns = (self._small if small else self._whole).values()
        cells = itertools.product(*(each.items() for each in columns))
        seeded = "seed" in inspect.signature(self._make).parameters
        made: dict[Any, Seeded] = {}
        for cell in cells:
            values = [value for _, value in cell]
            made[tuple(label for label, _ in cell)] = partial(self._make, *values) if seeded else self._make(*values)
        return made


def _by_label(name: str, values: Values) -> dict[Any, Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise ValueError(f"values of {name} must be several, got {values!r}: write [{values!r}]")
    found = dict(values) if isinstance(values, Mapping) else {value: value for value in values}
    if not found:
        raise ValueError(f"values of {name} must be at least one, got none")
    return found
