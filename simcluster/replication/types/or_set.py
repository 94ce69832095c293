"""The observed-remove set: an element is in it as long as an addition is that no remover has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from simcluster.cluster import Node
from simcluster.engine import Spec
from simcluster.replication.protocols import Operation
from simcluster.replication.types.observed import Observed, add, merge, present, remove


class OrSet(Spec):
    """A set whose every addition has a tag, the operation's number; a removal takes the tags that its copy holds.

    So of an addition and a concurrent removal the addition stays (Shapiro et al. 2011, section 3.3.5). Tombstones are
    kept for ever.
    """

    kind: Literal["or_set"] = "or_set"

    @property
    def operations(self) -> Sequence[str]:
        """What may be asked."""
        return ("read", "add", "remove")

    @property
    def empty(self) -> Observed:
        """The empty set."""
        return (), ()

    @property
    def reads_first(self) -> bool:
        """The copy knows what a removal removes."""
        return False

    def prepare(self, operation: Operation, seen: Any, memory: dict[str, Any], node: Node) -> Any:
        """The tag, and the element."""
        return operation.number, operation.value

    def update(self, state: Any, f: str, body: Any) -> Any:
        """With one addition more, or without those of an element that are here."""
        number, element = body
        if f == "add":
            return add(state, number, element)
        return remove(state, [tag for tag, thing in present(state) if thing == element])

    def merge(self, one: Any, other: Any) -> Any:
        """All additions and all removals."""
        return merge(one, other)

    def value(self, state: Any) -> Any:
        """The elements, each once, in the order of their first addition."""
        return tuple(dict.fromkeys(element for _, element in present(state)))

    def operations_in(self, state: Any) -> Sequence[int]:
        """All additions; whose removals they were cannot be told."""
        return tuple(tag for tag, _ in state[0])
