"""Faults inside a node that goes on: a program killed, memory gone, the clock wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from simcluster.cluster import Cluster, ClusterSpec
from simcluster.engine import NUMBER, Finite, LimitedNode, Positive, ProgramName
from simcluster.faults.fault import Fields, Lift
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.faults.target import expand

if TYPE_CHECKING:
    from simcluster.faults.knobs import Knobs


class KillProgram(NodeFault):
    """One program that a node boots ends, as by ``kill -9``, and is started anew at ``end_s``; the node goes on.

    Overlapping kills count: it starts anew when the last of them ends, and not when the node restarts meanwhile.
    """

    kind: Literal["kill_program"] = "kill_program"
    program: ProgramName
    """The name that it was booted with, by default the function's own."""

    def check_programs(self, cluster: Cluster) -> None:
        """Raise ``ValueError`` unless each of the nodes boots the program."""
        for node in self.nodes(cluster):
            if self.program not in node.programs:
                rule = f"KillProgram program must be one that {node.name} boots, of {list(node.programs)}"
                raise ValueError(f"{rule}, got {self.program!r}")

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Kill the program."""
        nodes = self.nodes(cluster)
        for node in nodes:
            node.kill(self.program)

        def revive() -> None:
            for node in nodes:
                node.revive(self.program)

        return revive

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Any program of any node."""
        return knobs.program()


class ExhaustMemory(NodeFault):
    """Something else on a node takes memory until ``end_s``.

    What is allocated stays; whoever asks for more than is left gets ``OutOfMemory``.
    """

    kind: Literal["exhaust_memory"] = "exhaust_memory"
    node: LimitedNode
    """The node, or the rack, zone or pattern that means several; their memory must have a limit."""
    size_bytes: Positive | None = None
    """How much it takes (``None``: as much as the node has)."""

    def check(self, spec: ClusterSpec) -> None:
        """Raise ``ValueError`` for an unknown node and for one whose memory has no end."""
        super().check(spec)
        meant = frozenset(expand(self.targets, spec.machines))
        for node in spec.machines:
            if node.name in meant and node.memory_bytes is None:
                rule = "ExhaustMemory needs nodes with memory_bytes"
                raise ValueError(f"{rule}, got {node.name!r} with memory_bytes=None")

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Take the memory."""
        nodes = self.nodes(cluster)
        for node in nodes:
            node.memory.withhold(key, self.size_bytes or node.spec.memory_bytes or 0.0)

        def give_back() -> None:
            for node in nodes:
                node.memory.give_back(key)

        return give_back


class StepClock(NodeFault):
    """A node's clock jumps, and back at ``end_s``."""

    kind: Literal["step_clock"] = "step_clock"
    step_s: Finite
    """How far it jumps forward (back when negative); not 0."""

    @model_validator(mode="after")
    def _steps(self) -> StepClock:
        if not self.step_s:
            raise ValueError(f"step_s must not be 0, got {self.step_s}")
        return self

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let the clock jump."""
        nodes = self.nodes(cluster)
        for node in nodes:
            node.clock.step(self.step_s)

        def set_right() -> None:
            for node in nodes:
                node.clock.step(-self.step_s)

        return set_right

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Forth or back, by a thousandth of the run up to ten times as long."""
        return {
            "node": knobs.node(),
            "step_s": knobs.choice(-1, 1) * knobs.log_uniform(run_s / 1e3, 10 * run_s),
        }


class DriftClock(NodeFault):
    """A node's clock runs fast or slow until ``end_s``.

    Overlapping drifts multiply, as factors 1 + rate. The node's timers and timeouts run by the same oscillator, also
    those that are pending. What the clock has gained by then stays, until something sets it right. A rate has a bound
    because on a much faster clock a loop of timers would hardly let the time of the others pass.
    """

    kind: Literal["drift_clock"] = "drift_clock"
    rate: Annotated[float, Field(gt=-1, le=1000), NUMBER]
    """How many seconds it gains in a second (loses when negative); at most 1000."""

    def begin(self, cluster: Cluster, key: str) -> Lift:
        """Let the clock drift."""
        nodes = self.nodes(cluster)
        for node in nodes:
            node.clock.drift(key, self.rate)

        def keep_time() -> None:
            for node in nodes:
                node.clock.undrift(key)

        return keep_time

    @classmethod
    def draw(cls, knobs: Knobs, run_s: float) -> Fields | None:
        """Fast or slow by a millionth up to a half."""
        return {"node": knobs.node(), "rate": knobs.choice(-1, 1) * knobs.log_uniform(1e-6, 0.5)}
