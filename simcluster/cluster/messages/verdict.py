"""Verdicts: what a rule of the network says of a message."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from simcluster.cluster.messages.message import Message


@dataclass(frozen=True, slots=True)
class Drop:
    """The message is lost, and why."""

    cause: str


@dataclass(frozen=True, slots=True)
class Delay:
    """The message takes so much longer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The message arrives once more, that much later."""

    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """The message waits in the network until the rule is removed, and then meets those that are in force."""


@dataclass(frozen=True, slots=True)
class Corrupt:
    """The message arrives with a wrong checksum, so the receiver's interface throws it away."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The message arrives with another body: damage that no checksum shows, or a liar's work."""

    body: Any
    by_sender: bool = False
    """Whether it is its sender who says so, so that the tag is of that."""


class Released(Message):
    """A message that was held and sets out anew: the rules are asked once more, with draws of their own for it."""

    __slots__ = ()


def link_of(message: Message) -> tuple[str, ...]:
    """What names the stream of a rule's draws for a message: its link.

    What is released has a stream beside that of its link, so that a hold never shifts the draws of what is sent later.
    """
    link = (message.source, message.target)
    return (*link, "release") if isinstance(message, Released) else link


Verdict = Drop | Delay | Duplicate | Hold | Corrupt | Rewrite
Rule = Callable[[Message], Verdict | None]
"""Sees every message as it is sent, and once more when it is released; ``None`` lets it pass."""


@dataclass(slots=True)
class Fate:
    """What all rules together say: the first drop or hold decides, delays add, each duplicate is one more copy."""

    dropped: Drop | None = None
    held_by: Rule | None = None
    delay_s: float = 0.0
    copies: tuple[float, ...] = ()
    corrupt: bool = False
    rewrite: Rewrite | None = None


def judge(rules: Iterable[Rule], message: Message) -> Fate | None:
    """Ask every rule, so that no rule's draws depend on another's verdict; ``None`` when nothing happens to it."""
    fate: Fate | None = None
    for rule in rules:
        verdict = rule(message)
        if verdict is None:
            continue
        if fate is None:
            fate = Fate()
        decided = fate.dropped is not None or fate.held_by is not None
        match verdict:
            case Drop() if not decided:
                fate.dropped = verdict
            case Hold() if not decided:
                fate.held_by = rule
            case Delay(seconds):
                fate.delay_s += seconds
            case Duplicate(delay_s):
                fate.copies += (delay_s,)
            case Corrupt():
                fate.corrupt = True
            case Rewrite() if fate.rewrite is None:
                fate.rewrite = verdict
    return fate
