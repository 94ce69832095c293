"""What the world tells a learner: that a batch has come, as a message of nobody's that takes no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.cluster import Cluster, Message

if TYPE_CHECKING:
    from simcluster.serving.online.job import OnlineLearning


def batch_kind(job: OnlineLearning) -> str:
    """The kind of such messages."""
    return f"{job.name}.batch"


def hand(cluster: Cluster, job: OnlineLearning, number: int) -> str | None:
    """Give the learner a batch, by its number; why nobody takes it, or ``None``."""
    learner = cluster.nodes.get(job.learner)
    if learner is None or learner.state == "down":
        return "down"
    if learner.inbox_is_full:
        return "inbox_full"
    _deliver(cluster, job, number)
    return None


def wake(cluster: Cluster, job: OnlineLearning) -> None:
    """Let a learner look again that waits; one that is down looks when it begins. It takes no room in an inbox."""
    learner = cluster.nodes.get(job.learner)
    if learner is not None and learner.state != "down":
        _deliver(cluster, job, None)


def _deliver(cluster: Cluster, job: OnlineLearning, body: int | None) -> None:
    message = Message(cluster.network.new_id(), "", job.learner, batch_kind(job), body, 0.0)
    cluster.nodes[job.learner].deliver(message)
