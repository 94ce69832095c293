"""How many workers a gradient code does without."""

from typing import Annotated

from pydantic import Field

from simcluster.engine import NUMBER

Stragglers = Annotated[int, Field(ge=0, le=10**9), NUMBER]
"""s, at least 0."""
