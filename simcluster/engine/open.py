"""Open fields: what a user may bring. A built-in by its ``kind``, or any object that has a protocol's methods.

``Annotated[P, Open(P, A, B, word=function)]`` is a field that takes an ``A``, a ``B``, the function by its word, or
anything that is a ``P``. Nothing is registered. In Python an object is taken as it is, and a plain function where
``P`` has the one method ``__call__``; a class that is no protocol takes instances of it and of its subclasses. In place
of ``P`` may stand several: one of them must fit.

In a file it is a mapping with ``kind`` and the other fields, or the bare word where there are none. ``kind`` is a
built-in's word, or ``package.module:Class`` of a module that somebody has allowed (``plugins``) or installed (an entry
point of the group ``simcluster``), and that this module itself defines. Code is imported from nowhere else.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.metadata
import inspect
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Annotated, Any, Literal, Protocol, Union

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    SerializationInfo,
    create_model,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simcluster.engine.descriptions import descriptions

_allowed: ContextVar[tuple[str, ...]] = ContextVar("allowed", default=())


@contextmanager
def plugins(*modules: str) -> Iterator[None]:
    """Meanwhile a file may name the classes and functions of these modules, and of those below them."""
    token = _allowed.set((*_allowed.get(), *modules))
    try:
        yield
    finally:
        _allowed.reset(token)


class Open:
    """What a field takes: see the module.

    Raises ``TypeError`` when it is made of two built-ins of one kind.
    """

    def __init__(
        self, protocol: type | tuple[type, ...], *builtins: type[BaseModel], **functions: Callable[..., Any]
    ) -> None:
        self.protocols = protocol if isinstance(protocol, tuple) else (protocol,)
        self.functions = functions
        words = {word: _of_word(word, function) for word, function in functions.items()}
        self.kinds: dict[str, type[BaseModel]] = {one.model_fields["kind"].default: one for one in builtins} | words
        if len(self.kinds) < len(builtins) + len(functions):
            raise TypeError(f"kinds must differ, got {[one.__name__ for one in builtins]} and {list(functions)}")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        members = tuple(self.kinds.values())
        one_of_them: Any = members[0]
        if len(members) > 1:
            one_of_them = Annotated[Union[members], Field(discriminator="kind")]  # noqa: UP007
        return core_schema.no_info_wrap_validator_function(
            self._validate,
            handler.generate_schema(one_of_them),
            serialization=core_schema.plain_serializer_function_ser_schema(self._plain, info_arg=True),
        )

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """What a file may have here: a built-in, its bare word where that says all, or what an allowed module has."""
        words = [
            word
            for word, kind in self.kinds.items()
            if not any(field.is_required() for field in kind.model_fields.values())
        ]
        bare: list[dict[str, Any]] = [{"enum": words}] if words else []
        own = [_own_schema(each) for module in _allowed.get() for each in self.brought(module)]
        return {"anyOf": [handler(core), *bare, *own]}

    def brought(self, module: str) -> list[Any]:
        """The classes and functions of a module that fit."""
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            raise ValueError(f"a plug-in must be a module that there is, got {module!r} ({error})") from None
        own = [each for name in vars(found) if (each := _own(found, name)) is not None]
        return [each for each in own if any(_makes(each, protocol) for protocol in self.protocols)]

    def word(self, kind: Any) -> str:
        """What a class or a function is called: its word, or where it is defined."""
        words = (word for word, builtin in self.kinds.items() if kind in (builtin, self.functions.get(word)))
        return next(words, None) or f"{kind.__module__}:{kind.__qualname__}"

    def written(self, kind: Any) -> str:
        """What stands for it in a file. Raises ``ValueError`` where nothing could."""
        word = self.word(kind)
        return named(kind) if ":" in word else word

    def _validate(self, given: Any, built_in: Callable[[Any], Any]) -> Any:
        given = {"kind": given} if isinstance(given, str) else given
        if not isinstance(given, Mapping):
            return self._checked(given)
        kind = given.get("kind")
        if isinstance(kind, str) and kind in self.kinds:
            found = built_in(dict(given))
            return self.functions.get(kind, found)
        if isinstance(kind, str) and ":" in kind:
            return self._checked(_load(kind, {name: value for name, value in given.items() if name != "kind"}))
        got = repr(kind) + hint(kind, self.kinds) if "kind" in given else "none"
        raise _wrong(f"kind must be one of {list(self.kinds)} or package.module:Class, got {got}")

    def _checked(self, given: Any) -> Any:
        rules = [_lacks(protocol, given) for protocol in self.protocols]
        if None not in rules:
            raise _wrong("; or ".join(dict.fromkeys(map(str, rules))))
        return given

    def _plain(self, value: Any, info: SerializationInfo) -> dict[str, Any]:
        """The mapping that gives ``value`` back."""
        if isinstance(value, BaseModel):
            fields = {name: field for name, field in value.model_dump(mode=info.mode).items() if name != "kind"}
            return {"kind": self.written(type(value)), **fields}
        if isinstance(value, partial) and not value.args:
            made, fields = value.func, value.keywords
        elif inspect.isfunction(value):
            made, fields = value, {}
        elif dataclasses.is_dataclass(value):
            made, fields = type(value), {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        else:
            made, fields = type(value), _made_with(value)
        if not all(field is None or isinstance(field, str | bool | int | float) for field in fields.values()):
            rule = f"{getattr(made, '__name__', made)} must be a Spec to be written to a file"
            raise ValueError(f"{rule}, or have numbers and text alone, got {fields}")
        return {"kind": self.written(made), **{name: _writable(field) for name, field in fields.items()}}


def _made_with(value: Any) -> dict[str, Any]:
    """What an object of an ordinary class was made with, which it must keep, and no more, under the same names."""
    made, state = type(value), value.__getstate__() or {}
    try:
        same = isinstance(state, dict) and (made(**state).__getstate__() or {}) == state and "kind" not in state
    except (TypeError, ValueError):
        same = False
    if not same:
        raise ValueError(
            f"{made.__name__} must be a Spec to be written to a file, or keep what it is made with, and no more, "
            f"under the same names, got {state}"
        )
    return dict(state)


def _writable(field: Any) -> Any:
    """Numbers that no file has are a mapping, which no field of an ordinary object is otherwise."""
    return {"float": repr(field)} if isinstance(field, float) and not math.isfinite(field) else field


def _read(field: Any) -> Any:
    return float(field["float"]) if isinstance(field, Mapping) and [*field] == ["float"] else field


def hint(word: object, known: Iterable[str]) -> str:
    """Which of the ``known`` words somebody may have meant by ``word``, to stand at the end of an error."""
    # Of a long text the beginning says it, and what is near to all of it takes long to find.
    near = difflib.get_close_matches(str(word)[:100], list(known), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def named(thing: Any) -> str:
    """``module:name`` of a class or a function. Raises ``ValueError`` for one that has none, such as a closure."""
    name = getattr(thing, "__qualname__", "<")
    if "<" in name or _own(sys.modules.get(thing.__module__), name) is not thing:
        raise ValueError(f"only what has a name in its module can be written to a file, got {thing!r}")
    return f"{thing.__module__}:{name}"


def _of_word(word: str, function: Callable[..., Any]) -> type[BaseModel]:
    """What the schema says of a built-in function: its word, and nothing else."""
    fields: Any = {"kind": (Literal[word], word)}
    return create_model(word, __config__=ConfigDict(extra="forbid"), __doc__=function.__doc__, **fields)


def _lacks(protocol: type, given: Any) -> str | None:
    """What ``given`` lacks to be one of ``protocol``."""
    who = protocol.__name__
    if isinstance(given, type):
        return f"{who} must be an object, got the class {given.__name__}: write {given.__name__}(...)"
    if not getattr(protocol, "_is_protocol", False):
        return None if isinstance(given, protocol) else f"it must be a {who}, got {given!r}"
    for name, member in _members(protocol).items():
        wanted = inspect.signature(member) if inspect.isfunction(member) else None
        if not hasattr(given, name):
            return f"{who} must have {name}{wanted or ''}, got {type(given).__name__} without it"
        if wanted is None:
            continue
        method = given if name == "__call__" else getattr(given, name)
        if not callable(method):
            return f"{who} must have {name}{wanted}, got {type(given).__name__} where it is {method!r}"
        if not _takes(method, list(wanted.parameters.values())[1:]):
            got = getattr(given, "__name__", type(given).__name__)
            return f"{who} must have {name}{wanted}, got {got}{inspect.signature(method)}"
    return None


def _makes(thing: Any, protocol: type) -> bool:
    """Whether a class makes objects that are one of ``protocol``, or a function is one."""
    if getattr(thing, "_is_protocol", False):
        return False
    if not isinstance(thing, type):
        return _lacks(protocol, thing) is None
    if not getattr(protocol, "_is_protocol", False):
        return issubclass(thing, protocol)
    for name, member in _members(protocol).items():
        method = next((vars(each)[name] for each in thing.__mro__ if name in vars(each)), None)
        if inspect.isfunction(member) and not (inspect.isfunction(method) or isinstance(method, classmethod)):
            return False
        wanted = list(inspect.signature(member).parameters.values()) if inspect.isfunction(member) else []
        if wanted and inspect.isfunction(method) and not _takes(method, wanted):
            return False
    return True


def _own_schema(thing: Any) -> dict[str, Any]:
    """What a file may say of a class or a function that somebody brings: its kind, and what it is made with."""
    named_so = {"kind": {"const": f"{thing.__module__}:{thing.__qualname__}"}}
    about = {"description": inspect.getdoc(thing) or "", "type": "object"}
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        fields = {name: field for name, field in thing.model_fields.items() if name != "kind"}
        said = {name: {"description": descriptions(thing).get(name, "")} for name in fields}
        must = [name for name, field in fields.items() if field.is_required()]
        closed = {"additionalProperties": thing.model_config.get("extra") != "forbid"}
        return {**about, **closed, "properties": {**named_so, **said}, "required": ["kind", *must]}
    # What a function is called with, beside what may be bound in a file, its signature does not tell.
    taken = list(inspect.signature(thing).parameters.values()) if isinstance(thing, type) else []
    taken = [one for one in taken if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    must = [one.name for one in taken if one.default is one.empty]
    return {**about, "properties": {**named_so, **{one.name: {} for one in taken}}, "required": ["kind", *must]}


def _takes(method: Any, parameters: list[inspect.Parameter]) -> bool:
    """Whether a method can be called with these."""
    try:
        signature = inspect.signature(method)
    except ValueError:  # a compiled one that does not say
        return True
    by_name = {one.name: one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}
    places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    try:
        signature.bind(*places, **by_name)
    except TypeError:
        return False
    return True


def _members(protocol: type) -> dict[str, Any]:
    """What a protocol, and those it extends, name: attributes, and methods that have no body of their own."""
    found: dict[str, Any] = {}
    for one in reversed(protocol.__mro__):
        if getattr(one, "_is_protocol", False) and one is not Protocol:
            found |= dict.fromkeys(inspect.get_annotations(one))
            found |= {name: at for name, at in vars(one).items() if name == "__call__" or not name.startswith("_")}
    return found


@cache
def _installed() -> tuple[str, ...]:
    """The modules that installed packages offer."""
    return tuple(point.module for point in importlib.metadata.entry_points(group="simcluster"))


def _load(kind: str, fields: Mapping[str, Any]) -> Any:
    """What ``module:name`` stands for, made with these fields."""
    module, _, name = kind.partition(":")
    if not any(module == known or module.startswith(known + ".") for known in (*_allowed.get(), *_installed())):
        raise _wrong(f"kind may name only a module that is allowed (--plugin {module}), got {kind!r}")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise _wrong(f"kind must name a module that there is, got {kind!r} ({error})") from None
    found = _own(found, name)
    if found is None:
        raise _wrong(f"kind must name a class or a function that {module} itself defines, got {kind!r}")
    fields = {field: _read(value) for field, value in fields.items()}
    if not isinstance(found, type):
        return partial(found, **fields) if fields else found
    try:
        return found(**fields)
    except ValueError as error:
        raise _wrong(f"{kind}: {'; '.join(str(error).splitlines())}") from None
    except TypeError as error:
        raise _wrong(f"{kind} takes {inspect.signature(found)}, got {dict(fields)} ({error})") from None


def _own(module: Any, name: str) -> Any:
    """The class or function of this name that a module itself defines, or ``None``.

    What it has only imported (my_module:subprocess.Popen) is not its own, and nobody allowed it.
    """
    found = module
    for part in name.split("."):
        found = vars(found).get(part) if found is not None else None
        own = isinstance(found, type) or inspect.isfunction(found)
        if not own or found.__module__ != module.__name__:
            return None
    return found


def _wrong(rule: str) -> PydanticCustomError:
    return PydanticCustomError("open", "{rule}", {"rule": rule})
