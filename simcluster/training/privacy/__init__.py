"""Privacy: how little of single rows is to be seen in what is learned."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.privacy.dp_sgd import DpSgd
from simcluster.training.protocols import Privacy

AnyPrivacy = Annotated[Privacy, Open(Privacy, DpSgd)]
"""The one above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyPrivacy", "DpSgd"]
