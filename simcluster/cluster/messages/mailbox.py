"""A node's mailbox: messages that have arrived and programs that await some."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import count

from simpy.events import PENDING, Condition

from simcluster.cluster.messages.message import Message
from simcluster.cluster.waiting import Waiters
from simcluster.engine import Environment, Event, awaited, fail, fire

Listener = Callable[[Message], object]
"""What is called with each message of a kind."""


class Receive(Event):
    """The arrival of a message of one of ``kinds`` (of any kind when none is named); its value is the message."""

    def __init__(
        self, mailbox: Mailbox, kinds: tuple[str, ...], functions: Mapping[str, Listener] | None = None
    ) -> None:
        super().__init__(mailbox.env)
        self._mailbox = mailbox
        self.kinds = kinds
        self._functions = functions  # by kind, for one that listens
        self._program = mailbox.env.active_process  # as which they run
        self.since_s = mailbox.env.now  # when somebody began to wait, of several the last
        self.callbacks = Waiters(self)

    def begin(self) -> None:
        """Somebody begins to wait."""
        self.since_s = self.env.now
        self._mailbox.begin(self)

    def cease(self) -> None:
        """Nobody waits any more."""
        self._mailbox.cease(self)

    def hand(self, message: Message) -> None:
        """Give it a message, when it waits no more; one that listens waits again, if somebody awaits it."""
        if self._functions is None:
            fire(self, message)
            return
        env = self.env
        active = env.active_process
        env._active_proc = self._program
        try:
            self._functions[message.kind](message)
        except Exception as error:
            env._active_proc = active
            fail(self, error)
        finally:
            env._active_proc = active
        if awaited(self):
            self.begin()


class Mailbox:
    """Messages in order of arrival, handed to awaited receives in the order in which those began to wait.

    A message is handed over in the instant in which somebody is seen to wait for it, never before. So a receive
    that lost its race, whose program was interrupted, or that was made and forgotten takes nothing.
    """

    def __init__(self, env: Environment, when_up: Callable[[Callable[[], None]], None]) -> None:
        self.env = env
        # By kind, in order of arrival: a receive finds its message at once, however many others wait.
        self._waiting: dict[str, deque[tuple[int, Message]]] = {}
        self._serial = count()
        self._when_up = when_up
        self._receives: dict[Receive, None] = {}  # an ordered set of those that have somebody waiting
        self._offer_due = False

    @property
    def length(self) -> int:
        """How many messages wait."""
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def _messages(self) -> list[Message]:
        return [message for _, message in sorted(one for queue in self._waiting.values() for one in queue)]

    def put(self, message: Message) -> None:
        """A message arrives."""
        if not self._waiting and len(self._receives) == 1:  # the common case, without the queue
            (receive,) = self._receives
            if (not receive.kinds or message.kind in receive.kinds) and awaited(receive):
                self._receives.clear()
                receive.hand(message)
                return
        self._waiting.setdefault(message.kind, deque()).append((next(self._serial), message))
        if self._receives:
            self._offer()

    def clear(self) -> None:
        """Forget all messages and all receives."""
        self._waiting.clear()
        self._receives.clear()
        self._offer_due = False

    def begin(self, receive: Receive) -> None:
        """Somebody begins to wait for ``receive``."""
        if receive.callbacks is not None:
            self._receives[receive] = None
        if self._waiting and not self._offer_due:
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
            queue = self._first_for(receive.kinds)
            if queue is None:
                continue
            if not awaited(receive):
                self._watch(receive)
                continue
            message = self._take_out(queue)
            del self._receives[receive]
            receive.hand(message)

    def _first_for(self, kinds: tuple[str, ...]) -> deque[tuple[int, Message]] | None:
        """The queue whose first message is the first of these kinds, or ``None``."""
        queues = [self._waiting[kind] for kind in kinds if kind in self._waiting] if kinds else self._waiting.values()
        return min(queues, key=lambda queue: queue[0][0], default=None)

    def _take_out(self, queue: deque[tuple[int, Message]]) -> Message:
        _, message = queue.popleft()
        if not queue:
            del self._waiting[message.kind]
        return message

    def _watch(self, receive: Receive) -> None:
        """Offer again as soon as one of the conditions over ``receive``, which nobody awaits yet, is awaited."""
        for callback in receive.callbacks:
            condition = getattr(callback, "__self__", None)
            if isinstance(condition, Condition) and condition._value is PENDING:
                callbacks = condition.callbacks
                if callbacks is not None and type(callbacks) is list:
                    condition.callbacks = Waiters(receive)
                    condition.callbacks.extend(callbacks)
