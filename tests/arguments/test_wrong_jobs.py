"""A table of wrong arguments of jobs, schedules, data and statistics: each is refused where it is given."""

import math
import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from arguments.right import CLUSTER, Idle, make

from simcluster import ClusterSpec, Scenario, Together, nodes, run
from simcluster.cluster import Cluster
from simcluster.engine import Constant, Environment, Trace, stream
from simcluster.faults import budget_exceeded, draw_crashes, draw_faults, heal, read_failure_trace, single_faults
from simcluster.kernels import Cost, call
from simcluster.learning import Bundled, KMeans, Softmax, SoftmaxRegression, arrays, frame, merge
from simcluster.learning.cross_validation import stratified_folds
from simcluster.measurement import curves, queueing, statistics
from simcluster.scheduling import Functions, GridSearch, Task, add_task
from simcluster.serving import At, NearestNeighbours
from simcluster.training import TrainingJob

NAN, INF, HUGE = math.nan, math.inf, 10**30
ROWS = [{"kind": "send", "time_s": 0.0, "source": "a", "target": "b"}]


def cluster():
    env = Environment()
    return Cluster(env, CLUSTER, 0, Trace(env, ()))


def scenario(*faults, job=None, **fields):
    return Scenario(cluster=CLUSTER, job=Idle() if job is None else job, faults=faults, **fields)


def training(**fields):
    return scenario(job=make("training", **fields))


def graph(**attributes):
    made = nx.DiGraph()
    made.add_node("a", function=len, **attributes)
    return made


def crashes(*names, mttf_s=1.0, mttr_s=1.0, horizon_s=9.0, seed=0, **fields):
    return draw_crashes(names or ("a", "b", "c"), mttf_s, mttr_s, horizon_s, seed, **fields)


#: What is called, and words that stand in the message, in this order.
JOBS = {
    "staleness of one and a half": (lambda: make("staleness", staleness=1.5), "staleness", "whole number", "1.5"),
    "staleness below 0": (lambda: make("staleness", staleness=-1), "staleness", "equal to 0", "-1"),
    "staleness of NaN": (lambda: make("training", staleness=NAN), "staleness", "0", "nan"),
    "more backup workers than workers": (lambda: training(backup_workers=2), "backup_workers", "2 workers", "2"),
    "a worker twice": (lambda: training(workers=("n-1", "n-1")), "workers", "differ", "n-1"),
    "no worker": (lambda: training(workers=()), "workers", "at least 1", "()"),
    "a server that works": (lambda: training(server="n-1"), "server", "none of the workers", "'n-1'"),
    "a server that is not there": (lambda: training(server="m-0"), "server", "node", "'m-0'", "mean 'n-0'"),
    "a worker that is not there": (lambda: training(workers=("n-9",)), "workers", "node", "'n-9'", "mean 'n-"),
    "more clusters than rows": (lambda: training(model=KMeans(clusters=151)), "clusters", "150 rows", "151"),
    "labels that are none": (
        lambda: training(data=make("generated", name="regression")), "labels", "regression"
    ),
    "more workers than rows": (
        lambda: Scenario(
            cluster=ClusterSpec(nodes=nodes("n", 9)),
            job=make("training", data=make("generated", rows=4), workers=tuple(f"n-{i}" for i in range(1, 9))),
        ), "shard", "must have a row", "4 rows", "8 shards",
    ),
    "an option that no generator has": (
        lambda: training(data=make("generated", options={"n_feature": 3})), "options", "make_", "n_feature"
    ),
    "a file that is not there": (lambda: run(training(data=make("csv")), 0), "path", "file", "'data.csv'"),
    "a feature twice": (lambda: make("csv", features=("a", "a")), "features", "differ", "'a'"),
    "a target for a feature": (lambda: make("csv", features=("y",)), "target", "differ", "'y'"),
    "no feature": (lambda: make("csv", features=()), "features", "at least 1", "()"),
    "a data set of another name": (lambda: Bundled(name="irs"), "name", "'digits'", "'irs'", "mean 'iris'"),
    "a batch beside a regression's": (
        lambda: TrainingJob(model=SoftmaxRegression(), server="a", workers=("b",), steps=1, batch_size=0),
        "batch_size", "SoftmaxRegression",
    ),
    "a model of another name": (lambda: training(model="softmx"), "model", "'softmx'", "mean 'softmax'"),
    "a model that is none": (lambda: training(model=len), "model", "initial"),
    "a sharding of another name": (lambda: training(sharding="randm"), "sharding", "'randm'", "mean 'random'"),
    "an optimiser for a model": (lambda: training(optimiser=Softmax()), "optimiser", "start", "Softmax"),
    "what becomes of the gone": (lambda: training(when_gone="stops"), "when_gone", "'stops'", "mean 'stop'"),
    "folds more than rows": (
        lambda: scenario(job=make("tasks", work=GridSearch(dataset="iris", folds=151))), "folds", "150", "151"
    ),
    "one fold": (lambda: make("grid", folds=1), "folds", "equal to 2", "1"),
    "a learning rate twice": (lambda: make("grid", learning_rates=(0.1, 0.2, 0.1)), "learning_rates", "differ", "0.1"),
    "a penalty twice": (lambda: make("grid", l2s=(0.0, 0)), "l2s", "differ", "0.0"),
    "a number of steps twice": (lambda: make("grid", steps=(3, 3)), "steps", "differ", "3"),
    "no learning rate": (lambda: make("grid", learning_rates=()), "learning_rates", "at least 1", "()"),
    "a learning rate of NaN": (lambda: make("grid", learning_rates=(NAN,)), "learning_rates.0", "finite", "nan"),
    "a learning rate that is true": (lambda: make("grid", learning_rates=(True,)), "learning_rates.0", "truth", "True"),
    "a master that works": (lambda: make("tasks", master="n-1"), "master", "none of the workers", "'n-1'"),
    "a master that is not there": (lambda: scenario(job=make("tasks", master="n-9")), "master", "'n-9'", "mean 'n-"),
    "a policy of another name": (lambda: make("tasks", policy="heff"), "policy", "'heff'", "mean 'heft'"),
    "a policy that is none": (lambda: make("tasks", policy=3), "policy", "__call__", "int"),
    "no task": (lambda: scenario(job=make("tasks", work=Functions(nx.DiGraph()))), "work", "one task", "none"),
    "a task without a function": (lambda: Functions(nx.DiGraph([("a", "b")])), "task", "function", "'a'"),
    "tasks in a circle": (lambda: Functions(nx.DiGraph([("a", "b"), ("b", "a")])), "task graph", "cycle", "'a'"),
    "a task of NaN operations": (lambda: Functions(graph(flops=NAN)), "flops", "finite", "nan"),
    "a task of fewer than no bytes": (lambda: Functions(graph(bytes=-1)), "bytes", "at least 0", "-1"),
    "a priority of NaN": (lambda: Task(len, Cost(0, 0), NAN), "priority", "number", "nan"),
    "a task after nothing": (
        lambda: add_task(nx.DiGraph(), "b", Task(len, Cost(0, 0)), (("a", "p", 1.0),)), "predecessor", "'b'", "'a'"
    ),
    "an output of infinite size": (
        lambda: add_task(graph(), "b", Task(len, Cost(0, 0)), (("a", "p", INF),)), "size_bytes", "finite", "inf"
    ),
    "more neighbours than rows": (
        lambda: scenario(job=make("flat_service", neighbours=121)), "neighbours", "120 rows", "121"
    ),
    "more neighbours than rows of a service": (
        lambda: scenario(job=make("service", service=NearestNeighbours(data=Bundled(name="iris"), neighbours=999))),
        "neighbours", "120 rows", "999",
    ),
    "shards that servers do not fill": (lambda: make("service", shards=3), "servers", "multiple of the 3", "2"),
    "a server that is asked": (lambda: make("service", front_end="n-1"), "front_end", "none of the", "'n-1'"),
    "a server twice": (lambda: make("service", servers=("n-1", "n-1")), "servers", "differ", "n-1"),
    "a front end that is not there": (lambda: scenario(job=make("service", front_end="n-9")), "front_end", "'n-9'"),
    "a balancer of another name": (lambda: make("service", balancer="randm"), "balancer", "'randm'", "mean 'random'"),
    "more queries than times": (
        lambda: make("service", arrivals=At(times_s=(1.0,))), "queries", "at most the 1 times", "2"
    ),
    "no time": (lambda: make("at", times_s=()), "times_s", "at least 1", "()"),
    "a time of infinity": (lambda: make("at", times_s=(INF,)), "times_s.0", "finite", "inf"),
    "more copies than servers": (lambda: make("store", replication=4), "replication", "servers (3)", "4"),
    "a keeper twice": (lambda: make("store", servers=("a", "a")), "servers", "differ", "'a'"),
    "an acknowledgement of another name": (lambda: make("store", acknowledge="al"), "acknowledge", "mean 'all'"),
    "a threshold beyond all chance": (lambda: make("phi", threshold=301), "threshold", "equal to 300", "301"),
    "no job beside another": (lambda: Together(jobs=()), "jobs", "at least 1", "()"),
    "two jobs of one name": (lambda: Together(jobs=(make("training"),) * 2), "names", "differ", "'training'"),
    "two services of one name": (lambda: Together(jobs=(make("flat_service"),) * 2), "names", "differ", "'service'"),
    "a job that does not fit beside one that does": (
        lambda: scenario(job=Together(jobs=(Idle(), make("training", model=KMeans(clusters=999))))), "clusters", "999"
    ),
}  # fmt: skip
SCHEDULES = {
    "a mean of NaN": (lambda: crashes(mttf_s=NAN), "mttf_s", "finite", "nan"),
    "a mean of text": (lambda: crashes(mttr_s="x"), "mttr_s", "number or a distribution", "'x'"),
    "a mean that is true": (lambda: crashes(mttf_s=True), "mttf_s", "number or a distribution", "True"),
    "a mean of 0": (lambda: crashes(mttf_s=Constant(value=0)), "mttf_s", "greater than 0", "0.0"),
    "faults without end": (lambda: crashes(horizon_s=INF), "horizon_s", "finite", "inf"),
    "faults without number": (lambda: crashes(mttf_s=1e-300, mttr_s=1e-300), "mttf_s", "millionth", "2e-300"),
    "a minimum of NaN": (lambda: crashes(minimum_up_s=NAN), "minimum_up_s", "at least 0", "nan"),
    "a node twice": (lambda: crashes("a", "a"), "targets", "differ", "'a'"),
    "faults of seed 1.5": (lambda: crashes(seed=1.5), "seed", "whole number", "1.5"),
    "one node and a half down": (lambda: crashes(down_at_most=1.5), "down_at_most", "whole number", "1.5"),
    "no node down": (lambda: crashes(down_at_most=0), "down_at_most", "at least 1", "0"),
    "faults of a target twice": (
        lambda: draw_faults(["a", "a"], print, "x", 1.0, 1.0, 1.0, 0), "targets", "differ", "'a'"
    ),
    "a budget of NaN": (lambda: budget_exceeded((), ("a", "b", "c"), NAN), "f", "whole number", "nan"),
    "a budget below 0": (lambda: budget_exceeded((), ("a", "b", "c"), -1), "f", "at least 0", "-1"),
    "healed at NaN": (lambda: heal((), NAN), "at_s", "greater than 0", "nan"),
    "a swarm of nobody": (lambda: make("swarm", nodes=()), "nodes", "not be empty", "()"),
    "a swarm of one twice": (lambda: make("swarm", nodes=("a", "a")), "nodes", "differ", "'a'"),
    "a swarm of nothing": (lambda: make("swarm", kinds=()), "kinds", "not be empty", "()"),
    "a swarm of another name": (lambda: make("swarm", kinds=("crash",)), "kind", "'crash'", "mean 'crash_node'"),
    "a swarm's stranger": (lambda: make("swarm", limited=("z",)), "limited", "nodes", "'z'"),
    "faults as long as NaN": (lambda: single_faults((), (), NAN), "length_s", "finite", "nan"),
    "faults as long as for ever": (lambda: single_faults((), (), INF), "length_s", "finite", "inf"),
    "times of no record": (lambda: single_faults(ROWS, (), 1.0, kinds=("sent",)), "kinds", "'sent'", "mean 'send'"),
    "a trace of another kind": (lambda: read_failure_trace("x.csv", "crash"), "default_kind", "'crash'", "_node'"),
    "a finding of a seed below 0": (lambda: make("finding", seed=-1), "seed", "equal to 0", "-1"),
}  # fmt: skip
NUMBERS = {
    "a cost of NaN": (lambda: Cost(NAN, 0), "flops", "finite", "nan"),
    "a cost below 0": (lambda: Cost(0, -1), "bytes", "at least 0", "-1"),
    "a call of infinite cost": (lambda: call(len, [], flops=INF), "flops", "finite", "inf"),
    "a feature of NaN": (lambda: arrays([[NAN]], [1]), "features", "finite", "nan"),
    "a feature of text": (lambda: arrays([["x"]], [1]), "features", "numbers", "'x'"),
    "targets for other rows": (lambda: arrays([[1.0]], [1, 2]), "targets (n,)", "(2,)"),
    "half a label": (lambda: arrays([[1.0]], [0.5], labels=True), "labels", "whole numbers", "0.5"),
    "a label below 0": (lambda: arrays([[1.0]], [-1]), "labels", "within", "-1"),
    "a column that is not there": (lambda: frame(pd.DataFrame({"a": [1]}), "y"), "column 'y'", "['a']"),
    "a frame without rows": (lambda: frame(pd.DataFrame({"y": []}), "y"), "at least one row", "none"),
    "no neighbour": (lambda: merge((), 0), "neighbours", "at least 1", "0"),
    "more folds than rows": (lambda: stratified_folds(np.zeros(3), 4, stream(0)), "folds", "within [2, 3]", "4"),
    "an interval of nothing": (lambda: statistics.mean_interval([]), "values", "at least 1", "(0,)"),
    "an interval of NaN": (lambda: statistics.mean_interval([NAN]), "values", "finite", "nan"),
    "a level of NaN": (lambda: statistics.mean_interval([1, 2], NAN), "level", "within (0, 1)", "nan"),
    "pairs that are none": (lambda: statistics.paired_difference([1], [1, 2]), "pairs", "equal numbers", "1 and 2"),
    "one strategy compared": (lambda: statistics.verdict({"a": [1.0]}), "at least 2 strategies", "['a']"),
    "a curve at NaN": (lambda: curves.on_grid([0, NAN], [1, 2], [1]), "times", "numbers", "nan"),
    "a target of NaN": (lambda: curves.first_time_at_most([0], [1], NAN), "target", "number", "nan"),
    "arrivals at a rate of NaN": (lambda: queueing.offered_load(NAN, 1), "arrivals_per_s", "finite", "nan"),
    "a queue without end": (lambda: queueing.offered_load(1, 1), "offered load", "less than 1", "1.0"),
    "one server and a half": (lambda: queueing.offered_load(1, 2, 1.5), "servers", "whole number", "1.5"),
    "Erlang's server and a half": (lambda: queueing.erlang_c(1, 2, 1.5), "servers", "whole number", "1.5"),
    "one choice and a half": (lambda: queueing.choices_sojourn_s_mean(0.5, 1, 1.5), "choices", "whole", "1.5"),
    "a percentile of NaN": (lambda: queueing.mm1_sojourn_s_percentile(1, 2, NAN), "percentile", "[0, 100)", "nan"),
    "a percentile beyond all": (lambda: queueing.sojourn_percentiles([1, 2], (101,)), "percentiles", "100", "101"),
    "a sojourn of NaN": (lambda: queueing.sojourn_percentiles([1, NAN]), "sojourns_s", "numbers", "nan"),
    "a warm-up of NaN": (lambda: queueing.sojourn_percentiles([1], warm_up=NAN), "warm_up", "[0, 1)", "nan"),
}  # fmt: skip
WRONG = JOBS | SCHEDULES | NUMBERS


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_refused_with_field_rule_and_value_where_it_is_given(case):
    wrong, *said = WRONG[case]
    with pytest.raises(ValueError, match="(?s)" + ".*".join(map(re.escape, said))):
        wrong()
