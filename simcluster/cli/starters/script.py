"""How long may the fast wait for the slow? A study in Python: ``python script.py``."""

from simcluster import ClusterSpec, NodeSpec, Result, Scenario, Study, grid, nodes
from simcluster.faults import SlowNode
from simcluster.training import BoundedStaleness, Bundled, ParameterServer, Softmax, TrainingJob

workers = nodes("worker", 3, flops_per_s=1e7)
scenario = Scenario(
    cluster=ClusterSpec(nodes=(NodeSpec(name="server"), *workers)),
    job=TrainingJob(
        model=Softmax(),
        data=Bundled(name="digits"),
        waiting=BoundedStaleness(staleness=0),  # 0: everyone waits for everyone
        exchange=ParameterServer(server="server"),
        workers=tuple(worker.name for worker in workers),
        steps=30,
    ),
    faults=(SlowNode(node="worker-1", factor=4, begin_s=0.05, end_s=0.5),),
    horizon_s=60,
)


def measure(result: Result) -> dict[str, float | str]:
    """What is kept of a run: numbers by name."""
    return {"ended_s": result.ended_s, "loss": result.metrics["loss_final"]}


if __name__ == "__main__":
    # With path="study.db" the runs are kept, and only what is new is run the next time.
    study = Study(scenario, range(5), measure, vary=grid({"job.waiting.staleness": [0, 2, 8]}))
    print(study.run().frame().groupby("staleness")[["ended_s", "loss"]].mean())
