"""What beginners get wrong, and what is said of it. Run as a script it prints what this engine says, as JSON."""

import json
import time
import traceback
from time import sleep as nap

import numpy as np

from simcluster import Scenario, run
from simcluster.cluster import ClusterSpec, NetworkSpec, NodeSpec, nodes
from simcluster.engine import Constant, Spec
from simcluster.faults import LoseMessages

PAIR = ClusterSpec(nodes=(NodeSpec(name="node-a"), NodeSpec(name="node-b")))


class Programs(Spec):
    """A job that boots programs of this module, by name, and never ends."""

    a: str
    b: str | None = None

    def start(self, cluster, seed):
        for name, program in (("node-a", self.a), ("node-b", self.b)):
            if program is not None:
                cluster[name].boot(globals()[program])
        return cluster.env.event()


class NoEvent(Spec):
    """A job that does not say when it is over."""

    def start(self, cluster, seed):
        cluster["node-a"].boot(patient)


class Boots(Spec):
    """A job that boots what is no function."""

    def start(self, cluster, seed):
        cluster["node-a"].boot(patient(cluster["node-a"]))


def patient(node):
    yield node.timer(1)


def no_yield(node):
    node.timer(1)


def no_yield_at_all(node):
    message = node.request("node-b", "ask")
    message.body.copy()


def no_yield_spawned(node):
    yield node.timer(1)
    node.spawn(no_yield(node))


def function_spawned(node):
    yield node.timer(1)
    node.spawn(patient)


def send_awaited(node):
    yield node.timer(1)
    yield node.send("node-b", "hi")


def number_awaited(node):
    yield node.timer(1)
    yield 5


def generator_awaited(node):
    yield node.timer(1)
    yield patient(node)


def list_awaited(node):
    yield node.timer(1)
    yield [node.timer(1), node.timer(2)]


def nested(node):
    yield node.timer(1)
    yield from number_awaited(node)


def answered(node):
    yield node.request("node-b", "ask")
    yield 5


def answers(node):
    node.reply((yield node.receive("ask")))


def yield_from(node):
    yield node.timer(1)
    yield from node.timer(1)


def receive_not_awaited(node):
    yield node.timer(1)
    message = node.receive()
    message.body.copy()


def either_not_awaited(node):
    yield node.timer(1)
    either = node.receive() | node.timer(1)
    either.body.copy()


def result_not_awaited(node):
    yield node.timer(1)
    node.busy(1) + 1


def child(node):
    yield node.timer(1)
    node.receive() + 1


def parent(node):
    yield node.spawn(child(node))


def text_timer(node):
    yield node.timer(1)
    yield node.timer("1")


def text_timeout(node):
    yield node.timer(1)
    yield node.request("node-b", "ask", timeout_s="1")


def negative_timer(node):
    yield node.timer(1)
    yield node.timer(-1.0)


def computed_already(node):
    yield node.timer(1)
    yield node.compute(3 * 4)


def memory_written(node):
    yield node.timer(1)
    node.memory["x"] = 1


def frozen(node):
    yield node.timer(1)
    node.send("node-b", "x", np.zeros(3)).body[0] = 1


def frozen_total(node):
    yield node.timer(1)
    np.add(1, 1, out=node.send("node-b", "x", np.zeros(3)).body)


def unset_key(node):
    yield node.storage.write("model", 1, size_bytes=0)
    yield node.timer(1)
    yield node.storage.read("modle")


def no_keys(node):
    yield node.timer(1)
    yield node.storage.read("x")


def wrong_name(node):
    yield node.timer(1)
    node.send("node_b", "hi")


def node_as_name(node):
    yield node.timer(1)
    node.send(node.cluster["node-b"], "hi")


def sleeps(node):
    yield node.timer(1)
    time.sleep(1)


def sleeps_by_another_name(node):
    yield node.timer(1)
    nap(1)


def sleeps_by_an_import_of_its_own(node):
    from time import sleep

    yield node.timer(1)
    sleep(1)


def looks_at_the_clock(node):
    yield node.timer(1)
    time.perf_counter()


def unknown_node(node):
    yield node.timer(1)
    node.cluster["node_b"].send("node-a", "hi")


def waits_for_either(node):
    yield node.receive() | node.timer(500)


def milliseconds(node):
    yield node.timer(500)


def asks(node):
    yield node.timer(1)
    yield node.request("node-b", "sum", (1, 2))


def returns_its_answer(node):
    message = yield node.receive("sum")
    return sum(message.body)


def waits_for_two(node):
    yield node.timer(1)
    yield node.receive("x", "y") | node.spawn(waits_for_any(node))


def waits_for_any(node):
    yield node.receive()
    yield node.receive()


def sends_what_nobody_takes(node):
    for _ in range(3):
        node.send("node-b", "news")
        yield node.timer(1)


def programs(a, b=None, **fields):
    job = Programs(a=a, b=b)
    return lambda: run(Scenario(**{"cluster": PAIR, "job": job, "horizon_s": 100.0, **fields}), 0)


def job(made):
    return lambda: run(Scenario(cluster=PAIR, job=made, horizon_s=100.0), 0)


IN_PROGRAMS = {  # what a program on node-a does, the error, and when
    "send_awaited": (r"TypeError: .*got Message\(.*send and reply do not wait, drop the yield", 1),
    "number_awaited": (r"TypeError: a program yields events, .*got 5: .*write yield node\.timer\(5\)", 1),
    "generator_awaited": (r"TypeError: a program yields events, .*got <generator object patient.*write yield from", 1),
    "list_awaited": (r"TypeError: a program yields events, .*got \[.*write a & b", 1),
    "nested": (r"TypeError: a program yields events, .*got 5: ", 2),
    "yield_from": (r"TypeError: .*not iterable: an event is awaited by yield, not by yield from", 1),
    "receive_not_awaited": (r"AttributeError: .*no attribute 'body': yield is missing", 1),
    "either_not_awaited": (r"AttributeError: .*no attribute 'body': yield is missing", 1),
    "result_not_awaited": (r"TypeError: unsupported operand .*: yield is missing", 1),
    "text_timer": (r"TypeError: delay_s must be a number of seconds, got '1'", 1),
    "text_timeout": (r"TypeError: timeout_s must be a number of seconds, got '1'", 1),
    "negative_timer": (r"ValueError: delay_s must be at least 0, got -1\.0", 1),
    "computed_already": (r"TypeError: compute takes a computation, as kernel\.call\(…\) or Call\(…\) gives, got 12", 1),
    "memory_written": (r"TypeError: memory of node-a counts bytes and holds no values: .* got the key 'x'", 1),
    "frozen": (r"ValueError: assignment destination is read-only: send and write freeze .*\.copy\(\)", 1),
    "frozen_total": (r"ValueError: output array is read-only: send and write freeze .*\.copy\(\)", 1),
    "wrong_name": (
        r"ValueError: target must be a node of the cluster, got 'node_b' \(did you mean 'node-b'\?\); "
        r"its nodes are \['node-a', 'node-b'\]",
        1,
    ),
    "node_as_name": (r"ValueError: target must be a node .*, got <Node node-b up> \(did you mean 'node-b'\?\)", 1),
    "unknown_node": (r"ValueError: a node of the cluster must be .* got 'node_b' \(did you mean 'node-b'\?\)", 1),
    "unset_key": (r"NotStored: key must .*storage of node-a, \['model'\], got 'modle' \(did you mean 'model'\?\)", 1),
    "no_keys": (r"NotStored: key must be one that is in the storage of node-a, where none is, got 'x'", 1),
    "no_yield_spawned": (r"TypeError: a program must be a generator function.* returned None at 1\.0 s", 1),
    "function_spawned": (r"TypeError: a program must be a generator function.* got the function itself at 1\.0 s", 1),
}

ELSEWHERE = {  # what is done, and what is said: an error, or how the result ended
    "no_yield": (
        programs("no_yield"),
        r"TypeError: a program must be a generator function, .*: no_yield on node-a has no yield .* at 0 s",
    ),
    "no_yield_at_all": (
        programs("no_yield_at_all"),
        r"AttributeError: .*no attribute 'body': yield is missing.*\nin no_yield_at_all on node-a at 0 s$",
    ),
    "sleeps": (programs("sleeps"), r"ValueError: sleeps on node-a must not call time\.sleep, .* at 0 s"),
    "sleeps_by_another_name": (
        programs("sleeps_by_another_name"),
        r"ValueError: sleeps_by_another_name on node-a must not call time\.sleep",
    ),
    "sleeps_by_an_import_of_its_own": (
        programs("sleeps_by_an_import_of_its_own"),
        r"ValueError: sleeps_by_an_import_of_its_own on node-a must not call time\.sleep",
    ),
    "looks_at_the_clock": (programs("looks_at_the_clock"), r"^deadlock \(looks_at_the_clock on node-a has ended\)$"),
    "answered": (programs("answered", "answers"), r"TypeError: a program yields .*\nin answered on node-a at 0\.\d"),
    "parent": (
        programs("parent"),
        r"TypeError: unsupported .*yield is missing(?!.*yield is missing).*"
        r"\nin child, which parent spawned, on node-a at 1\.0 s\nin parent on node-a at 1\.0 s$",
    ),
    "a generator booted": (job(Boots()), r"TypeError: boot takes the function, not what it returns: write boot\("),
    "no event": (job(NoEvent()), r"TypeError: start must return the event .*, got None of NoEvent\.start"),
    "milliseconds": (
        programs("milliseconds"),
        r"^horizon \(milliseconds on node-a waits for a timer until 500\.0 s, though the horizon is 100\.0 s: "
        r"times are seconds \[beginners\.py, line \d+: yield node\.timer\(500\)\]\)$",
    ),
    "milliseconds or a message": (
        programs("waits_for_either"),
        r"^horizon \(waits_for_either on node-a waits for a timer until 500\.0 s, though the horizon is 100\.0 s: ",
    ),
    "latency in milliseconds": (
        programs("asks", cluster=PAIR.replace(network=NetworkSpec(latency=Constant(value=500)))),
        r"^horizon \(a message takes 500\.0 s, though the horizon is 100\.0 s: times are seconds\)$",
    ),
    "a server that returned": (
        programs("asks", "returns_its_answer"),
        r"^deadlock \(asks on node-a waits since 1\.0 s for the reply of node-b to 'sum' \[beginners\.py, line \d+: "
        r"yield node\.request\(.*\)\]; returns_its_answer on node-b has ended\)$",
    ),
    "a request that was lost": (
        programs("asks", faults=(LoseMessages(probability=1, begin_s=0),)),
        r"^deadlock \(asks on node-a waits since 1\.0 s for the reply of node-b to 'sum', which was dropped \(loss\)",
    ),
    "a request without records": (
        programs("asks", "returns_its_answer", trace_kinds=()),
        r"^deadlock \(asks on node-a waits for the reply of node-b to 'sum' \[beginners\.py, line",
    ),
    "two that wait": (
        programs("waits_for_two"),
        r"^deadlock \(waits_for_two on node-a waits since 1\.0 s for a message of kind 'x' or 'y' or for the end of "
        r"waits_for_any \[.*\]; waits_for_any, which waits_for_two spawned, on node-a waits since 1\.0 s for a message",
    ),
    "messages that nobody takes": (
        programs("sends_what_nobody_takes"),
        r"^deadlock \(sends_what_nobody_takes on node-a has ended; 3 messages of kind 'news' from node-a in the inbox "
        r"of node-b, which nobody receives\)$",
    ),
    "a number as latency": (
        lambda: NetworkSpec(latency=0.5),
        r"^InvalidSpec: latency: must be a distribution, got 0\.5: write Constant\(value=0\.5\)$",
    ),
    "a name by position": (
        lambda: NodeSpec("a"),
        r"^TypeError: NodeSpec takes fields by name: write NodeSpec\(name='a'\), got \('a',\)$",
    ),
    "nodes the other way round": (
        lambda: nodes(4, "worker"),
        r"^ValueError: prefix must be text that a name can begin with, got nodes\(4, 'worker'\)$",
    ),
    "one node in the place of a tuple": (
        lambda: ClusterSpec(nodes=NodeSpec(name="a")),
        r"^InvalidSpec: nodes: must be a tuple of NodeSpec: write nodes=\(…,\), got NodeSpec\(name='a'.{1,200}$",
    ),
    "an unknown field": (
        lambda: NodeSpec(name="a", flops=1e9),
        r"^InvalidSpec: flops: there is no such field \(did you mean 'flops_per_s'\?\), got 1000000000\.0$",
    ),
    "several fields": (
        lambda: NodeSpec(name="a", cores=0, colour="red"),
        r"^InvalidSpec: cores: .*greater than or equal to 1, got 0\ncolour: there is no such field, got 'red'$",
    ),
    "one of many nodes": (
        lambda: ClusterSpec.model_validate({"nodes": [{"name": "a"}, {"name": "b", "cores": 0}]}),
        r"^InvalidSpec: nodes\.1\.cores: Input should be greater than or equal to 1, got 0$",
    ),
    "another value": (lambda: NodeSpec(name="a").replace(cores=0), r"^InvalidSpec: cores: .*equal to 1, got 0$"),
}


def said(make):
    """What is said, and the last line of source that the traceback shows."""
    try:
        made = make()
    except Exception as error:
        lines = [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())]
        return "\n".join(lines), traceback.extract_tb(error.__traceback__)[-1].line, error.__cause__ is not None
    return str(getattr(made, "ended", "accepted")), "", False


if __name__ == "__main__":
    made = {name: programs(name) for name in IN_PROGRAMS} | {name: make for name, (make, _) in ELSEWHERE.items()}
    print(json.dumps({name: said(make) for name, make in made.items()}))
