"""Compression: how a contribution is written in fewer bytes."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.compression.float16 import Float16
from simcluster.training.compression.power_sgd import PowerSgd
from simcluster.training.compression.qsgd import Qsgd
from simcluster.training.compression.random_k import RandomK
from simcluster.training.compression.sign_sgd import SignSgd
from simcluster.training.compression.top_k import TopK
from simcluster.training.protocols import Compression

AnyCompression = Annotated[Compression, Open(Compression, Float16, TopK, RandomK, Qsgd, SignSgd, PowerSgd)]
"""One of the compressions above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyCompression", "Float16", "PowerSgd", "Qsgd", "RandomK", "SignSgd", "TopK"]
