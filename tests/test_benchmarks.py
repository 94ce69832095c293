"""Benchmarks run, and what they compare agrees."""

import json

from benchmarks import learning, recovery, replication, scheduling, serving, training, workflows
from tests.workflows import FOLDER, NAMES, file


def test_every_algorithm_learns_on_the_cluster_what_it_learns_in_a_loop_and_in_scikit_learn(tmp_path, capsys):
    file = tmp_path / "learning.json"
    learning.main(file, rounds=3, rows=1500, workers=4, steps=5, only="")

    times = json.loads(file.read_text(encoding="utf-8"))
    assert list(times) == ["linear", "logistic", "softmax", "k-means (Lloyd)", "nearest neighbours", "boosting"]
    assert all(len(each) == 3 for of in times.values() for each in of.values())
    said = capsys.readouterr().out
    assert all(name in said for name in times)


def test_training_on_the_cluster_gives_the_parameters_of_the_loop_whether_it_waits_or_not(tmp_path):
    file = tmp_path / "training.json"
    training.main(file, rounds=3, small=True)

    assert len(json.loads(file.read_text(encoding="utf-8"))) == 11  # five cases, each in two ways, and the ring


def test_a_raft_cluster_serves_what_the_loop_does(capsys):
    rates = replication.main(clients=5, operations=4, rounds=1)

    assert list(rates) == ["writes", "half", "reads"]
    assert capsys.readouterr().out.count("Raft of five") == 3


def test_tasks_are_simulated_on_the_cluster_and_in_plain_simpy(tmp_path, capsys):
    file = tmp_path / "scheduling.json"
    scheduling.main(file, most=1, rounds=1, small=True)

    assert set(json.loads(file.read_text(encoding="utf-8"))) == {"simulated"}
    assert "1,000 tasks on 10 nodes" in capsys.readouterr().out


def test_a_service_answers_as_late_as_the_same_queues_in_simpy(tmp_path):
    file = tmp_path / "serving.json"
    serving.main(file, rounds=1, small=True)

    rates = json.loads(file.read_text(encoding="utf-8"))
    assert list(rates) == ["10 servers", "50 servers"]
    assert all({"simcluster", "SimPy", "SimPy, delays", "real work"} <= set(each) for each in rates.values())


def test_blocks_are_encoded_and_repaired_as_the_table_of_products_says(tmp_path):
    file = tmp_path / "recovery.json"
    recovery.main(file, size_bytes=1000, rounds=1, members=20, periods=10)

    assert list(json.loads(file.read_text(encoding="utf-8"))) == ["encode", "repair", "SWIM", "hearts"]


def test_every_workflow_that_ran_keeps_to_its_bounds_under_every_policy(capsys):
    file(NAMES[0])
    workflows.main(FOLDER)

    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3 + len(workflows.policies())
    assert rows[0].split()[1:] == [name.removesuffix(".json")[:14] for name in sorted(NAMES)]
