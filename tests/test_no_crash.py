"""No public call crashes the interpreter: each program runs in a child, whose end must not be a signal."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simcluster.engine import ENGINE

FUZZ = Path(__file__).parent / "native_fuzz.py"
COMPILED = pytest.mark.skipif(ENGINE != "compiled", reason="plain Python does not crash")
CLUSTER = """
import copy
from simcluster.cluster import Cluster, ClusterSpec, Message, nodes
from simcluster.engine import Environment, Trace, fire
env = Environment()
cluster = Cluster(env, ClusterSpec(nodes=nodes("n", 2)), 0, Trace(env))
node, network = cluster["n-0"], cluster.network
"""


def ended(arguments, before=""):
    """Run Python in a child; return its code and what it wrote."""
    command = [sys.executable, "-X", "faulthandler", *arguments]
    if before:
        command = ["bash", "-c", f'{before}; exec "$@"', "bash", *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


@COMPILED
@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 60), pytest.param(60, 900, marks=pytest.mark.slow), pytest.param(900, 3_000, marks=pytest.mark.long)],
)
def test_random_calls_of_every_compiled_class_end_without_a_signal(first, last):
    code, text = ended([str(FUZZ), str(first), str(last)])

    assert code == 0, text[-4_000:]


#: How one event leads to the one before it: an expression of ``last``.
LINKS = {
    "timeout": "env.timeout(1, last)",
    "event": "link(env.event())",
    "condition": "link(env.event() & env.event())",
    "receive": "link(node.receive('k'))",
    "timer": "link(node.timer(1))",
    "heir": "link(Heir(env))",
    "heir of a timeout": "HeirOfTimeout(env, 1, last)",
    "heir of a process": "link(HeirOfProcess(env, empty()))",
    "process": "link(env.process(empty()))",
    "call": "env.call_later(10**6 - number, print, last)",  # the last is the first of the schedule, and freed last
    "request": "link(store.get())",
}


@COMPILED
@pytest.mark.parametrize(
    "links", [["timeout", "process", "timer", "call"], pytest.param(list(LINKS), marks=pytest.mark.slow)]
)
def test_a_long_chain_of_events_is_freed_on_a_small_stack(links):
    code, text = ended(["-c", f"""
import gc, simpy
from simcluster.engine import Event, Process
from simcluster.kernels.events import Timeout
class Heir(Event): pass
class HeirOfTimeout(Timeout): pass
class HeirOfProcess(Process): pass
def empty():
    yield env.event()
def link(event):
    event._value = last
    return event
for name, expression in { {name: LINKS[name] for name in links} }.items():
    print(name, flush=True)
    exec({CLUSTER!r})
    store = simpy.Store(env)
    last, code = None, compile(expression, name, "eval")
    for number in range(50_000):
        last = eval(code)
    env.run(until=3)
    store.get_queue.clear()
    del last
    del env, cluster, node, network, store
    gc.collect()
"""], before="ulimit -s 400")  # fmt: skip

    assert code == 0, text


@COMPILED
def test_a_finalizer_may_cancel_what_is_on_the_schedule_while_that_is_read():
    code, text = ended(["-c", """
import gc
from fractions import Fraction
from simcluster.kernels.events import Environment, cancel

class Circle: pass

def cancels(timeouts):
    try:
        yield
    finally:
        for each in timeouts:
            cancel(each)
        timeouts.clear()
        env.timeout(9)

for round in range(20):
    env = Environment()
    gc.disable()
    circle = Circle()
    circle.own = circle
    circle.program = cancels([env.timeout(1 + i) for i in range(2000)])
    next(circle.program)
    kept = [env.timeout(0.5 + i) for i in range(100)]
    del circle
    gc.set_threshold(20 + 40 * round, 1, 1)
    gc.enable()
    if round % 2:
        env.timeout(Fraction(1, 3))
    queue = env._queue
    gc.disable()
    assert all(entry[3].env is env for entry in queue)
    del queue
    gc.collect()
    env.run()
    assert all(each.processed for each in kept) and env.now == 99.5, env.now
"""])  # fmt: skip

    assert code == 0, text


#: The smallest programs that have crashed the interpreter, or have read and written beyond an object in silence.
WORD = 'Message(1, "n-0", "n-1", "word", None, 1.0)'
CRASHED = {
    "a call that has been made": """
node.send("n-1", "k")
arrival = env._queue[0][3]
env.run()
env.schedule(arrival)
env.run()""",
    "an arrival of nothing": "env.schedule(messages.Arrival()); env.run()",
    "a timeout by __new__": "events.cancel(events.Timeout.__new__(events.Timeout))",
    "a serial number of no environment": "next(events._Serial.__new__(events._Serial))",
    "an endpoint by __new__": "messages.Endpoint.__new__(messages.Endpoint).send('a', 'b')",
    "a transport by __new__": """
transport = messages.Transport.__new__(messages.Transport)
transport._carrier = network._carrier
transport.write("n-0", "n-1", "k", None, 1.0)""",
    "a message type that is no tuple": """
transport = messages.Transport(env, {}, Trace(env), int, lambda body: (body, 0), 1)
transport._names.add("n")
transport.write("n", "n", "k", None, None)""",
    "a processor without an environment": """
processor.FirstComeFirstServed(None, "n", 1, 1.0, Trace(env)).submit(env.event(), 1, 1.0)""",
    "a computation on a processor without an environment": """
processor.FirstComeFirstServed(None, "n", 1, 1.0, Trace(env)).compute(1, 1.0)""",
    "a killed process with another generator": """
process = env.process(iter_once(env))
events.kill(process)
process._generator = "x"
process._resume(env.timeout(0))""",
}
GO_ON = {
    "a copy of callbacks": "copy.copy(node.timer(1).callbacks).append(print)",
    "callbacks of no event": "events.Waiters().append(print)",
    "a kind that empties the mailbox": f"""
class Kind:
    def __hash__(self): return 1
    def __eq__(self, other):
        node._mailbox.clear()
        node.deliver({WORD})
        return False
for _ in range(1000):
    node.deliver({WORD})
for _ in range(2):
    env.process(iter_over(node.receive(Kind())))
try:
    env.run()
except (IndexError, TypeError):
    pass""",
}


@COMPILED
def test_what_once_crashed_raises_or_goes_on():
    code, text = ended(["-c", f"""
from simcluster.kernels import _flow, events, messages, processor
def iter_once(env):
    yield env.timeout(1)
def iter_over(event):
    yield event
for name, program in {CRASHED | GO_ON}.items():
    print("program:", name, flush=True)
    exec({CLUSTER!r})
    try:
        exec(program)
        print("went on:", name)
    except Exception as error:
        print(repr(error))
"""])  # fmt: skip

    assert code == 0, text
    assert [line.removeprefix("went on: ") for line in text.splitlines() if line.startswith("went on")] == list(GO_ON)


#: A kernel, its arguments, and the one of them to which another thread writes.
RACES = {
    "rows": ("histograms", "(bins, ones, ones, 4, rows)", "rows"),
    "bins": ("histograms", "(bins, ones, ones, 4)", "bins"),
    "labels": ("softmax", "(np.zeros((8, 3)), X, labels)", "labels"),
    "labels of a mini-batch": ("softmax", "(np.zeros((8, 3)), X, labels, 0.0, rows)", "labels"),
    "rows of a mini-batch": ("logistic", "(np.zeros(8), X, labels // 2, 0.0, rows)", "rows"),
    "labels of scores": ("softmax_cross_entropy", "(X, labels)", "labels"),
    "a vector": ("top_k_sparse", "(ones, 50)", "ones"),
}


@pytest.mark.parametrize(
    "seconds", [0.2, pytest.param(2, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.long)]
)
def test_a_kernel_survives_a_thread_that_writes_to_its_arguments(seconds):
    code, text = ended(["-c", f"""
import sys, threading, time
import numpy as np
from simcluster.kernels import histograms, logistic, softmax, softmax_cross_entropy, top_k_sparse
sys.setswitchinterval(1e-6)
chance, n = np.random.default_rng(0), 20_000
def flip(array, end):
    right, wrong = array.copy(), 255 if array.dtype == np.uint8 else 2**40
    while time.monotonic() < end:
        array[...] = wrong
        array[...] = right
for name, (kernel, inputs, written) in {RACES}.items():
    print(name, flush=True)
    bins, ones, X = chance.integers(0, 4, (8, n)).astype(np.uint8), np.ones(n), chance.normal(size=(n, 8))
    labels, rows = chance.integers(0, 3, n), chance.integers(0, n, n)
    end = time.monotonic() + {seconds}
    other = threading.Thread(target=flip, args=(eval(written), end))
    other.start()
    while time.monotonic() < end:
        try:
            eval(kernel + inputs)
        except ValueError:
            pass
    other.join()
"""])  # fmt: skip

    assert code == 0, text


@pytest.mark.parametrize(
    "seconds", [0.5, pytest.param(2, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.long)]
)
def test_threads_may_share_a_table_of_flows(seconds):
    code, text = ended(["-c", f"""
import sys, threading, time
import numpy as np
from simcluster.kernels.flow import flows
sys.setswitchinterval(1e-6)
table, end = flows(np.full(50, 1e6)), time.monotonic() + {seconds}
def change(seed):
    chance, mine = np.random.default_rng(seed), []
    while time.monotonic() < end:
        mine.append(table.add(chance.choice(50, 3, replace=False), 1e9, 0.0))
        table.fill(0.0)
        if len(mine) > 400:
            table.remove(mine.pop(0), 0.0)
threads = [threading.Thread(target=change, args=(seed,)) for seed in range(3)]
for each in threads:
    each.start()
for each in threads:
    each.join()
assert all(table.load(link) <= 1e6 * (1 + 1e-9) for link in range(50))
"""])  # fmt: skip

    assert code == 0, text
