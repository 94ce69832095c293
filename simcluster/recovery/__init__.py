"""Recovery: what any job may use to survive."""

from simcluster.recovery import checkpoint
from simcluster.recovery.retry import ask

__all__ = ["ask", "checkpoint"]
