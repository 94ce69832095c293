"""Open fields take a built-in by its word, or what has the methods; and no file runs code that nobody allowed."""

import copy
import functools
import importlib.metadata
import json
import math
import os  # noqa: F401, what is imported here must not be named
import subprocess  # noqa: F401
from dataclasses import dataclass
from typing import Annotated, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import simcluster.engine.open
from simcluster.cluster import NetworkSpec, NodeSpec
from simcluster.engine import AnyDistribution, Constant, Exponential, Open, Spec, plugins, stream
from simcluster.serving import Lru, ReplicaView, RoundRobin
from tests.built_ins import one, unions, words

HERE = __name__


class Choice(Protocol):
    """Takes one of several."""

    def __call__(self, options: tuple[int, ...], weight: float) -> int:
        """The choice."""
        ...


def first(options, weight):
    """The first."""
    return options[0]


def last(options, weight, *, which=-1):
    """The last."""
    return options[which]


def none_of_them(options):
    return None


@dataclass(frozen=True)
class Nth:
    place: int

    def __call__(self, options, weight):
        return options[self.place]


class Remembers:
    def __init__(self):
        self.before = []

    def __call__(self, options, weight):
        return options[len(self.before)]


class Twice(Exponential):
    """A distribution of one's own, with a field of its own."""

    times: float = 2.0


class Holder(Spec):
    choice: Annotated[Choice, Open(Choice, first=first)]
    law: AnyDistribution = Constant(value=0.0)
    limit: float = math.inf


def test_a_function_stands_behind_its_word_and_any_other_is_taken_as_it_is():
    assert Holder(choice="first").choice is first
    assert Holder(choice={"kind": "first"}).choice is first
    assert Holder(choice=last).choice is last
    assert Holder(choice=Nth(1)).choice((5, 6), 1.0) == 6


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (none_of_them, r"Choice must have __call__\(self, options.*, weight.*\) -> int, got none_of_them"),
        (3, r"Choice must have __call__\(.*\) -> int, got int without it"),
        (Nth, r"Choice must be an object, got the class Nth: write Nth\(\.\.\.\)"),
        ("frist", r"kind must be one of \['first'\] or .*, got 'frist' \(did you mean 'first'\?\)"),
        ({"place": 1}, "kind must be one of .*, got none"),
        ({"kind": "first", "place": 1}, "place: there is no such field"),
        ({"kind": f"{HERE}:last"}, r"kind may name only a module that is allowed \(--plugin .*\), got "),
    ],
)
def test_what_is_none_is_refused_with_the_method_that_it_lacks(choice, message):
    with pytest.raises(ValueError, match=message):
        Holder(choice=choice)


@pytest.mark.parametrize(
    "name",
    ["subprocess.Popen", "subprocess", "os.system", "os", "functools.partial", "Nth.__init__.__globals__", "HERE",
     "first.__class__", "first.__globals__", "Spec", "no_such", "", "Holder.no_such", "pytest.main"],
)  # fmt: skip
def test_a_file_names_only_what_an_allowed_module_itself_defines(name):
    assert {"subprocess", "os", "functools", "pytest"} <= globals().keys()
    with plugins(HERE), pytest.raises(ValueError, match=f"kind must name a class or a function that {HERE} itself def"):
        Holder(choice={"kind": f"{HERE}:{name}"})


@pytest.mark.parametrize("kind", ["os:system", "subprocess:Popen", "builtins:eval", f"{HERE}.more:f", f"{HERE}x:f"])
def test_a_file_imports_nothing_that_nobody_allowed(kind):
    with plugins("some_module"), pytest.raises(ValueError, match=r"allowed \(--plugin"):
        Holder(choice={"kind": kind})


def test_an_allowed_module_that_is_not_there_is_said():
    with plugins("no_such_module"), pytest.raises(ValueError, match="must name a module that there is, got 'no_such"):
        Holder(choice={"kind": "no_such_module:f"})


def test_wrong_fields_of_what_a_file_names_are_said():
    with plugins(HERE), pytest.raises(ValueError, match=r"Nth takes \(place: .*\) -> None, got \{'plaice': 1\}"):
        Holder(choice={"kind": f"{HERE}:Nth", "plaice": 1})
    with plugins(HERE), pytest.raises(ValueError, match=r"Twice: mean: .*greater than 0.*, got -1"):
        Holder(choice=first, law={"kind": f"{HERE}:Twice", "mean": -1})


@pytest.mark.parametrize(
    "holder",
    [
        Holder(choice=first),
        Holder(choice=last, limit=1.5),
        Holder(choice=Nth(2), law=Exponential(mean=0.1)),
        Holder(choice=first, law=Twice(mean=1.0, times=math.inf)),
        Holder(choice=functools.partial(last, which=0)),
    ],
    ids=["word", "function", "dataclass", "subclass", "partial"],
)
def test_what_is_written_is_read_back_equal(holder):
    with plugins(HERE):
        again = Holder.model_validate(json.loads(holder.model_dump_json()))
        same = Holder.model_validate(holder.model_dump(mode="json"))

    assert type(again.law) is type(holder.law)
    if isinstance(holder.choice, functools.partial):  # partials are never equal, so look inside
        assert [(each.choice.func, each.choice.keywords) for each in (again, same)] == 2 * [(last, {"which": 0})]
        again, same = (each.replace(choice=holder.choice) for each in (again, same))
    assert again == same == holder


WITH_A_SCENARIO = {"DataSource", "Fault", "Job"}  # whose fields name files, nodes or other parts
PARTS = [(protocol, word) for protocol in sorted({*unions()} - WITH_A_SCENARIO) for word in words(protocol)]


@pytest.mark.parametrize(("protocol", "word"), PARTS)
def test_a_built_in_is_equal_to_another_of_the_same_fields_and_to_no_other(protocol, word):
    made, other = one(protocol, word), one(protocol, word)

    assert made == other
    if isinstance(made, BaseModel):
        assert made == copy.deepcopy(made) == type(made).model_validate_json(made.model_dump_json())
        assert made != word


def test_what_a_part_remembers_is_not_what_it_says():
    fresh, used = RoundRobin(), RoundRobin()
    used(None, (ReplicaView("a"), ReplicaView("b")), stream(0))

    assert used == fresh
    assert len({used, fresh}) == 1
    assert Lru(entries=1) != Lru(entries=2)


def test_a_closure_and_an_object_that_remembers_serve_but_cannot_be_written():
    closure, remembers = Holder(choice=lambda options, weight: options[0]), Holder(choice=Remembers())
    assert (closure.choice((1, 2), 0.0), remembers.choice((1, 2), 0.0)) == (1, 1)

    with pytest.raises(ValueError, match=r"only what has a name in its module .*<lambda>"):
        closure.model_dump()
    with pytest.raises(ValueError, match=r"Remembers must be a Spec .*, got \{'before'"):
        remembers.model_dump()


@given(st.floats(allow_nan=False))
def test_any_number_survives_json(limit):
    holder = Holder(choice=first, limit=limit)

    assert Holder.model_validate(json.loads(holder.model_dump_json())) == holder


def test_the_schema_lists_the_built_ins_and_says_what_is_named():
    schema = Holder.model_json_schema()
    words = {of["properties"]["kind"]["const"] for of in schema["$defs"].values()}

    assert words >= {"first", "constant", "exponential", "empirical"}


def test_replace_checks_what_it_is_given():
    network = NetworkSpec(latency=Constant(value=0.1))

    assert network.replace(order="fifo") == NetworkSpec(latency=Constant(value=0.1), order="fifo")
    assert network.replace(order="fifo").model_dump(exclude_unset=True).keys() == {"latency", "order"}
    for wrong in ({"order": "first"}, {"latency": 3}, {"no_such": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            network.replace(**wrong)
    with pytest.raises(ValueError, match="cores"):
        NodeSpec(name="a").replace(cores=0)


class Slotted:
    __slots__ = ("place",)

    def __init__(self, place):
        self.place = place

    def __call__(self, options, weight):
        return options[self.place]


@dataclass(frozen=True)
class Nested:
    law: Exponential

    def __call__(self, options, weight):
        return options[0]


@pytest.mark.parametrize("choice", [Slotted(1), Nested(Exponential(mean=1.0)), functools.partial(last, which=(1,))])
def test_what_would_be_written_without_its_state_is_not_written(choice):
    with pytest.raises(ValueError, match="must be a Spec to be written to a file, or"):
        Holder(choice=choice).model_dump()


class Stateless:
    def __call__(self, options, weight):
        return options[0]


def test_an_object_without_state_is_written_as_its_class():
    assert Holder(choice=Stateless()).model_dump()["choice"] == {"kind": f"{HERE}:Stateless"}


def test_a_module_that_an_installed_package_offers_is_allowed(monkeypatch):
    point = importlib.metadata.EntryPoint("mine", HERE, "simcluster")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == "simcluster" else [])
    simcluster.engine.open._installed.cache_clear()
    try:
        assert Holder(choice={"kind": f"{HERE}:Nth", "place": 1}).choice == Nth(1)
    finally:
        monkeypatch.undo()
        simcluster.engine.open._installed.cache_clear()
    with pytest.raises(ValueError, match="may name only a module that is allowed"):
        Holder(choice={"kind": f"{HERE}:Nth", "place": 1})


def test_plugins_within_plugins_allow_what_both_do_and_nothing_afterwards():
    with plugins(HERE):
        with plugins("some_module"):
            assert Holder(choice={"kind": f"{HERE}:Nth", "place": 1}).choice == Nth(1)
        assert Holder(choice={"kind": f"{HERE}:Nth", "place": 1}).choice == Nth(1)
    with pytest.raises(ValueError, match="may name only a module that is allowed"):
        Holder(choice={"kind": f"{HERE}:Nth", "place": 1})


class Named(Choice, Protocol):
    """Extends a protocol by a method whose argument must be named."""

    def name(self, *, language: str) -> str:
        """What it is called."""
        ...


class Calls(Spec):
    named: Annotated[Named, Open(Named, Exponential)]


class NamesAlone:
    def name(self, *, language):
        return language


class Nameless(NamesAlone):
    def __call__(self, options, weight):
        return options[0]

    def name(self):
        return ""


class Complete(Nameless):
    def name(self, *, language):
        return language


def test_what_a_protocol_takes_over_from_another_and_what_it_wants_named_are_asked_for():
    assert Calls(named=Complete()).named.name(language="en") == "en"
    with pytest.raises(ValueError, match=r"Named must have __call__\(self, options.*, got NamesAlone without it"):
        Calls(named=NamesAlone())
    with pytest.raises(ValueError, match=r"Named must have name\(self, \*, language.*, got Nameless\(\)"):
        Calls(named=Nameless())
