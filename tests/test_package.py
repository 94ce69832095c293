import importlib.metadata
import re
import tomllib
from pathlib import Path

from small_experiments import BESIDE_THE_DEMO

import simcluster

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LAYERS = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]


def test_every_package_is_installed():
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("simcluster/**/__init__.py")
    } | {"simcluster.experiments"}

    assert set(PROJECT["tool"]["setuptools"]["packages"]) == found


def test_every_module_has_its_layer():
    found = {
        path.name.removesuffix(".py")
        for path in ROOT.glob("simcluster/*")
        if (path / "__init__.py").exists() or (path.suffix == ".py" and path.stem not in ("__init__", "__main__"))
    }
    known = {part.strip(" ()") for layer in LAYERS for part in layer.split("|")}

    assert found <= known


def test_the_version_is_told_alike_by_the_package_the_installation_and_the_changelog():
    newest = re.search(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert importlib.metadata.version("simcluster") == simcluster.__version__
    assert newest is not None
    assert newest[1] == simcluster.__version__


def test_the_package_says_that_it_is_typed():
    assert (Path(simcluster.__file__).parent / "py.typed").exists()


def test_the_experiments_are_installed_inside_the_package():
    from simcluster.cli.demo import EXPERIMENTS, experiment

    on_disk = {path.stem for path in (ROOT / "experiments").glob("*.py")} - {"__init__"}

    all_of_them = [*EXPERIMENTS, *BESIDE_THE_DEMO]
    assert {*all_of_them, "fault_semantics"} == on_disk  # the last is a table of facts, not a comparison
    assert [experiment(name).name for name in all_of_them] == all_of_them


def test_the_examples_of_scenarios_are_installed_with_the_experiments():
    folder = ROOT / "experiments"
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["simcluster.experiments"]
    installed = {path for pattern in patterns for path in folder.glob(pattern)}

    examples = (".yaml", ".yml", ".json", ".dot", ".swf")
    assert installed == {path for path in folder.rglob("*") if path.suffix in examples} != set()
