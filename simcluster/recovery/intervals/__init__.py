"""Intervals: how long a program works between two checkpoints."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from simcluster.engine import Count, Open
from simcluster.recovery.intervals.adaptive import Adaptive
from simcluster.recovery.intervals.daly import Daly, daly_s, stretch
from simcluster.recovery.intervals.fixed import Fixed
from simcluster.recovery.intervals.young import Young, young_s
from simcluster.recovery.protocols import Interval

AnyInterval = Annotated[Interval, Open(Interval, Fixed, Young, Daly, Adaptive)]
"""One of the intervals here, or one's own, a plain function too; in a file ``kind`` says which."""



def _is(given: Any) -> str:
    """What somebody has tried to say, so that a mistake is told of that alone."""
    number = given is None or isinstance(given, bool | int | float) or str(given).lstrip("-").isdigit()
    return "[steps]" if number else "[interval]"


StepsOrInterval = Annotated[
    Annotated[Count, Tag("[steps]")] | Annotated[AnyInterval, Tag("[interval]")], Discriminator(_is)
]
"""A number of steps, or an interval."""

__all__ = ["Adaptive", "AnyInterval", "Daly", "Fixed", "StepsOrInterval", "Young", "daly_s", "stretch", "young_s"]
