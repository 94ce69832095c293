"""Retry budgets: how many copies there may be beside the first, whatever fails."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Literal

from pydantic import Field

from simcluster.engine import NUMBER, NotNegative, Open, Period, Spec
from simcluster.serving.resilience.protocols import Budget, Purse

Tokens = Annotated[int, Field(ge=0, le=10**9), NUMBER]
Share = Annotated[float, Field(ge=0, le=1000), NUMBER]


class TokenBucket(Spec):
    """Each call puts ``share`` of a token into a bucket, each copy beside the first takes one.

    So of n calls come at most ``reserve`` + share · n copies more: with the default a tenth, as in Google's SRE book
    ("Handling overload", 2016). Source: Twitter's Finagle, RetryBudget.
    """

    kind: Literal["token_bucket"] = "token_bucket"
    share: Share = 0.1
    """Copies beside the first for each call, in the mean."""
    reserve: Tokens = 0
    """Tokens at the beginning."""
    most: Tokens = 100
    """How many tokens are kept: what was saved in good times is soon spent in bad ones."""

    def begin(self) -> Purse:
        """A bucket with its reserve."""
        return _Bucket(self)


class _Bucket:
    def __init__(self, spec: TokenBucket) -> None:
        self._spec = spec
        self._tokens = float(min(spec.reserve, spec.most))

    def earn(self, now_s: float) -> None:
        """A call begins."""
        self._tokens = min(float(self._spec.most), self._tokens + self._spec.share)

    def spend(self, now_s: float) -> bool:
        """A token for one more copy, if there is one."""
        if self._tokens < 1 - 1e-9:  # ten times a tenth is one
            return False
        self._tokens = max(0.0, self._tokens - 1)
        return True


class WindowedBudget(Spec):
    """At most ``share`` of the calls of the last ``window_s``, and ``least_per_s`` in any case, are sent once more.

    What was saved expires, so a long calm pays for no storm (Finagle's RetryBudget, whose defaults these are).
    """

    kind: Literal["windowed"] = "windowed"
    share: Share = 0.2
    """Copies beside the first for each call."""
    least_per_s: NotNegative = 10.0
    """How many may be sent in a second when there are few calls."""
    window_s: Period = 10.0
    """For how long a call counts."""

    def begin(self) -> Purse:
        """Nothing has been called yet."""
        return _Window(self)


class _Window:
    def __init__(self, spec: WindowedBudget) -> None:
        self._spec = spec
        self._calls_s: deque[float] = deque()
        self._copies_s: deque[float] = deque()

    def earn(self, now_s: float) -> None:
        """A call begins."""
        self._calls_s.append(now_s)
        self._forget(now_s)

    def spend(self, now_s: float) -> bool:
        """Whether one more copy keeps to the budget; then it counts."""
        self._forget(now_s)
        spec = self._spec
        allowed = spec.share * len(self._calls_s) + spec.least_per_s * spec.window_s
        if len(self._copies_s) + 1 > allowed + 1e-9:
            return False
        self._copies_s.append(now_s)
        return True

    def _forget(self, now_s: float) -> None:
        for times_s in (self._calls_s, self._copies_s):
            while times_s and times_s[0] <= now_s - self._spec.window_s:
                times_s.popleft()


AnyBudget = Annotated[Budget, Open(Budget, TokenBucket, WindowedBudget)]
"""One of the budgets above, or one's own; in a file ``kind`` says which."""
