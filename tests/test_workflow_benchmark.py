"""The table of workflows that ran has a row for each policy, and each keeps to its bounds."""

from benchmarks import workflows
from tests.workflows import FOLDER, NAMES, file


def test_every_workflow_that_ran_keeps_to_its_bounds_under_every_policy(capsys):
    file(NAMES[0])  # or skip
    workflows.main(FOLDER)

    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3 + len(workflows.policies())
    assert rows[0].split()[1:] == [name.removesuffix(".json")[:14] for name in sorted(NAMES)]
