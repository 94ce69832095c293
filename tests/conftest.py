import os

import pytest
from hypothesis import Phase, settings

# No deadline: the machine that runs the tests may be busy with something else.
settings.register_profile("steady", deadline=None)
# Of which one asks only whether they fail: the same examples each time, and no search for the smallest.
settings.register_profile("once", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
# For a second look at what was tried before, as under another Python: chosen by --hypothesis-profile=fewer.
settings.register_profile("fewer", deadline=None, max_examples=20)
settings.load_profile("steady")

# So that a process that a sweep spawns can import what a test hands it.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [os.path.dirname(os.path.abspath(__file__)), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What is long is slow too, so that -m 'not slow' leaves it out."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker("slow")
