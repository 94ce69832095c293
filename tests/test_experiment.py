import dataclasses
import math
import re
from pathlib import Path

import pandas as pd
import pytest
import typer
from sweeping import duration, waiting

from simcluster.cluster import NetworkSpec, NodeSpec
from simcluster.command_line import call, one_line, say
from simcluster.engine import InvalidSpec
from simcluster.experiment import Experiment, answers, decided, in_unit
from simcluster.measurement import Interval
from simcluster.report import band, figure, legend, wide
from simcluster.study import Crossed
from simcluster.sweep import Interrupted


def draw(table):
    made, (axes,) = figure("Waiting", "mean (s)", "duration (s)")
    samples = wide(table, "mean_s", "duration_s")
    band(axes, samples.columns, samples, "wait", 0)
    legend(axes)
    return made


def scenarios(small):
    return {mean_s: waiting(mean_s) for mean_s in ((1.0, 9.0) if small else (1.0, 9.0, 10.0))}


EXPERIMENT = Experiment(
    name="wait",
    question="Is a longer wait longer?",
    labels=("mean_s",),
    scenarios=scenarios,
    measure=duration,
    figure=draw,
    score=lambda table: table.pivot(index="seed", columns="mean_s", values="duration_s"),
    quantity="mean duration",
    unit="s",
)


def test_an_experiment_gives_a_verdict_a_picture_and_a_table(tmp_path):
    answer = EXPERIMENT.compare(range(10), out=tmp_path)

    assert answer.verdict.winner == "1.0"
    assert answer.picture == tmp_path / "wait.png"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wait.csv", "wait.png"]
    assert len(answer.table) == 30


def test_without_a_measure_it_is_the_metrics_and_crossed_scenarios_name_their_columns():
    crossed = Experiment(
        name="wait",
        question="Is a longer wait longer?",
        scenarios=Crossed(waiting, {"mean_s": (1.0, 9.0, 10.0)}, small={"mean_s": (1.0, 9.0)}),
        figure=lambda table: draw(table.assign(duration_s=table["ended_s"])),
        score=decided("mean_s", "ended_s"),
        quantity="mean duration",
        unit="s",
    )

    answer, usual = (each.compare(range(10), small=True) for each in (crossed, EXPERIMENT))

    assert str(answer) == str(usual)
    assert list(answer.table["ended_s"]) == list(usual.table["duration_s"])


def test_what_decides_is_one_metric_of_each_strategy_where_other_columns_say_so():
    never = ("a", 2, 0, math.inf)
    rows = [("a", 1, 0, 5.0), never, ("b", 2, 0, 3.0), ("b", 2, 0, 4.0), ("a", 2, 1, 1.0), ("b", 2, 1, 2.0)]
    table = pd.DataFrame(rows, columns=["who", "load", "seed", "time_s"])

    scores = decided("who", "time_s", {"load": 2}, at_most=9.0)(table)

    assert scores.to_dict("list") == {"a": [9.0, 1.0], "b": [3.5, 2.0]}


def test_the_small_version_is_smaller_and_nothing_is_written_without_a_folder():
    answer = EXPERIMENT.compare(range(4), small=True)

    assert len(answer.table) == 8
    assert answer.picture is None


def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    ran = []

    with pytest.raises(ValueError, match="out: must be a folder that can be written"):
        EXPERIMENT.compare(range(2), out=tmp_path / "file", progress=lambda *_: ran.append(1))
    assert not ran


def test_no_seeds_are_refused():
    with pytest.raises(ValueError, match="number of seeds: must be at least 1, got 0"):
        EXPERIMENT.compare([])


def test_an_interrupt_leaves_the_table_of_what_was_done(tmp_path):
    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        EXPERIMENT.compare(range(4), out=tmp_path, progress=stop)

    assert len(pd.read_csv(tmp_path / "wait.csv")) == 3
    assert not (tmp_path / "wait.png").exists()


def test_an_answer_is_a_few_lines_that_name_a_winner_only_when_it_is_clear():
    clear = EXPERIMENT.compare(range(10), small=True)
    unclear = EXPERIMENT.compare(range(1), small=True)
    question, winner, then, by, picture = str(clear).splitlines()

    assert question == "Is a longer wait longer?"
    assert winner == f"  winner  1.0  {in_unit(clear.verdict.best_mean, 's')}"
    assert then.startswith("  then    9.0  ")
    assert (by, picture) == ("  by mean duration", "  (not drawn)")
    leads = f"  leads   1.0  {unclear.verdict.best_mean.estimate:.3g} s [0, inf]"
    assert str(unclear).splitlines()[1:3] == ["  no clear winner", leads]


PATH = "a folder/with a very long name/" * 4 + "wait.png"


@pytest.mark.parametrize("terminal", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"COLUMNS": "80"}, {"FORCE_COLOR": "1"}])
def test_answers_can_be_read_and_a_path_be_copied_on_any_terminal(terminal, capsys, monkeypatch):
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    answer = dataclasses.replace(EXPERIMENT.compare(range(4), small=True), picture=Path(PATH))
    loud = dataclasses.replace(answer.verdict, best="[bold]a[/bold]", runner_up="[red]")
    answer = dataclasses.replace(answer, verdict=loud)

    say(answers([answer, answer]))

    said = re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)
    assert said.splitlines().count(f"  {PATH}") == 2
    assert said.splitlines().count("Is a longer wait longer?") == 2
    assert said.count("[bold]a[/bold]") == said.count("[red]") == 2
    assert all(len(line) <= 80 for line in said.splitlines() if PATH not in line)


def test_an_interval_is_told_in_three_figures_with_its_unit():
    assert in_unit(Interval(1.23456, 1.1, 1.4), "s") == "1.23 s [1.1, 1.4]"
    assert in_unit(Interval(0.5, 0.25, 1.0), "") == "0.5 [0.25, 1]"


def test_the_format_and_the_width_of_a_picture_are_asked_for_before_anything_runs(tmp_path):
    answer = EXPERIMENT.compare(range(2), small=True, out=tmp_path, formats=["pdf", "svg"], width="column")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["wait.csv", "wait.pdf", "wait.svg"]
    assert answer.picture == tmp_path / "wait.pdf"
    for wrong in ({"formats": ["gif"]}, {"width": "poster"}, {"out": ""}):
        ran = []
        with pytest.raises(ValueError, match=": must "):
            EXPERIMENT.compare(range(2), progress=lambda *_, ran=ran: ran.append(1), **{"out": tmp_path, **wrong})
        assert not ran


def broken(maker):
    with pytest.raises(InvalidSpec) as error:
        maker()
    return one_line(error.value)


def test_what_breaks_a_rule_is_told_as_field_rule_and_value_in_one_line():
    line = broken(lambda: NetworkSpec(loss_probability=1.5))

    assert line == "loss_probability: Input should be less than or equal to 1, got 1.5"
    assert broken(lambda: NodeSpec(name="n", cores=0, colour="red")).count("\n") == 0


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ValueError("size must be\nat least 1, got 0"), 2, "error: size must be at least 1, got 0"),
        (typer.BadParameter("must be at least 1"), 2, "error: "),
        (KeyboardInterrupt(), 130, "interrupted; the runs that were done are kept"),
        (Interrupted(pd.DataFrame(), 3, 8), 130, "interrupted; the runs that were done are kept"),
    ],
)
def test_a_command_ends_with_one_line_and_a_code_and_no_traceback(error, code, line, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["command"])
    app = typer.Typer()

    @app.command()
    def command():
        raise error

    with pytest.raises(SystemExit) as end:
        call(app)

    said = capsys.readouterr().err
    assert end.value.code == code
    assert said.startswith(line)
    assert said.count("\n") == 1


def test_an_error_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr("sys.argv", ["command"])
    app = typer.Typer()

    @app.command()
    def command():
        raise RuntimeError("a mistake in simcluster itself")

    with pytest.raises(RuntimeError, match="a mistake in simcluster itself"):
        call(app)


def test_no_control_character_reaches_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["command"])
    answer = EXPERIMENT.compare(range(4), small=True)
    loud = dataclasses.replace(answer.verdict, best="\x1b[2Ja\nb", runner_up="\u202ec")
    app = typer.Typer()

    @app.command()
    def command():
        say("plain \x1b]0;title\x07")
        say(answers([dataclasses.replace(answer, verdict=loud, picture=Path("\x1b"))]))
        raise ValueError("got '\x1b[31m'")

    with pytest.raises(SystemExit):
        call(app)

    said = capsys.readouterr()
    assert not {"\x1b", "\x07", "\u202e"} & set(said.out + said.err)
    assert "\\x1b[2Ja\\nb" in said.out
    assert "\\u202ec" in said.out
    assert said.err == "error: got '\\x1b[31m'\n"
