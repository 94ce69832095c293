"""The work of benchmarks/engine.py on salabim (processes that yield): prints how many events and seconds of each kind.

``events_salabim.py WORK SCALE``: WORK is timeouts, ping_pong, queue or interrupts.
"""

import gc
import sys
import time

import numpy as np
import salabim as sim

sim.yieldless(False)


def timeouts(env: sim.Environment, scale: float) -> int:
    """1,000 processes that wait again and again, each in its own step."""
    rounds = int(100 * scale)

    class Waits(sim.Component):
        def setup(self, step):
            self.step = step

        def process(self):
            for _ in range(rounds):
                yield self.hold(self.step)

    for number in range(1000):
        Waits(step=1 + number / 1000, env=env)
    env.run()
    return 1000 * rounds


def ping_pong(env: sim.Environment, scale: float) -> int:
    """Two processes that hand an item to and fro through two stores."""
    rounds = int(20_000 * scale)
    there, back = sim.Store(env=env), sim.Store(env=env)

    class Client(sim.Component):
        def process(self):
            item = sim.Component(env=env)
            for _ in range(rounds):
                yield self.to_store(there, item)
                yield self.from_store(back)
                item = self.from_store_item()

    class Server(sim.Component):
        def process(self):
            while True:
                yield self.from_store(there)
                yield self.to_store(back, self.from_store_item())

    Server(env=env)
    Client(env=env)
    env.run()
    return 2 * rounds


def queue(env: sim.Environment, scale: float) -> int:
    """An M/M/1 queue at 80 % load: a process for each customer, who requests a resource."""
    customers = int(15_000 * scale)
    generator = np.random.default_rng(1)
    arrivals = generator.exponential(1.0, customers).tolist()
    services = generator.exponential(0.8, customers).tolist()
    server = sim.Resource(env=env)

    class Customer(sim.Component):
        def setup(self, service):
            self.service = service

        def process(self):
            yield self.request(server)
            yield self.hold(self.service)

    class Source(sim.Component):
        def process(self):
            for arrival, service in zip(arrivals, services, strict=True):
                yield self.hold(arrival)
                Customer(service=service, env=env)

    Source(env=env)
    env.run()
    return customers


def interrupts(env: sim.Environment, scale: float) -> int:
    """A process that is interrupted while it waits, again and again."""
    rounds = int(20_000 * scale)

    class Sleeper(sim.Component):
        def process(self):
            while True:
                yield self.hold(1e9)

    class Waker(sim.Component):
        def process(self):
            for _ in range(rounds):
                yield self.hold(1)
                sleeper.activate()

    sleeper = Sleeper(env=env)
    Waker(env=env)
    env.run(till=rounds + 1)
    return rounds


def main() -> None:
    """Measure what the command line names."""
    work = {each.__name__: each for each in (timeouts, ping_pong, queue, interrupts)}[sys.argv[1]]
    env = sim.Environment(trace=False)
    gc.collect()
    begin = time.process_time()
    count = work(env, float(sys.argv[2]))
    print(count, f"{time.process_time() - begin:.6f}", f"{env.now():.9f}")


if __name__ == "__main__":
    main()
