"""Every node asks every other in turn, on SimGrid's Python binding: prints messages, wall seconds, simulated seconds.

Run by a Python that has the binding: ``python3 messages_simgrid.py NODES REQUESTS``.
"""

import sys
import time

from simgrid import Actor, Comm, Engine, Host, LinkInRoute, Mailbox, NetZone

BYTES = 1000


def client(place: int, nodes: int, requests: int) -> None:
    """Ask one node after the other and wait for each answer."""
    here = Mailbox.by_name(f"answers-{place}")
    for i in range(requests):
        target = (place + 1 + i % (nodes - 1)) % nodes
        Mailbox.by_name(f"asks-{target}").put(place, BYTES)
        here.get()


def server(place: int) -> None:
    """Answer whatever is asked."""
    here = Mailbox.by_name(f"asks-{place}")
    pending: list[Comm] = []
    while True:
        source = here.get()
        pending = [comm for comm in pending if not comm.test()]
        pending.append(Mailbox.by_name(f"answers-{source}").put_async("answer", BYTES))


def main() -> None:
    """Build a star of nodes, run it, and say how long that took."""
    engine = Engine([sys.argv[0]])
    nodes, requests = int(sys.argv[1]), int(sys.argv[2])
    zone = NetZone.create_star_zone("cluster")
    for i in range(nodes):
        host = zone.create_host(f"n-{i}", 1e9)
        link = zone.create_split_duplex_link(f"l-{i}", 1.25e8).set_latency(0.00025).seal()
        zone.add_route(host.netpoint, None, None, None, [LinkInRoute(link, LinkInRoute.Direction.UP)], True)
        host.seal()
    zone.seal()
    for i in range(nodes):
        host = Host.by_name(f"n-{i}")
        Actor.create("client", host, client, i, nodes, requests)
        Actor.create("server", host, server, i).daemonize()
    begin = time.perf_counter()
    engine.run()
    print(2 * nodes * requests, f"{time.perf_counter() - begin:.6f}", f"{Engine.clock:.9f}")


if __name__ == "__main__":
    main()
