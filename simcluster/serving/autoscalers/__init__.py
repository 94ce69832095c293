"""Autoscalers: how many servers run, a file each."""

from __future__ import annotations

from typing import Annotated

from simcluster.engine import Open
from simcluster.serving.autoscalers.fixed import Fixed
from simcluster.serving.autoscalers.step_scaling import StepScaling
from simcluster.serving.autoscalers.target_tracking import TargetTracking
from simcluster.serving.protocols import Autoscaler

AnyAutoscaler = Annotated[Autoscaler, Open(Autoscaler, Fixed, TargetTracking, StepScaling)]
"""One of the autoscalers above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyAutoscaler", "Fixed", "StepScaling", "TargetTracking"]
