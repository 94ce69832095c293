"""What does each fault do to what a node is doing?

One node, the victim, computes, has messages under way to and from a peer, holds memory, has written to its disk with
and without flushing, and waits for a timer. In the midst of all that a fault begins, and a second later it ends. Each
cell of the table is what was then seen in the trace of that run, and nothing is written down beforehand.

Expected (fail-stop nodes: Schlichting & Schneider, "Fail-stop processors", ACM TOCS 1983): a crash loses everything
but what was flushed, a pause loses nothing and delays everything by as long as it lasts, and a fault of one part leaves
the other parts alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from simpy.events import Event

from simcluster import Scenario, run
from simcluster import faults as fault
from simcluster.cluster import Cluster, ClusterSpec, Failure, NetworkSpec, Node, NodeSpec, OneSwitch, StorageSpec
from simcluster.command_line import OutFolder, call
from simcluster.engine import Constant, Program, Spec, hint
from simcluster.faults import AnyFault, examples
from simcluster.faults.vocabulary import KINDS
from simcluster.kernels import Call, Cost
from simcluster.report import check_folder, save
from simcluster.report.tables import table_of_words

NAME = "fault_semantics"
TITLE = "What does each fault do to what a node is doing?"
COLUMNS = ("computation", "messages", "memory", "disk", "timers")
BEGIN_S, END_S, LOOK_S, OVER_S = 1.0, 2.0, 3.0, 4.0
LATENCY_S = 0.1
SENDS = {"under way": BEGIN_S - LATENCY_S / 2, "sent meanwhile": 1.2}
WHEN: dict[str, Any] = {"begin_s": BEGIN_S, "end_s": END_S}
LINK: dict[str, Any] = {"senders": ("victim",), "both_ways": True, **WHEN}
CABLE: dict[str, Any] = {"link": "switch->victim", **WHEN}
HALF_S = Constant(value=0.5)

SHOWN: dict[str, tuple[AnyFault, ...]] = {
    "no fault": (),
    "crash": (fault.CrashNode(node="victim", **WHEN),),
    "crash, in flight dropped": (fault.CrashNode(node="victim", in_flight="drop", **WHEN),),
    "crash, in flight held": (fault.CrashNode(node="victim", in_flight="hold", **WHEN),),
    "loss of the rack": (fault.LoseRack(rack="rack-0", **WHEN),),
    "pause": (fault.PauseNode(node="victim", **WHEN),),
    "slow compute (3 ×)": (fault.SlowNode(node="victim", factor=3, **WHEN),),
    "slow compute, ramp to 3 ×": (fault.SlowNode(node="victim", factor=3, ramp_s=0.5, **WHEN),),
    "process kill": (fault.KillProgram(node="victim", program="compute", **WHEN),),
    "out of memory": (fault.ExhaustMemory(node="victim", **WHEN),),
    "clock step (+5 s)": (fault.StepClock(node="victim", step_s=5, **WHEN),),
    "clock drift (+10 %)": (fault.DriftClock(node="victim", rate=0.1, **WHEN),),
    "Byzantine (negates)": (fault.Byzantine(node="victim", adversary=fault.ADVERSARIES["negate"], strength=1, **WHEN),),
    "colluding (inner product)": (fault.Collude(node="victim", attack=fault.inner_product_manipulation, **WHEN),),
    "spoofing (forges)": (fault.SpoofMessages(node="victim", victim="n-1", strength=1, **WHEN),),
    "slow link (3 ×)": (fault.SlowLink(factor=3, **LINK),),
    "latency spike (0.5 s)": (fault.SpikeLatency(extra_s=HALF_S, **LINK),),
    "bandwidth drop (5 ×)": (fault.ThrottleBandwidth(node="victim", factor=5, **WHEN),),
    "link flap (0.5 s down, 0.5 s up)": (fault.FlapLink(down_s=HALF_S, up_s=HALF_S, **LINK),),
    "a cable down": (fault.BreakLink(both_ways=True, **CABLE),),
    "a cable down, in flight dropped": (fault.BreakLink(both_ways=True, in_flight="drop", **CABLE),),
    "a cable down, all held": (fault.BreakLink(both_ways=True, in_flight="hold", crossing="hold", **CABLE),),
    "one direction of a cable down": (fault.BreakLink(**CABLE),),
    "one direction of a cable slow (0.5 s)": (fault.DelayLink(extra_s=HALF_S, **CABLE),),
    "one direction of a cable throttled (5 ×)": (fault.ThrottleLink(factor=5, **CABLE),),
    "one direction of a cable lossy": (fault.LoseOnLink(probability=1, **CABLE),),
    "lost messages": (fault.LoseMessages(probability=1, **LINK),),
    "duplicated messages": (fault.DuplicateMessages(probability=1, delay_s=HALF_S, **LINK),),
    "reordered messages": (fault.ReorderMessages(probability=1, delay_s=HALF_S, **LINK),),
    "corrupted messages": (fault.CorruptMessages(probability=1, **LINK),),
    "corrupted, undetected": (fault.CorruptMessages(probability=1, detected=False, **LINK),),
    "partition": (fault.PartitionNetwork(groups=(("victim",),), **WHEN),),
    "partition, in flight dropped": (fault.PartitionNetwork(groups=(("victim",),), in_flight="drop", **WHEN),),
    "partition, all held": (fault.PartitionNetwork(groups=(("victim",),), in_flight="hold", crossing="hold", **WHEN),),
    "isolated node": (fault.IsolateNode(node="victim", **WHEN),),
    "minority cut off": (fault.CutMinority(minority=("victim", "n-1"), **WHEN),),
    "ring of majorities": (fault.PartitionRing(**WHEN),),
    "bridge": (fault.PartitionBridge(sides=(("victim", "n-1"), ("peer", "n-3")), **WHEN),),
    "one-way cut": (fault.CutOneWay(senders=("victim",), receivers=("*",), **WHEN),),
    "disk loss": (fault.LoseDisk(node="victim", **WHEN),),
    "disk slow (3 ×)": (fault.SlowDisk(node="victim", factor=3, **WHEN),),
    "disk full": (fault.FillDisk(node="victim", **WHEN),),
    "torn writes": (fault.TearWrites(node="victim", **WHEN),),
    "torn writes and crash": (fault.TearWrites(node="victim", **WHEN), fault.CrashNode(node="victim", **WHEN)),
    "bit rot (5 bits)": (fault.RotBits(node="victim", count=5, **WHEN),),
}
CLUSTER = ClusterSpec(
    # The peer is neither neighbour of the victim, so that a ring of five cuts it off.
    nodes=tuple(
        NodeSpec(
            name=name, rack=f"rack-{place // 2}", flops_per_s=1.0, memory_bytes=100.0,
            storage=StorageSpec(bandwidth_bytes_per_s=100.0, flush_s=0.01),
        )
        for place, name in enumerate(("victim", "n-1", "peer", "n-3", "n-4"))
    ),
    network=NetworkSpec(
        topology=OneSwitch(bandwidth_bytes_per_s=1e4), latency=Constant(value=LATENCY_S), bandwidth_bytes_per_s=1e4
    ),
)
_BESIDES = {type(one) for row in SHOWN.values() for one in row}  # the rest is shown as a swarm would draw it
_DRAWN = examples(KINDS, CLUSTER, "victim", "compute", BEGIN_S, END_S)
FAULTS = SHOWN | {word: (one,) for word, one in _DRAWN.items() if type(one) not in _BESIDES}

# The probe: programs that say in the trace what they see. After a crash they are booted again, and only look on.


class Probe(Spec):
    """A job that is busy with everything a node can be busy with."""

    def start(self, cluster: Cluster, seed: int) -> Event:
        """Boot the programs; over after four seconds."""
        for program in (compute, remember, keep, wait):
            cluster["victim"].boot(program)
        for name in ("victim", "peer"):
            cluster[name].boot(talk)
            cluster[name].boot(listen)
        over = Event(cluster.env)
        cluster.env.call_later(OVER_S, lambda _: over.succeed())
        return over


def see(node: Node, what: str, value: Any = None) -> None:
    """Write down what a program sees."""
    node.cluster.trace.recorder("seen", "node", "what", "value")(node.name, what, value)


def until(node: Node, time_s: float) -> Event:
    """A timer that ends at a time."""
    return node.timer(max(0.0, time_s - node.env.now))


def compute(node: Node) -> Program:
    """A computation of 0.4 s that is under way when the fault begins."""
    if node.env.now > BEGIN_S:
        see(node, "compute: booted again")
        return
    yield until(node, 0.9)
    result = yield node.compute(Call(lambda: 42, Cost(flops=0.4, bytes=0.0)))
    see(node, "compute: done", result)


def talk(node: Node) -> Program:
    """A message that is under way when the fault begins, and one that is sent while it lasts."""
    other = "peer" if node.name == "victim" else "victim"
    way = "from it" if node.name == "victim" else "to it"
    body = (7, np.array([1.0, 2.0]))
    for kind, time_s in SENDS.items():
        if node.env.now <= time_s:
            yield until(node, time_s)
            node.send(other, f"{kind} {way}", body, size_bytes=100)


def listen(node: Node) -> Program:
    """Hear every message, and whether it is what was sent."""
    while True:
        message = yield node.receive()
        see(node, f"heard: {message.kind}", message.body[1].tolist() == [1.0, 2.0])


def remember(node: Node) -> Program:
    """A variable that is kept in memory, and memory that is asked for while the fault lasts."""
    remembered = node.env.now < BEGIN_S
    if remembered:
        node.memory.allocate(60)
        yield until(node, 1.5)
        try:
            node.memory.allocate(30)
            see(node, "memory: asked", "granted")
        except Failure as failure:
            see(node, "memory: asked", f"refused ({failure.cause})")
    yield until(node, LOOK_S)
    see(node, "memory: kept", remembered and node.memory.used_bytes >= 60)


def keep(node: Node) -> Program:
    """A block that is flushed, one that is only written, one that is being written, and what is done meanwhile."""
    if node.env.now < BEGIN_S:
        yield node.storage.write("flushed", 1.0, 5)
        yield node.storage.flush()
        yield node.storage.write("unflushed", 1.0, 5)
        for time_s, key in ((0.95, "under way"), (1.5, "meanwhile")):
            yield until(node, time_s)
            try:
                yield node.storage.write(key, 1.0, 10)
                see(node, f"write: {key}", "done")
            except Failure as failure:
                see(node, f"write: {key}", f"refused ({failure.cause})")
        for change in node.poisons.values():
            see(node, "labels altered", change(np.array([0, 1]), 2).tolist())
    yield until(node, LOOK_S)
    for key in ("flushed", "unflushed", "under way"):
        try:
            yield node.storage.read(key)
            see(node, f"read: {key}", "kept")
        except KeyError:
            see(node, f"read: {key}", "lost")
        except Failure as failure:
            see(node, f"read: {key}", failure.cause)


def wait(node: Node) -> Program:
    """A timer that is to end while the fault lasts, and what the clock shows then."""
    if node.env.now > BEGIN_S:
        return
    yield until(node, 1.5)
    see(node, "timer: fired", round(node.clock.now() - node.env.now, 9))


# What was seen, in words

Seen = dict[str, list[tuple[float, Any]]]
"""When each thing was seen, and its value."""


def observe(faults: tuple[AnyFault, ...], seed: int = 0) -> dict[str, str]:
    """Run the probe under ``faults``; what happened to each part, in words."""
    result = run(Scenario(cluster=CLUSTER, job=Probe(), faults=faults, horizon_s=OVER_S + 1), seed)
    rows = list(result.trace.rows())
    seen: Seen = {}
    for row in rows:
        if row["kind"] == "seen":
            seen.setdefault(row["what"], []).append((row["time_s"], row["value"]))
    return {
        "computation": _of_computation(seen),
        "messages": _of_messages(seen, rows),
        "memory": _of_memory(seen),
        "disk": _of_disk(seen),
        "timers": _of_timers(seen),
    }


def _late(time_s: float, due_s: float) -> str:
    return "on time" if time_s - due_s < 1e-6 else f"{time_s - due_s:.3g} s late"


def _of_computation(seen: Seen) -> str:
    if done := seen.get("compute: done"):
        return f"result {_late(done[0][0], 1.3)}"
    again = seen.get("compute: booted again")
    return "result lost" + (f"; program booted again at {again[0][0]:.3g} s" if again else "")


def _of_messages(seen: Seen, rows: list[dict[str, Any]]) -> str:
    words = []
    for kind, planned_s in SENDS.items():
        due_s = planned_s + LATENCY_S + 0.01
        to, back = (_fate(f"{kind} {way}", due_s, seen, rows) for way in ("to it", "from it"))
        words += [f"{kind}: {to}"] if to == back else [f"{kind} to it: {to}", f"{kind} from it: {back}"]
    return "; ".join(words)


def _fate(kind: str, due_s: float, seen: Seen, rows: list[dict[str, Any]]) -> str:
    """What became of a message, by its kind."""
    if not any(row["kind"] == "send" and row["message_kind"] == kind for row in rows):
        return "never sent"
    heard = seen.get(f"heard: {kind}", [])
    causes = [row["cause"] for row in rows if row["kind"] == "drop" and row["message_kind"] == kind]
    if not heard:
        return f"dropped ({causes[0]})" if causes else "lost in the inbox"
    fate = "arrived " + _late(heard[0][0], due_s)
    if len(heard) > 1:
        fate += f" and again {heard[1][0] - heard[0][0]:.3g} s later"
    return fate if all(same for _, same in heard) else fate + ", altered"


def _of_memory(seen: Seen) -> str:
    kept = "kept" if seen["memory: kept"][0][1] else "lost"
    asked = seen.get("memory: asked")
    return f"{kept}; asked for more: {asked[0][1] if asked else 'never'}"


def _of_disk(seen: Seen) -> str:
    found = {key: seen[f"read: {key}"][0][1] for key in ("flushed", "unflushed", "under way")}
    words = [f"{key} {', '.join(keys)}" for key, keys in _by_value(found).items()]
    for key, due_s in (("under way", 1.05), ("meanwhile", 1.6)):
        write = seen.get(f"write: {key}")
        if write is None:
            words.append(f"write {key}: never done")
        else:
            time_s, outcome = write[0]
            words.append(f"write {key}: {_late(time_s, due_s) if outcome == 'done' else outcome}")
    return "; ".join([*words, *(what for what in seen if what == "labels altered")])


def _by_value(found: dict[str, str]) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for key, value in found.items():
        keys.setdefault(value, []).append(key)
    return keys


def _of_timers(seen: Seen) -> str:
    fired = seen.get("timer: fired")
    if not fired:
        return "never fired"
    time_s, error_s = fired[0]
    return f"fired {_late(time_s, 1.5)}" + (f", clock off by {error_s:+.3g} s" if error_s else "")


def observations(seed: int = 0) -> pd.DataFrame:
    """One row for each fault, one column for each part of a node; and the seed."""
    rows = [{"fault": name, **observe(faults, seed), "seed": seed} for name, faults in FAULTS.items()]
    return pd.DataFrame(rows, columns=["fault", *COLUMNS, "seed"])


# As a matrix of single words, on a screen and in a picture, and in full for one fault

HEADINGS = ("compute", *COLUMNS[1:])
WORDS = {
    "lost": r"\b(lost|dropped|never (sent|done|fired))\b",
    "late": r"\blate\b",
    "twice": r"\bagain [\d.]+ s later\b",
    "altered": r"\b(altered|corrupted|clock off)\b",
    "refused": r"\brefused\b",
}
"""What a cell of the matrix says when its sentence, without what stands in brackets, has such words."""


def in_a_word(sentence: str) -> str:
    """What a sentence says has gone wrong, by ``WORDS``; a dot when all is as it would be without a fault."""
    bare = re.sub(r"\(.*?\)", "", sentence)
    return ", ".join(word for word, pattern in WORDS.items() if re.search(pattern, bare)) or "·"


def matrix(table: pd.DataFrame) -> list[list[str]]:
    """The name of each fault, and a word or two for each part."""
    return [[row["fault"], *(in_a_word(row[part]) for part in COLUMNS)] for _, row in table.iterrows()]


def in_rich(table: pd.DataFrame) -> Table:
    """The matrix for a terminal, of 80 columns or more."""
    drawn = Table(title=f"{TITLE} (from {BEGIN_S:g} s to {END_S:g} s)", box=None, padding=(0, 1, 0, 0))
    drawn.add_column("fault", max_width=33)
    for heading in HEADINGS:
        drawn.add_column(heading, min_width=7, max_width=10)
    for name, *words in matrix(table):
        drawn.add_row(name, *(word if word != "·" else "[dim]·[/dim]" for word in words))
    return drawn


def in_full(name: str, seed: int = 0) -> Table:
    """What one fault does to each part, beside what happens without. Raises ``ValueError`` for an unknown fault."""
    if name not in FAULTS:
        rule = "fault: must be one that the table of all faults lists"
        raise ValueError(f"{rule}, got {name!r}{hint(name, FAULTS)}")
    without, within = observe((), seed), observe(FAULTS[name], seed)
    drawn = Table(title=f"{name}, from {BEGIN_S:g} s to {END_S:g} s", show_lines=True)
    for heading in ("part", "without", "with it"):
        drawn.add_column(heading)
    for part in COLUMNS:
        same = within[part] == without[part]
        told = "[dim]the same[/dim]" if same else within[part].replace("; ", "\n")
        drawn.add_row(part, without[part].replace("; ", "\n"), told)
    return drawn


def draw(table: pd.DataFrame) -> Figure:
    """The matrix as a picture of one page; what a fault has changed stands on colour."""
    widths = {"fault": 42, **dict.fromkeys(HEADINGS, 15)}
    title = f"{TITLE[:-1]}\nfrom {BEGIN_S:g} s to {END_S:g} s?"
    return table_of_words(title, widths, matrix(table))


def main() -> None:
    """Run the experiment from the command line."""
    app = typer.Typer(add_completion=False)

    @app.command(help=TITLE)
    def command(
        out: OutFolder = Path("out"),
        only: Annotated[
            str | None, typer.Option("--fault", metavar="NAME", help="One fault of the table, in full sentences.")
        ] = None,
    ) -> None:
        console = Console()
        if only is not None:
            console.print(in_full(only))
            return
        check_folder(out)
        table = observations()
        picture = save(draw(table), table, out, NAME)
        console.print(in_rich(table))
        console.print(
            f"A dot: as without a fault. --fault NAME says it of one fault in full, {out}/{NAME}.csv of all.\n"
            f"The picture is {picture}."
        )

    call(app)


if __name__ == "__main__":
    main()
