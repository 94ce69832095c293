"""Checkers beside a search in plain Python, and beside Porcupine: ``python benchmarks/checkers.py [--json FILE]``.

Histories are made by objects that are linearizable, whose clients wait for an answer before they ask again: of a
compare-and-set register of five values (10² to 10⁵ operations, 5 to 50 clients), of registers whose values are written
once (10⁶), and of transactions on lists (10⁵). The plain search is that of the same papers, in Python, on the same
operations, given up after ``--limit-s``; both searches are timed from events in order. A check is all of it, from the
history to the verdict, as is Porcupine's time. ``--porcupine PROGRAM`` is what is built of benchmarks/peers/porcupine,
``--shared FOLDER`` has histories of other tools, of which kv-c10-bad is timed. Prints seconds of the process, what else
runs on the machine does not count but for the caches it takes, and ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from simcluster.engine import stream
from simcluster.kernels.history import FOUND
from simcluster.measurement.checkers import (
    MODELS,
    Limits,
    causal,
    linearizability,
    list_append,
    sessions,
    staleness,
)
from simcluster.measurement.checkers.models import parts
from simcluster.measurement.checkers.orders.interning import Interned
from simcluster.measurement.checkers.orders.linearizability import real_time
from simcluster.measurement.histories import Events, History, Operation, read_history

SIZES, CLIENTS = (100, 1_000, 10_000, 100_000), (5, 20, 50)
VALUES = 5


def times_of(count: int, clients: int, generator: Any) -> list[tuple[float, float, float, int]]:
    """When each operation is invoked, happens, and completes, and of which client it is."""
    free, found = np.zeros(clients), []
    for waits in generator.exponential(size=(count, 2)):
        client = int(np.argmin(free))
        begin = float(free[client])
        found.append((begin, begin + waits[0], begin + waits[0] + waits[1], client))
        free[client] = begin + waits[0] + waits[1] + 1e-9
    return found


def history_of(times: list[tuple[float, float, float, int]], do: Callable[[int], tuple[Any, ...]]) -> History:
    """The history of operations that happen at their times, when ``do`` says f, key, value, status and result."""
    done = {place: do(place) for place in sorted(range(len(times)), key=lambda each: times[each][1])}
    moments = sorted([(times[place][2 * end], end, place) for place in done for end in (0, 1)])
    events = Events()
    for time_s, end, place in moments:
        f, key, value, status, result = done[place]
        if end:
            events.complete_of(place, time_s, times[place][3], f, status, result)
        else:
            events.invoke(place, time_s, times[place][3], f, key, value)
    return events.history()


def cas_register(count: int, clients: int) -> History:
    """A compare-and-set register of five values."""
    generator = stream(0, "cas", count, clients)
    what, values = generator.random(count), generator.integers(0, VALUES, (count, 2)).tolist()
    state: list[Any] = [None]

    def do(place: int) -> tuple[Any, ...]:
        if what[place] < 0.4:
            return "read", None, None, "ok", state[0]
        if what[place] < 0.8:
            state[0] = values[place][0]
            return "write", None, values[place][0], "ok", None
        expected, new = values[place]
        if state[0] != expected:
            return "cas", None, (expected, new), "fail", None
        state[0] = new
        return "cas", None, (expected, new), "ok", None

    return history_of(times_of(count, clients, generator), do)


def unique_registers(count: int, clients: int, keys: int) -> History:
    """Registers whose values are written once."""
    generator = stream(0, "unique", count, keys)
    writes, key = generator.random(count) < 0.4, generator.integers(0, keys, count).tolist()
    state: dict[int, int] = {}

    def do(place: int) -> tuple[Any, ...]:
        if writes[place]:
            state[key[place]] = place
            return "write", key[place], place, "ok", None
        return "read", key[place], None, "ok", state.get(key[place])

    return history_of(times_of(count, clients, generator), do)


def transactions(count: int, clients: int) -> History:
    """Transactions of four steps on lists of about 30 values, serializable but for one stale read in the middle."""
    generator = stream(0, "lists", count)
    appends, keys = generator.random((count, 4)) < 0.5, generator.integers(0, 10, (count, 4)).tolist()
    lists: dict[int, tuple[int, ...]] = {}
    order = iter(range(count))

    def do(place: int) -> tuple[Any, ...]:
        begun = next(order) // 150 * 10  # the keys that are in use now
        asked, came = [], []
        for step, (is_append, offset) in enumerate(zip(appends[place], keys[place], strict=True)):
            key = begun + offset
            if is_append:
                lists[key] = (*lists.get(key, ()), 4 * place + step)
                asked.append(("append", key, 4 * place + step))
                came.append(asked[-1])
            else:
                seen = lists.get(key, ())
                asked.append(("r", key, None))
                came.append(("r", key, seen[:-1] if place == count // 2 else seen))
        return "txn", None, tuple(asked), "ok", tuple(came)

    return history_of(times_of(count, clients, generator), do)


def events_of(operations: list[Operation]) -> list[tuple[int, int, bool]]:
    """What the plain search goes through: when an operation begins (true) or is over, and which."""
    return sorted([(each.begin, place, True) for place, each in enumerate(operations)]
                  + [(each.deadline, place, False) for place, each in enumerate(operations)])  # fmt: skip


def plain_search(
    happened: list[Operation], events: list[tuple[int, int, bool]], model: Any, limit_s: float
) -> bool | None:
    """Wing & Gong's search with Lowe's memory, as Porcupine has it, in plain Python; ``None`` when the time is over."""
    # Events in a doubly linked list, from which what has been placed is lifted.
    after, before = list(range(1, len(events) + 1)), list(range(-1, len(events) - 1))
    after.append(0)  # the last place is the head of the list
    before.append(len(events) - 1)
    head = len(events)
    if events:
        after[-1], before[0] = 0, head
    else:
        return True
    returns = {place: number for number, (_, place, begins) in enumerate(events) if not begins}
    placed, state, met, calls = 0, model.init(), set(), []
    number, until_s = after[head], time.process_time() + limit_s
    looked = 0
    while after[head] != head:
        looked += 1
        if looked % 1000 == 0 and time.process_time() > until_s:
            return None
        _, place, begins = events[number]
        if begins:
            may, then = model.step(state, happened[place])
            known = (placed | 1 << place, then)
            if may and known not in met:
                met.add(known)
                calls.append((number, state))
                placed, state = known
                for each in (number, returns[place]):
                    after[before[each]], before[after[each]] = after[each], before[each]
                number = after[head]
            else:
                number = after[number]
            continue
        if not calls:
            return False
        number, state = calls.pop()
        place = events[number][1]
        placed &= ~(1 << place)
        for each in (returns[place], number):
            after[before[each]] = before[after[each]] = each
        number = after[number]
    return True


def compiled_search(operations: list[Operation], model: Any, limits: Limits, rounds: int) -> float:
    """The least seconds of the compiled search alone, on operations and events that are numbers already."""
    seconds = []
    for _ in range(rounds):
        interned = Interned(model, operations, limits.memory_bytes)
        search = real_time(operations, interned)
        begin = time.process_time()
        found = search.run(2**62, limits.memory_bytes)
        seconds.append(time.process_time() - begin)
        assert found == FOUND
    return min(seconds)


def timed(call: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """The median of the seconds of the process, and what was found."""
    found, seconds = None, []
    for _ in range(rounds):
        begin = time.process_time()
        found = call()
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds), found


def lines_of(history: History) -> str:
    """The operations as Porcupine's program reads them."""

    def line(each: Operation) -> str:
        first, second = each.value if isinstance(each.value, tuple) else (each.value, "")
        result = each.status if each.f == "cas" else each.result
        return "\t".join(map(str, (each.process, each.f, each.key, first, second, result, each.begin, each.end)))

    return "\n".join(line(each) for each in history) + "\n"


def porcupine(program: Path | None, history: History, initial: str, limit_s: float) -> tuple[float, str]:
    """Porcupine's seconds and verdict; NaN without it."""
    if program is None:
        return float("nan"), "not measured"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "history").write_text(lines_of(history), encoding="utf-8")
        command = [str(program), str(int(limit_s)), f"{folder}/history"]
        known = {**os.environ, "INITIAL": initial}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=known)
    _, verdict, seconds = done.stdout.rstrip().split("\t")
    return float(seconds), verdict


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the times.")] = None,
    limit_s: Annotated[float, typer.Option(help="Seconds that the plain search may take.")] = 60.0,
    most: Annotated[int, typer.Option(help="The most operations that are searched.")] = SIZES[-1],
    large: Annotated[int, typer.Option(help="Operations, and ten times the transactions.")] = 10**6,
    peer: Annotated[Path | None, typer.Option("--porcupine", help="Porcupine's program.")] = None,
    shared: Annotated[Path | None, typer.Option(help="Folder with histories of other tools.")] = None,
) -> None:
    """Time the checkers and print what they take."""
    model, told = MODELS["cas-register"](failed_cas="operation"), {}
    columns = ("operations", "clients", "search", "plain search", "ratio", "check", "Porcupine", "ratio")
    print("".join(f"{column:>13}" for column in columns))
    for count in (size for size in SIZES if size <= most):
        for clients in CLIENTS:
            history = cas_register(count, clients)
            (operations,) = parts(model, history.operations).values()
            check, found = timed(lambda: linearizability(history, model, Limits(limit_s)), 3)  # noqa: B023
            here = compiled_search(operations, model, Limits(limit_s), 3)
            events = events_of(operations)
            plain, other = timed(lambda: plain_search(operations, events, model, limit_s), 1)  # noqa: B023
            there, verdict = porcupine(peer, history, "None", limit_s)
            assert other in (None, found.valid)
            assert found.verdict == "valid"
            assert verdict in ("Ok", "Unknown", "not measured")
            told[f"search {count} {clients}"] = [here, plain, check, there]
            over = "" if other is not None else ">"
            cells = (count, clients, f"{here:.6f}", f"{over}{plain:.4f}", f"{over}{plain / here:.1f}",
                     f"{check:.5f}", f"{there:.5f}", f"{there / check:.2f}")  # fmt: skip
            print("".join(f"{cell:>13}" for cell in cells), flush=True)
    if shared is not None:
        history, store = read_history(shared / "porcupine" / "kv-c10-bad.txt"), MODELS["kv-append"]()
        here, found = timed(lambda: linearizability(history, store), 9)
        operations = [each for each in history if store.happened(each) and each.key == found.partial.key]
        plain, other = timed(lambda: plain_search(operations, events_of(operations), store, limit_s), 1)
        there, _ = porcupine(peer, history, "", limit_s)
        assert found.verdict == "invalid"
        told["kv-c10-bad"] = [here, plain, there]
        over = ">" if other is None else ""
        print(f"kv-c10-bad: {here:.5f} s, plain search {over}{plain:.2f} s, Porcupine {there:.5f} s")
    for keys in (1, 1000):
        history = unique_registers(large, 20, keys)
        for name, check in (("unique values", lambda h: linearizability(h, MODELS["register"]())),
                            ("sessions", sessions), ("staleness", staleness)):  # fmt: skip
            seconds, _ = timed(lambda: check(history), 1)  # noqa: B023
            told[f"{name} {large} {keys}"] = [seconds]
            print(f"{name}, {large} operations, {keys} keys: {seconds:.2f} s", flush=True)
    history = unique_registers(large // 10, 20, 100)
    told["causal"] = [timed(lambda: causal(history), 1)[0]]
    print(f"causal, {large // 10} operations, 20 processes: {told['causal'][0]:.2f} s")
    history = transactions(large // 10, 20)
    told["list-append"], found = [], None
    seconds, found = timed(lambda: list_append(history), 1)
    told["list-append"] = [seconds]
    assert found.verdict == "invalid"
    names = ", ".join(each.name for each in found.anomalies)
    print(f"list-append, {large // 10} transactions: {seconds:.2f} s: {names}")
    if file is not None:
        file.write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
