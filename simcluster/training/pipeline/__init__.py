"""Pipeline parallel training: the layers of a model lie on different nodes."""

from simcluster.training.pipeline.job import PipelineTraining
from simcluster.training.pipeline.schedules import Pass, Schedule, gpipe, one_forward_one_backward

__all__ = ["Pass", "PipelineTraining", "Schedule", "gpipe", "one_forward_one_backward"]
