"""Checkers that one pass answers: unique identifiers, a counter's bounds, a bank's total."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any

from simcluster.measurement.checkers.judgement import Anomaly, Judgement, judged
from simcluster.measurement.histories import BadHistory, History, Operation, Plain, is_finite


def unique_ids(history: History) -> Judgement:
    """Whether no identifier was given twice: the results of all operations that are ok, whatever they are called."""
    first: dict[Plain, Operation] = {}
    anomalies = []
    for each in history.operations:
        if each.status != "ok":
            continue
        if each.result in first:
            sentence = f"{each.result!r} was given twice"
            anomalies.append(Anomaly("duplicate identifier", sentence, (first[each.result], each)))
        first.setdefault(each.result, each)
    return judged(len(history), anomalies[:1])


def counter(history: History, initial: float = 0) -> Judgement:
    """Whether each read of a counter is within its bounds, of add (a number, 1 when left out) and read.

    At least it must have what had surely been added when it began and what may have been taken away before it ended; at
    most what may have been added before it ended without what had surely been taken away (Jepsen's counter). Near-
    linear, and weaker than linearizability. Raises ``BadHistory`` for other operations, ``ValueError`` for
    an ``initial`` that is no number.
    """
    if not is_finite(initial):
        raise ValueError(f"initial must be a finite number, got {initial!r:.80}")
    adds: list[tuple[Operation, float]] = []
    reads: list[Operation] = []
    for place, each in enumerate(history.operations):
        if each.f not in ("add", "read"):
            raise BadHistory(history.line(place), f"an operation must be add or read, got {each.f!r}")
        if each.f == "read" and each.status == "ok":
            reads.append(each)
        elif each.f == "add" and each.status != "fail":
            adds.append((each, _number(history, place, each.value)))
    surely = [_Sums([(add.deadline, amount) for add, amount in adds if sign * amount > 0]) for sign in (1, -1)]
    maybe = [_Sums([(add.begin, amount) for add, amount in adds if sign * amount > 0]) for sign in (1, -1)]
    anomalies = []
    for each in reads:
        low = initial + surely[0].before(each.begin) + maybe[1].before(each.end)
        high = initial + maybe[0].before(each.end) + surely[1].before(each.begin)
        if isinstance(each.result, bool) or not isinstance(each.result, int | float) or not low <= each.result <= high:
            anomalies.append(Anomaly("out of bounds", f"a read must be from {low:g} to {high:g}", (each,)))
    return judged(len(history), anomalies[:1])


class _Sums:
    """Amounts at positions, and the exact sum of those before any."""

    def __init__(self, given: list[tuple[int, float]]) -> None:
        given = sorted(given)
        self._places = [place for place, _ in given]
        whole = all(isinstance(amount, int) for _, amount in given)
        self._sums: list[Any] = [0]
        parts: list[float] = []
        for _, amount in given:
            if whole:
                self._sums.append(self._sums[-1] + amount)
            else:
                parts.append(amount)
                self._sums.append(math.fsum(parts))

    def before(self, place: int) -> Any:
        return self._sums[bisect_left(self._places, place)]


def bank(history: History, total: float, negative: bool = False) -> Judgement:
    """Whether each read of all accounts, a list of (account, balance), adds up to ``total``.

    Unless ``negative`` balances are allowed, none is. Other operations, transfers, are not looked at: their effects
    are. Raises ``BadHistory`` for a read that is no such list.
    """
    anomalies: dict[str, Anomaly] = {}
    for place, each in enumerate(history.operations):
        if each.f != "read" or each.status != "ok":
            continue
        balances = _balances(history, place, each.result)
        if any(balance is None for balance in balances):
            anomalies.setdefault("absent", Anomaly("absent account", "a read saw an account without balance", (each,)))
            continue
        found = math.fsum(balances)
        if found != total:
            sentence = f"balances must add up to {total:g}, got {found:g}"
            anomalies.setdefault("total", Anomaly("wrong total", sentence, (each,)))
        if not negative and min(balances, default=0) < 0:
            sentence = f"a balance must be at least 0, got {min(balances):g}"
            anomalies.setdefault("negative", Anomaly("negative balance", sentence, (each,)))
    return judged(len(history), list(anomalies.values()))


def _balances(history: History, place: int, value: Any) -> list[Any]:
    """The balances of a read, as it listed them."""
    pairs = value if isinstance(value, tuple) else None
    if pairs is None or not all(
        isinstance(pair, tuple) and len(pair) == 2 and (pair[1] is None or is_finite(pair[1])) for pair in pairs
    ):
        raise BadHistory(history.line(place), f"a read must be a list of [account, balance], got {value!r:.80}")
    return [balance for _, balance in pairs]


def _number(history: History, place: int, value: Any) -> float:
    if value is None:
        return 1
    if not is_finite(value):
        raise BadHistory(history.line(place), f"what is added must be a finite number, got {value!r:.80}")
    return value  # type: ignore[no-any-return]
