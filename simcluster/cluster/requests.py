"""Requests under way: which reply each awaits, and until when."""

from __future__ import annotations

from collections.abc import Callable

from simcluster.cluster.failure import Failure, TimedOut
from simcluster.cluster.message import Message
from simcluster.engine import Environment, Event, ScheduledCall, fail, fire


class Requests:
    """A node's open requests by their id."""

    __slots__ = ("_env", "_open", "_when_up")

    def __init__(self, env: Environment, when_up: Callable[[Callable[[], None]], None]) -> None:
        self._env = env
        self._when_up = when_up
        self._open: dict[int | str, tuple[Event, ScheduledCall | None]] = {}

    def open(self, request_id: int | str, timeout_s: float | None, target: str, kind: str) -> Event:
        """The reply to ``request_id``. Without one within ``timeout_s`` the event fails with ``TimedOut``."""
        reply = Event(self._env)
        expiry = None
        if timeout_s is not None:
            expiry = self._env.call_later(timeout_s, self._expire, (request_id, reply, timeout_s, target, kind))
        self._open[request_id] = (reply, expiry)
        return reply

    def answer(self, message: Message) -> bool:
        """Hand a reply over; false when nobody waits for it any more."""
        pending = self._open.pop(message.reply_to, None)  # type: ignore[arg-type]
        if pending is None:
            return False
        reply, expiry = pending
        if expiry is not None:
            expiry.cancel()
        fire(reply, message)
        return True

    def refuse(self, request_id: int | str, failure: Failure) -> None:
        """Let a request fail now, if it is still open."""
        pending = self._open.pop(request_id, None)
        if pending is not None:
            reply, expiry = pending
            if expiry is not None:
                expiry.cancel()
            fail(reply, failure)

    def clear(self) -> None:
        """Forget all requests, as a crash does."""
        for _, expiry in self._open.values():
            if expiry is not None:
                expiry.cancel()
        self._open.clear()

    def _expire(self, request: tuple[int | str, Event, float, str, str]) -> None:
        request_id, reply, timeout_s, target, kind = request

        def give_up() -> None:
            pending = self._open.get(request_id)
            if pending is not None and pending[0] is reply:
                del self._open[request_id]
                fail(reply, TimedOut(f"no reply to {kind!r} from {target} within {timeout_s} s"))

        self._when_up(give_up)
