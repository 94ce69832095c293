"""Nodes by how little they have to do."""

from __future__ import annotations

from typing import Literal

from simcluster.engine import Spec
from simcluster.scheduling.policies.places.ranked import Ranked
from simcluster.scheduling.protocols import Choice, Setting


class LongestIdle(Spec):
    """The node with room that has idled longest."""

    kind: Literal["longest_idle"] = "longest_idle"

    def begin(self, setting: Setting) -> Choice:
        """A choice that knows no node yet."""
        return Ranked(setting.nodes, lambda view: view.idle_since_s)


class LeastBacklog(Spec):
    """The node with the smallest backlog, whether or not it has room.

    Tasks are bound early: a node gets its next ones while it computes, so that their inputs arrive meanwhile, on an
    estimate of how long it will take.
    """

    kind: Literal["least_backlog"] = "least_backlog"

    def begin(self, setting: Setting) -> Choice:
        """A choice that knows no node yet."""
        return Ranked(setting.nodes, lambda view: view.backlog_s, early=True)
