"""A result prints itself in a dozen lines and a scenario what differs from its defaults; in HTML nothing is markup."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster import ClusterSpec, NodeSpec, Scenario, nodes, run
from simcluster.faults import CrashNode
from simcluster.scenario import machine, versions
from simcluster.scenario.shown import differences, table
from tests.scenario.ends import TWO, Gives, scenario
from tests.strategies import training

MARKUP = "<b>&amp;</b>"


class Cells(HTMLParser):
    """The texts of a table, and its tags."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.texts, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def cells(shown):
    return Cells(shown._repr_html_())


def test_a_result_says_in_a_dozen_lines_how_and_when_it_ended_what_is_said_of_it_and_its_figures():
    late = CrashNode(node="server", begin_s=50.0)
    result = run(training([late] * 30, steps=3), 7)
    lines = repr(result).splitlines()

    assert len(lines) <= 14
    assert max(map(len, lines)) <= 130
    assert lines[0] == f"Result under seed 7: finished at {result.ended_s:.6g} s"
    assert lines[1].endswith("TrainingJob on 4 nodes, 30 faults, 30 of which never began")
    assert "fault never began: 30 of 30" in repr(result)
    assert f"{result.outcome.loss:.6g}" in repr(result)
    assert lines[-1].endswith(result.digest)


def test_a_result_in_which_all_is_well_says_so():
    assert [line.split() for line in repr(run(training(steps=1), 0)).splitlines()][2] == ["verdicts", "none"]


def test_many_verdicts_are_counted():
    result = run(scenario("spawns_one_that_fails", uncaught_failure="crash_node"), 0)
    many = replace(result, verdicts=result.verdicts * 9)

    assert f"and {9 * len(result.verdicts) - 3} more" in repr(many)
    assert len(repr(many).splitlines()) <= 18


def test_a_table_has_the_words_of_the_printed_form():
    result = run(training([CrashNode(node="server", begin_s=50.0)], steps=3), 7)
    shown = cells(result)

    assert {"table", "caption", "tr", "th", "td"} == {tag for tag in shown.tags if tag != "tbody"}
    assert repr(result).split() == " ".join([shown.texts[0], *shown.texts[1:]]).split()


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1))), st.text(min_size=1))
def test_no_text_becomes_markup(rows, title):
    shown = Cells(table(title, rows))

    assert shown.tags == ["table", "caption", "tbody", *["tr", "th", "td"] * len(rows)]


def test_names_with_markup_are_text():
    cluster = ClusterSpec(nodes=(NodeSpec(name=MARKUP), NodeSpec(name="b", cores=2)))
    made = Scenario(cluster=cluster, job=Gives(), faults=(CrashNode(node=MARKUP, begin_s=0.0),))

    for shown in (made, run(made, 0)):
        assert "<b>" not in shown._repr_html_()
    assert f"NodeSpec() {MARKUP}" in cells(made).texts


def test_a_scenario_says_what_differs_and_nothing_else():
    made = Scenario(cluster=ClusterSpec(nodes=nodes("n", 40, cores=2)), job=Gives(), horizon_s=5.0)

    assert dict(differences(made)) == {
        "cluster.nodes": "40 × NodeSpec(cores=2) n-0 … n-39",
        "job": "Gives(outcome=None)",
        "horizon_s": "5.0",
    }
    assert all(path in str(made) for path, _ in differences(made))
    assert repr(made).startswith("Scenario(cluster=ClusterSpec(nodes=(NodeSpec(name='n-0', cores=2)")


def test_a_part_of_another_kind_is_named_and_one_that_goes_without_saying_is_not():
    rows = dict(differences(training()))

    assert rows["cluster.network.latency"] == "Exponential"
    assert rows["job.exchange.server"] == "'server'"
    assert "cluster" not in rows


def test_a_function_is_its_name():
    assert dict(differences(training(sharding="by_key")))["job.sharding"] == "by_key"


def test_a_long_schedule_is_cut():
    made = training([CrashNode(node="server", begin_s=float(place)) for place in range(50)])

    assert [said for path, said in differences(made) if path == "faults"][-1] == "and 42 more"


def test_versions_are_of_all_that_computes_and_cannot_be_changed_by_who_reads_them():
    versions().clear()

    assert list(versions()) == [
        "simcluster", "python", "simpy", "numpy", "scipy", "scikit-learn", "engine", "instructions",
    ]  # fmt: skip
    assert all(versions().values())
    assert len(machine().split()) == 2


@pytest.mark.parametrize("name", ["metrics", "series", "digest"])
def test_nothing_is_computed_before_somebody_asks_and_then_once(name):
    result = run(Scenario(cluster=TWO, job=Gives()), 0)

    assert name not in vars(result)
    assert getattr(result, name) is getattr(result, name)


class Tells(Gives):
    """A job that has figures of its own."""

    def metrics(self, result):
        return {"outcome_s": float(result.outcome), "ended_again_s": result.ended_s}

    def series(self, result):
        return {"steps": {"time_s": [0.0, result.ended_s], "step": [0, 1]}}


def test_a_job_of_ones_own_has_figures_and_series_of_its_own():
    result = run(Scenario(cluster=TWO, job=Tells(3)), 0)

    assert (result.metrics["outcome_s"], result.metrics["ended_again_s"]) == (3.0, result.ended_s)
    assert result.series["steps"]["time_s"].to_list() == [0.0, 1.0]


def test_a_field_that_happens_to_be_called_so_is_no_method():
    job = Gives()
    job.metrics = job.series = ("f1", "accuracy")

    result = run(Scenario(cluster=TWO, job=job), 0)
    assert (result.metrics["ended_s"], result.series) == (1.0, {})


def test_the_figures_that_are_shown_and_those_that_are_counted_are_all():
    result = run(training(steps=3), 7)
    rows = [line.split() for line in repr(result).splitlines()]
    (more,) = [int(row[1]) for row in rows if row[0] == "…"]

    assert sum(row[0] in result.metrics for row in rows) + more == len(result.metrics) - 1  # ended_s is in the head
