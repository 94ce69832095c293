"""Registers that copies may write apart: the last writer wins, or all values are kept that nobody has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from simcluster.cluster import Node
from simcluster.engine import Spec
from simcluster.replication.clocks import CLOCKS, ClockKind
from simcluster.replication.protocols import Operation
from simcluster.replication.types.observed import Observed, add, merge, present, remove


class LwwRegister(Spec):
    """A register whose last writer wins, by the stamp that the client has given (Shapiro et al. 2011, section 3.2.1).

    Its state is the stamp (a time, and the operation's number where times are equal) and the value.
    """

    kind: Literal["lww_register"] = "lww_register"
    clock: ClockKind = "hybrid"
    """Which clock of the client gives the time: Lamport's, which counts on from what it has read under the key, the
    hybrid logical clock, or its machine's, with which a write may be lost to one before it."""

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "write")

    @property
    def empty(self) -> tuple[Any, Any]:
        """No stamp, which is before all others."""
        return (), None

    @property
    def reads_first(self) -> bool:
        """Lamport's clock begins with what it has read."""
        return self.clock == "lamport"

    def prepare(self, operation: Operation, seen: Any, memory: dict[str, Any], node: Node) -> Any:
        """The state that shall be."""
        clock = memory.setdefault("clock", CLOCKS[self.clock](node))
        if seen[0]:
            clock.see(seen[0][0])
        return (clock.tick(), operation.number), operation.value

    def update(self, state: Any, f: str, body: Any) -> Any:
        """The later of both."""
        return self.merge(state, body)

    def merge(self, one: Any, other: Any) -> Any:
        """The later of both."""
        return other if other[0] > one[0] else one

    def value(self, state: Any) -> Any:
        """The value, ``None`` before the first write."""
        return state[1]

    def operations_in(self, state: Any) -> Sequence[int]:
        """The last write."""
        return (state[0][1],) if state[0] else ()


class MvRegister(Spec):
    """A register that keeps all values written apart: a write replaces those that its copy holds, and no others.

    A read gives a list of the values, one where nothing was written concurrently (Shapiro et al. 2011, section 3.2.2;
    here a set of writes from which a write removes those it has observed).
    """

    kind: Literal["mv_register"] = "mv_register"

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "write")

    @property
    def empty(self) -> Observed:
        """Nothing written."""
        return (), ()

    @property
    def reads_first(self) -> bool:
        """The copy knows what a write replaces."""
        return False

    def prepare(self, operation: Operation, seen: Any, memory: dict[str, Any], node: Node) -> Any:
        """Which write, and what."""
        return operation.number, operation.value

    def update(self, state: Any, f: str, body: Any) -> Any:
        """The write in the place of all that are here."""
        number, value = body
        known = [tag for tag, _ in state[0]]
        return state if number in known else add(remove(state, [tag for tag, _ in present(state)]), number, value)

    def merge(self, one: Any, other: Any) -> Any:
        """All writes, without those that either has replaced."""
        return merge(one, other)

    def value(self, state: Any) -> Any:
        """The values, in the order of their operations."""
        return tuple(value for _, value in present(state))

    def operations_in(self, state: Any) -> Sequence[int]:
        """All writes."""
        return tuple(tag for tag, _ in state[0])
