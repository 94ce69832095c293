"""The usual training in one flat specification: softmax regression of a bundled data set by mini-batches."""

from __future__ import annotations

from typing import Any, Literal

from simcluster.engine import Count, NotNegative, Positive, Spec
from simcluster.learning.data import AnySharding, Bundled, DatasetName, random
from simcluster.learning.models import Softmax
from simcluster.learning.optimisers import GradientDescent


class SoftmaxRegression(Spec):
    """A ``Softmax``, its data, sharding, batches and descent: a training job that is given one takes it apart."""

    kind: Literal["softmax_regression"] = "softmax_regression"
    dataset: DatasetName = "digits"
    partition: AnySharding = random
    learning_rate: Positive = 0.5
    l2: NotNegative = 1e-4
    batch_size: Count | None = 32

    def parts(self) -> dict[str, Any]:
        """The fields of a training job that it stands for."""
        return {
            "model": Softmax(l2=self.l2),
            "data": Bundled(name=self.dataset),
            "sharding": self.partition,
            "optimiser": GradientDescent(learning_rate=self.learning_rate),
            "batch_size": self.batch_size,
        }
