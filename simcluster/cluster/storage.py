"""A node's storage: what has been flushed survives a crash, what has only been written does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpy.events import Event

from simcluster.cluster.message import freeze
from simcluster.engine import Environment, Positive, Seconds, Spec, fail, fire


class StorageSpec(Spec):
    """A disk: seconds to reach a place, bytes per second from there, seconds to make written data durable."""

    seek_s: Seconds = 0.0
    bandwidth_bytes_per_s: Positive = 5e8
    flush_s: Seconds = 0.001


class Storage:
    """A disk with a volatile write cache that serves one operation after the other.

    Every operation is an event. What a ``write`` stored can be read when the write is done, but it survives a
    crash only when a ``flush`` that was asked for later has completed. The disk works on while its node is
    paused; the program hears of it when the node resumes.
    """

    def __init__(self, env: Environment, spec: StorageSpec, when_up: Callable[[Callable[[], None]], None]) -> None:
        self._env = env
        self._spec = spec
        self._when_up = when_up
        self._free_s = 0.0
        self._crashes = 0
        self._submitted: dict[str, float] = {}  # bytes under each key once all that is queued is done
        self._cache: dict[str, tuple[Any, float]] = {}
        self._durable: dict[str, tuple[Any, float]] = {}

    def __contains__(self, key: str) -> bool:
        """Whether something can be read under ``key`` now."""
        return key in self._cache or key in self._durable

    def keys(self) -> tuple[str, ...]:
        """The keys that can be read now, those that are durable first."""
        return tuple({**self._durable, **self._cache})

    def write(self, key: str, value: Any, size_bytes: float | None = None) -> Event:
        """Write ``value`` under ``key``; arrays in it become read-only.

        ``size_bytes`` defaults to the size of the value. Raises ``TypeError`` when the value is not plain data.
        """
        value, own_bytes = freeze(value)
        size_bytes = own_bytes if size_bytes is None else size_bytes
        if size_bytes < 0:
            raise ValueError(f"size_bytes must be at least 0, got {size_bytes}")
        self._submitted[key] = size_bytes

        def store(done: Event) -> Callable[[], None]:
            self._cache[key] = (value, size_bytes)
            return lambda: fire(done)

        return self._serve(self._transfer_s(size_bytes), store)

    def flush(self) -> Event:
        """Make all that was written before durable."""

        def settle(done: Event) -> Callable[[], None]:
            self._durable.update(self._cache)
            self._cache.clear()
            return lambda: fire(done)

        return self._serve(self._spec.flush_s, settle)

    def read(self, key: str) -> Event:
        """The value last written under ``key``; the event fails with ``KeyError`` when there is none."""

        def look(done: Event) -> Callable[[], None]:
            stored = self._cache.get(key) or self._durable.get(key)
            if stored is None:
                return lambda: fail(done, KeyError(key))
            return lambda: fire(done, stored[0])

        return self._serve(self._transfer_s(self._submitted.get(key, 0.0)), look)

    def crash(self) -> None:
        """Lose what was not flushed, and every operation under way."""
        self._crashes += 1
        self._free_s = 0.0
        self._cache.clear()
        self._submitted = {key: size_bytes for key, (_, size_bytes) in self._durable.items()}

    def _transfer_s(self, size_bytes: float) -> float:
        return self._spec.seek_s + size_bytes / self._spec.bandwidth_bytes_per_s

    def _serve(self, seconds: float, carry_out: Callable[[Event], Callable[[], None]]) -> Event:
        """Queue an operation that takes ``seconds``: ``carry_out`` changes the disk and says how to tell of it."""
        done = Event(self._env)
        self._free_s = max(self._free_s, self._env.now) + seconds

        def complete(crashes: int) -> None:
            if crashes == self._crashes:
                self._when_up(carry_out(done))

        self._env.call_later(self._free_s - self._env.now, complete, self._crashes)
        return done
