"""Evaluation: how good predictions are, by scikit-learn's metrics, wherever the rows lie that they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from simcluster.learning.dataset import Rows
from simcluster.learning.protocols import Array, Predicts

if TYPE_CHECKING:
    import pandas as pd


MOST_CONFUSED = 1000
"""Of how many classes a confusion matrix is whole: it has a million numbers then."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of rows, in their order: ``predicted`` (n,), beside the ``targets`` (n,) that they have.

    ``what`` is "labels", "values" or "clusters". Labels are of so many ``classes`` (``None``: as many as are seen), and
    may have ``probabilities`` (n, k); clusters, which have no targets to be compared with, have the ``features`` (n, d)
    and the ``centres`` (k, d) of the model, if it has such.
    """

    what: Literal["labels", "values", "clusters"]
    targets: NDArray[Any]
    predicted: NDArray[Any]
    probabilities: Array | None = None
    features: Array | None = None
    centres: Array | None = None
    classes: int | None = None


def predictions(model: Predicts, parameters: Array, parts: Sequence[Rows]) -> Predictions:
    """What the model says of the rows of ``parts``, each computed where it lies, and gathered in the order of parts.

    Raises ``ValueError`` where there are no rows, or the model gives other than a number for each.
    """
    full = [part for part in parts if len(part)]
    if not full:
        raise ValueError("predictions must be of at least one row, got none")
    said = [np.asarray(model.predict(parameters, part.features)) for part in full]
    name = type(model).__name__
    for each, part in zip(said, full, strict=True):
        if each.shape != (len(part),) or each.dtype.kind not in "iuf":
            rule = f"{name}.predict must give a number for each of {len(part)} rows"
            raise ValueError(f"{rule}, got {each.dtype} of the shape {each.shape}")
    predicted, targets = np.concatenate(said), np.concatenate([part.targets for part in full])
    whole, labelled = predicted.dtype.kind in "iu", full[0].data.classes is not None
    if getattr(model, "predicts", None) == "clusters" or (whole and not labelled):
        features = np.concatenate([part.features for part in full])
        centred = parameters.ndim == 2 and parameters.shape[1] == features.shape[1]
        return Predictions("clusters", targets, predicted, None, features, parameters if centred else None)
    if not whole:
        return Predictions("values", targets, predicted)
    surely = getattr(model, "probabilities", None)
    given = None if surely is None else np.concatenate([surely(parameters, part.features) for part in full])
    return Predictions("labels", targets, predicted, given, classes=full[0].data.classes)


def evaluation(of: Predictions) -> dict[str, float]:
    """All metrics that such predictions have, by scikit-learn's own functions.

    Of labels: ``accuracy``; ``precision``, ``recall`` and ``f1``, each of them ``_macro``, the mean over the classes
    that there are among targets or predictions, ``_weighted``, by how frequent classes are, and of two classes
    ``_binary``, of class 1; ``log_loss`` and, of two classes, ``roc_auc``, where the model gives probabilities. A
    weighted recall is the accuracy. F1 is the harmonic mean of
    precision and recall and not, as textbooks have it, another word for accuracy: of 95 % rows of one class, that class
    for all has an accuracy of 0.95 and a macro F1 of 0.49. A class that is never predicted has precision 0.

    Of values: ``rmse`` and ``r2``. Of clusters: ``silhouette``, and ``inertia`` where the model has centres, the sum
    of squared distances to them.

    A metric that is not defined is left out: ``roc_auc`` where the rows are of one class, ``r2`` of a single row,
    ``silhouette`` unless there are 2 to n − 1 clusters. One of predictions that are no finite numbers is NaN.
    """
    return {"labels": _of_labels, "values": _of_values, "clusters": _of_clusters}[of.what](of)


def score(of: Predictions) -> float:
    """The one number that scikit-learn's ``score`` gives: accuracy, R² or minus the inertia (NaN where undefined)."""
    if of.what == "labels":
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(of.targets, of.predicted))
    found = evaluation(of)
    return found.get("r2", np.nan) if of.what == "values" else -found.get("inertia", np.nan)


def confusion(of: Predictions) -> pd.DataFrame:
    """How many rows of each class were predicted to be of each: columns ``target``, ``predicted`` and ``rows``.

    Of more than a thousand classes there are only the pairs that occur. Raises ``ValueError`` for predictions that are
    no labels.
    """
    if of.what != "labels":
        raise ValueError(f"a confusion matrix must be of labels, got {of.what}")
    import pandas as pd
    from sklearn.metrics import confusion_matrix

    classes = _classes(of)
    if len(classes) > MOST_CONFUSED:
        pairs, rows = np.unique(np.column_stack([of.targets, of.predicted]), axis=0, return_counts=True)
        return pd.DataFrame(pairs, columns=["target", "predicted"]).assign(rows=rows)
    counts = confusion_matrix(of.targets, of.predicted, labels=classes)
    at = [(target, predicted) for target in classes.tolist() for predicted in classes.tolist()]
    return pd.DataFrame(at, columns=["target", "predicted"]).assign(rows=counts.ravel())


def _classes(of: Predictions) -> NDArray[np.int64]:
    return np.arange(max(of.classes or 1, int(of.targets.max()) + 1, int(of.predicted.max()) + 1))


def _of_labels(of: Predictions) -> dict[str, float]:
    from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support, roc_auc_score

    found = {"accuracy": accuracy_score(of.targets, of.predicted)}
    two = len(_classes(of)) == 2
    for average in ("macro", "weighted", *(["binary"] if two else [])):
        each = precision_recall_fscore_support(of.targets, of.predicted, average=average, zero_division=0.0)
        found |= {f"{name}_{average}": value for name, value in zip(("precision", "recall", "f1"), each, strict=False)}
    if of.probabilities is not None and of.probabilities.shape[1] > 1:
        finite, present = bool(np.isfinite(of.probabilities).all()), len(np.unique(of.targets))
        classes = np.arange(of.probabilities.shape[1])
        found["log_loss"] = log_loss(of.targets, of.probabilities, labels=classes) if finite else np.nan
        if two and present == 2:
            found["roc_auc"] = roc_auc_score(of.targets, of.probabilities[:, 1]) if finite else np.nan
    return {name: float(value) for name, value in found.items()}


def _of_values(of: Predictions) -> dict[str, float]:
    from sklearn.metrics import r2_score, root_mean_squared_error

    names = ("rmse", "r2") if len(of.targets) > 1 else ("rmse",)
    if not np.isfinite(of.predicted).all():
        return dict.fromkeys(names, np.nan)
    functions = {"rmse": root_mean_squared_error, "r2": r2_score}
    with np.errstate(over="ignore"):  # of what diverges the error is infinite
        return {name: float(functions[name](of.targets, of.predicted)) for name in names}


def _of_clusters(of: Predictions) -> dict[str, float]:
    found: dict[str, float] = {}
    if of.features is None:
        return found
    if of.centres is not None:
        found["inertia"] = float(np.sum((of.features - of.centres[of.predicted]) ** 2))
    if 2 <= len(np.unique(of.predicted)) < len(of.predicted):
        from sklearn.metrics import silhouette_score

        found["silhouette"] = float(silhouette_score(of.features, of.predicted))
    return found
