"""Events and messages per second beside SimPy, salabim and SimGrid: ``benchmarks/engine.py [--json FILE]``.

All run the same programs in turns; the figures are medians over the rounds, and the ratio is that of the medians.
salabim (``pip install salabim``) and SimGrid (Debian's python3-simgrid and libsimgrid-dev) take part where they are
installed. Events are timed in seconds of processor time, messages in those of the run itself, without its set-up.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import simpy

from simcluster.kernels import events

HERE = Path(__file__).parent
ENGINES: dict[str, Any] = {"compiled": events.Environment, "simpy": simpy.Environment}


def timeouts(env: Any, scale: float) -> int:
    """1,000 processes that wait again and again, each in its own step."""
    rounds = int(100 * scale)

    def program(step: float) -> Any:
        for _ in range(rounds):
            yield env.timeout(step)

    for number in range(1000):
        env.process(program(1 + number / 1000))
    env.run()
    return 1000 * rounds


def ping_pong(env: Any, scale: float) -> int:
    """Two processes that hand an item to and fro through two stores."""
    rounds = int(20_000 * scale)
    there, back = simpy.Store(env), simpy.Store(env)

    def client() -> Any:
        for number in range(rounds):
            yield there.put(number)
            yield back.get()

    def server() -> Any:
        while True:
            item = yield there.get()
            yield back.put(item)

    env.process(server())
    env.run(until=env.process(client()))
    return 2 * rounds


def queue(env: Any, scale: float) -> int:
    """An M/M/1 queue at 80 % load: a process for each customer, who requests a simpy.Resource."""
    import numpy as np

    customers = int(15_000 * scale)
    generator = np.random.default_rng(1)
    arrivals = generator.exponential(1.0, customers).tolist()
    services = generator.exponential(0.8, customers).tolist()
    server = simpy.Resource(env, capacity=1)

    def customer(service: float) -> Any:
        with server.request() as request:
            yield request
            yield env.timeout(service)

    def source() -> Any:
        for arrival, service in zip(arrivals, services, strict=True):
            yield env.timeout(arrival)
            env.process(customer(service))

    env.process(source())
    env.run()
    return customers


def interrupts(env: Any, scale: float) -> int:
    """A process that is interrupted while it waits, again and again."""
    rounds = int(20_000 * scale)

    def sleeper() -> Any:
        while True:
            with contextlib.suppress(simpy.Interrupt):
                yield env.timeout(1e9)

    def waker(victim: Any) -> Any:
        for _ in range(rounds):
            yield env.timeout(1)
            victim.interrupt()

    env.run(until=env.process(waker(env.process(sleeper()))))
    return rounds


def conditions(env: Any, scale: float) -> int:
    """Races of two timeouts, and meetings of two."""
    rounds = int(15_000 * scale)

    def program() -> Any:
        for _ in range(rounds):
            yield env.timeout(1) | env.timeout(2)
            yield env.timeout(1) & env.timeout(2)

    env.run(until=env.process(program()))
    return 2 * rounds


WORK: dict[str, Callable[[Any, float], int]] = {
    "timeouts": timeouts,
    "ping_pong": ping_pong,
    "queue": queue,
    "interrupts": interrupts,
    "conditions": conditions,
}


def bytes_per_timeout(engine: str, count: int = 300_000) -> float:
    """Growth of the resident size with *count* pending timeouts."""
    env = ENGINES[engine]()
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    for number in range(count):
        env.timeout(number + 0.5)
    after = process.memory_info().rss
    return (after - before) / count


def measure(scale: float, rounds: int) -> list[dict[str, Any]]:
    """One row for each kind of work on SimPy's own API."""
    rows = []
    for name, work in WORK.items():
        seconds: dict[str, list[float]] = {engine: [] for engine in ENGINES}
        count = 0
        for _ in range(rounds):
            for engine, environment in ENGINES.items():
                gc.collect()
                begin = time.process_time()
                count = work(environment(), scale)
                seconds[engine].append(time.process_time() - begin)
        ours_s, peer_s = (statistics.median(seconds[engine]) for engine in ("compiled", "simpy"))
        rows.append(row(name, f"{count} events", f"SimPy {simpy.__version__}", ours_s, peer_s))
    return rows


def row(kernel: str, shape: str, peer: str, ours_s: float, peer_s: float, error: float = 0.0) -> dict[str, Any]:
    """One line of the report, as in benchmarks/kernels.py; a ratio above 1 means that ours is faster."""
    ratio = peer_s / ours_s
    return {
        "kernel": kernel,
        "shape": shape,
        "peer": peer,
        "ours_s": ours_s,
        "peer_s": peer_s,
        "ratio": ratio,
        "max_error": error,
    }


def program(*command: str, engine: str = "compiled") -> tuple[float, float]:
    """Seconds for each of what a measuring program counted, and the simulated time at which it ended."""
    environment = {**os.environ, "SIMCLUSTER_ENGINE": engine}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    count, seconds, ended_s = done.stdout.split()[-3:]
    return float(seconds) / int(count), float(ended_s)


def interleaved(commands: dict[str, tuple[tuple[str, ...], str]], rounds: int) -> dict[str, float]:
    """The median seconds per message or customer of each of several programs, run in turns."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (command, engine) in commands.items():
            taken[name].append(program(*command, engine=engine)[0])
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def salabim(scale: float, rounds: int, ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for the same work on salabim, beside what ours took in this run."""
    if importlib.util.find_spec("salabim") is None:
        print("salabim: skipped, it is not installed")
        return []
    rows = []
    for each in ours:
        if each["kernel"] == "conditions":
            continue  # salabim has no such events
        command = (sys.executable, str(HERE / "peers" / "events_salabim.py"), each["kernel"], str(scale))
        taken = interleaved({"salabim": (command, "compiled")}, rounds)["salabim"]
        count = int(each["shape"].split()[0])
        rows.append(row(each["kernel"], each["shape"], "salabim", each["ours_s"], taken * count))
    return rows


def messages(rounds: int) -> list[dict[str, Any]]:
    """Requests and replies among nodes beside the plain loop and SimGrid, and what more nodes cost."""
    ours = (sys.executable, str(HERE / "messages.py"))
    peers = simgrids()
    rows, of_nodes = [], {}
    for nodes, requests in ((10, 3000), (100, 300), (1000, 30), (100_000, 10)):
        arguments = ("requests", str(nodes), str(requests))
        commands = {"compiled": ((*ours, *arguments), "compiled"), "simpy": ((*ours, *arguments), "simpy")}
        if nodes <= 1000:
            commands |= {name: ((*peer, *arguments[1:]), "compiled") for name, peer in peers.items()}
        seconds = interleaved(commands, rounds if nodes <= 1000 else 1)
        if nodes > 1000:  # SimPy's loop takes a minute for each round of these
            seconds |= interleaved({"compiled": commands["compiled"]}, rounds)
        of_nodes[nodes] = seconds["compiled"]
        peer_names = {"simpy": f"the same on SimPy {simpy.__version__}'s loop"}
        rows += [
            row("request/reply, per message", f"{nodes} nodes", peer_names.get(name, name), seconds["compiled"], peer_s)
            for name, peer_s in seconds.items()
            if name != "compiled"
        ]
    growth = of_nodes[100_000] / of_nodes[10]
    print(f"a message among 100,000 nodes costs {growth:.2f} times one among 10")
    rows.append(row("request/reply, per message", "100000 nodes", "ours among 10", of_nodes[100_000], of_nodes[10]))
    return rows


def queue_of_messages(rounds: int) -> dict[str, Any]:
    """An M/M/1 queue as messages to a node that computes, beside the same queue on SimPy's Resource."""
    customers = 15_000
    command = (sys.executable, str(HERE / "messages.py"), "queue", str(customers))
    ours, peers = [], []
    for _ in range(rounds):
        ours.append(program(*command)[0])
        gc.collect()
        begin = time.process_time()
        queue(simpy.Environment(), 1.0)
        peers.append((time.process_time() - begin) / customers)
    ours_s, peer_s = statistics.median(ours), statistics.median(peers)
    return row("M/M/1 as messages to a node", f"{customers} customers", "SimPy's Resource", ours_s, peer_s)


def simgrids() -> dict[str, tuple[str, ...]]:
    """The commands of the SimGrid programs that this machine can run; says which it cannot."""
    found: dict[str, tuple[str, ...]] = {}
    source = HERE / "peers" / "messages_simgrid.cpp"
    built = Path(tempfile.mkdtemp()) / "messages_simgrid"
    compiler = shutil.which("g++")
    build = [compiler or "", "-O3", "-o", str(built), str(source), "-lsimgrid"]
    if compiler and subprocess.run(build, capture_output=True).returncode == 0:
        found["SimGrid, C++"] = (str(built),)
    else:
        print("SimGrid, C++: skipped, g++ or libsimgrid-dev is not installed")
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import simgrid"], capture_output=True).returncode == 0:
            found["SimGrid, Python"] = (python, str(HERE / "peers" / "messages_simgrid.py"))
            return found
    print("SimGrid, Python: skipped, python3-simgrid is not installed")
    return found


def bytes_per_node() -> float:
    """Resident bytes for each idle node."""
    command = (sys.executable, str(HERE / "messages.py"), "idle", "20000")
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the table, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--scale", type=float, default=1.0, help="how much work, of the usual")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turns")
    options = parser.parse_args()
    memory = {engine: bytes_per_timeout(engine) for engine in ENGINES}
    rows = measure(options.scale, options.rounds)
    rows += salabim(options.scale, options.rounds, rows)
    rows += messages(options.rounds)
    rows.append(queue_of_messages(options.rounds))
    print(f"{'work':<30}{'shape':<20}{'beside':<36}{'ratio':>7}")
    for each in rows:
        print(f"{each['kernel']:<30}{each['shape']:<20}{each['peer']:<36}{each['ratio']:>7.2f}")
    node_bytes = bytes_per_node()
    for engine, size in memory.items():
        print(f"bytes per pending timeout, {engine}: {size:.0f}")
    print(f"bytes per idle node: {node_bytes:.0f}")
    sizes = {"bytes per idle node": node_bytes, "bytes per pending timeout": memory["compiled"]}
    rows += [{"kernel": name, "shape": "resident size", "bytes": size} for name, size in sizes.items()]
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
