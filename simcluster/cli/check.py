"""Histories: ``check`` says whether one is what a store has promised, and why not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simcluster.cli.options import AsJson, Plugins, Quiet, allowed, print_json
from simcluster.command_line import say, tell

if TYPE_CHECKING:
    from simcluster.measurement.checkers import Judgement
    from simcluster.measurement.histories import History

CODES = {"valid": 0, "invalid": 1, "unknown": 3}
TRANSACTIONS = ("list-append", "rw-register")


def check(
    file: Annotated[Path, typer.Argument(metavar="HISTORY", help="JSON Lines, EDN, or a log of Jepsen's.")],
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="register, cas-register, kv, kv-append, append, queue, set, mutex, counter, multi-register, "
            "list-append, rw-register, or module:attribute of a --plugin.",
        ),
    ],
    initial: Annotated[
        str | None, typer.Option(metavar="VALUE|nil", help="State before the first operation, in EDN.")
    ] = None,
    nil_read: Annotated[
        str | None,
        typer.Option(metavar="absent|unknown", help="A read of nil saw nothing there, or nobody knows what it saw."),
    ] = None,
    failed_cas: Annotated[
        str | None,
        typer.Option(
            metavar="operation|nothing", help="A failed compare-and-set saw another value, or never happened."
        ),
    ] = None,
    isolation: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="What transactions promise; serializable when left out."),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Transactions promise the order of time as well.")
    ] = False,
    limit_s: Annotated[
        float, typer.Option("--limit-s", metavar="S", help="Seconds that a search may take.")
    ] = math.inf,
    limit_mib: Annotated[
        float, typer.Option("--limit-mib", metavar="MIB", help="Memory of the history, and of the search.")
    ] = 2048.0,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where an invalid order is drawn, as png, pdf or svg.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    plugin: Plugins = [],  # noqa: B006 (typer reads the default, nobody writes it)
) -> None:
    """Check a history against a model: is it linearizable, or are transactions isolated?

    Ends with code 0 when it is valid, 1 when not, 2 when it is no history, and 3 when a limit was met.
    """
    from simcluster.measurement.checkers import Limits
    from simcluster.measurement.histories import BadHistory, TooLarge, read_history

    options = {"initial": initial, "nil_read": nil_read, "failed_cas": failed_cas, "isolation": isolation}
    given = {name: value for name, value in options.items() if value is not None}
    if realtime:
        given["realtime"] = "realtime"
    if not limit_mib > 0 or math.isinf(limit_mib):
        raise ValueError(f"--limit-mib must be greater than 0 and finite, got {limit_mib:g}")
    limits = Limits(limit_s, int(limit_mib * 2**20))
    if picture is not None and (model in TRANSACTIONS or picture.suffix not in (".png", ".pdf", ".svg")):
        rule = "--picture must be a .png, .pdf or .svg, of a history that is searched for an order"
        raise ValueError(f"{rule}, got {str(picture)!r} with the model {model}")
    with allowed(plugin):
        judge = _judge(model, given, plugin, limits)
        try:
            history = read_history(file, limits.memory_bytes)
            found, text, drawn = judge(history)
        except BadHistory as error:
            raise ValueError(f"{file}:{error.line}: {error.rule}") from None
        except TooLarge as error:
            from simcluster.measurement.checkers import Judgement

            found, drawn = Judgement("unknown", error.operations, (), str(error)), None
            text = str(found)
    if picture is not None and drawn is not None:
        drawn().savefig(picture)
    if as_json:
        print_json(_told(found, model, text))
    elif not quiet:
        say(text)
    raise SystemExit(CODES[found.verdict])


def _judge(word: str, given: dict[str, str], plugin: list[str], limits: Any) -> Any:
    """What gives the judgement of a history, its text, and its picture where it has one."""
    from simcluster.measurement import checkers

    if word in TRANSACTIONS:
        taken = {"isolation", "realtime", *(["initial"] if word == "rw-register" else [])}
        values: dict[str, Any] = _values(word, given, taken)
        values |= {"realtime": True} if "realtime" in values else {}
        checker: Any = {"list-append": checkers.list_append, "rw-register": checkers.rw_register}[word]

        def by_circles(history: History) -> tuple[Judgement, str, None]:
            found = checker(history, **values)
            return found, str(found), None

        return by_circles
    model = _own(word, given, plugin) if ":" in word else _built_in(word, given)

    def by_search(history: History) -> tuple[Judgement, str, Any]:
        try:
            found = checkers.linearizability(history, model, limits)
            text = checkers.explained(found, history, model)
        except ValueError:
            raise
        except Exception as error:  # whatever a model of one's own raises; code 1 would say that the history is wrong
            if ":" not in word:
                raise
            raise ValueError(f"{word}: must take every operation, raised {type(error).__name__}: {error}") from error
        if (partial := found.partial) is None:
            return found, text, None

        def drawn() -> Any:
            from simcluster.report import partial_order

            return partial_order(partial, history)

        return found, text, drawn

    return by_search


def _built_in(word: str, given: dict[str, str]) -> Any:
    from simcluster.measurement.checkers import MODELS

    if word not in MODELS:
        from simcluster.engine import hint

        words = [*MODELS, *TRANSACTIONS]
        rule = f"--model must be one of {', '.join(words)}, or module:attribute of a --plugin"
        raise ValueError(f"{rule}, got {word!r}{hint(word, words)}")
    kind = MODELS[word]
    return kind(**_values(word, given, {*getattr(kind, "__dataclass_fields__", {})}))


def _values(word: str, given: dict[str, str], taken: set[str]) -> dict[str, Any]:
    """The values of options, of which a model takes some."""
    words = {"nil_read": ("absent", "unknown"), "failed_cas": ("operation", "nothing")}
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if name not in taken:
            raise ValueError(f"{option} must be left out with the model {word}, which has no use for it, got {value!r}")
        if name in words and value not in words[name]:
            raise ValueError(f"{option} must be one of {', '.join(words[name])}, got {value!r}")
    return {name: _edn(value) if name == "initial" else value for name, value in given.items()}


def _edn(text: str) -> Any:
    from simcluster.measurement.histories import BadHistory, plain, read_edn

    try:
        return plain(read_edn(text)) if text else ""
    except (BadHistory, TypeError):
        raise ValueError(f"--initial must be one value in EDN, got {text!r}") from None


def _own(word: str, given: dict[str, str], plugin: list[str]) -> Any:
    """A model of somebody's own: an object, or what makes one."""
    import importlib

    if given:
        raise ValueError(f"{', '.join(given)} must be left out with a model of one's own, got {word!r}")
    module, _, attribute = word.partition(":")
    if module not in plugin:
        raise ValueError(f"--model must be of a module that --plugin names, got {word!r}")
    found = getattr(importlib.import_module(module), attribute, None)
    made = found
    if isinstance(found, type) or (callable(found) and not hasattr(found, "step")):
        try:
            made = found()
        except Exception as error:  # code 1 would say that the history is wrong
            rule = "must be made without arguments"
            raise ValueError(f"--model {word}: {rule}, raised {type(error).__name__}: {error}") from error
    for method in ("init", "step"):
        if not callable(getattr(made, method, None)):
            raise ValueError(f"--model must have the method {method}, got {word!r}")
    return made


def _told(found: Judgement, model: str, text: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "verdict": found.verdict,
        "model": model,
        "operations": found.operations,
        "why": found.why,
        "anomalies": [
            {
                "name": anomaly.name,
                "sentence": anomaly.sentence,
                "operations": [each._asdict() for each in anomaly.operations],
            }
            for anomaly in found.anomalies
        ],
        "text": text,
    }
    if found.verdict == "unknown":
        tell(found.why)
    return told
