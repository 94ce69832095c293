import io
from typing import Literal

import pytest
from rich.console import Console

from experiments.fault_semantics import (
    CLUSTER,
    COLUMNS,
    FAULTS,
    draw,
    in_a_word,
    in_full,
    in_rich,
    observations,
    observe,
)
from simcluster.faults import examples
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.faults.vocabulary import KINDS
from simcluster.report.tables import table_of_words

ALL = {name: observe(faults) for name, faults in FAULTS.items()}
NOTHING = ALL["no fault"]


def changed(name):
    return {part for part in COLUMNS if ALL[name][part] != NOTHING[part]}


def test_every_fault_of_the_vocabulary_is_in_the_table():
    assert {type(fault) for faults in FAULTS.values() for fault in faults} == set(KINDS.values())


class Freeze(NodeFault):
    """A fault of one's own."""

    kind: Literal["freeze"] = "freeze"

    def begin(self, cluster, key):
        cluster[self.node].pause()
        return cluster[self.node].resume


def test_a_kind_that_has_no_row_is_drawn_for_the_victim_and_observed():
    drawn = examples({**KINDS, "freeze": Freeze}, CLUSTER, "victim", "compute", 1.0, 2.0)

    assert observe((drawn["freeze"],)) == observe(FAULTS["pause"])
    assert len(drawn) > 20
    assert {word for word, one in drawn.items() if type(one) is KINDS.get(word, Freeze)} == set(drawn)
    assert all(target in ("victim", "rack-0") for one in drawn.values() for target in one.targets)


@pytest.mark.parametrize("name", [name for name in FAULTS if name not in ("no fault", "torn writes")])
def test_every_fault_is_seen_to_do_something(name):
    assert changed(name)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("computation", ["slow compute (3 ×)", "slow compute, ramp to 3 ×", "process kill"]),
        ("messages", ["Byzantine (negates)", "colluding (inner product)"]),
        ("messages", ["lost messages", "partition", "link flap (0.5 s down, 0.5 s up)"]),
        ("memory", ["out of memory"]),
        ("disk", ["disk loss", "disk slow (3 ×)", "disk full", "bit rot (5 bits)", "flip_labels"]),
        ("timers", ["clock step (+5 s)", "clock drift (+10 %)"]),
    ],
)
def test_a_fault_of_one_part_leaves_the_others_alone(part, names):
    assert [changed(name) for name in names] == [{part}] * len(names)


def test_a_crash_keeps_only_what_was_flushed():
    assert ALL["crash"]["computation"] == "result lost; program booted again at 2 s"
    assert ALL["crash"]["memory"] == "lost; asked for more: never"
    assert ALL["crash"]["disk"].startswith("kept flushed; lost unflushed, under way")
    assert ALL["crash"]["timers"] == "never fired"


def test_a_pause_loses_nothing_and_delays_a_computation_by_exactly_as_long_as_it_lasts():
    assert ALL["pause"]["computation"] == "result 1 s late"
    assert ALL["pause"]["memory"] == NOTHING["memory"]
    assert ALL["pause"]["disk"].startswith("kept flushed, unflushed, under way")
    assert "dropped" not in ALL["pause"]["messages"]


def test_the_table_is_drawn_and_has_a_seed():
    table = observations().head(3)

    assert list(table.columns) == ["fault", *COLUMNS, "seed"]
    assert len(draw(table).axes[0].texts) == 4 * 6


def printed(table):
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text().splitlines()


@pytest.mark.parametrize("name", FAULTS)
def test_the_word_of_a_part_says_that_it_has_changed_if_it_has(name):
    for part in COLUMNS:
        assert (in_a_word(ALL[name][part]) != "·") == (ALL[name][part] != NOTHING[part])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("crash", ["lost", "lost", "lost", "lost", "lost"]),
        ("pause", ["late", "late", "·", "late", "late"]),
        ("duplicated messages", ["·", "twice", "·", "·", "·"]),
        ("corrupted messages", ["·", "lost", "·", "·", "·"]),
        ("corrupted, undetected", ["·", "altered", "·", "·", "·"]),
        ("disk full", ["·", "·", "·", "refused", "·"]),
        ("clock step (+5 s)", ["·", "·", "·", "·", "altered"]),
    ],
)
def test_a_fault_in_a_row_of_words(name, words):
    assert [in_a_word(ALL[name][part]) for part in COLUMNS] == words


def test_the_whole_table_fits_a_screen_of_80_columns_with_every_part():
    lines = printed(in_rich(observations()))

    assert len(lines) <= len(FAULTS) + 8
    assert all(heading in lines[1] for heading in ("fault", "compute", "messages", "memory", "disk", "timers"))
    assert not any("…" in line for line in lines)


def test_one_fault_can_be_asked_for_in_full_sentences():
    lines = printed(in_full("pause"))

    assert any("result on time" in line and "result 1 s late" in line for line in lines)
    assert any("asked for more: granted" in line or "the same" in line for line in lines)
    with pytest.raises(ValueError, match=r"fault: must be one .*, got 'crahs' \(did you mean 'crash'\?\)"):
        in_full("crahs")


def test_the_picture_of_all_faults_is_a_page():
    width, height = draw(observations()).get_size_inches()

    assert width < 8.3
    assert height < 11.7


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"a row must have 2 cells, got \['x'\]"):
        table_of_words("t", {"a": 5, "b": 5}, [["x"]])
