"""What a change among many concurrent flows costs: ``python benchmarks/network.py [--json FILE]``.

A thousand flows are always under way; whenever one ends another starts, and after each of the two changes the max-min
fair rates and the next end are known again. FlowNetwork beside pure-NumPy progressive filling, in turns in one process,
on the same flows; the target is 20 times as many changes per second, and every end must be the same. Then, where
SimGrid is installed (the module ``simgrid``), the ends of a thousand flows beside its own, printed side by side.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from simcluster.cluster.network.flows import FlowNetwork
from simcluster.cluster.network.topology import FatTree
from simcluster.engine import stream
from simcluster.kernels import reference

FLOWS = 1000
Work = tuple[list[float], list[tuple[int, ...]], list[float]]
"""Capacities of the links, and the routes and sizes of the flows."""


def random_routes(flows: int, links: int = 200, hops: int = 4) -> Work:
    """Routes over any links: everybody's rate depends on everybody's."""
    generator = stream(0, "benchmark", "network")
    capacities = generator.uniform(1e8, 1e9, links).tolist()
    routes = [tuple(generator.choice(links, hops, replace=False).tolist()) for _ in range(flows)]
    return capacities, routes, np.ceil(generator.exponential(1e8, flows)).tolist()


def fat_tree(flows: int, k: int = 8) -> Work:
    """Flows between random nodes of a full fat tree."""
    generator = stream(0, "benchmark", "fat_tree")
    nodes = tuple(f"node-{place}" for place in range(k**3 // 4))
    fabric = FatTree(k=k).fabric(nodes)
    ends = [generator.choice(len(nodes), 2, replace=False).tolist() for _ in range(flows)]
    routes = [fabric.route(nodes[source], nodes[target]) for source, target in ends]
    return list(fabric.capacities_bytes_per_s), routes, np.ceil(generator.exponential(1e8, flows)).tolist()


class NumpyNetwork:
    """The peer: the same semantics in NumPy, all rates computed anew at each change."""

    def __init__(self, capacities: list[float], hops: int) -> None:
        """Room for FLOWS flows, whose routes have at most ``hops`` links."""
        self.capacities = np.array(capacities)
        self.routes = np.full((FLOWS, hops), -1)
        self.remaining, self.rates = np.full(FLOWS, np.inf), np.zeros(FLOWS)
        self.ids = np.full(FLOWS, -1)
        self.now_s = 0.0

    def start(self, flow_id: int, links: tuple[int, ...], size_bytes: float) -> None:
        """Start a flow in a free slot."""
        slot = int(np.flatnonzero(self.ids < 0)[0])
        self.ids[slot], self.remaining[slot] = flow_id, size_bytes
        self.routes[slot, : len(links)] = links

    def fill(self) -> None:
        """Compute all rates."""
        passing = self.routes >= 0
        starts = np.concatenate([[0], np.cumsum(passing.sum(axis=1))])
        self.rates = reference.max_min(self.capacities, starts, self.routes[passing])
        self.rates[self.ids < 0] = 1.0  # of what never ends

    def next_completion(self) -> tuple[float, int]:
        """When the next flow ends, and its slot."""
        self.fill()
        left_s = self.remaining / self.rates
        slot = int(left_s.argmin())
        return self.now_s + float(left_s[slot]), slot

    def complete(self, time_s: float, slot: int) -> int:
        """Move on to the end of a flow and take it out."""
        self.remaining -= self.rates * (time_s - self.now_s)
        self.now_s = time_s
        flow_id = int(self.ids[slot])
        self.ids[slot], self.remaining[slot], self.routes[slot] = -1, np.inf, -1
        return flow_id


Ends = list[tuple[float, int]]


def ours(work: Work) -> tuple[float, Ends]:
    """Wall seconds of the changes of a FlowNetwork, and the ends of flows."""
    capacities, routes, sizes = work
    network, ends = FlowNetwork(capacities), []
    for flow_id in range(FLOWS):
        network.start(flow_id, routes[flow_id], sizes[flow_id])
    network.next_completion()
    begin = time.perf_counter()
    for flow_id in range(FLOWS, len(routes)):
        following = network.next_completion()
        assert following is not None
        ends += network.advance(following[0])
        network.next_completion()
        network.start(flow_id, routes[flow_id], sizes[flow_id])
    network.next_completion()
    return time.perf_counter() - begin, ends


def peers(work: Work) -> tuple[float, Ends]:
    """The same in NumPy."""
    capacities, routes, sizes = work
    network, ends = NumpyNetwork(capacities, max(map(len, routes))), []
    for flow_id in range(FLOWS):
        network.start(flow_id, routes[flow_id], sizes[flow_id])
    following = network.next_completion()
    begin = time.perf_counter()
    for flow_id in range(FLOWS, len(routes)):
        ends.append((following[0], network.complete(*following)))
        network.next_completion()
        network.start(flow_id, routes[flow_id], sizes[flow_id])
        following = network.next_completion()
    return time.perf_counter() - begin, ends


def error_of(found: Ends, expected: Ends) -> float:
    """The greatest relative difference between the ends of the same flows."""
    other = {flow_id: time_s for time_s, flow_id in expected}
    if len(found) != len(expected) or any(flow_id not in other for _, flow_id in found):
        raise SystemExit("other flows have ended, so the times cannot be compared")
    return max(abs(time_s - other[flow_id]) / other[flow_id] for time_s, flow_id in found)


def beside_numpy(shape: str, make: Callable[[int], Work], replaced: int, rounds: int) -> dict[str, Any]:
    """Both in turns; seconds per change, medians."""
    work = make(FLOWS + replaced)
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(rounds):
        our_s, our_ends = ours(work)
        peer_s, peer_ends = peers(work)
        times["ours"].append(our_s / (2 * replaced))
        times["peer"].append(peer_s / (2 * replaced))
    ours_s, peer_s = (statistics.median(times[name]) for name in ("ours", "peer"))
    row = {
        "kernel": "a change among 1000 concurrent flows",
        "shape": shape,
        "peer": "NumPy progressive filling",
        "ours_s": ours_s,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "max_error": error_of(our_ends, peer_ends),
    }
    print(
        f"{shape}: {1 / ours_s:,.0f} changes/s, {row['peer']} {1 / peer_s:,.0f} changes/s: {row['ratio']:.1f} times"
        f" (medians of {rounds} rounds; target >= 20); ends differ by {row['max_error']:.1e} at most"
    )
    return row


def all_ends(work: Work) -> tuple[float, Ends]:
    """Wall seconds until all flows, begun at once, are over in a FlowNetwork, and their ends."""
    capacities, routes, sizes = work
    network = FlowNetwork(capacities)
    begin = time.perf_counter()
    for flow_id, (route, size) in enumerate(zip(routes, sizes, strict=True)):
        network.start(flow_id, route, size)
    ends = network.advance(1e9)
    return time.perf_counter() - begin, ends


def simgrids_ends(work: Work) -> tuple[float, Ends]:
    """The same in SimGrid: its fluid model CM02 with every correction for TCP switched off."""
    import simgrid  # type: ignore[import-not-found,unused-ignore]

    capacities, routes, sizes = work
    settings = ["network/model:CM02", "network/TCP-gamma:0", "network/crosstraffic:0", "network/weight-S:0"]
    settings += [
        "network/latency-factor:1",
        "network/bandwidth-factor:1",
        "surf/precision:1e-9",
        "maxmin/precision:1e-9",
    ]
    engine = simgrid.Engine(["network", "--log=root.threshold:error", *(f"--cfg={setting}" for setting in settings)])
    zone = simgrid.NetZone.create_full_zone("zone")
    links = [zone.create_link(f"link-{i}", capacity).set_latency(0.0).seal() for i, capacity in enumerate(capacities)]
    sink, hosts = zone.create_host("sink", 1e9), [zone.create_host(f"host-{i}", 1e9) for i in range(len(routes))]
    for host, route in zip(hosts, routes, strict=True):
        passed = [simgrid.LinkInRoute(links[link]) for link in route]
        zone.add_route(host.netpoint, sink.netpoint, None, None, passed, False)
    zone.seal()
    ends: Ends = []

    def send_all() -> None:
        under_way = [simgrid.Comm.sendto_async(host, sink, int(size)) for host, size in zip(hosts, sizes, strict=True)]
        simgrid.Comm.wait_all(under_way)
        ends.extend((comm.finish_time, flow_id) for flow_id, comm in enumerate(under_way))

    simgrid.Actor.create("sender", sink, send_all)
    begin = time.perf_counter()
    engine.run()
    return time.perf_counter() - begin, ends


def beside_simgrid(shape: str, work: Work) -> dict[str, Any]:
    """The ends of both, side by side."""
    (ours_s, our_ends), (peer_s, peer_ends) = all_ends(work), simgrids_ends(work)
    theirs = {flow_id: time_s for time_s, flow_id in peer_ends}
    print(f"{shape}, begun at once: the end of flow, simcluster, SimGrid")
    for time_s, flow_id in our_ends[:: len(our_ends) // 10]:
        print(f"  {flow_id:5d} {time_s:14.9f} s {theirs[flow_id]:14.9f} s")
    row = {
        "kernel": "all ends of 1000 flows begun at once",
        "shape": shape,
        "peer": "SimGrid, CM02",
        "ours_s": ours_s,
        "peer_s": peer_s,
        "ratio": peer_s / ours_s,
        "max_error": error_of(our_ends, peer_ends),
    }
    print(f"  differing by {row['max_error']:.1e}; {ours_s:.3f} s beside {peer_s:.3f} s: {row['ratio']:.1f} times")
    return row


def main(
    file: Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")] = None,
    replaced: Annotated[int, typer.Option(min=10, help="Flows that end and are replaced in a round.")] = 100,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Time both, print the ratios, and compare the ends."""
    shapes: dict[str, Callable[[int], Work]] = {
        "200 links, 4 random hops": random_routes,
        "fat tree, k=8, 768 links": fat_tree,
    }
    rows = [beside_numpy(shape, make, replaced, rounds) for shape, make in shapes.items()]
    if importlib.util.find_spec("simgrid") is None:
        print("SimGrid: skipped, the module simgrid is not installed")
    else:
        rows.append(beside_simgrid("200 links, 4 random hops", random_routes(FLOWS)))
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
