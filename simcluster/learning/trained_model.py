"""A trained model: a model and the parameters that it has learned, as a user of scikit-learn would expect it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from simcluster.engine import check_whole
from simcluster.learning.evaluation import Predictions, score
from simcluster.learning.models import AnyModel
from simcluster.learning.protocols import Array
from simcluster.learning.standardisation import Scaling


@cache
def model_field() -> TypeAdapter[Any]:
    """A model as a file has it: a mapping with ``kind``, of which code is loaded only from modules that are allowed."""
    return TypeAdapter(AnyModel)


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A ``model`` and its ``parameters``, with ``predict``, ``predict_proba``, ``score`` and ``get_params``.

    They are scikit-learn's. What it is given are features as the data has them: where the training standardised them by
    a ``scaling``, so does it. It is no estimator and says so by having no ``fit``; ``simcluster.learning.estimators``
    has one. Raises ``ValueError`` for parameters that are no finite numbers, as those of a run that diverged, or that
    are of another shape than the model's, for a scaling by what is not more than 0, and for ``classes`` that are not
    those of the parameters.
    """

    model: Any
    parameters: Array
    scaling: Scaling | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        check_finite("parameters", self.parameters)
        axes, got = getattr(self.model, "parameter_axes", None), self.parameters.shape
        if axes is not None and (len(got) != len(axes) or 0 in got):
            shape = f"({', '.join(axes)}{',' * (len(axes) == 1)})"
            raise ValueError(f"parameters must be {shape} for {type(self.model).__name__}, got {got}")
        if self.scaling is not None:
            check_finite("scaling.mean", self.scaling.mean)
            check_finite("scaling.scale", self.scaling.scale)
            shapes = self.scaling.mean.shape, self.scaling.scale.shape
            if shapes[0] != shapes[1] or self.scaling.mean.ndim != 1:
                raise ValueError(f"scaling must be of a mean (d,) and a scale (d,), got {shapes[0]} and {shapes[1]}")
            if not (self.scaling.scale > 0).all():
                raise ValueError(f"scaling.scale must be more than 0, got {self.scaling.scale.min()}")
        if self.classes is not None:
            check_whole("classes", self.classes, 1)
            own = self._classes_of()
            if own is not None and own != self.classes:
                raise ValueError(f"classes must be those of the parameters, {own or None}, got {self.classes}")

    @property
    def classes_(self) -> NDArray[np.int64]:
        """The labels, in the order of the columns of ``predict_proba``, where they are known."""
        if self.classes is None:
            raise AttributeError("classes_ is there where classes were given")
        return np.arange(self.classes)

    def predict(self, features: Any) -> NDArray[Any]:
        """Labels, clusters or values (n,) of features (n, d). Raises ``ValueError`` for other than finite numbers."""
        return np.asarray(self._method("predict")(self.parameters, self._features(features)))

    @property
    def predict_proba(self) -> Callable[[Any], Array]:
        """The probabilities (n, k) of features (n, d); only a model that has them has this."""
        return partial(self._probabilities, self._method("probabilities"))

    def _probabilities(self, probabilities: Callable[..., Array], features: Any) -> Array:
        found = np.asarray(probabilities(self.parameters, self._features(features)))
        if self.classes is not None and found.shape[1] != self.classes:
            raise ValueError(f"classes must be those of the parameters, {found.shape[1]}, got {self.classes}")
        return found

    def score(self, features: Any, targets: Any = None) -> float:
        """Accuracy of labels, R² of values, or minus the inertia of clusters, which need no targets.

        Raises ``ValueError`` where targets are needed and there is not one for each row.
        """
        rows = self._features(features)
        said = np.asarray(self._method("predict")(self.parameters, rows))
        clusters = getattr(self.model, "predicts", None) == "clusters"
        what: Literal["labels", "values", "clusters"] = "labels" if said.dtype.kind in "iu" else "values"
        truth = np.zeros(len(rows)) if clusters else np.asarray(targets)
        if truth.shape != said.shape:
            raise ValueError(f"targets must be ({len(said)},), one for each row, got {truth.shape}")
        if clusters:
            return score(Predictions("clusters", truth, said, None, rows, self.parameters))
        return score(Predictions(what, truth, said))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The fields of the model by name, as a file has them."""
        return {name: value for name, value in model_field().dump_python(self.model).items() if name != "kind"}

    def _classes_of(self) -> int | None:
        """Of how many classes the parameters are, 0 where of none, ``None`` where nobody can tell."""
        known = getattr(self.model, "classes_of", None)
        found: int | None = None if known is None else known(self.parameters)
        likely = getattr(self.model, "probabilities", None)
        if found is None and likely is not None and self.scaling is not None:  # which says how many features there are
            found = likely(self.parameters, np.zeros((1, len(self.scaling.mean)))).shape[1]
        return found

    def _method(self, name: str) -> Callable[..., Any]:
        found: Callable[..., Any] | None = getattr(self.model, name, None)
        if found is None:
            raise AttributeError(f"{type(self.model).__name__} has no {name}")
        return found

    def _features(self, given: Any) -> Array:
        features = numbers("features", given)
        if features.ndim != 2:
            raise ValueError(f"features must be (n, d), got {features.shape}")
        check_finite("features", features)
        if self.scaling is None:
            return features
        if features.shape[1] != len(self.scaling.mean):
            raise ValueError(f"features must be (n, {len(self.scaling.mean)}), got {features.shape}")
        return self.scaling.of(features)


def numbers(what: str, given: Any) -> Array:
    """``given`` as an array of float64. Raises ``ValueError`` for text, for complex numbers, and for what is ragged."""
    array = np.asarray(given)
    try:
        if array.dtype.kind not in "buifO":  # objects may be numbers, as those of a frame with columns of several types
            raise TypeError(f"{array.dtype}")
        return np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be real numbers, got {error}") from None


def check_finite(what: str, given: Any) -> None:
    """Raise ``ValueError`` unless ``given`` is an array of finite float64."""
    if not isinstance(given, np.ndarray) or given.dtype != np.float64:
        raise ValueError(f"{what} must be an array of float64, got {getattr(given, 'dtype', given)!s:.80}")
    wrong = given[~np.isfinite(given)]
    if wrong.size:
        raise ValueError(f"{what} must be finite numbers, got {wrong[0]}")
