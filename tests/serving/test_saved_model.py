"""A saved model is served: every answer is its prediction, and a server that comes up again loads it from its disk."""

from pathlib import Path

import numpy as np
import pytest

from simcluster import ClusterSpec, NodeSpec, Scenario, load_scenario, nodes, run
from simcluster.engine import stream
from simcluster.faults import CrashNode, FillDisk, LoseDisk, RotBits
from simcluster.learning import Bundled, GradientDescent, MissingFile, Softmax, load_model, model_of, save_model
from simcluster.serving import ModelFile, Poisson, SavedModel, ServiceJob
from simcluster.training import TrainingJob

SCENARIOS = Path(__file__).parents[2] / "experiments" / "scenarios"
IRIS = Bundled(name="iris")
FILE = SCENARIOS / "iris_model.json"
SERVICE = SavedModel(path=FILE, data=IRIS)


def served(faults=(), service=SERVICE, queries=60):
    machines = (NodeSpec(name="front"), *nodes("s", 2, flops_per_s=1e6))
    job = ServiceJob(service=service, arrivals=Poisson(per_s=100), queries=queries, front_end="front",
                     servers=("s-0", "s-1"), timeout_s=0.05)  # fmt: skip
    result = run(Scenario(cluster=ClusterSpec(nodes=machines), job=job, faults=tuple(faults), horizon_s=60.0), 0)
    assert result.ended == "finished"
    return result


def disk(result, node="s-0"):
    """What happened on its disk, without what was under way when it crashed."""
    return [(row["operation"], row["outcome"]) for row in result.trace.rows("disk") if row["node"] == node]


def predicted(model, queries=60):
    """What was asked is drawn again, and answered in one place."""
    asked = stream(0, "serving", "queries")
    rows = np.array([SERVICE.ask(asked) for _ in range(queries)])
    return model.predict(rows).tolist()


CRASH = CrashNode(node="s-0", begin_s=0.2, end_s=0.3)


@pytest.mark.parametrize(
    ("faults", "operations"),
    [
        ((), [("write", "done"), ("flush", "done")]),
        ((CRASH,), [("write", "done"), ("flush", "done"), ("read", "done")]),
        (
            (CRASH, RotBits(node="s-0", count=1, begin_s=0.25)),
            [("write", "done"), ("flush", "done"), ("rot", "done"), ("read", "corrupted"), ("write", "done"),
             ("flush", "done")],
        ),
        (
            (CRASH, LoseDisk(node="s-0", begin_s=0.25)),
            [("write", "done"), ("flush", "done"), ("lose", "done"), ("write", "done"), ("flush", "done")],
        ),
        ((FillDisk(node="s-0", begin_s=0.0, end_s=1.0), CRASH), [("write", "disk_full"), ("write", "disk_full")]),
    ],
    ids=["calm", "restarted", "rotten", "disk lost", "disk full"],
)  # fmt: skip
def test_a_server_loads_the_model_from_its_disk_after_a_restart_and_every_answer_is_its_prediction(faults, operations):
    result = served(faults)

    assert disk(result) == operations
    answers = result.outcome.answers
    assert [answers[number] for number in range(60)] == predicted(load_model(FILE))
    assert len(set(answers.values())) == 3
    assert [row["node"] for row in result.trace.rows("compute")].count("s-0") > 10


def test_the_file_of_the_scenarios_is_what_a_training_gives():
    cluster = ClusterSpec(nodes=(NodeSpec(name="server"), *nodes("w", 2)))
    fields = {"optimiser": GradientDescent(learning_rate="auto"), "batch_size": None, "steps": 100, "server": "server"}
    job = TrainingJob(model=Softmax(l2=0.01), data=IRIS, standardised=True, workers=cluster.names[1:], **fields)

    trained, known = run(Scenario(cluster=cluster, job=job), 0).outcome, load_model(FILE)

    np.testing.assert_allclose(known.parameters, trained.parameters, rtol=1e-9)
    np.testing.assert_allclose(known.scaling.mean, trained.scaling.mean, rtol=1e-12)
    assert (known.model, known.classes) == (job.model, 3)


def test_the_scenario_of_a_saved_model_finishes_and_loads_it_after_each_crash(monkeypatch):
    monkeypatch.chdir(SCENARIOS.parents[1])

    result = run(load_scenario(SCENARIOS / "model_service.yaml"), 0)

    assert (result.ended, result.verdicts, len(result.outcome.answers)) == ("finished", (), 100)
    reads = [(row["node"], row["outcome"]) for row in result.trace.rows("disk") if row["operation"] == "read"]
    assert reads == [("server-0", "done"), ("server-1", "corrupted")]


def test_what_cannot_be_served_is_refused_by_its_rule(tmp_path):
    with pytest.raises(ValueError, match=r"shards must be 1 for a saved model, of which every .*, got 2"):
        SERVICE.shards(2, 0)
    with pytest.raises(MissingFile, match=r"path must name a file that there is, got 'nowhere\.npz'"):
        SERVICE.replace(path="nowhere.npz").shards(1, 0)
    with pytest.raises(ValueError, match=r"data must fit the model in .*: features must be \(n, 4\), got \(1, 64\)"):
        SavedModel(path=FILE).shards(1, 0)
    (tmp_path / "m.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"path: must be a model as save_model .*m\.npz' \(it must be a whole"):
        SERVICE.replace(path=tmp_path / "m.npz").shards(1, 0)
    with pytest.raises(ValueError, match="path must name a file that can be read"):
        SERVICE.replace(path=tmp_path).shards(1, 0)


def test_an_npz_is_served_as_its_json_is(tmp_path):
    known = load_model(FILE)
    path = save_model(tmp_path / "m.npz", known.model, known.parameters, scaling=known.scaling, classes=3)

    (held,) = SERVICE.replace(path=path).shards(1, 0)

    assert isinstance(held, ModelFile)
    assert held.key != SERVICE.shards(1, 0)[0].key
    assert model_of(held.content.tobytes(), path).parameters.tobytes() == known.parameters.tobytes()
    assert served(service=SERVICE.replace(path=path)).outcome.answers == served().outcome.answers
