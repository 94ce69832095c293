"""What each field of a specification means stands right below it, and so in the JSON Schema."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import textwrap

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model

import simcluster
from simcluster.engine import Constant, Spec
from simcluster.engine.descriptions import descriptions
from simcluster.training import TrainingJob

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
    said = descriptions(kind)

    assert [name for name in kind.model_fields if name != "kind" and name not in said] == []


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)
def test_the_schema_and_help_say_it_too(kind):
    schema = kind.model_json_schema()
    schema = schema["$defs"][kind.__name__] if "$ref" in schema else schema

    for name, text in descriptions(kind).items():
        assert schema["properties"][name]["description"] == text
        assert textwrap.indent(text, "    ") in kind.__doc__
    assert "Fields" not in schema["description"]


def test_a_default_that_is_a_function_is_its_word_in_the_schema():
    properties = TrainingJob.model_json_schema()["properties"]

    assert properties["aggregation"]["default"] == {"kind": "total"}
    assert properties["sharding"]["default"] == {"kind": "random"}
    assert properties["waiting"]["default"]["kind"] == "bounded_staleness"


def test_a_class_without_words_of_its_own_has_those_of_what_it_is_derived_from():
    class Mine(Constant):
        pass

    class Own(Constant):
        """One's own."""

    assert Mine.__doc__ == Constant.__doc__
    assert Own.__doc__.startswith("One's own.\n\nFields\n------\nvalue\n")


def test_what_is_said_of_a_field_is_what_pydantic_would_read_there():
    class Told(BaseModel):
        model_config = ConfigDict(use_attribute_docstrings=True)

        one: int = 1
        """One line."""
        two: int = Field(2, description="Elsewhere.")
        """Below."""
        three: tuple[int, ...] = ()
        """Two lines,

        and a last one.
        """
        four: int = 4

    class Below(Told):
        one: int = 2
        five: int = 5
        """Of its own."""

    for kind in (Told, Below):
        fields = {name: field.description for name, field in kind.model_fields.items()}
        assert descriptions(kind) == {name: inspect.cleandoc(text) for name, text in fields.items() if text}


def test_a_class_without_a_source_has_what_its_fields_say():
    made = create_model("Made", __base__=Spec, one=(int, Field(1, description="One.")), two=(int, 2))

    assert descriptions(made) == {"one": "One."}
    assert made.__doc__.endswith("Fields\n------\none\n    One.")


def test_a_class_that_goes_to_another_process_by_value_says_there_what_it_says_here(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import cloudpickle, pickle\n"
        "from simcluster.engine import Spec\n"
        "class Mine(Spec):\n"
        "    \"\"\"One's own.\"\"\"\n"
        "    one: int = 1\n"
        "    \"\"\"One.\"\"\"\n"
        "sent = cloudpickle.dumps(Mine(one=2))\n"
        "cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS.clear()\n"
        "cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_ID.clear()\n"
        "there = pickle.loads(sent)\n"
        "assert type(there) is not Mine\n"
        "print(repr(there), type(there)._about)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("Mine(one=2) One's own.\n", "")
