"""Every built-in of every open field that a scenario can have, by protocol and word, and one of each."""

from functools import cache
from typing import get_args

from pydantic import BaseModel

from simcluster import Scenario
from simcluster.engine import Open

#: Seconds of tasks become as many milliseconds on nodes of a million operations a second.
QUICK = {"kind": "synthetic", "flops_per_s": 1e3}
#: What must be given, or is given so that it suits a small cluster of nodes n-0 to n-5; by protocol and word.
FIELDS = {
    ("Algorithm", "hierarchical"): {"group": 2},
    ("Arrivals", "poisson"): {"per_s": 10.0},
    ("Arrivals", "at"): {"times_s": (0.5, 0.1, 0.1)},
    ("Arrivals", "closed"): {"clients": 2},
    ("Arrivals", "deterministic"): {"per_s": 10.0},
    ("Arrivals", "mmpp"): {"per_s": (20.0, 2.0), "state_s": (0.5, 0.5)},
    ("Arrivals", "diurnal"): {"per_s": 10.0, "period_s": 2.0},
    ("Arrivals", "steps"): {"begin_s": (0.0, 1.0), "per_s": (5.0, 20.0)},
    ("Arrivals", "trace_file"): {"path": "tests/serving/times.csv"},
    ("Autoscaler", "fixed"): {"servers": 2},
    ("Backoff", "fixed"): {"delay_s": 0.01},
    **{("Backoff", word): {"base_s": 0.01} for word in ("exponential", "full_jitter", "decorrelated_jitter")},
    ("Balancer", "prequal"): {"pool": 2},
    ("Balancer", "consistent_hash"): {"epsilon": 0.25},
    ("Batches", "arriving"): {"arrivals": {"kind": "poisson", "per_s": 100.0}},
    ("Cache", "lru"): {"entries": 3},
    ("Cache", "lfu"): {"entries": 3},
    ("Cache", "ttl"): {"ttl_s": 0.3},
    ("CallPolicy", "deadline"): {"within_s": 0.2},
    ("CommunicationGraph", "edges"): {"edges": ((0, 1), (1, 2), (2, 3), (3, 0), (0, 4))},
    ("DataSource", "rotated_labels"): {"data": {"kind": "bundled", "name": "iris"}, "rows": 30, "every": 10},
    ("DataSource", "sea"): {"rows": 30},
    ("DataSource", "rotating_hyperplane"): {"rows": 30},
    ("DataSource", "generated"): {"rows": 30},
    ("Descends", "kmeans"): {"clusters": 4},
    ("Descends", "mini_batch_kmeans"): {"clusters": 4},
    ("Descends", "gradient_boosting"): {"rounds": 5, "depth": 2},
    ("Descends", "multilayer_perceptron"): {"hidden": (5,)},
    ("Descends", "principal_components"): {"components": 2},
    ("Descends", "power_iteration"): {"components": 2},
    ("Distribution", "constant"): {"value": 1.5},
    ("Distribution", "exponential"): {"mean": 1.5},
    ("Distribution", "uniform"): {"low": 1.0, "high": 2.0},
    ("Distribution", "lognormal"): {"mean": 1.5, "sigma": 0.5},
    ("Distribution", "pareto"): {"mean": 1.5, "shape": 5.0},
    ("Distribution", "weibull"): {"mean": 1.5, "shape": 2.0},
    ("Distribution", "empirical"): {"values": (1.0, 1.5, 2.0)},
    ("Estimator", "random_forest"): {"trees": 3},
    ("Estimator", "softmax"): {"steps": 20},
    ("Estimator", "logistic_regression"): {"steps": 20},
    ("Exchange", "parameter_server"): {"server": "n-0", "retry_s": 0.05},
    ("Exchange", "replicated_server"): {"servers": ("n-0", "n-5"), "retry_s": 0.05},
    ("Exchange", "elastic_server"): {"server": "n-0", "retry_s": 0.05},
    ("Exchange", "secure_aggregation"): {"server": "n-0", "retry_s": 0.05},
    ("Exchange", "sharded_servers"): {"servers": ("n-0", "n-5"), "retry_s": 0.05},
    ("Guard", "bulkhead"): {"limit": 3},
    ("HedgeDelay", "after"): {"delay_s": 0.01},
    ("Interval", "fixed"): {"interval_s": 3.0},
    ("Interval", "young"): {"mttf_s": 100.0},
    ("Interval", "daly"): {"mttf_s": 100.0},
    ("Keys", "zipf"): {"keys": 20},
    ("Optimiser", "buffered"): {"size": 2},
    ("QueueDiscipline", "queue_limit"): {"waiting": 3},
    **{("Replication", word): {"views": {"master": "m"}} for word in ("primary_backup", "chain", "craq")},
    ("Service", "nearest_neighbours"): {"data": {"kind": "bundled", "name": "iris"}},
    ("Service", "saved_model"): {
        "path": "experiments/scenarios/iris_model.json", "data": {"kind": "bundled", "name": "iris"},
    },
    ("Sharding", "by_hash"): {"key": "row"},
    ("Shedding", "length"): {"waiting": 3},
    ("Store", "remote"): {"server": "n-0"},
    ("Store", "distributed"): {"coordinator": "n-0", "servers": ("n-3", "n-4", "n-5")},
    ("Topology", "star"): {"hub": "n-0"},
    ("Topology", "torus"): {"rows": 2, "columns": 3},
    ("Topology", "racks"): {"racks": 2},
    ("Topology", "fat_tree"): {"k": 4},
    ("Topology", "wide_area"): {
        "zones": {"a": ("n-0", "n-1", "n-2"), "b": ("n-3", "n-4", "n-5")},
        "latency_s": {"a": {"b": 0.1}, "b": {"a": 0.1}},
    },
    ("Topology", "graph"): {"edges": [{"source": f"n-{i}", "target": f"n-{(i + 1) % 6}"} for i in range(6)]},
    ("Waiting", "k_sync"): {"k": 2},
    ("Waiting", "k_batch_sync"): {"k": 4},
    ("Waiting", "client_sampling"): {"fraction": 0.5},
    ("Waiting", "sampled_staleness"): {"share": 0.4},
    ("Waiting", "rennala"): {"batch": 4},
    ("Waiting", "ringmaster"): {"delay": 2},
    ("Work", "grid_search"): {
        "dataset": "iris", "folds": 2, "learning_rates": (0.1, 0.5), "l2s": (0.0,), "steps": (5,),
    },
    ("Work", "random_search"): {
        "estimator": {"kind": "decision_tree"}, "space": {"max_depth": (1, 2, 3)}, "candidates": 3, "folds": 2,
    },
    ("Work", "successive_halving"): {
        "space": {"max_depth": (1, 2)}, "candidates": 2, "folds": 2, "most": 2, "factor": 2,
    },
    ("Work", "hyperband"): {"space": {"max_depth": (1, 2)}, "folds": 2, "most": 2, "factor": 2},
    ("Work", "random_forest"): {"data": {"kind": "bundled", "name": "iris"}, "trees": 4, "tasks": 2},
    ("Work", "voting"): {
        "data": {"kind": "bundled", "name": "iris"}, "members": ({"kind": "naive_bayes"}, {"kind": "decision_tree"}),
    },
    ("Work", "cascade_svm"): {"data": {"kind": "bundled", "name": "iris"}, "leaves": 2, "passes": 3},
    ("Work", "bag"): {"tasks": 5, "computation": QUICK},
    ("Work", "layered"): {"tasks": 12, "computation": QUICK, "bytes_per_s": 1e4},
    ("Work", "fork_join"): {"stages": 2, "width": 3, "computation": QUICK, "size_bytes": 1e4},
    ("Work", "epigenomics"): {"lanes": 1, "chunks": 2, "computation": QUICK},
    ("Work", "cholesky"): {"tiles": 3, "tile_rows": 4, "real": True},
    ("Work", "gaussian_elimination"): {"columns": 4, "real": True},
    ("Work", "fft"): {"points": 4, "real": True},
    ("Work", "wfformat"): {"path": "experiments/scenarios/diamond_workflow.json", "computation": QUICK},
    ("Work", "dot"): {"path": "experiments/scenarios/diamond.dot", "computation": QUICK},
    ("Work", "swf"): {"path": "experiments/scenarios/small_cluster.swf", "jobs": 2, "computation": QUICK},
    ("Work", "rigid"): {"computation": QUICK},
    ("Work", "stream"): {
        "jobs": 3, "between": {"kind": "constant", "value": 0.05},
        "classes": ({"name": "a", "work": {"kind": "fork_join", "width": 2, "computation": QUICK}},),
    },
}  # fmt: skip
SAME = {"Solves": "Descends", "Learner": "Estimator", "Planner": "Policy"}
"""Protocols of fields that take both, or the same built-ins."""


@cache
def unions() -> dict[str, dict[str, Open]]:
    """By protocol each word that an open field takes, and the field's union."""
    found: dict[str, dict[str, Open]] = {}
    seen: set[type[BaseModel]] = set()

    def look(part: object) -> None:
        if isinstance(part, Open):
            name = part.protocols[0].__name__
            for word, kind in part.kinds.items():
                found.setdefault(name, {}).setdefault(word, part)
                look(kind)
        elif isinstance(part, type) and issubclass(part, BaseModel) and part not in seen:
            seen.add(part)
            for field in part.model_fields.values():
                for each in (field.annotation, *field.metadata):
                    look(each)
        for each in (*get_args(part), *getattr(part, "__metadata__", ())):
            look(each)

    look(Scenario)
    return found


def words(protocol: str) -> list[str]:
    """The built-ins of a protocol."""
    return list(unions()[SAME.get(protocol, protocol)])


def one(protocol: str, word: str, /, **fields: object) -> object:
    """A built-in that is right, but for these fields."""
    union = unions()[SAME.get(protocol, protocol)][word]
    if word in union.functions:
        return union.functions[word]
    return union.kinds[word](**{**FIELDS.get((SAME.get(protocol, protocol), word), {}), **fields})
