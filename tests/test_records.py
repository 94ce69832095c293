"""A scenario's ``trace_kinds`` are kinds that there are: of the library, or of a part of one's own."""

import ast
import re
from pathlib import Path

import pytest
from arguments.right import CLUSTER, Idle, make

from simcluster import Scenario, Together
from simcluster.faults import CrashNode
from simcluster.records import KINDS

ROOT = Path(__file__).resolve().parent.parent
RECORDERS = {"recorder", "record", "sink"}


class Says(Idle):
    """A job that says what it records."""

    @property
    def records(self):
        """Its kinds."""
        return ("prediction",)


class Flood(CrashNode):
    """A fault of one's own, which may record anything."""


def kept(kind, job, *faults):
    return Scenario(cluster=CLUSTER, job=job, faults=faults, trace_kinds=("loss", kind)).trace_kinds[1]


def recorded():
    """The first argument of every call that declares a kind of records in the sources."""
    for path in (ROOT / "simcluster").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in RECORDERS and isinstance(node.args[0].value, str):
                    yield node.args[0].value
    for path in (ROOT / "kernels").glob("*.pyx"):
        yield from re.findall(r'sink\("(\w+)"', path.read_text(encoding="utf-8"))
    yield "disk"  # by DISK_RECORD


def test_the_kinds_of_the_library_are_those_that_its_sources_record():
    assert sorted({*recorded()}) == sorted(KINDS)
    assert len(set(KINDS)) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_the_library_may_be_kept(kind):
    assert kept(kind, make("training")) == kind


def test_a_part_of_ones_own_that_says_nothing_may_record_anything_but_what_is_nearly_known():
    assert kept("prediction", Idle()) == "prediction"
    assert kept("prediction", make("training"), Flood(node="n-0", begin_s=0.0)) == "prediction"
    with pytest.raises(ValueError, match=r"got 'contributions' \(did you mean 'contribution'\?\)"):
        kept("contributions", Idle())


def test_what_a_part_says_is_known_and_nothing_else():
    assert kept("prediction", Says()) == "prediction"
    assert kept("prediction", Together(jobs=(make("training"), Says()))) == "prediction"
    with pytest.raises(ValueError, match=r"got 'predictions' \(did you mean 'prediction'\?\)"):
        kept("predictions", Says())
    with pytest.raises(ValueError, match="got 'forecast'"):
        kept("forecast", Says())


def test_where_every_part_is_the_librarys_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"trace_kinds must be of .* got 'prediction'"):
        kept("prediction", make("training"))
