import os

from hypothesis import Phase, settings

# No deadline: the machine that runs the tests may be busy with something else.
settings.register_profile("steady", deadline=None)
# Of which one asks only whether they fail: the same examples each time, and no search for the smallest.
settings.register_profile("once", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate))
settings.load_profile("steady")

# So that a process that a sweep spawns can import what a test hands it.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [os.path.dirname(os.path.abspath(__file__)), *filter(None, [os.environ.get("PYTHONPATH")])]
)
