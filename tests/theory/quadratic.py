"""A cluster whose times are drawn by a law and nothing else: free links, a server that takes no time, a parabola."""

import math

import numpy as np

from simcluster import ClusterSpec, NetworkSpec, NodeSpec, Scenario, nodes, run
from simcluster.engine import Constant
from simcluster.kernels import Call, Cost
from simcluster.learning import GradientDescent, arrays
from simcluster.training import TrainingJob

FREE = NetworkSpec(latency=Constant(value=0), bandwidth_bytes_per_s=None)


class Parabola:
    """λw²/2 from w = 1 on, whatever the rows; a contribution takes so many operations, a second at speed 1."""

    def __init__(self, curvature=1.0, flops=1.0):
        self.curvature, self.flops = curvature, flops

    def initial(self, data, generator):
        return np.ones(1)

    def contribution(self, parameters, rows):
        return Call(lambda: self.curvature * parameters * len(rows), Cost(self.flops, 0.0))

    def loss(self, parameters, rows):
        return Call(lambda: float(self.curvature * parameters[0] ** 2 / 2), Cost(0.0, 0.0))

    def gradient(self, parameters, total, rows):
        return total / rows


def noting(rate):
    """Descent at this rate, and a list: w after each update of the last run that it was given to."""
    noted = []

    class Noting(GradientDescent):
        def start(self, parameters):
            noted.clear()
            return super().start(parameters)

        def step(self, parameters, gradient, memory, clock, share):
            moved = super().step(parameters, gradient, memory, clock, share)()
            noted.append(moved[0][0])
            return Call(lambda: moved, Cost(0.0, 0.0))

    return Noting(learning_rate=rate), noted


def trained(workers, law, waiting, steps, seed=0, kinds=(), curvature=1.0, rate=0.01, flops=1.0, **fields):
    """The result of a run in which each of so many workers takes a time drawn by ``law`` for each contribution.

    The more ``flops`` make that second, the less of it is what else workers compute.
    """
    machines = nodes("worker", workers, flops_per_s=flops, jitter=law)
    job = TrainingJob(
        model=Parabola(curvature, flops), data=arrays(np.zeros((workers, 1)), np.zeros(workers)), batch_size=None,
        optimiser=fields.pop("optimiser", GradientDescent(learning_rate=rate)), waiting=waiting, server="server",
        workers=tuple(machine.name for machine in machines), steps=steps, evaluate_every=fields.pop("every", steps),
        retry_s=1e9, **fields,
    )
    server = NodeSpec(name="server", flops_per_s=1e15, memory_bytes_per_s=1e15)
    cluster = ClusterSpec(nodes=(server, *machines), network=FREE)
    return run(Scenario(cluster=cluster, job=job, horizon_s=1e9, trace_kinds=kinds), seed)


def harmonic(count):
    """1 + 1/2 + … + 1/count."""
    return math.fsum(1 / k for k in range(1, count + 1))
