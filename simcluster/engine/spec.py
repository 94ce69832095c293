"""Spec: frozen, validated data, the base of everything that a scenario is made of."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]


class Spec(BaseModel):
    """Frozen data that is checked when it is made.

    An unknown field, a missing one or a value that breaks its rule raises ``pydantic.ValidationError``
    (a ``ValueError``) that names the field, the rule and the value.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=False,
        ser_json_inf_nan="strings",  # which read back
        use_attribute_docstrings=True,
    )

    def replace(self, **fields: Any) -> Self:
        """The same with other ``fields``, checked like any that is made anew."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return type(self).model_validate({**given, **fields})
