"""Which decentralised schedulers there are."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.scheduling.decentralised.protocols import Scheduler
from simcluster.scheduling.decentralised.sparrow import Sparrow
from simcluster.scheduling.decentralised.work_stealing import WorkStealing

AnyScheduler = Annotated[Scheduler, Open(Scheduler, WorkStealing, Sparrow)]
"""One of these, or one's own; in a file ``kind`` says which."""
