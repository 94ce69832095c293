"""What each field of a specification means stands right below it, and so in the JSON Schema."""

import importlib
import pkgutil

import pytest

import simcluster
from simcluster.engine import Spec

SKIPPED = ("simcluster.experiments", "simcluster.kernels._")
LEAVING = {"SoftmaxRegression", "NearestNeighbourService"}


def subclasses(kind):
    for below in kind.__subclasses__():
        yield below
        yield from subclasses(below)


def specifications():
    """Every class of specification in simcluster, by its full name."""
    for module in pkgutil.walk_packages(simcluster.__path__, "simcluster."):
        if not module.name.startswith(SKIPPED):
            importlib.import_module(module.name)
    found = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in subclasses(Spec)}
    return {name: kind for name, kind in sorted(found.items()) if name.startswith("simcluster.")}


CLASSES = {name: kind for name, kind in specifications().items() if kind.__name__ not in LEAVING}


def test_there_are_specifications():
    assert CLASSES


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_every_field_says_what_it_means(kind):
    fields = {name: field for name, field in kind.model_fields.items() if name != "kind"}

    assert [name for name, field in fields.items() if not field.description] == []
