"""Spec: frozen, validated data, the base of everything that a scenario is made of."""

from __future__ import annotations

import inspect
import textwrap
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]


class _Schema(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """A built-in function is called in a file what it is called in its module, and a class by its ``kind``."""
        if inspect.isfunction(dft):
            return {"kind": dft.__name__}
        if isinstance(dft, tuple) and all(isinstance(each, type) for each in dft):
            return [each.model_fields["kind"].default for each in dft]
        return super().encode_default(dft)


class Spec(BaseModel):
    """Frozen data that is checked when it is made.

    An unknown field, a missing one or a value that breaks its rule raises ``pydantic.ValidationError``
    (a ``ValueError``) that names the field, the rule and the value.
    """

    _about: ClassVar[str] = ""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=False,
        ser_json_inf_nan="strings",  # which read back
        use_attribute_docstrings=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Let ``help()`` say of each field what the field says of itself; the schema has it anyway."""
        super().__pydantic_init_subclass__(**kwargs)
        said = {name: field.description for name, field in cls.model_fields.items() if field.description}
        if own := cls.__dict__.get("__doc__"):
            cls._about = inspect.cleandoc(own)
        told = [f"{name}\n{textwrap.indent(inspect.cleandoc(text), '    ')}" for name, text in said.items()]
        listed = "\n\n".join(told)
        cls.__doc__ = f"{cls._about}\n\nFields\n------\n{listed}" if said else cls._about

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The class's own words describe it."""
        schema = handler(core_schema)
        handler.resolve_ref_schema(schema)["description"] = cls._about
        return schema

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON Schema, in which a function that is a default is its word."""
        return super().model_json_schema(*args, **{"schema_generator": _Schema, **kwargs})

    def replace(self, **fields: Any) -> Self:
        """The same with other ``fields``, checked like any that is made anew."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return type(self).model_validate({**given, **fields})
