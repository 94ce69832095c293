"""Spec: frozen, validated data, the base of everything that a scenario is made of."""

from __future__ import annotations

import inspect
import re
import reprlib
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simcluster.engine.descriptions import descriptions
from simcluster.engine.open import hint


class _Schema(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """A built-in function is called in a file what it is called in its module, and a class by its ``kind``."""
        if inspect.isfunction(dft):
            return {"kind": dft.__name__}
        if isinstance(dft, tuple) and all(isinstance(each, type) for each in dft):
            return [each.model_fields["kind"].default for each in dft]
        return super().encode_default(dft)

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        """A number that JSON does not have is text in it."""
        low, high = (any(bound in schema for bound in each) for each in (("ge", "gt"), ("le", "lt")))
        words = [*([] if high else ["Infinity"]), *([] if low else ["-Infinity"]), *([] if low or high else ["NaN"])]
        number = super().float_schema(schema)
        return {"anyOf": [number, {"enum": words}]} if words and schema.get("allow_inf_nan", True) else number


class InvalidSpec(ValueError):
    """Fields that break their rules: the text has a line for each, "field: rule, got value"."""


if TYPE_CHECKING:
    _Checked = BaseModel  # else each class would seem to take any arguments
else:

    class _Lines(type(BaseModel)):
        # Makes specifications, and says in lines what pydantic says in paragraphs.

        @property
        def __doc__(cls) -> str:
            """What ``help()`` says of a class: its own words, and of each field what the field says of itself."""
            told = "\n\n".join(f"{name}\n{textwrap.indent(text, '    ')}" for name, text in descriptions(cls).items())
            return f"{cls._about}\n\nFields\n------\n{told}" if told else cls._about

        @__doc__.setter
        def __doc__(cls, text: str | None) -> None:
            """A class that is made anew in another process is given its own words, as any class may be."""
            type.__dict__["__doc__"].__set__(cls, text)

        def __call__(cls, *args: Any, **fields: Any) -> Any:
            if args:
                named = ", ".join(f"{name}={value!r}" for name, value in zip(cls.model_fields, args, strict=False))
                raise TypeError(f"{cls.__name__} takes fields by name: write {cls.__name__}({named}), got {args}")
            try:
                return super().__call__(**fields)
            except ValidationError as error:
                raise InvalidSpec("\n".join(broken_rules(error, cls, fields))) from None

    class _Checked(BaseModel, metaclass=_Lines):
        pass


class Spec(_Checked):
    """Frozen data that is checked when it is made.

    An unknown field, a missing one or a value that breaks its rule raises ``InvalidSpec`` (a ``ValueError``) that
    names the field, the rule and the value.
    """

    _about: ClassVar[str] = ""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=False,
        ser_json_inf_nan="strings",  # which read back
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Keep what the class says of itself, without its fields."""
        super().__pydantic_init_subclass__(**kwargs)
        if own := vars(cls).get("__doc__"):
            cls._about = inspect.cleandoc(own)

    @model_validator(mode="before")
    @classmethod
    def _in_an_order(cls, given: Any) -> Any:
        if isinstance(given, Mapping):
            for name, value in given.items():
                parts = (value, *value) if isinstance(value, tuple | list) else (value,)
                if any(isinstance(part, set | frozenset) for part in parts):
                    raise ValueError(f"{name} must be in an order, which a set has none of, got {type(value).__name__}")
        return given

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The class's own words describe it, and those below its fields describe them."""
        schema = handler(core)
        described = handler.resolve_ref_schema(schema)
        described["description"] = cls._about
        for name, text in descriptions(cls).items():
            described["properties"][name]["description"] = text
        return schema

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The JSON Schema, in which a function that is a default is its word."""
        return super().model_json_schema(*args, **{"schema_generator": _Schema, **kwargs})

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """A specification of what a file has: a mapping of its fields."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise InvalidSpec("\n".join(broken_rules(error, cls, obj))) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """A specification of what a JSON text has."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise InvalidSpec("\n".join(broken_rules(error, cls))) from None

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """What differs from its defaults: all that one has to write to make it anew."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.is_required() or value != field.get_default(call_default_factory=True, validated_data={}):
                yield name, value

    def __eq__(self, other: object) -> bool:
        """Whether it says the same; what a part remembers while it is at work is not what it says."""
        if type(other) is not type(self):
            return NotImplemented
        says, others = ({name: vars(each).get(name) for name in type(self).model_fields} for each in (self, other))
        return says == others

    def replace(self, **fields: Any) -> Self:
        """The same with other ``fields``, checked like any that is made anew."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return type(self)(**{**given, **fields})


def broken_rules(error: ValidationError, kind: type[BaseModel] | None = None, given: Any = None) -> list[str]:
    """What ``error`` is about, a line for each field: "field: rule, got value".

    Where it is known, ``kind`` is what could not be made, and ``given`` the fields that it was to be made of.
    """
    told: dict[str, None] = {}
    for place, said in broken_fields(error, kind, given):
        named = ".".join(str(part) for part in place if "[" not in str(part) or part == "[key]")  # no types of a union
        told[": ".join(filter(None, (named, said)))] = None
    return list(told)


def broken_fields(
    error: ValidationError, kind: type[BaseModel] | None = None, given: Any = None
) -> Iterator[tuple[tuple[int | str, ...], str]]:
    """The place of each field that ``error`` is about, as pydantic has it, and "rule, got value"."""
    fields = {} if kind is None else kind.model_fields
    details = error.errors(include_url=False)
    deepest = max(len(detail["loc"]) for detail in details)
    for detail in details:
        place, rule, value = detail["loc"], detail["msg"].removeprefix("Value error, "), detail["input"]
        first = given.get(place[0]) if place and isinstance(given, Mapping) else None
        if detail["type"] == "too_short" and deepest > len(place):
            continue  # only for want of the items that have a line of their own
        if isinstance(first, BaseModel) and len(place) > 1 and type(place[1]) is int:
            # It iterates over its fields, so each of them was taken for an item.
            place, value = place[:1], first
            rule = f"must be a tuple of {_items(fields[str(place[0])].annotation)}: write {place[0]}=(…,)"
        elif detail["type"] == "extra_forbidden":
            rule = f"there is no such field{hint(place[-1], fields if len(place) == 1 else ())}"
        elif detail["type"] == "int_from_float":
            rule = "must be a whole number"
        elif detail["type"] == "literal_error":
            rule += f", got {value!r}{hint(value, _WORD.findall(detail['ctx']['expected']))}"
        elif detail["type"] == "missing":
            rule = "must be given, got nothing"
        said = rule if ", got " in rule else f"{rule}, got {_SHORT.repr(value)}"
        yield place, said


def _items(annotation: Any) -> str:
    """What the items of a tuple are called."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    each = next(iter(get_args(annotation)), annotation)
    return getattr(each, "__name__", str(each))


_WORD = re.compile("'([^']*)'")
_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 120
