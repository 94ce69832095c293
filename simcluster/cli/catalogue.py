"""What there is to choose from: ``list`` in words, ``schema`` for editors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console

from simcluster.cli.options import AsJson, Plugins, allowed, print_json
from simcluster.command_line import say

if TYPE_CHECKING:
    from simcluster.engine import Spec
    from simcluster.engine.open import Open

_SENTENCE_ENDS = re.compile(r"(?<=\.) (?=[A-Z])")


def schema(
    what: Annotated[str, typer.Argument(metavar="scenario|study", help="Of which files.")] = "scenario",
    plugin: Plugins = [],  # noqa: B006 (typer reads the default, nobody writes it)
) -> None:
    """Print the JSON Schema of files, for editors."""
    import json

    from simcluster.engine import hint
    from simcluster.scenario import Scenario
    from simcluster.scenario import schema as schema_of
    from simcluster.study import StudyFile

    kinds: dict[str, type[Spec]] = {"scenario": Scenario, "study": StudyFile}
    if what not in kinds:
        raise ValueError(f"schema: must be of one of {', '.join(kinds)}, got {what!r}{hint(what, kinds)}")
    with allowed(plugin):
        typer.echo(json.dumps(schema_of(kinds[what], plugin), indent=2, allow_nan=False))


def list_kinds(
    what: Annotated[
        str | None, typer.Argument(metavar="WHAT", help="Such as jobs, models, strategies, faults; all when left out.")
    ] = None,
    as_json: AsJson = False,
    plugin: Plugins = [],  # noqa: B006
) -> None:
    """List the kinds that a file may name.

    Such as jobs, models, strategies (all that jobs are made of), faults and topologies; with --plugin also your own.
    """
    with allowed(plugin):
        groups = [group for group in _groups() if what is None or group.answers_to(what)]
        if what is not None and not groups:
            raise ValueError(_unknown(what))
        listed = {group.name: group.lines(plugin) for group in groups}
    if as_json:
        print_json([
            {"group": name, "kind": kind, "about": about}
            for name, kinds in listed.items() for kind, about in kinds.items()
        ])  # fmt: skip
        return
    console = Console()
    width = max((len(kind) for kinds in listed.values() for kind in kinds if len(kind) < 30), default=0)
    for name, kinds in listed.items():
        if len(listed) > 1:
            say(f"{name}:")
        for kind, about in kinds.items():
            line = f"{'  ' * (len(listed) > 1)}{kind:<{width}}  {about}".rstrip()
            fits = len(line) <= console.width or not console.is_terminal
            say(line if fits else f"{line[: console.width - 1]}…")


@dataclass
class _Group:
    """All kinds that may stand in some fields, what these are called, and whether they are parts of a job."""

    name: str
    open: Open
    fields: list[str] = field(default_factory=list)
    in_a_job: bool = False

    def answers_to(self, word: str) -> bool:
        """Whether a user may call it so."""
        word = word.lower().replace("-", "_")
        return word in self.words or (word in ("strategy", "strategies") and self.in_a_job)

    @property
    def words(self) -> set[str]:
        """What it may be called: as it is, or as the fields that it stands in."""
        return {self.name, *self.fields, *map(_plural, self.fields)} | {
            _snake(protocol.__name__) for protocol in self.open.protocols
        }

    def lines(self, modules: list[str]) -> dict[str, str]:
        """What each kind is, by its word in a file."""
        kinds = {word: self.open.functions.get(word, kind) for word, kind in self.open.kinds.items()}
        own = {self.open.word(kind): kind for module in modules for kind in self.open.brought(module)}
        return {word: _about(kind) for word, kind in {**kinds, **own}.items()}


def _groups() -> list[_Group]:
    """The groups of kinds, as the fields of a scenario have them."""
    from simcluster.scenario import Scenario

    found: dict[tuple[type, ...], _Group] = {}
    for name, each, in_a_job in _open_fields(Scenario, set(), False):
        single = len(each.protocols) == 1
        called = _plural(_snake(each.protocols[0].__name__) if single else name)
        group = found.setdefault(each.protocols, _Group(called, each, in_a_job=in_a_job))
        group.fields.append(name)
    return list(found.values())


def _open_fields(kind: type[Any], seen: set[type], in_a_job: bool) -> Iterator[tuple[str, Open, bool]]:
    """Every field that takes what users bring, in the specification ``kind`` and in all that may be in it."""
    from pydantic import BaseModel

    from simcluster.cluster import Job
    from simcluster.engine.open import Open

    if kind in seen:
        return
    seen.add(kind)
    for name, declared in kind.model_fields.items():
        for part in (*declared.metadata, *_parts(declared.annotation)):
            if isinstance(part, Open):
                yield name, part, in_a_job
                for built_in in part.kinds.values():
                    yield from _open_fields(built_in, seen, in_a_job or Job in part.protocols)
            elif isinstance(part, type) and issubclass(part, BaseModel):
                yield from _open_fields(part, seen, in_a_job)


def _parts(annotation: Any) -> Iterator[Any]:
    """All that an annotation is made of, what stands beside a type in it too."""
    yield annotation
    yield from getattr(annotation, "__metadata__", ())
    for each in get_args(annotation):
        yield from _parts(each)


def _about(kind: Any) -> str:
    """The first sentence of what it says of itself."""
    text = getattr(kind, "_about", None) or inspect.getdoc(kind) or ""
    paragraph = " ".join(text.split("\n\n")[0].split())
    return _SENTENCE_ENDS.split(paragraph, maxsplit=1)[0].replace("``", "")


def _unknown(what: str) -> str:
    from simcluster.engine import hint

    names = [group.name for group in _groups()]
    known = {*names, "strategies"} | {word for group in _groups() for word in group.words}
    return f"list: must be one of strategies, {', '.join(names)}, got {what!r}{hint(what, sorted(known))}"


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _plural(word: str) -> str:
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy")):
        return f"{word[:-1]}ies"
    return word if word.endswith("s") else f"{word}s"
