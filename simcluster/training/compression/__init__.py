"""Compression: how a contribution is written in fewer bytes."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.training.compression.top_k import TopK
from simcluster.training.protocols import Compression

AnyCompression = Annotated[Compression, Open(Compression, TopK)]
"""One of the compressions above, or one's own; in a file ``kind`` says which."""

__all__ = ["AnyCompression", "TopK"]
