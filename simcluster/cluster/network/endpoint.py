"""What of a node its messages pass through, in plain Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from simcluster.cluster.machine.timer import Timer, check_seconds
from simcluster.cluster.messages.mailbox import Listener, Mailbox, Receive
from simcluster.cluster.messages.message import Message, whole
from simcluster.engine import Environment, Event, ScheduledCall, fire

if TYPE_CHECKING:
    from simcluster.cluster.network.transport import Transport


class Attempt(NamedTuple):
    """One open request: the message that asks, the reply that is awaited, and when to give up."""

    message_id: int
    reply: Event
    expiry: ScheduledCall | None


class Reply(Event):
    """The reply to a request, whose ``message`` it holds; its value is the message that answers."""

    def __init__(self, env: Environment, message: Message) -> None:
        super().__init__(env)
        self.message = message


class Endpoint:
    """The part of a node that sends, receives, requests, replies and waits: ``Node`` adds the rest.

    ``crashes`` counts how often the machine has lost its memory; ``runs`` is whether its state is "up".
    It asks ``_require_up`` of its subclass on a node that is down, ``_expire`` when a request is not replied to in
    time, and ``_late`` for a reply that nobody awaits any more.
    """

    def __init__(self, env: Environment, name: str, transport: Transport, inbox_messages: int | None) -> None:
        self.env = env
        self.name = name
        self.crashes = 0
        self.runs = True  # neither down nor paused
        self.true_clock = True  # whether the oscillator runs as time does
        self.stretch = 0  # how often its rate has changed
        self._transport = transport
        self._inbox_messages = inbox_messages
        self._down = 0
        self._pauses = 0
        self._held: deque[Callable[[], object]] = deque()
        self._held_messages = 0  # how many of them bring a message for the inbox
        self._mailbox = Mailbox(env, self.when_up)
        self._open_requests: dict[int | str, list[Attempt]] = {}

    @property
    def state(self) -> Literal["up", "paused", "down"]:
        """What the node is now."""
        return "down" if self._down else "paused" if self._pauses else "up"

    @property
    def inbox_length(self) -> int:
        """Messages that have arrived and that no program has taken."""
        return self._mailbox.length

    @property
    def inbox_is_full(self) -> bool:
        """Whether the inbox has no room for one more message."""
        taken = self._mailbox.length + self._held_messages
        return self._inbox_messages is not None and taken >= self._inbox_messages

    # What programs use

    def timer(self, delay_s: float) -> Event:
        """An event ``delay_s`` from now by the node's own oscillator, see ``Clock``.

        One that expires during a pause happens when the node resumes.
        """
        if self._down:
            self._require_up("timer")
        check_seconds("delay_s", delay_s)
        return Timer(self, delay_s)

    def receive(self, *kinds: str) -> Event:
        """The next message of one of ``kinds`` (of any kind when none is named), for as long as it is awaited."""
        if self._down:
            self._require_up("receive")
        return Receive(self._mailbox, kinds)

    def listen(self, functions: Mapping[str, Listener]) -> Event:
        """What calls ``functions[kind](message)`` for each message of these kinds, for as long as it is awaited.

        It never happens, but fails with what a function raises. The functions run as the program that asks for it.
        """
        if self._down:
            self._require_up("listen")
        if not functions:
            raise ValueError(f"functions must be those of at least one kind, got {functions}")
        return Receive(self._mailbox, tuple(functions), dict(functions))

    def send(self, target: str, kind: str, body: Any = None, size_bytes: float | None = None) -> Message:
        """Send a message and go on at once; what ``body`` is now is what arrives (see ``freeze``).

        ``size_bytes`` defaults to the size of the body and a header. Raises ``ValueError`` for an unknown target.
        """
        return self._send(target, kind, body, size_bytes, None, None)

    def request(
        self,
        target: str,
        kind: str,
        body: Any = None,
        size_bytes: float | None = None,
        timeout_s: float | None = None,
        request_id: int | str | None = None,
    ) -> Reply:
        """The reply to a message. Without one within ``timeout_s`` the event fails with ``TimedOut``.

        The event's ``message`` is the one that asks. A retry passes the ``request_id`` of its first attempt, so that
        the receiver can tell that it is one. Several attempts may be open at once: each has its own timeout, and the
        first reply answers all of them.
        """
        if timeout_s is not None:
            check_seconds("timeout_s", timeout_s)
        if request_id is None:
            request_id = self._transport.new_id()
        reply = Reply(self.env, self._send(target, kind, body, size_bytes, request_id, None))
        ident = reply.message.id
        expiry = None
        if timeout_s is not None:
            delay_s = timeout_s if self.true_clock else self.clock.due_s(timeout_s) - self.env.now
            expiry = self.env.call_later(delay_s, self._expire, (request_id, ident, timeout_s, target, kind))
        self._open_requests.setdefault(request_id, []).append(Attempt(ident, reply, expiry))
        return reply

    def reply(self, message: Message, body: Any = None, size_bytes: float | None = None) -> Message:
        """Answer a request. Raises ``ValueError`` when ``message`` is none."""
        if message.request_id is None:
            raise ValueError(f"only a request can be replied to, got a {message.kind!r} message without request_id")
        return self._send(message.source, message.kind + "-reply", body, size_bytes, None, message.request_id)

    # How it works

    def when_up(self, function: Callable[[], object]) -> None:
        """Call ``function`` now, after the pause, or, on a node that is down, never."""
        if self._down:
            return
        if self._pauses:
            self._held.append(function)
        else:
            function()

    def deliver(self, message: Message) -> None:
        """Take a message from the network, which has made sure that the node is not down."""
        whole(message)
        if self._pauses and message.reply_to is None:
            self._held_messages += 1
            self._held.append(partial(self._take_held, message))
        elif self._pauses:
            self._held.append(partial(self.deliver, message))
        elif message.reply_to is None:
            self._mailbox.put(message)
        else:
            attempts = self._open_requests.pop(message.reply_to, None)
            if attempts is None:
                self._late(message)
                return
            for attempt in attempts:
                if attempt.expiry is not None:
                    attempt.expiry.cancel()
            for attempt in attempts:
                fire(attempt.reply, message)

    def _take_held(self, message: Message) -> None:
        """Take a message that came during the pause."""
        self._held_messages -= 1
        self.deliver(message)

    def _withdraw(self, request_id: int | str, message_id: int) -> Event | None:
        """The reply that was awaited by this attempt, and no longer is, or ``None`` when it is not open."""
        attempts = self._open_requests.get(request_id, [])
        for attempt in attempts:
            if attempt.message_id == message_id:
                attempts.remove(attempt)
                if not attempts:
                    del self._open_requests[request_id]
                if attempt.expiry is not None:
                    attempt.expiry.cancel()
                return attempt.reply
        return None

    def _close_all(self) -> None:
        """Forget all requests, as a crash does."""
        for attempts in self._open_requests.values():
            for attempt in attempts:
                if attempt.expiry is not None:
                    attempt.expiry.cancel()
        self._open_requests.clear()

    def _send(
        self,
        target: str,
        kind: str,
        body: Any,
        size_bytes: float | None,
        request_id: int | str | None,
        reply_to: int | str | None,
    ) -> Message:
        if self._down:
            self._require_up("send")
        transport = self._transport
        message = transport.write(self.name, target, kind, body, size_bytes, request_id, reply_to)
        if self._pauses:
            self._held.append(partial(transport.send, message))
        else:
            transport.send(message)
        return message

    def _retime(self) -> None:
        """The oscillator runs at another rate: what waits for it comes at another time."""
        before, self.stretch = self.stretch, self.stretch + 1
        self.true_clock = self.clock.is_true
        env = self.env
        for due_s, _, _, call in sorted(env._queue, key=itemgetter(0, 1, 2)):
            if not isinstance(call, ScheduledCall) or not call.pending:
                continue
            timer = getattr(call.function, "__self__", None)
            if isinstance(timer, Timer) and timer._node is self:
                timer.cease()
                timer.begin()
            elif call.function == self._expire:
                delay_s = max(0.0, self.clock.renewed_s(due_s, before) - env.now)
                self._replace(call, env.call_later(delay_s, self._expire, call.argument))
                call.cancel()

    def _replace(self, before: ScheduledCall, after: ScheduledCall) -> None:
        request_id, message_id, *_ = before.argument
        attempts = self._open_requests[request_id]
        for place, attempt in enumerate(attempts):
            if attempt.message_id == message_id:
                attempts[place] = attempt._replace(expiry=after)

    # What Node says

    clock: Any

    def _require_up(self, what: str) -> None:
        raise NotImplementedError

    def _expire(self, request: tuple[int | str, int, float, str, str]) -> None:
        raise NotImplementedError

    def _late(self, message: Message) -> None:
        raise NotImplementedError
