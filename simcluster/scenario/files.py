"""Files: specifications as YAML and JSON, which one model reads and checks alike.

A file is a mapping of fields. What a user may bring is in it a mapping with ``kind``, a built-in's word or
``package.module:Class`` of a module that was allowed (``plugins``). Paths in it mean what they would mean in Python: a
relative one begins where the process runs.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from simcluster.engine import Spec, broken_fields, plugins, write_whole
from simcluster.scenario.scenario import Scenario
from simcluster.scenario.text.document import InvalidFile, told
from simcluster.scenario.text.documents import check_suffix, read_document
from simcluster.scenario.text.places import sentence
from simcluster.scenario.text.sparse import kinds, sparse
from simcluster.scenario.text.yaml_text import resolved

AnySpec = TypeVar("AnySpec", bound=Spec)

RULES = 20
"""An error says so many broken rules at most, and how many more there are."""


def load_spec(path: Path | str, kind: type[AnySpec]) -> AnySpec:
    """The specification in a ``.yaml``, ``.yml`` or ``.json`` file.

    Raises ``InvalidFile``, a ``ValueError`` with a line for each field that breaks a rule,
    "FILE:LINE: field: rule, got value; did you mean `word`?", or for what keeps the file from being read.
    ``TypeError`` for what is no path.
    """
    path = _path(path, "")
    root = read_document(path)
    try:
        found: AnySpec = _adapter(kind).validate_python(root.plain())
        return found
    except ValidationError as error:
        broken = broken_fields(error)
        lines = [told(path, *sentence(root, kind, place, rule)) for place, rule in islice(broken, RULES)]
        more = max(0, error.error_count() - RULES)
        lines = [*dict.fromkeys(lines), *([told(path, None, f"and {more} more broken rules")] if more else [])]
        raise InvalidFile("\n".join(lines)) from None


def save_spec(path: Path | str, spec: Spec) -> None:
    """Write a specification to a ``.yaml``, ``.yml`` or ``.json`` file: what differs from its defaults, and each kind.

    The file is whole, or as it was before. Raises ``ValueError`` for what a file would not give back, and for a file
    that cannot be written. ``TypeError`` for what is no path, or no specification.
    """
    path = _path(path, ", and stands before what is written there")
    if not isinstance(spec, Spec):
        raise TypeError(f"what is written to {path} must be a specification, got {spec!r:.80}")
    check_suffix(path)
    fields = sparse(spec)
    if _read_back(fields, spec) != spec.model_dump_json():
        raise ValueError(f"a file must give back what is written to it, got {spec!r}")
    write_whole(path, (_json(fields) if path.suffix == ".json" else _yaml(fields)).encode())


def load_scenario(path: Path | str) -> Scenario:
    """The scenario in a file, as ``load_spec`` reads it."""
    return load_spec(path, Scenario)


def save_scenario(path: Path | str, scenario: Scenario) -> None:
    """Write a scenario to a file, as ``save_spec`` does."""
    save_spec(path, scenario)


def _path(path: Any, hint: str) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be the name of a file{hint}, got {type(path).__name__}")
    return Path(path)


@cache
def _adapter(kind: type[AnySpec]) -> TypeAdapter[AnySpec]:
    return TypeAdapter(kind)


def _read_back(fields: dict[str, Any], spec: Spec) -> str:
    """What the file would give, as JSON."""
    with ExitStack() as allowed:
        allowed.enter_context(plugins(*(kind.partition(":")[0] for kind in kinds(fields) if ":" in kind)))
        return type(spec).model_validate(fields).model_dump_json()


class _Dumper(yaml.SafeDumper):
    """Writes short lists and mappings on a line, and quotes what would be read as no text."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Let the items of a list stand to the right of its key."""
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = text == "" or not isinstance(resolved(text), str)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if plain else None)


def _float(dumper: yaml.SafeDumper, value: float) -> yaml.ScalarNode:
    words = {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}
    text = words.get(repr(value), repr(value))
    text = text if "." in text else text.replace("e", ".0e")  # else PyYAML, and YAML 1.1, take it for text
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _float)


def _yaml(fields: dict[str, Any]) -> str:
    return str(yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(_finite(fields), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    """The same with text for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    words = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
    return words.get(repr(value), value) if isinstance(value, float) else value
