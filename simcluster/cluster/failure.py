"""Why an activity failed: typed causes that are raised into the program that awaits it."""

from __future__ import annotations

from typing import ClassVar


class Failure(Exception):
    """An activity failed. ``cause`` says why, in the word that the trace uses.

    ``definite`` says what the program may conclude: a definite failure did not happen, an indefinite one may have.
    """

    cause: ClassVar[str] = "failed"
    definite: ClassVar[bool] = True


class NodeDown(Failure):
    """The node that should have done it is down."""

    cause = "node_down"


class LinkDown(Failure):
    """A link on the only route is down."""

    cause = "link_down"


class Partitioned(Failure):
    """The network is partitioned between the two nodes."""

    cause = "partition"


class TimedOut(Failure):
    """No reply came in time. This is indefinite: the request may have been carried out, or not."""

    cause = "timed_out"
    definite = False


class OutOfMemory(Failure):
    """The node has less memory than was asked for."""

    cause = "out_of_memory"


class DiskFull(Failure):
    """The disk has less room than was asked for."""

    cause = "disk_full"


class DiskLost(Failure):
    """The disk broke, with all that was on it."""

    cause = "disk_lost"


class Killed(Failure):
    """The program was killed; its node goes on."""

    cause = "killed"


class Overloaded(Failure):
    """The queue is full, so the work was turned away."""

    cause = "overloaded"


class Corrupted(Failure):
    """What was read is not what was written: its checksum is wrong."""

    cause = "corrupted"


UNANSWERED = (TimedOut, NodeDown, LinkDown, Partitioned, Overloaded)
"""How a request may fail. All but the first are definite: who asks again at once may ask for ever at one moment."""
