"""A scenario in a file is the scenario in Python: what is written reads back, and what is read is checked alike."""

import json
import math
import os
import stat
from contextlib import nullcontext
from pathlib import Path

import jsonschema
import pytest
import strategies
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import Scenario, Spec, load_scenario, plugins, run, save_scenario
from simcluster.cluster import ClusterSpec, NodeSpec, nodes
from simcluster.engine import Count
from simcluster.faults import Fault
from simcluster.scenario import InvalidFile, load_spec, save_spec, schema
from simcluster.scenario.text import yaml_text
from simcluster.scenario.text.document import DEPTH, VALUES, Broken
from simcluster.scenario.text.documents import parse, read_document
from simcluster.training import Waiting
from tests.scenario.mutated import DOCUMENTS, EXAMPLES, TEXTS, documents, read, texts, try_many

SUFFIXES = (".yaml", ".yml", ".json")
SCHEMA = jsonschema.Draft202012Validator(schema())
FAST = 200


class Study(Spec):
    """Another kind of file."""

    scenario: Scenario
    seeds: tuple[Count, ...] = (1, 2)


class Eager(Waiting):
    """A waiting rule of one's own."""

    def __init__(self, ahead):
        self.ahead = ahead

    def __eq__(self, other):
        return isinstance(other, Eager) and self.ahead == other.ahead

    __hash__ = None

    def may_start(self, worker, clock, progress):
        return True


class Freeze(Fault):
    """A fault of one's own."""

    node: str
    factor: float = 1.0

    def begin(self, cluster, key):
        return lambda: None


def there_and_back(scenario, folder, suffix=".yaml"):
    path = Path(folder) / f"scenario{suffix}"
    save_scenario(path, scenario)
    return load_scenario(path)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_loads_runs_to_its_end_and_is_told_nothing_by_the_schema(path):
    scenario = load_scenario(path)
    result = run(scenario, 0)

    assert (result.ended, result.verdicts) == ("finished", ())
    assert scenario.faults
    assert list(SCHEMA.iter_errors(read_document(path).plain())) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_scenario_is_written_and_read_back_equal(path, suffix, tmp_path):
    scenario = load_scenario(path)
    again = there_and_back(scenario, tmp_path, suffix)

    assert again == scenario
    assert again.digest == scenario.digest


@pytest.mark.slow
@given(
    st.builds(
        strategies.training,
        faults=strategies.schedules,
        network=strategies.networks,
        staleness=strategies.staleness,
        jitter=st.none() | st.builds(strategies.Exponential, mean=st.floats(1e-100, 1e99)),
        horizon_s=st.floats(5e-324, 1.7e308),
        kinds=st.none() | st.just(("loss",)),
        name=st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=8).filter(str.isprintable),
    ),
    st.sampled_from(SUFFIXES),
)
@settings(max_examples=25)
def test_any_scenario_reads_back_and_fits_the_schema(tmp_path_factory, scenario, suffix):
    folder = tmp_path_factory.getbasetemp()
    again = there_and_back(scenario, folder, suffix)

    assert again.digest == scenario.digest
    assert list(SCHEMA.iter_errors(read_document(folder / f"scenario{suffix}").plain())) == []
    assert list(SCHEMA.iter_errors(json.loads(scenario.model_dump_json()))) == []


def test_what_is_written_is_what_differs_from_its_default(tmp_path):
    machines = (NodeSpec(name="server", hardware="server", cores=1), *nodes("on", 1, speed=math.pi))
    job = strategies.training(staleness=math.inf).job.replace(workers=("on-0",))
    scenario = Scenario(cluster=ClusterSpec(nodes=machines), job=job, horizon_s=3600.0)
    save_scenario(tmp_path / "sparse.yaml", scenario)

    written = (tmp_path / "sparse.yaml").read_text(encoding="utf-8")

    assert load_scenario(tmp_path / "sparse.yaml") == scenario
    assert written.startswith("cluster:\n  nodes:\n    - name: server\n      hardware: server\n      cores: 1\n    - n")
    assert "  waiting:\n    kind: bounded_staleness\n    staleness: .inf\n" in written
    assert not {"horizon_s", "network", "aggregation", "flops_per_s", "faults"} & {*written.replace(":", "").split()}


@pytest.mark.parametrize("name", ["1:30", "1e-3", "on", "null", "~", "0o17", "0x1f", "2026-01-31", "- a", "#", ".inf"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_that_looks_like_something_else_stays_text(name, suffix, tmp_path):
    scenario = strategies.training()
    machines = (*scenario.cluster.nodes, NodeSpec(name=name, rack=name + name))
    scenario = scenario.replace(cluster=scenario.cluster.replace(nodes=machines))

    assert there_and_back(scenario, tmp_path, suffix) == scenario


def test_parts_of_one_s_own_are_written_by_where_they_are_and_read_where_they_are_allowed(tmp_path):
    scenario = strategies.training(waiting=Eager(3), faults=[Freeze(node="server", begin_s=1, factor=math.inf)])
    save_scenario(tmp_path / "own.yaml", scenario)

    assert f"kind: {__name__}:Eager\n    ahead: 3" in (tmp_path / "own.yaml").read_text(encoding="utf-8")
    with pytest.raises(InvalidFile, match=rf"job\.waiting\.kind: .* allowed \(--plugin {__name__}\)"):
        load_scenario(tmp_path / "own.yaml")
    with plugins(__name__):
        assert load_scenario(tmp_path / "own.yaml") == scenario


def test_a_scenario_that_no_file_gives_back_is_not_written(tmp_path):
    scenario = strategies.training(aggregation=lambda contributions, weights: contributions[0])
    (tmp_path / "kept.yaml").write_text("as it was", encoding="utf-8")

    with pytest.raises(ValueError, match="only what has a name in its module can be written to a file"):
        save_scenario(tmp_path / "kept.yaml", scenario)

    assert [path.read_text() for path in tmp_path.iterdir()] == ["as it was"]


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "whole.yaml"
    save_scenario(path, strategies.training())
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"must be a file that can be written, got .*No space"):
        save_scenario(path, strategies.training(steps=99))

    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_mask()


def _mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_arguments_that_are_swapped_or_no_path_are_said_in_a_line(tmp_path):
    scenario = strategies.training()
    for wrong, rule in (
        (
            lambda: save_scenario(scenario, tmp_path / "s.yaml"),
            "path must be the name of a file, and stands before what is written there, got Scenario",
        ),
        (lambda: save_scenario("s.yaml", "t.yaml"), "what is written to s.yaml must be a specification, got 't.yaml'"),
        (lambda: load_scenario(scenario), "path must be the name of a file, got Scenario"),
    ):
        with pytest.raises(TypeError) as said:
            wrong()
        assert str(said.value) == rule


def test_another_specification_is_read_by_the_same_rules(tmp_path):
    service = next(each for each in EXAMPLES if each.stem == "service")
    study = Study(scenario=load_scenario(service), seeds=(3,))
    save_spec(tmp_path / "study.yaml", study)
    assert load_spec(tmp_path / "study.yaml", Study) == study

    text = (tmp_path / "study.yaml").read_text(encoding="utf-8")
    (tmp_path / "study.yaml").write_text(text.replace("queries: 60", "querys: 60"), encoding="utf-8")
    line = text.splitlines().index("    queries: 60") + 1
    with pytest.raises(
        InvalidFile, match=rf"study\.yaml:{line}: scenario\.job\.querys: there .*did you mean `queries`"
    ):
        load_spec(tmp_path / "study.yaml", Study)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("on", "on"), ("no", "no"), ("y", "y"), ("TRUE", True), ("true", True), ("False", False), ("1:30", "1:30"),
        ("2026-01-31", "2026-01-31"), ("1e-3", 1e-3), ("1E3", 1000.0), ("1.", 1.0), (".5", 0.5), ("-.5e2", -50.0),
        ("010", 10), ("0o10", 8), ("0x10", 16), ("+3", 3), ("-0", 0), ("1_000", "1_000"), (".inf", math.inf),
        ("-.INF", -math.inf), ("inf", "inf"), ("nan", "nan"), ("~", None), ("null", None), ("", None), ("=", "="),
        ("'1'", "1"), ('"\\e"', "\x1b"), ("0b1", "0b1"), ("1.2.3", "1.2.3"), ("+", "+"), (".", "."), ("1e", "1e"),
    ],
)  # fmt: skip
def test_yaml_means_what_its_core_schema_says(text, means):
    found = parse(f"a: {text}\n").plain()["a"]

    assert found == means
    assert type(found) is type(means)


@pytest.mark.parametrize("text", TEXTS)
def test_yaml_is_read_alike_where_pyyaml_was_built_without_libyaml(text, monkeypatch):
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.SafeLoader)
    slowly = parse(text)
    monkeypatch.undo()

    assert slowly == parse(text)  # with its lines


KEYS = st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS
NESTED = st.recursive(SCALARS, lambda part: st.lists(part) | st.dictionaries(KEYS, part), max_leaves=8)
DATA = st.dictionaries(KEYS, NESTED)


@settings(max_examples=40)
@given(DATA, st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_as_python_reads_it(data, indent, ascii_only):
    text = json.dumps(data, indent=indent, ensure_ascii=True if ascii_only else not _printable(data))

    assert parse(text, json=True).plain() == json.loads(text)


def _printable(data):
    return all(char.isprintable() for char in json.dumps(data, ensure_ascii=False))


def test_the_lines_of_a_document_are_those_of_its_keys_and_items():
    for text, is_json in (("a:\n  b:\n  - 1\n  - c: 2\n", False), ('{"a":\n{"b": [\n1,\n{"c": 2}]}}', True)):
        root = parse(text, json=is_json)
        lists = root.value["a"].value["b"]

        assert root.plain() == {"a": {"b": [1, {"c": 2}]}}
        assert [root.value["a"].line, lists.line, *(item.line for item in lists.value)] == [1, 2, 3, 4]


def test_the_schema_is_one_and_lists_what_a_module_brings():
    plain, more = schema(), schema(Scenario, [__name__])
    own = {f"{__name__}:Eager", f"{__name__}:Freeze"}

    jsonschema.Draft202012Validator.check_schema(more)
    assert own & {*_constants(plain)} == set()
    assert own <= {*_constants(more)}
    scenario = strategies.training(waiting=Eager(3), faults=[Freeze(node="server", begin_s=1)])
    dumped = json.loads(scenario.model_dump_json())
    assert list(jsonschema.Draft202012Validator(more).iter_errors(dumped)) == []
    assert list(SCHEMA.iter_errors(dumped)) != []
    for broken in ({**dumped, "horizon": 1}, {**dumped, "horizon_s": "1 s"}, {**dumped, "job": {"kind": "trainning"}}):
        assert list(jsonschema.Draft202012Validator(more).iter_errors(broken)) != []
    with pytest.raises(ValueError, match="a plug-in must be a module that there is, got 'no_such'"):
        schema(Scenario, ["no_such"])


def _constants(part):
    if isinstance(part, dict):
        yield from [part["const"]] if isinstance(part.get("const"), str) else []
        part = list(part.values())
    for each in part if isinstance(part, list) else ():
        yield from _constants(each)


@pytest.mark.parametrize("place", range(len(TEXTS)))
def test_what_is_going_to_be_mutated_is_valid_before(place, tmp_path):
    assert read((".yaml", TEXTS[place]), tmp_path)
    assert read((".json", json.dumps(DOCUMENTS[place])), tmp_path)
    assert yaml.safe_load(TEXTS[place]) == DOCUMENTS[place]


@pytest.mark.parametrize("files", [documents(), texts()], ids=["structure", "text"])
def test_a_mutated_scenario_is_read_or_refused_and_nothing_else(files, tmp_path):
    assert try_many(FAST, files, tmp_path)["refused"] > FAST / 4


@pytest.mark.long
@pytest.mark.parametrize("files", [documents(), texts()], ids=["structure", "text"])
def test_ten_thousand_mutated_scenarios_are_read_or_refused_and_nothing_else(files, tmp_path):
    counts = try_many(10_000, files, tmp_path)

    assert min(counts["read"], counts["refused"]) > 100


def test_a_document_may_be_as_deep_and_hold_as_much_as_the_limits_say(tmp_path):
    deep = '{"a": ' * (DEPTH - 1) + "{}" + "}" * (DEPTH - 1)
    assert parse(deep, json=True).size
    with pytest.raises(Broken, match="at most 64"):
        parse('{"a": ' + deep + "}", json=True)
    many = VALUES - 3  # items, besides the mapping, its key and the list
    for count, refused in ((many, False), (many + 1, True)):
        text = '{"a": [' + ",".join("1" * count) + "]}"
        with pytest.raises(Broken, match="at most 100000") if refused else nullcontext():
            parse(text, json=True)


def test_a_file_may_have_as_many_bytes_as_the_limit_says_and_a_mark_of_its_order(tmp_path, monkeypatch):
    monkeypatch.setattr("simcluster.scenario.text.documents.BYTES", 12)
    path = tmp_path / "small.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 12345\n")

    assert read_document(path).plain() == {"a": 12345}
    path.with_suffix(".json").write_bytes(b'\xef\xbb\xbf{"a": 12}')
    assert read_document(path.with_suffix(".json")).plain() == {"a": 12}
    path.write_bytes(b"\xef\xbb\xbfa: 123456\n")
    with pytest.raises(InvalidFile, match="a file must have at most 12 bytes, got 13"):
        read_document(path)
