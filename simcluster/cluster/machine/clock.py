"""A node's clock: what the node believes the time to be, and how fast its oscillator runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, NamedTuple

from pydantic import Field

from simcluster.engine import NUMBER, Environment, Finite, Positive, Seconds, Spec

SLOWEST, FASTEST = 1e-9, 1e9
"""The bounds of an oscillator's rate, in seconds per second, whatever drifts are put together."""


class ClockSpec(Spec):
    """How a clock errs: c(t) = offset + (1 + drift)·(t + A·sin(2πt/P)), on a node that is there from the beginning.

    A clock does not run backwards, so ``drift`` must be above −1, and no node takes a wander with 2πA of P or more.
    """

    offset_s: Finite = 0.0
    """How far it is ahead when its node comes to be (behind when negative)."""
    drift: Annotated[float, Field(gt=-1, le=1000), NUMBER] = 0.0
    """The relative error of its rate, at most 1000; 1e-5 is 10 ppm, a common quartz."""
    wander_s: Seconds = 0.0
    """A, the amplitude of a slow wander, for instance with the day's temperature."""
    wander_period_s: Positive = 86400.0
    """P, the period of the wander."""

    def require_forward(self) -> None:
        """Raise ``ValueError`` for a wander that would turn the clock back."""
        if not 2 * math.pi * self.wander_s < self.wander_period_s:
            rule = f"wander_s must be less than wander_period_s / 2π ({self.wander_period_s / 2 / math.pi}), so that"
            raise ValueError(f"{rule} the clock never runs backwards, got {self.wander_s}")

    @property
    def is_true(self) -> bool:
        """Whether the oscillator runs exactly as time does."""
        return self.drift == 0.0 and self.wander_s == 0.0


class Stretch(NamedTuple):
    """A time in which the rate is the same: it begins at a true time, with a reading of the oscillator."""

    begin_s: float
    reading_s: float
    rate: float


class Clock:
    """One node's clock, right at ``since_s`` but for its offset.

    It counts what its oscillator does, ``monotonic``, and adds its offset and the steps that were made: ``now``.
    Timers, timeouts and leases of the node run by the oscillator, so drifts act on them and steps do not. Drifts
    multiply, as factors 1 + rate within SLOWEST and FASTEST: no clock ever runs backwards or stands still.
    ``changed`` is called after each change of the rate.
    """

    def __init__(
        self, env: Environment, spec: ClockSpec, since_s: float, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._env = env
        self._spec = spec
        self._error_s = spec.offset_s
        self._drifts: dict[object, float] = {}
        self._changed = changed
        self._stretches = [Stretch(since_s, since_s, self._rate())]

    @property
    def at_baseline(self) -> bool:
        """Whether the clock drifts as specified; an error that has been gathered stays."""
        return not self._drifts

    @property
    def is_true(self) -> bool:
        """Whether the oscillator runs exactly as time does, now."""
        return self._stretches[-1].rate == 1.0 and self._spec.wander_s == 0.0

    def now(self) -> float:
        """The time in seconds as this node sees it."""
        return self.monotonic() + self._error_s

    def monotonic(self) -> float:
        """The seconds that the oscillator has counted, on from the true time at which the node came to be."""
        return self._reading_s(self._env.now, self._stretches[-1])

    def step(self, seconds: float) -> None:
        """Set the clock forward by ``seconds`` (back when negative), as a wrong time server does."""
        if not math.isfinite(seconds):
            raise ValueError(f"seconds must be a finite number, got {seconds}")
        self._error_s += seconds

    def drift(self, key: object, rate: float) -> None:
        """Run ``rate`` faster, relative to what it ran, until ``undrift(key)``; several multiply as 1 + rate."""
        if not -1 < rate < math.inf:
            raise ValueError(f"rate must be a finite number above -1, got {rate}")
        self._drifts[key] = rate
        self._turn()

    def undrift(self, key: object) -> None:
        """Take one drift back; the error that it made stays."""
        del self._drifts[key]
        self._turn()

    def due_s(self, delay_s: float) -> float:
        """The true time at which the oscillator will have counted ``delay_s`` more, if its rate stays."""
        return self._when_s(self.monotonic() + delay_s)

    def renewed_s(self, due_s: float, stretch: int) -> float:
        """The true time now for what was due at ``due_s`` by the rate of an earlier stretch, by its number."""
        return self._when_s(self._reading_s(due_s, self._stretches[stretch]))

    def _rate(self) -> float:
        logs = [math.log1p(self._spec.drift), *(math.log1p(rate) for rate in self._drifts.values())]
        if len(logs) == 1:
            return 1 + self._spec.drift
        # By their logarithms, summed exactly: neither order nor overflow shows.
        return math.exp(min(max(math.fsum(logs), math.log(SLOWEST)), math.log(FASTEST)))

    def _turn(self) -> None:
        """From now on the rate is another."""
        now_s = self._env.now
        self._stretches.append(Stretch(now_s, self._reading_s(now_s, self._stretches[-1]), self._rate()))
        self._changed()

    def _wander_s(self, true_s: float) -> float:
        spec = self._spec
        return spec.wander_s * math.sin(2 * math.pi * true_s / spec.wander_period_s) if spec.wander_s else 0.0

    def _reading_s(self, true_s: float, stretch: Stretch) -> float:
        passed_s = true_s - stretch.begin_s + (self._wander_s(true_s) - self._wander_s(stretch.begin_s))
        return stretch.reading_s + stretch.rate * passed_s

    def _when_s(self, reading_s: float) -> float:
        """The true time at which the oscillator reads so, by the present rate."""
        last = self._stretches[-1]
        true_s = last.begin_s + (reading_s - last.reading_s) / last.rate
        if not self._spec.wander_s:
            return true_s
        low_s, high_s = true_s - 2 * self._spec.wander_s, true_s + 2 * self._spec.wander_s
        while low_s < (middle_s := (low_s + high_s) / 2) < high_s:
            if self._reading_s(middle_s, last) < reading_s:
                low_s = middle_s
            else:
                high_s = middle_s
        return high_s
