"""run: a scenario and a seed give a result."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from simpy.core import StopSimulation
from simpy.events import Timeout

from simcluster.cluster import Checker, Cluster, Ending, Failure, Running, deadlock, horizon, own_lines
from simcluster.engine import Environment, Event, Trace, check_whole, idle
from simcluster.scenario.progress import Progress, look
from simcluster.scenario.result import Result
from simcluster.scenario.scenario import Scenario, started
from simcluster.scenario.verdicts import Observed, verdicts

_ROUND = 16
"""How many objects that may be part of a cycle a node has in a round, about, for what is on its way and computed."""


@own_lines
def run(scenario: Scenario, seed: int, *, check: bool = False) -> Result:
    """Run ``scenario`` under ``seed`` until its job is over or its horizon is reached.

    Raises ``ValueError`` for a seed that is no whole number of at least 0, and ``RuntimeError`` for a livelock. With
    ``check`` every invariant of the cluster is asserted after each event (slow, for tests); it raises
    ``InvariantBroken``. An error inside a program of the job is raised as it is, with a note of program, node and
    simulated time. Where NumPy would warn of overflow, invalid values or division by zero, a verdict does.
    """
    if not isinstance(scenario, Scenario):
        raise TypeError(f"scenario must be a Scenario, which has a cluster and a job, got {type(scenario).__name__}")
    check_whole("seed", seed)
    env = Environment()
    env.events_per_instant = scenario.events_per_instant
    trace = Trace(env, scenario.trace_kinds)
    with _arithmetic(env) as met, _collected_by(len(scenario.cluster.nodes)):
        cluster, injector, done = started(scenario, seed, env, trace)
        happened: list[Event] = []
        done.callbacks.append(happened.append)
        for end in (done, env.timeout(scenario.horizon_s)):
            end.callbacks.append(StopSimulation.callback)
        checker = Checker(cluster) if check else None
        if checker is not None:
            checker()
        progress = Progress(cluster, env.steps if checker is None else checker.steps, scenario.events_per_instant)
        gone = _to_the_end(progress.go_on, cluster, scenario)
    # A timeout counts as triggered from the beginning.
    over = bool(happened or (done.triggered and not isinstance(done, Timeout))) and done.ok
    ended = Ending("finished") if over else deadlock(cluster) if idle(env) else horizon(cluster, scenario.horizon_s)
    last = look(cluster)
    backlog = Counter(last.waiting)
    backlog["network"] += cluster.network.waiting - cluster.network.held
    result = Result(
        scenario=scenario,
        seed=seed,
        trace=trace,
        outcome=done.value if over else None,
        ended=ended,
        ended_s=env.before_s if ended == "deadlock" else env.now,  # not the horizon, at which it was noticed
        verdicts=(),
        faults_never_begun=injector.never_begun,
        backlog={name: count for name, count in backlog.items() if count},
    )
    result = replace(result, verdicts=verdicts(Observed(result, cluster, [*progress.looks, last], met, gone)))
    for node in cluster.nodes.values():
        node.give_up(everything=True)
    return result


@contextmanager
def _arithmetic(env: Environment) -> Iterator[dict[str, tuple[int, float]]]:
    """What NumPy would warn of meanwhile: how often, and when first. What the user has told it otherwise holds."""
    met: dict[str, tuple[int, float]] = {}

    def count(kind: str, _: int) -> None:
        times, first_s = met.get(kind, (0, float(env.now)))
        met[kind] = times + 1, first_s

    warned: Any = {kind: "call" for kind, how in np.geterr().items() if how == "warn"}
    with np.errstate(call=count, **warned):
        yield met


@contextmanager
def _collected_by(nodes: int) -> Iterator[None]:
    """Meanwhile Python looks for cycles of garbage after as many new objects as a round of all nodes has.

    Were it after 700, what is on its way in a large cluster would be looked through several times in each round: a
    message would be dearer the more nodes there are.
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _ROUND * nodes) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _to_the_end(go_on: Callable[[], None], cluster: Cluster, scenario: Scenario) -> list[str]:
    """Go on until the run is over. Returns the programs that a failure has ended, where that does not end the run."""
    gone: list[str] = []
    while (error := _error(go_on)) is not None:
        failed, now_s = _blamed(error, cluster), cluster.env.now
        cause = _cause(error, failed)
        if failed is not None and isinstance(cause, Failure) and scenario.uncaught_failure != "raise":
            _give_up(failed, cause, scenario.uncaught_failure == "crash_node")
            gone.append(f"{failed.program} at {now_s} s ({type(cause).__name__}: {cause})")
            continue
        if failed is None:
            cause.add_note(f"at {now_s} s of simulated time")
        elif not failed.process.triggered:
            cause.add_note(f"in {failed.program} at {now_s} s")
        raise cause
    return gone


def _error(go_on: Callable[[], None]) -> BaseException | None:
    """What has stopped a run before it was over."""
    try:
        go_on()
    except StopSimulation:
        return None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit of a program too
        return error
    return None


def _blamed(error: BaseException, cluster: Cluster) -> Running | None:
    """The process that has raised it: one that has ended by it, or the one that runs now."""
    for process, failed in reversed(cluster.failed.items()):
        if process.value is error or process.value is error.__cause__:
            return failed
    for process, failed in cluster.failed.items():  # of which the loop could not raise a copy
        if not process.defused:
            return failed
    active = cluster.env.active_process
    for node in cluster.nodes.values():
        if active in node.processes:
            return node.processes[active]
    return None


def _cause(error: BaseException, failed: Running | None) -> Any:
    """What has ended the process: what the loop has raised is a copy of it, without its traceback."""
    return error if failed is None or not failed.process.triggered else failed.process.value


def _give_up(failed: Running, failure: Failure, crash: bool) -> None:
    """Nobody caught the failure: the program ends, or its node crashes."""
    node, name = failed.node, failed.owner or failed.process.name
    node.cluster.trace.recorder("uncaught", "node", "program", "cause")(node.name, name, failure.cause)
    # What has failed at the same moment goes down with it, whether the loop has come to it or not.
    for process, other in [*node.cluster.failed.items(), *node.processes.items()]:
        ours = other.node is node and (crash or other.owner == failed.owner)
        if process is failed.process or (ours and process.triggered):
            process.defused = True
    if crash:
        node.crash()
    elif failed.owner is not None:
        node.end(failed.owner)
