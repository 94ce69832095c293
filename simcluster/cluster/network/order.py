"""Delivery order: first in, first out on each link, as a reliable stream has it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from simcluster.cluster.messages.message import Message


class FifoOrder:
    """Lets a message through when all earlier ones from its source to its target have arrived or are lost.

    Copies of a message count like messages, each with its own place in the order.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], deque[int]] = {}
        self._arrived: dict[int, list[Message]] = {}  # the copies that wait for earlier messages

    def sent(self, message: Message) -> None:
        """A message begins its way."""
        self._waiting.setdefault((message.source, message.target), deque()).append(message.id)

    def copied(self, message: Message) -> None:
        """A copy of a message begins its way, right behind it."""
        queue = self._waiting.setdefault((message.source, message.target), deque())
        behind = next((back for back, ident in enumerate(reversed(queue)) if ident == message.id), 0)
        queue.insert(len(queue) - behind, message.id)

    @property
    def waiting(self) -> Counter[int]:
        """How many copies of each message have arrived and wait for earlier ones."""
        return Counter({ident: len(copies) for ident, copies in self._arrived.items()})

    def arrived(self, message: Message) -> list[Message]:
        """The messages that may be delivered now that this one has arrived, in order."""
        queue = self._waiting.get((message.source, message.target))
        if queue is None or message.id not in queue:
            return [message]  # a copy of one that was delivered before
        self._arrived.setdefault(message.id, []).append(message)
        return self._ready(queue)

    def lost(self, message: Message) -> list[Message]:
        """The messages that may be delivered now that this one never will be, in order."""
        queue = self._waiting.get((message.source, message.target))
        if queue is None or message.id not in queue:
            return []
        queue.remove(message.id)
        return self._ready(queue)

    def recall(self, matches: Callable[[Message], bool]) -> list[Message]:
        """Take back the copies that ``matches`` and that wait for earlier ones; they keep their places."""
        recalled = []
        for ident in list(self._arrived):
            if matches(self._arrived[ident][0]):
                recalled += self._arrived.pop(ident)
        return recalled

    def _ready(self, queue: deque[int]) -> list[Message]:
        ready = []
        while queue and queue[0] in self._arrived:
            ident = queue.popleft()
            copies = self._arrived[ident]
            ready.append(copies.pop())
            if not copies:
                del self._arrived[ident]
        return ready
