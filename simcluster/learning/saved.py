"""Saved models: a file of NumPy's arrays or of JSON, without pickle, and back without running any code of the file's.

Both hold the model as a scenario's file would (a mapping with ``kind``), its parameters, the scaling of the features if
there is one, and a checksum. The .npz is what ``numpy.load`` reads: arrays ``parameters``, ``mean``, ``scale``, and
``model``, the rest as JSON. In the .json an array is its ``shape`` and its ``values``, whose digits are all there.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from simcluster.engine import broken_rules, write_whole
from simcluster.learning.protocols import Array
from simcluster.learning.saved_parts import of_json, of_npz
from simcluster.learning.standardisation import Scaling
from simcluster.learning.trained_model import TrainedModel, model_field

FORMAT, FORMAT_VERSION = "simcluster model", 1
SUFFIXES = (".npz", ".json")


def save_model(
    path: Path | str, model: Any, parameters: Array, *, scaling: Scaling | None = None, classes: int | None = None
) -> Path:
    """Write a model with what it has learned to a .npz or .json file, which is whole or not there; returns its path.

    ``parameters`` are those of a ``Trained``, as is the ``scaling`` of standardised features; ``classes`` is how many
    labels the data has. The same model is always the same bytes. Raises ``ValueError`` for another suffix, for
    parameters that are no finite numbers, for a model that cannot stand in a file, and where it cannot be written.
    """
    target = _with_suffix(path)
    learned = TrainedModel(model, np.asarray(parameters), scaling, classes)
    try:
        written_model = model_field().dump_python(model_field().validate_python(model), mode="json")
    except ValueError as error:  # pydantic's are too
        raise ValueError(f"model must be one that a file can hold ({_said(error)}), got {model!r:.80}") from error
    head = {"format": FORMAT, "format_version": FORMAT_VERSION, "model": written_model, "classes": classes}
    arrays = {"parameters": learned.parameters}
    if scaling is not None:
        arrays |= {"mean": scaling.mean, "scale": scaling.scale}
    head["checksum"] = _checksum(head, arrays)
    if target.suffix == ".json":
        written = {name: {"shape": array.shape, "values": array.ravel().tolist()} for name, array in arrays.items()}
        return write_whole(target, json.dumps({**head, "arrays": written}, indent=1, allow_nan=False).encode())
    file = io.BytesIO()
    members: dict[str, Any] = {**arrays, "model": np.array(json.dumps(head, allow_nan=False))}
    np.savez(file, **members)
    return write_whole(target, file.getvalue())


def load_model(path: Path | str) -> TrainedModel:
    """The model in a file that ``save_model`` wrote.

    It runs no code that the file could name: a model of one's own is loaded only from a module that is allowed
    (``with plugins("my_module"):``) or installed. Raises ``ValueError`` for a file that cannot be read, is cut off,
    changed or of another kind, and for a model that may not be loaded.
    """
    target = _with_suffix(path)
    try:
        content = target.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"path: must be a file that can be read, got {str(path)!r} ({reason})") from error
    return model_of(content, path)


def model_of(content: bytes, path: Path | str) -> TrainedModel:
    """The model in the bytes of a file that ``save_model`` wrote at this path: see ``load_model``."""
    target = _with_suffix(path)
    try:
        head, arrays = (of_json if target.suffix == ".json" else of_npz)(content)
        known, got = (FORMAT, FORMAT_VERSION), (head["format"], head["format_version"])
        if got != known:
            raise ValueError(f"its format and format_version must be {known}, got {got!r:.80}")
        said = head.pop("checksum")
        if (written := _checksum(head, arrays)) != said:
            raise ValueError(f"it must be as it was written: its checksum must be {written!r}, got {said!r:.60}")
        if ("mean" in arrays) != ("scale" in arrays):
            raise ValueError(f"its arrays must have 'mean' and 'scale', or neither, got {list(arrays)}")
        scaling = Scaling(arrays["mean"], arrays["scale"]) if "mean" in arrays else None
        model = model_field().validate_python(head["model"])
        return TrainedModel(model, arrays["parameters"], scaling, head["classes"])
    except ValueError as error:
        rule = "path: must be a model as save_model writes it"
        raise ValueError(f"{rule}, got {str(path)!r} ({_said(error)})") from error


def _checksum(head: dict[str, Any], arrays: dict[str, Array]) -> str:
    """Of all that a file says: the same for both kinds of file."""
    digest = hashlib.blake2b(json.dumps(head, sort_keys=True).encode(), digest_size=16)
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}{array.shape}".encode() + np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()


def _with_suffix(path: Path | str) -> Path:
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise ValueError(f"path: the name of a saved model must end in .npz or .json, got {target.name!r}")
    return target


def _said(error: BaseException) -> str:
    """What an error is about, in one line."""
    if isinstance(error, ValidationError):
        return "; ".join(broken_rules(error))
    return next(iter(str(error).splitlines()), type(error).__name__)
