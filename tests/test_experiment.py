import pandas as pd
import pytest
import typer
from rich.text import Text
from sweeping import duration, waiting

from simcluster.cluster import NetworkSpec, NodeSpec
from simcluster.engine import InvalidSpec
from simcluster.experiment import Experiment, answers, call, figures, one_line
from simcluster.measurement import Interval
from simcluster.report import band, figure, legend, wide
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


def test_the_table_of_answers_names_a_winner_only_when_it_is_clear():
    clear = EXPERIMENT.compare(range(10), small=True)
    unclear = EXPERIMENT.compare(range(1), small=True)

    winners = list(answers([clear, unclear]).columns[1].cells)

    assert winners == ["[bold]1.0[/bold]", "no clear winner\n(1.0 leads)"]


def test_an_interval_is_told_in_three_figures():
    told = Text.from_markup(figures(Interval(1.23456, 1.1, 1.4), "s"))

    assert told.plain == "1.23 s\n[1.1, 1.4]"


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
