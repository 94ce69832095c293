"""Predictions of a saved model as a service."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simcluster.cluster import Failure, Node
from simcluster.engine import Program, Spec
from simcluster.learning import AnyData, Bundled, Call, Cost, MissingFile, TrainedModel, call, model_of


class ModelFile(NamedTuple):
    """A file that ``save_model`` wrote: its bytes, uint8, and the path that it had."""

    content: NDArray[np.uint8]
    path: str

    @property
    def key(self) -> str:
        """What it is called in a node's storage: the same for the same bytes."""
        return f"saved_model.{blake2b(self.content.tobytes(), digest_size=8).hexdigest()}"


class SavedModel(Spec):
    """What a model that ``save_model`` wrote predicts of a row: a label, a cluster or a number.

    Each server keeps the file in its storage, where it is written and flushed when the server comes up first, and
    loads it from there after each restart, before it answers: that takes the time of the disk, and of a pass over the
    bytes. A file that is rotten or gone there is written again. All servers have the whole model, so that there is one
    shard. The data is that of seed 0, whatever the run's.
    """

    kind: Literal["saved_model"] = "saved_model"
    path: Path
    """The file, .npz or .json."""
    data: AnyData = Bundled()
    """Whose rows are asked, drawn at random again and again."""

    def shards(self, count: int, seed: int) -> list[ModelFile]:
        """The file, once. Raises ``ValueError`` for more shards, and for a model that does not fit the data."""
        if count != 1:
            raise ValueError(f"shards must be 1 for a saved model, of which every server has the whole, got {count}")
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise MissingFile(f"path must name a file that there is, got {str(self.path)!r}") from None
        except OSError as error:
            rule = "path must name a file that can be read"
            raise ValueError(f"{rule}, got {str(self.path)!r} ({error.strerror})") from None
        file = ModelFile(np.frombuffer(content, np.uint8), str(self.path))
        model, features = _loaded(file)(), self.data.load(0).features[:1]
        try:
            model.predict(features)
        except ValueError as error:
            raise ValueError(f"data must fit the model in {str(self.path)!r}: {error}") from error
        return [file]

    def load(self, node: Node, shard: ModelFile) -> Program:
        """Steps of a server that comes up, whose value is the model that it answers by."""
        content = None
        try:
            if shard.key in node.storage:
                content = yield node.storage.read(shard.key)
        except Failure:  # it is rotten, or the disk was lost: the record of the operation says which
            content = None
        if content is None:
            content = shard.content
            try:
                yield node.storage.write(shard.key, content)
                yield node.storage.flush()
            except Failure:  # there is no room: the next restart tries again, and it is answered by what is in memory
                pass
        return (yield node.compute(_loaded(ModelFile(content, shard.path))))

    def ask(self, generator: np.random.Generator) -> NDArray[np.float64]:
        """Any row, (d,)."""
        features = self.data.load(0).features
        row: NDArray[np.float64] = features[int(generator.integers(len(features)))]
        return row

    def answer(self, shard: TrainedModel, body: NDArray[np.float64]) -> Call[Any]:
        """What the model predicts of the row."""
        return call(lambda row, parameters: shard.predict(row[np.newaxis])[0].item(), body, shard.parameters)

    def merge(self, parts: Sequence[Any]) -> Any:
        """The prediction."""
        return parts[0]


def _loaded(file: ModelFile) -> Call[TrainedModel]:
    """The model, its bytes being read and compared with their checksum."""
    size = float(len(file.content))
    return Call(lambda: model_of(file.content.tobytes(), file.path), Cost(size, size))
