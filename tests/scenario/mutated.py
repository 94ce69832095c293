"""Files of scenarios in which somebody has changed something, and how many are read or refused, as a command.

``python -m tests.scenario.mutated 10000`` tries so many changes of structure, and so many of text.
"""

import json
import math
import sys
import tempfile
from collections import Counter
from copy import deepcopy
from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simcluster import load_scenario
from simcluster.scenario import InvalidFile

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "experiments" / "scenarios").glob("*.yaml"))
TOGETHER = """
cluster:
  nodes: [{name: a, hardware: laptop}, {name: b, rack: left}, {name: c}]
  network: {topology: {kind: one_switch}}
job:
  kind: together
  jobs:
    - {kind: training, model: {kind: kmeans, clusters: 3}, server: a, workers: [b, c], steps: 3, staleness: 1,
       data: {kind: bundled, name: iris}, compression: {kind: top_k, share: 0.1}, sharding: ordered}
    - {kind: service, arrivals: {kind: closed, clients: 3}, queries: 5, front_end: a, servers: [b], timeout_s: 0.1,
       detector: {kind: heartbeats, suspicion: {kind: timeout, after_s: 1}}}
faults:
  - {kind: partition_network, groups: [[a], [b, c]], begin_s: 0.1, end_s: 0.2}
  - {kind: kill_program, node: b, program: training.worker, begin_s: 0.3}
  - {kind: break_link, link: "b->switch", begin_s: 0.1}
trace_kinds: [loss, fault]
uncaught_failure: crash_node
"""
TEXTS = [path.read_text(encoding="utf-8") for path in EXAMPLES] + [TOGETHER]
DOCUMENTS = [yaml.safe_load(text) for text in TEXTS]

WORDS = ["kind", "training", "os:system", "tests.strategies:training", "1e-3", "on", "", "\x1b[2J", "é\ud7ff", "->"]
# No number is large: what a scenario may have many of, it would have to make.
VALUES = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 3, 1000, 0.5, -0.0, 1e-300, 1e300, math.inf, -math.inf, math.nan]),
    st.sampled_from([*WORDS, [], {}, [[]], {"kind": "crash_node"}, {"kind": None}, {"": []}, [None], 10**30]),
    st.text(max_size=5),
)


def places(data, path=()):
    """Where there is something in a document."""
    yield path
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, each in parts:
        yield from places(each, (*path, key))


def at(data, path):
    """What is there."""
    for key in path:
        data = data[key]
    return data


def words(data):
    """The keys and the texts of a document."""
    found = dict.fromkeys(key for path in places(data) for key in path if isinstance(key, str))
    return [*found, *dict.fromkeys(each for path in places(data) if isinstance(each := at(data, path), str))]


@st.composite
def documents(draw):
    """A valid scenario in which one to three things were left out, replaced, added or renamed."""
    data = deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in places(data) if path]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        within, key = at(data, path[:-1]), path[-1]
        other = at(data, draw(st.sampled_from(paths)))
        value = deepcopy(draw(st.one_of(VALUES, st.just(other), st.sampled_from(words(data)))))
        how = draw(st.sampled_from(["leave out", "replace", "add", "rename"]))
        if how == "leave out":
            del within[key]
        elif how == "replace":
            within[key] = value
        elif isinstance(within, list):
            within.insert(key, value)
        else:
            named = draw(st.one_of(st.sampled_from([*words(data), *WORDS]), st.text(max_size=5)))
            within[named] = value if how == "add" else within.pop(key)
    if draw(st.booleans()):
        return ".json", json.dumps(data)
    return ".yaml", yaml.safe_dump(data, allow_unicode=True, default_flow_style=draw(st.booleans()))


@st.composite
def texts(draw):
    """The text of a valid scenario in which some characters were left out, replaced or added."""
    data, text = draw(st.sampled_from(list(zip(DOCUMENTS, TEXTS, strict=True))))
    suffix = draw(st.sampled_from([".yaml", ".json"]))
    text = text if suffix == ".yaml" else json.dumps(data, indent=draw(st.sampled_from([None, 2])))
    for _ in range(draw(st.integers(1, 3))):
        begin = draw(st.integers(0, len(text)))
        end = begin + draw(st.integers(0, 8))
        more = draw(st.one_of(st.text("{}[]:,-&*!|>'\"%@`#? \n\tab0.", max_size=3), st.text(max_size=3), st.just("")))
        text = text[:begin] + more + text[end:]
    return suffix, text


def read(file, folder):
    """Whether it was read. Anything but ``InvalidFile`` is an error of ours."""
    suffix, text = file
    path = Path(folder) / f"mutated{suffix}"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_scenario(path)
    except InvalidFile as error:
        lines = str(error).splitlines()
        assert lines
        assert all(line.startswith(str(path)) and line.isprintable() for line in lines)
        return False
    return True


def try_many(examples, files, folder):
    """Read so many files. Returns how many were read, and how many refused."""
    counts = Counter()

    @settings(max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(files)
    def run(file):
        counts["read" if read(file, folder) else "refused"] += 1

    run()
    return counts


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        for strategy in (documents(), texts()):
            print(dict(try_many(int(sys.argv[1]), strategy, made)))
