"""Services: what is asked, and how it is answered."""

from typing import Annotated

from simcluster.engine import Open
from simcluster.serving.protocols import Service
from simcluster.serving.services.keys import AnyKeys, Keys, UniformKeys, ZipfKeys
from simcluster.serving.services.neighbours import NearestNeighbours
from simcluster.serving.services.saved_model import ModelFile, SavedModel
from simcluster.serving.services.synthetic import Synthetic, checked

AnyService = Annotated[Service, Open(Service, NearestNeighbours, SavedModel, Synthetic)]
"""One of the services here, or one's own; in a file ``kind`` says which."""

__all__ = [
    "AnyKeys",
    "AnyService",
    "Keys",
    "ModelFile",
    "NearestNeighbours",
    "SavedModel",
    "Synthetic",
    "UniformKeys",
    "ZipfKeys",
    "checked",
]
