import json
import sys

import pytest

from simcluster import cli

#: Fails under odd seeds, with words that a terminal would obey.
PARTS = '''
class Odd:
    """A job that fails under odd seeds. And more."""

    def start(self, cluster, seed):
        def program(node):
            yield node.timer(1.0)
            if seed % 2:
                raise RuntimeError("odd \\x1b[31mseed")
            self.done.succeed(seed)

        self.done = cluster.env.event()
        cluster["a"].boot(program)
        return self.done
'''
ODD = "{cluster: {nodes: [{name: a}]}, job: {kind: 'odd_parts:Odd'}}"


class Ended:
    """How a command ended, and what it said."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out, parse_constant=pytest.fail)


@pytest.fixture
def call(monkeypatch, capsys):
    """Calls the command in this process."""

    def called(*arguments):
        monkeypatch.setattr("sys.argv", ["simcluster", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        said = capsys.readouterr()
        return Ended(end.value.code, said.out, said.err)

    return called


@pytest.fixture
def good(call):
    """Calls a command that must end well."""

    def called(*arguments):
        ended = call(*arguments)
        assert (ended.code, ended.err) == (0, "")
        return ended

    return called


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder, in which a line has 80 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def odd(folder, monkeypatch):
    """A folder with a module of one's own, a scenario and a study of it."""
    monkeypatch.setattr("sys.path", [*sys.path])
    (folder / "odd_parts.py").write_text(PARTS)
    (folder / "odd.yaml").write_text(ODD)
    (folder / "study.yaml").write_text(
        f"scenario: {ODD}\nvary: {{kind: grid, values: {{horizon_s: [5, 6]}}}}\nseeds: 4"
    )
    yield folder
    sys.modules.pop("odd_parts", None)


STUDY = """
scenario:
  cluster: {nodes: [{name: server}, {name: w-0}, {name: w-1, jitter: {kind: exponential, mean: 1}}]}
  job:
    kind: training
    model: softmax
    data: {kind: bundled, name: iris}
    waiting: {kind: bounded_staleness, staleness: 0}
    exchange: {kind: parameter_server, server: server}
    workers: [w-0, w-1]
    steps: 3
vary: {kind: grid, values: {job.waiting.staleness: [0, 2]}}
seeds: 3
"""


@pytest.fixture
def studied(folder, good):
    """A folder with a study and the database of its six runs."""
    (folder / "study.yaml").write_text(STUDY)
    good("sweep", "study.yaml", "--processes", "1", "--quiet")
    return folder
