"""The house style that a machine can see."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = sorted([*ROOT.glob("simcluster/**/*.py"), *ROOT.glob("experiments/*.py")])
SOURCES = sorted([*LIBRARY, *ROOT.glob("tests/**/*.py"), *ROOT.glob("kernels/*.p*"), ROOT / "setup.py"])
PROSE = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

LINES = 400
#: Files that may be longer, each with its reason.
LONGER: dict[str, str] = {
    "kernels/events.pyx": "the heart: SimPy's whole event loop, whose classes are one C structure",
    "kernels/messages.pyx": "the message path, whose classes find each other by pointer, in one C module",
    "kernels/_timetable.pyx": "the timetable and the orders of its first tasks, which read each other, in one C module",
    "kernels/_history.pyx": "one search and the two orders that it is made for, whose classes are one C module",
    "kernels/_flow.pyx": "one table and the algorithm that keeps it fair, all on the same arrays",
    "tests/engine/test_events.py": "SimPy's semantics, one fact each",
    "tests/engine/test_environment.py": "what the cluster asks of either engine, one fact each",
}
#: Beside the faces of kernels, learning, compression, aggregation and codes: flows, the loop and the message path.
MAY_COMPUTE = {
    "simcluster/cluster/network/flows.py": {"flows"},
    "simcluster/cluster/network/message_path.py": {
        "Endpoint",
        "FirstComeFirstServed",
        "LatencyCarrier",
        "NicCarrier",
        "Transport",
    },
    "simcluster/engine/environment.py": {
        "Environment",
        "Event",
        "Process",
        "ScheduledCall",
        "awaited",
        "fail_now",
        "fire",
        "kill",
    },
    "simcluster/measurement/checkers/orders/linearizability.py": {"FOUND", "NONE", "OrderSearch", "real_time_search"},
    "simcluster/measurement/checkers/orders/searched.py": {"FULL", "RUNNING", "OrderSearch"},
    "simcluster/measurement/checkers/orders/sequential.py": {"FOUND", "NONE", "OrderSearch", "program_order_search"},
    "simcluster/recovery/protocols.py": {"Bytes"},
    "simcluster/scenario/versions.py": {"instruction_set"},
    "simcluster/scheduling/work/numerics/solved.py": {"one_thread"},
    "simcluster/scheduling/policies/planners/cpop.py": {"mean_seconds"},
    "simcluster/scheduling/policies/planners/heft.py": {"mean_seconds"},
    "simcluster/scheduling/policies/planners/list_scheduling.py": {"mean_seconds"},
    "simcluster/scheduling/policies/planners/look_ahead.py": {"Timetable"},
    "simcluster/scheduling/policies/planners/peft.py": {"mean_seconds"},
    "simcluster/scheduling/policies/planners/planning.py": {
        "TaskGraph",
        "Timetable",
        "mean_seconds",
        "task_graph",
        "timetable",
    },
}
#: What the built-in sum adds, all of it integers or truths; floats are added by math.fsum, the same on every version.
SUMS_OF_INTEGERS = {
    "simcluster/cluster/machine/blocks.py": {
        "(math.ceil(block.size_bytes) for block in self._durable.values())",
    },
    "simcluster/cluster/network/carrier.py": {
        "(sum((passage.begin_s > now for passage in interface.unsent)) + "
        "sum((passage.start_s > now for passage in interface.receiving)) for interface in self._interfaces.values())",
        "(passage.begin_s > now for passage in interface.unsent)",
        "(passage.start_s > now for passage in interface.receiving)",
    },
    "simcluster/cluster/messages/mailbox.py": {
        "(len(queue) for queue in self._waiting.values())",
    },
    "simcluster/cluster/network/network.py": {
        "(len(messages) for messages in self._held.values())",
    },
    "simcluster/faults/kinds/bodies.py": {
        "sizes",
    },
    "simcluster/faults/search/simpler.py": {
        "(_parts(fault) for fault in schedule)",
        "map(_digits, [*times_s(schedule), *numbers])",
        "(_length(fault) for fault in schedule)",
        "(_parts(getattr(value, field)) for field in type(value).model_fields)",
        "(1 + _parts(item) for item in value)",
    },
    "simcluster/kernels/aggregation.py": {
        "(i & p == r for i in range(m - gap))",
    },
    "simcluster/recovery/stores/store_census.py": {
        "(not self._lives(server) for server in self._store.servers)",
    },
    "simcluster/replication/types/counters.py": {
        "totals.values()",
    },
    "simcluster/report/tables.py": {
        "widths.values()",
        "lines",
    },
    "simcluster/scheduling/policies/batch/jobs.py": {
        "(cores for cores, _ in shape)",
    },
    "simcluster/scheduling/work/search/grid_search.py": {
        "map(len, accuracies)",
    },
    "simcluster/serving/front_end.py": {
        "(each.attempts for each in calls)",
    },
    "simcluster/serving/balancers/consistent_hash.py": {
        "(count for name, count in self.outstanding.items() if name not in names)",
    },
    "simcluster/testing/values.py": {
        "map(len, split)",
    },
}
#: Functions of numpy.random that a file may call: the streams are made of them, and of nothing else.
#: How long runs take on the machine is theirs to know; it reaches no run.
MEASURES = ("plan", "running/journal", "running/processes", "store", "study")
CLOCK_OF_THE_MACHINE = {f"simcluster/study/{each}.py" for each in MEASURES}
#: A search for an order of a history is given up after so many seconds, where somebody has said so.
CLOCK_OF_THE_MACHINE |= {"simcluster/measurement/checkers/limits.py"}
MAY_CALL = {"simcluster/engine/streams.py": {"Generator", "PCG64", "SeedSequence"}}


def name(path):
    return path.relative_to(ROOT).as_posix()


def each(paths):
    return pytest.mark.parametrize("path", [pytest.param(path, id=name(path)) for path in paths])


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def calls(tree):
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@each(LIBRARY)
def test_the_library_draws_from_streams_and_knows_no_clock_but_the_simulation(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {module.partition(".")[0] for module, _ in imported(tree)}
    drawn = {call.split(".")[-1] for call in calls(tree) if call.startswith(("np.random.", "numpy.random."))}

    clock = {"time"} if name(path) not in CLOCK_OF_THE_MACHINE else set()
    assert not modules & ({"random", "datetime", "secrets", "uuid"} | clock)
    assert not any(module == "numpy.random" for module, _ in imported(tree))
    assert drawn <= MAY_CALL.get(name(path), set())


@each(LIBRARY)
def test_nothing_depends_on_hashes_addresses_or_the_order_of_a_set(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loops = (node.iter for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension))
    over_sets = [
        ast.unparse(over)
        for over in loops
        if isinstance(over, ast.Set | ast.SetComp)
        or (isinstance(over, ast.Call) and ast.unparse(over.func) in {"set", "frozenset"})
    ]

    assert not calls(tree) & {"hash", "id"} or name(path) == "simcluster/study/fingerprint.py"  # what it has seen
    assert not over_sets


def summed(path):
    """What the built-in sum is called with."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return {ast.unparse(call.args[0]) for call in calls if ast.unparse(call.func) == "sum"}


@each([path for path in SOURCES if path.suffix == ".py"])
def test_a_changed_specification_is_checked_again(path):
    unchecked = [call for call in calls(ast.parse(path.read_text(encoding="utf-8"))) if call.endswith(".model_copy")]

    # What travels in a message may become what its specification would refuse, when its bits flip.
    allowed = "simcluster/cluster/messages/message.py", "simcluster/faults/kinds/bodies.py"
    assert not unchecked or name(path) in allowed


@each(LIBRARY)
def test_the_built_in_sum_adds_integers_only_for_python_3_12_changed_how_it_rounds(path):
    modules = {module for module, _ in imported(ast.parse(path.read_text(encoding="utf-8")))}

    assert summed(path) <= SUMS_OF_INTEGERS.get(name(path), set())
    assert "statistics" not in modules  # its means have changed their rounding too


def test_no_sum_is_listed_that_is_not_there():
    assert [file for file, listed in SUMS_OF_INTEGERS.items() if not listed <= summed(ROOT / file)] == []


@each(LIBRARY)
def test_only_learning_compression_aggregation_and_codes_call_the_numeric_kernels(path):
    parts = ("training/compression/", "training/aggregation/", "recovery/codes/")
    if name(path).startswith(tuple(f"simcluster/{room}" for room in ("kernels/", "learning/", *parts))):
        return
    found = {
        what
        for module, what in imported(ast.parse(path.read_text(encoding="utf-8")))
        if module.startswith("simcluster.kernels")
    }

    assert found <= {"Call", "Cost"} | MAY_COMPUTE.get(name(path), set())


def test_compiled_sources_stand_in_kernels_only():
    inside = {".git", ".venv", "build"}
    found = [path for path in ROOT.rglob("*.pyx") if not inside & set(path.relative_to(ROOT).parts)]

    assert {path.parent for path in found} == {ROOT / "kernels"}


@each(sorted(ROOT.glob("kernels/*.pyx")))
def test_every_c_function_of_a_kernel_that_computes_is_noexcept_nogil(path):
    if path.stem in {"events", "messages", "processor"}:
        pytest.skip("these work on Python objects")
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    signatures = re.findall(r"^cdef(?! class)[^\n=(]*\([^)]*\)[^\n]*", text, re.MULTILINE)
    # What gives or takes Python objects checks arguments and makes results; it does not compute.
    objects = re.compile(r"\b_?check\w*\(|^cdef object |except \*")
    computing = [line for line in signatures if not objects.search(line)]

    assert [line for line in computing if not line.rstrip(" :").endswith("noexcept nogil")] == []


@each(SOURCES)
def test_a_file_keeps_to_its_budget_of_lines(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= LINES or name(path) in LONGER


def test_no_file_is_excused_that_need_not_be():
    assert [file for file in LONGER if len((ROOT / file).read_text().splitlines()) <= LINES] == []


@each(PROSE)
def test_every_path_that_prose_names_exists(path):
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    linked = [target for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose) if "://" not in target]
    quoted = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|pyx|md|toml|in|png|csv))`", prose)
    made = {"out/"}

    assert [named for named in [*linked, *quoted] if named not in made and not (ROOT / named).exists()] == []
