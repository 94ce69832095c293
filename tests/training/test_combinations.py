"""Which parts of a training job go together: the page is what trying each two gives, and some of it is known."""

import importlib.util
import re
from pathlib import Path

import pytest
from training.exchanges import SERVERS, finished

from simcluster.training import LocalSteps, ParameterServer, ShardedServers, Softmax, Stored

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGE = (DOCS / "combinations.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("combinations_page", DOCS / "combinations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells():
    """What the tables say, by row and column."""
    found, across = {}, ()
    for line in PAGE.splitlines():
        if line.startswith("| "):
            first, *cells = [cell.strip().strip("`") for cell in line.strip("| ").split(" | ")]
            if ": " not in first:
                field, across = first, cells
                continue
            found |= {(first, f"{field}: {name}"): cell for name, cell in zip(across, cells, strict=True)}
    return found


@pytest.mark.slow
def test_the_page_is_what_the_script_finds(script):
    assert script.page() == PAGE


def test_the_page_has_each_part_of_each_field_and_each_number_a_reason(script):
    table, parts = cells(), script.parts()
    reasons = re.findall(r"^(\d+)\. ", PAGE.partition("## Reasons")[2], re.MULTILINE)

    for one in parts:
        assert any(one in pair for pair in table)
    assert reasons == [str(number + 1) for number in range(len(reasons))]
    said = {*table.values()} - {"yes"} | {*re.findall(r"\((\d+)\)", PAGE)}
    assert said == {*reasons}
    fields = [name.partition(": ")[0] for name in parts]
    assert len(table) > 500
    assert {*fields} >= {*script.FIELDS}


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("local: local_steps", "exchange: all_reduce", None),
        ("waiting: backup workers", "exchange: sharded_servers", "waiting must leave nobody out with it"),
        ("waiting: asynchronous", "exchange: pairwise_gossip", None),
        ("aggregation: krum", "waiting: bulk-synchronous", None),
        ("aggregation: krum", "waiting: asynchronous", "aggregation must be total where contributions count one by"),
        ("model: softmax", "exchange: vertical", None),
        ("sharding: replicated", "redundancy: speculation", None),
        ("compression: top_k", "redundancy: cyclic_code", "compression must be None with it"),
        ("placement: stored", "exchange: sharded_servers", None),
    ],
)
def test_what_is_known_to_go_together_or_not_stands_there(row, column, reason):
    cell = cells()[row, column]

    found = None if cell == "yes" else re.search(rf"^{cell}\. (.*)$", PAGE, re.MULTILINE)[1]
    assert (found is None) == (reason is None)
    assert reason is None or found.startswith(reason)


def test_rows_that_are_read_from_disks_are_learned_from_by_sharded_servers():
    sharded = {"exchange": ShardedServers(servers=SERVERS, retry_s=0.05)}
    for fields in ({}, {"local": LocalSteps(steps=2)}):
        one, several = finished(placement=Stored(), **fields), finished(placement=Stored(), **sharded, **fields)

        assert several.outcome.parameters.tobytes() == one.outcome.parameters.tobytes()
        assert len(list(several.trace.rows("load"))) == 4


class Hasty(ParameterServer):
    """An exchange that lets nobody load."""

    def start(self, training, cluster):
        training.work(0, 0, training.initial, None)


def test_an_exchange_that_lets_nobody_load_is_still_told_so():
    with pytest.raises(ValueError, match=r"by training.load, got Hasty, which has not"):
        finished(placement=Stored(), exchange=Hasty(server="server-0"), model=Softmax())
