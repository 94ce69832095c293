"""A short form is a field of the part that it names: beside any other part it is refused, and never wins in silence."""

import math

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.learning import Softmax
from simcluster.recovery import Checkpoints
from simcluster.scenario import schema
from simcluster.scheduling import GridSearch, TaskGraphJob
from simcluster.training import AllReduce, BoundedStaleness, ParameterServer, TrainingJob, Waiting
from simcluster.training.short_forms import SHORT_FORMS

VALUES = {
    "server": st.sampled_from(["s", "t"]),
    "retry_s": st.floats(0.1, 9),
    "staleness": st.sampled_from([0.0, 1.0, 4.0, math.inf]),
    "backup_workers": st.integers(0, 1),
    "checkpoint_every": st.integers(1, 9),
}
WHOLE = {"exchange": {"kind": "parameter_server", "server": "s"}, "workers": ("a", "b"), "steps": 1, "model": Softmax()}
OTHERS = {"exchange": AllReduce(), "waiting": type("Mine", (Waiting,), {})(), "recovery": None}

one = st.sampled_from([(part, short) for part, (_, names) in SHORT_FORMS.items() for short in names])
words = st.sampled_from(["all_reduce", "reduce_scatter", "gossip", "module:Class", "", "Parameter_Server"])


MISSING = object()
#: What a file may have, or somebody may try to have, for each part.
WRITTEN = {
    "exchange": [
        MISSING, None, 3, "all_reduce", {"kind": "all_reduce"}, {"kind": "all_reduce", "server": "s"},
        {"kind": "parameter_server"}, {"kind": "parameter_server", "server": "s"}, {}, {"server": "s"}, {"retry_s": 2},
        {"server": "t", "retry_s": 2}, {"kind": "parameter_server", "retry_s": 3},
    ],
    "waiting": [
        MISSING, None, "bounded_staleness", {"kind": "bounded_staleness"}, {}, {"staleness": 1}, {"backup_workers": 1},
        {"kind": "bounded_staleness", "staleness": "Infinity"}, {"kind": "k_sync", "k": 1}, "rennala",
    ],
    "recovery": [
        MISSING, None, "checkpoints", {"kind": "checkpoints"}, {}, {"every": 3}, {"kind": "checkpoints", "every": 3},
        {"store": {"kind": "local"}}, {"other": 1},
    ],
}  # fmt: skip
SHORT = {
    "server": ["s", 3], "retry_s": [2.0, -1], "staleness": [2, "Infinity", "x"], "backup_workers": [1, None],
    "checkpoint_every": [4, None, 0],
}  # fmt: skip


def drawn(data):
    part, short = data.draw(one)
    return part, short, data.draw(VALUES[short]), *SHORT_FORMS[part]


def without(part):
    return {name: value for name, value in WHOLE.items() if name != part}


@given(st.data())
def test_beside_its_part_a_short_form_is_the_field_that_it_is_short_for(data):
    part, short, value, kind, names = drawn(data)
    rest = {other: data.draw(VALUES[other]) for other in names if other != short}
    rest |= {"server": "s"} if part == "exchange" else {}
    rest.pop(short, None)
    fields = {names[other]: each for other, each in rest.items()}
    whole = kind(**fields, **{names[short]: value})
    written = {"kind": whole.kind, **fields}

    made = [TrainingJob(**without(part), **{part: written, short: value})]
    made += [TrainingJob(**without(part), **{part: {**fields}, short: value})]  # whose kind is the one that it has
    made += [TrainingJob(**without(part), **rest, **{short: value})]
    if short != "server":
        made += [TrainingJob(**without(part), **{part: kind(**fields), short: value})]

    assert [getattr(job, part) for job in made] == [whole] * len(made)


@given(st.data(), words)
def test_beside_a_part_of_another_kind_a_short_form_is_refused_by_rule_and_value(data, word):
    part, short, value, kind, _ = drawn(data)
    ours = kind.model_fields["kind"].default
    for other in ({"kind": word}, {"kind": word, short: value}, OTHERS[part], "word", 3):
        with pytest.raises(ValueError, match="must not be given beside") as said:
            TrainingJob(**without(part), **{part: other, short: value})
        rule = f"{short} must not be given beside {part} that is no {ours}"
        assert str(said.value) == f"{rule}, got {value!r} beside {other!r}"


@given(st.data())
def test_a_field_that_is_said_twice_is_refused_whether_or_not_both_say_the_same(data):
    part, short, value, kind, names = drawn(data)
    field = names[short]
    fields = {**({"server": "s"} if part == "exchange" else {}), field: data.draw(VALUES[short])}
    for known in (kind(**fields), {"kind": kind.model_fields["kind"].default, **fields}):
        rule = f"{short} must not be given beside {part}.{field}, for which it is short, got {value!r} beside "
        with pytest.raises(ValueError, match="must not be given beside") as said:
            TrainingJob(**without(part), **{part: known, short: value})
        assert str(said.value) == f"{rule}{fields[field]!r}"


@given(st.data())
def test_a_job_with_another_short_form_has_its_part_with_another_field(data):
    part, short, value, kind, names = drawn(data)
    job = TrainingJob(**WHOLE, waiting=BoundedStaleness(staleness=1), recovery=data.draw(st.sampled_from(
        [None, Checkpoints(every=7)]
    )))  # fmt: skip
    known = getattr(job, part)

    changed = job.replace(**{short: value})

    assert getattr(changed, part) == (kind() if known is None else known).replace(**{names[short]: value})
    assert changed == job.replace(**{part: getattr(changed, part)})


@pytest.mark.parametrize("short", ["server", "retry_s"])
def test_a_job_whose_part_is_another_has_no_such_short_form(short):
    job = TrainingJob(**without("exchange"), exchange=AllReduce())

    with pytest.raises(ValueError, match=f"{short} must not be given beside exchange that is no parameter_server, got"):
        job.replace(**{short: {"server": "s", "retry_s": 2.0}[short]})
    assert job.replace(exchange={"kind": "parameter_server"}, server="s").exchange == ParameterServer(server="s")


def test_checkpoints_after_no_number_of_steps_are_none():
    never = TrainingJob(**WHOLE, checkpoint_every=None)

    assert never.recovery is TrainingJob(**WHOLE, checkpoint_every=None, recovery=None).recovery is None
    assert TrainingJob(**WHOLE, checkpoint_every=3).replace(checkpoint_every=None) == never
    with pytest.raises(ValueError, match=r"checkpoint_every must not be None beside a recovery, got Checkpoints\("):
        TrainingJob(**WHOLE, checkpoint_every=None, recovery=Checkpoints(every=3))


EDITOR = jsonschema.Draft202012Validator(schema(TrainingJob))


@given(st.data())
@settings(max_examples=300)
def test_an_editor_accepts_the_short_forms_that_are_read_and_refuses_what_is_not(data):
    fields = {"model": {"kind": "softmax"}, "workers": ["a", "b", "c"], "steps": 2}
    for name, values in (WRITTEN | SHORT).items():
        value = data.draw(st.sampled_from([MISSING, *values] if name in SHORT else values), name)
        fields |= {} if value is MISSING else {name: value}
    broken = []
    try:
        TrainingJob.model_validate(fields)
    except ValueError as error:
        broken = str(error).splitlines()

    # A mapping without kind, and parts that do not go together, are what no schema of ours tells.
    if not broken or not all("got none" in rule or "must be bulk-synchronous with" in rule for rule in broken):
        assert EDITOR.is_valid(fields) == (not broken), broken


def test_the_schema_says_what_a_short_form_is_short_for():
    job, search = schema(TrainingJob), schema(TaskGraphJob)

    for part, (_, names) in SHORT_FORMS.items():
        for short, field in names.items():
            assert job["properties"][short]["description"].startswith(f"Short for `{part}.{field}`: ")
            assert "default" not in job["properties"][short]
    grid = {"search": {"kind": "grid_search", "dataset": "iris"}, "master": "m", "workers": ["a"]}
    editor = jsonschema.Draft202012Validator(search)
    assert editor.is_valid(grid)
    assert TaskGraphJob.model_validate(grid).work == GridSearch(dataset="iris")
    assert not editor.is_valid(grid | {"work": grid["search"]})
    assert not editor.is_valid(grid | {"search": {"kind": "grid_serch"}})


def test_a_search_is_the_work_of_a_task_graph_and_not_beside_another():
    work, other = GridSearch(dataset="iris"), GridSearch(dataset="wine")
    job = TaskGraphJob(search=work, master="m", workers=("a",))

    assert job.work == work
    assert job.replace(search=other).work == other
    with pytest.raises(ValueError, match="search must not be given beside work, for which it is short, got GridSearch"):
        TaskGraphJob(search=work, work=other, master="m", workers=("a",))
    with pytest.raises(ValueError, match="search must not be given beside work"):
        job.replace(search=work, work=other)


def test_a_server_of_one_s_own_kind_keeps_it():
    class Mine(ParameterServer):
        pass

    made = TrainingJob(**{**WHOLE, "exchange": Mine(server="s")}, retry_s=3.0)

    assert type(made.exchange) is type(made.replace(retry_s=2.0).exchange) is Mine
    assert (made.exchange.retry_s, made.replace(retry_s=2.0).exchange.retry_s) == (3.0, 2.0)
