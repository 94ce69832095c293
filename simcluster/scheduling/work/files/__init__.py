"""Work from files: task graphs of other tools, and logs of the jobs of real machines."""

from simcluster.scheduling.work.files.dot import Dot
from simcluster.scheduling.work.files.swf import SwfTrace
from simcluster.scheduling.work.files.wfformat import Workflow

__all__ = ["Dot", "SwfTrace", "Workflow"]
