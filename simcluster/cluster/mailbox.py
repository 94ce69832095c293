"""A node's mailbox: messages that have arrived and programs that await some."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from simpy.events import PENDING, Condition, Event

from simcluster.cluster.message import Message
from simcluster.cluster.waiting import Waiters
from simcluster.engine import Environment, awaited, fire


class Receive(Event):
    """The arrival of a message of one of ``kinds`` (of any kind when none is named); its value is the message."""

    def __init__(self, mailbox: Mailbox, kinds: tuple[str, ...]) -> None:
        super().__init__(mailbox.env)
        self.kinds = kinds
        self.callbacks = Waiters(lambda: mailbox.begin(self), lambda: mailbox.cease(self))

    def accepts(self, message: Message) -> bool:
        """Whether this is a message that the receive is for."""
        return not self.kinds or message.kind in self.kinds


class Mailbox:
    """Messages in order of arrival, handed to awaited receives in the order in which those began to wait.

    A message is handed over in the instant in which somebody is seen to wait for it, never before. So a receive
    that lost its race, whose program was interrupted, or that was made and forgotten takes nothing.
    """

    def __init__(self, env: Environment, when_up: Callable[[Callable[[], None]], None]) -> None:
        self.env = env
        self._when_up = when_up
        self.messages: deque[Message] = deque()
        self._receives: dict[Receive, None] = {}  # an ordered set of those that have somebody waiting
        self._offer_due = False

    def put(self, message: Message) -> None:
        """A message arrives."""
        self.messages.append(message)
        if self._receives:
            self._offer()

    def clear(self) -> None:
        """Forget all messages and all receives."""
        self.messages.clear()
        self._receives.clear()
        self._offer_due = False

    def begin(self, receive: Receive) -> None:
        """Somebody begins to wait for ``receive``."""
        if receive.callbacks is not None:
            self._receives[receive] = None
        if self.messages and not self._offer_due:
            self._offer_due = True
            self.env.call_later(0.0, self._when_up, self._offer_now)

    def cease(self, receive: Receive) -> None:
        """Nobody waits for ``receive`` any more."""
        self._receives.pop(receive, None)

    def _offer_now(self) -> None:
        self._offer_due = False
        self._offer()

    def _offer(self) -> None:
        for receive in tuple(self._receives):
            if receive not in self._receives:
                continue  # an earlier hand-over ended this wait
            place = next((i for i, message in enumerate(self.messages) if receive.accepts(message)), None)
            if place is None:
                continue
            if not awaited(receive):
                self._watch(receive)
                continue
            message = self.messages[place]
            del self.messages[place]
            del self._receives[receive]
            fire(receive, message)

    def _watch(self, receive: Receive) -> None:
        """Offer again as soon as one of the conditions over ``receive``, which nobody awaits yet, is awaited."""
        for callback in receive.callbacks:
            condition = getattr(callback, "__self__", None)
            if isinstance(condition, Condition) and condition._value is PENDING:
                callbacks = condition.callbacks
                if callbacks is not None and type(callbacks) is list:
                    condition.callbacks = Waiters(lambda: self.begin(receive), lambda: None)
                    condition.callbacks.extend(callbacks)
