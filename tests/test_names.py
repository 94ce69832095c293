"""Names are where a user looks, and each of them is used."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = sorted(
    ".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("simcluster/**/__init__.py")
)
PROSE = [path for pattern in ("*.md", "docs/**/*.md", "docs/**/*.py") for path in ROOT.glob(pattern)]
CODE = [path for folder in ("tests", "experiments", "benchmarks") for path in ROOT.glob(f"{folder}/**/*.py")]
LIBRARY = sorted(ROOT.glob("simcluster/**/*.py"))


def words(paths):
    return {word for path in paths for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}


USED = words((*PROSE, *CODE))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_used_by_a_doc_a_test_a_benchmark_or_another_package(package):
    module, folder = importlib.import_module(package), ROOT / package.replace(".", "/")
    elsewhere = words(path for path in LIBRARY if folder not in path.parents and path.name != "__init__.py")
    names = getattr(module, "__all__", [])

    assert [name for name in names if not hasattr(module, name)] == []
    assert [name for name in names if name not in USED | elsewhere] == []
