"""A model that was saved is the model that was learned, to the last bit; what is damaged says so; no code is run."""

import io
import json
import sys

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster import run
from simcluster.engine import plugins, stream
from simcluster.learning import (
    Bundled,
    GradientBoosting,
    KMeans,
    LinearRegression,
    LogisticRegression,
    MultilayerPerceptron,
    Scaling,
    Softmax,
    TrainedModel,
    load_model,
    merged,
    moments,
    save_model,
    scaling,
)
from simcluster.learning.saved import _checksum
from tests.strategies import training

IRIS = Bundled(name="iris").load()
WEIGHTS = stream(0).standard_normal((5, 3))
SCALING = scaling(merged([moments(IRIS.all)()]))
OWN = """
import numpy as np

print("imported")


class Sums:
    def __init__(self, factor=1.0):
        self.factor = factor

    def initial(self, data, generator):
        return np.zeros(4)

    def contribution(self, parameters, rows):
        ...

    def gradient(self, parameters, total, rows):
        ...

    def loss(self, parameters, rows):
        ...

    def predict(self, parameters, features):
        return self.factor * (features @ parameters)
"""


class Closed:
    """A model that keeps what no file can hold."""

    def __init__(self):
        self.function = len

    def initial(self, *given):
        pass

    contribution = gradient = loss = initial


SUFFIXES = pytest.mark.parametrize("suffix", [".npz", ".json"])


@SUFFIXES
@pytest.mark.parametrize("scaled", [None, SCALING])
def test_what_is_loaded_predicts_what_was_saved_to_the_last_bit(tmp_path, suffix, scaled):
    path = save_model(tmp_path / f"m{suffix}", Softmax(l2=0.25), WEIGHTS, scaling=scaled, classes=3)

    loaded, known = load_model(path), TrainedModel(Softmax(l2=0.25), WEIGHTS, scaled, 3)

    assert loaded.parameters.tobytes() == WEIGHTS.tobytes()
    assert loaded.model == known.model
    assert (loaded.get_params(), loaded.classes_.tolist()) == ({"l2": 0.25}, [0, 1, 2])
    assert loaded.predict_proba(IRIS.features).tobytes() == known.predict_proba(IRIS.features).tobytes()
    if scaled is not None:
        assert (loaded.scaling.mean.tobytes(), loaded.scaling.scale.tobytes()) == (
            scaled.mean.tobytes(), scaled.scale.tobytes(),
        )  # fmt: skip
    assert path.read_bytes() == save_model(tmp_path / f"n{suffix}", loaded.model, loaded.parameters,
                                           scaling=loaded.scaling, classes=3).read_bytes()  # fmt: skip


@SUFFIXES
def test_a_model_of_a_run_is_saved_and_scores_as_the_run_says(tmp_path, suffix):
    result = run(training(held_out=0.25, standardised=True), 0)
    trained, job = result.outcome, result.scenario.job
    path = save_model(tmp_path / f"m{suffix}", job.model, trained.parameters, scaling=trained.scaling, classes=3)
    loaded = load_model(path)

    labels = loaded.predict(IRIS.features)
    assert loaded.score(IRIS.features, IRIS.targets) == sk.accuracy_score(IRIS.targets, labels)
    assert np.isin(trained.held_out.predicted, labels).all()
    assert loaded.score(IRIS.features, IRIS.targets) > 0.7


def test_clusters_are_scored_by_minus_their_inertia_and_have_no_probabilities(tmp_path):
    centres = KMeans(clusters=3).initial(IRIS, stream(0))
    loaded = load_model(save_model(tmp_path / "c.json", KMeans(clusters=3), centres))

    assert loaded.score(IRIS.features) == pytest.approx(-150 * KMeans(clusters=3).loss(centres, IRIS.all)())
    assert not hasattr(loaded, "predict_proba")
    assert not hasattr(loaded, "classes_")
    assert loaded.get_params() == {"clusters": 3, "initialisation": {"kind": "random"}}


@settings(max_examples=30)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_every_finite_number_survives_json(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("j") / "m.json"

    save_model(path, LinearRegression(), np.array(numbers))

    assert load_model(path).parameters.tobytes() == np.array(numbers).tobytes()


def test_a_file_of_arrays_is_numpy_s_without_pickle(tmp_path):
    path = save_model(tmp_path / "m.npz", Softmax(), WEIGHTS, scaling=SCALING)

    with np.load(path, allow_pickle=False) as read:
        assert sorted(read.files) == ["mean", "model", "parameters", "scale"]
        np.testing.assert_array_equal(read["parameters"], WEIGHTS)
        assert json.loads(str(read["model"]))["model"] == {"kind": "softmax", "l2": 1e-4}


@SUFFIXES
def test_a_file_that_was_changed_or_cut_off_anywhere_is_refused_or_says_the_same(tmp_path, suffix):
    whole = save_model(tmp_path / f"m{suffix}", Softmax(), WEIGHTS, scaling=SCALING, classes=3).read_bytes()
    path, known = tmp_path / f"d{suffix}", load_model(tmp_path / f"m{suffix}")
    generator = stream(4)
    for place in generator.integers(0, len(whole), 60).tolist():
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(generator.integers(8))
        for content in (bytes(damaged), whole[:place]):
            path.write_bytes(content)
            try:
                loaded = load_model(path)
            except ValueError as error:
                assert str(error).startswith("path: must be a model as save_model writes it, got ")  # noqa: PT017
                continue
            assert (loaded.model, loaded.classes) == (known.model, known.classes)
            assert loaded.parameters.tobytes() == known.parameters.tobytes()
            assert loaded.scaling.scale.tobytes() == known.scaling.scale.tobytes()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"PK", b'{"format": 1}', b"[" * 100_000, b"\xff"])
@SUFFIXES
def test_a_file_of_another_kind_is_refused(tmp_path, suffix, content):
    (tmp_path / f"m{suffix}").write_bytes(content)

    with pytest.raises(ValueError, match="path: must be a model as save_model writes it, got "):
        load_model(tmp_path / f"m{suffix}")


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


HEAD = {"format": "simcluster model", "format_version": 1, "model": {"kind": "softmax"}, "classes": 3, "checksum": "c"}
ONE = {"shape": [2, 2], "values": [1.0, 2.0, 3.0, 4.0]}


def written(**changes):
    """A model as JSON has it, changed; what is ``None`` there is left out."""
    return json.dumps({k: v for k, v in {**HEAD, "arrays": {"parameters": ONE}, **changes}.items() if v is not None})


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "it must be a whole .npz file, got 0 bytes that are none, or that are cut off"),
        (b"PK\x03\x04 cut off", "it must be a whole .npz file, got 12 bytes that are none, or that are cut off"),
        (npz(parameters=WEIGHTS)[:-30], "it must be a whole .npz file, got "),
        (npy(WEIGHTS), "it must be a .npz file, got one of a single array (.npy)"),
        (npz(features=WEIGHTS), "its arrays must have 'model', got ['features']"),
        (npz(model="{}", parameters=WEIGHTS, more=WEIGHTS), "its arrays must be among ['model', 'parameters', "),
        (npz(model=WEIGHTS, parameters=WEIGHTS), "its array 'model' must be one text, got float64 of the shape (5, 3)"),
        (npz(model="{", parameters=WEIGHTS), "its array 'model' must be JSON, got the end in line 1, column 2"),
        (npz(model="[]", parameters=WEIGHTS), "its array 'model' must be JSON of a mapping, got []"),
        (npz(model="{}", parameters=np.ones(3, dtype=int)), "its array 'parameters' must be of float64, got int64"),
        (npz(model="{}", parameters=WEIGHTS), "its parts must have 'format', got []"),
        ("", "it must be JSON, got the end in line 1, column 1"),
        (written()[:60], "it must be JSON, got "),
        ("[1]", "it must be JSON of a mapping, got [1]"),
        (b"\xff{}", "it must be text in UTF-8, got the byte 0xff at 0"),
        (written(checksum=None), "its parts must have 'checksum', got ['format', "),
        (written(more=1), "its parts must be among ['format', 'format_version', 'model', 'classes', 'checksum'], got "),
        (written(model="softmax"), "its model must be a mapping with kind, got 'softmax'"),
        (written(arrays=None), "its arrays must be a mapping, got None"),
        (written(arrays={}), "its arrays must have 'parameters', got []"),
        (written(arrays={"parameters": [1]}), "its array 'parameters' must be a mapping of shape and values, got [1]"),
        (written(arrays={"parameters": ONE | {"shape": [2, 3]}}), "as many as those of the shape (2, 3), 6, got 4"),
        (written(arrays={"parameters": ONE | {"shape": [2, -2]}}), "must be a list of whole numbers, got [2, -2]"),
        (written(arrays={"parameters": ONE | {"values": 4}}), "values of its array 'parameters' must be a list, got 4"),
        (written(arrays={"parameters": ONE | {"values": [1, "x", 3, 4]}}), "'parameters' must be numbers, got 'x'"),
        (written(arrays={"parameters": ONE | {"values": [10**400] * 4}}), "'parameters' must be finite numbers, got 1"),
        (written(format="other"), "its format and format_version must be ('simcluster model', 1), got ('other', 1)"),
        (written(), "it must be as it was written: its checksum must be '"),
    ],
)
def test_a_broken_file_is_refused_by_its_name_the_rule_and_what_stands_there(tmp_path, content, rule):
    path = tmp_path / ("m.json" if isinstance(content, str) or content[:1] == b"\xff" else "m.npz")
    path.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(ValueError, match="path: must be a model as save_model writes it, got ") as said:
        load_model(path)

    assert f"got {str(path)!r} (" in str(said.value)
    assert rule in str(said.value)
    assert "\n" not in str(said.value)


def test_scaling_has_both_of_its_arrays_and_parameters_are_of_the_model_s_shape(tmp_path):
    for arrays, rule in (
        ({"parameters": WEIGHTS, "mean": np.zeros(4)}, r"must have 'mean' and 'scale', or neither, got \['parameters'"),
        ({"parameters": WEIGHTS[0]}, r"parameters must be \(d \+ 1, k\) for Softmax, got \(3,\)"),
    ):
        head = {name: value for name, value in HEAD.items() if name != "checksum"}
        head["checksum"] = _checksum(head, arrays)
        (tmp_path / "m.npz").write_bytes(npz(model=json.dumps(head), **arrays))
        with pytest.raises(ValueError, match=rule):
            load_model(tmp_path / "m.npz")


def test_a_pickle_is_not_read(tmp_path):
    np.savez(tmp_path / "m.npz", parameters=np.array([{1: 2}], dtype=object), model=np.array("{}"))

    with pytest.raises(ValueError, match=r"its array 'parameters' must be whole and of numbers or text"):
        load_model(tmp_path / "m.npz")


def test_a_model_of_ones_own_is_loaded_from_an_allowed_module_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "own_sums.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_sums

    path = save_model(tmp_path / "m.json", own_sums.Sums(factor=2.0), np.ones(4))
    del sys.modules["own_sums"]
    assert capsys.readouterr().out == "imported\n"

    with pytest.raises(ValueError, match=r"kind may name only a module that is allowed \(--plugin own_sums\)"):
        load_model(path)
    assert capsys.readouterr().out == ""
    with plugins("own_sums"):
        loaded = load_model(path)
    assert loaded.predict(np.ones((1, 4))).tolist() == [8.0]
    assert loaded.get_params() == {"factor": 2.0}
    assert loaded.score(IRIS.features, IRIS.features.sum(axis=1) * 2) == 1.0
    del sys.modules["own_sums"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "m.pkl"}, r"the name of a saved model must end in .npz or .json, got 'm\.pkl'"),
        ({"parameters": np.array([np.nan])}, "parameters must be finite numbers, got nan"),
        ({"parameters": np.array([1])}, "parameters must be an array of float64, got int64"),
        ({"scaling": Scaling(np.zeros(1), np.array([np.inf]))}, r"scaling\.scale must be finite numbers, got inf"),
        ({"scaling": Scaling(np.zeros(4), np.array([1.0, 0, 1, 1]))}, r"scaling\.scale must be more than 0, got 0\.0"),
        ({"scaling": Scaling(np.zeros(4), np.ones(3))}, r"scaling must be of a mean \(d,\) and a scale \(d,\), got"),
        ({"classes": 0}, "classes must be at least 1, got 0"),
        ({"classes": 5}, "classes must be those of the parameters, 3, got 5"),
        (
            {"model": LogisticRegression(), "parameters": np.zeros(5), "classes": 3},
            "classes must be those of the parameters, 2, got 3",
        ),
        (
            {"model": LinearRegression(), "parameters": np.zeros(5), "classes": 3},
            "classes must be those of the parameters, None, got 3",
        ),
        ({"model": LinearRegression()}, r"parameters must be \(d \+ 1,\) for LinearRegression, got \(5, 3\)"),
        ({"parameters": np.zeros((0, 3))}, r"parameters must be \(d \+ 1, k\) for Softmax, got \(0, 3\)"),
        (
            {"model": GradientBoosting(rounds=7), "parameters": np.zeros((1, 4, 2, 3)), "classes": 2},
            "parameters must be those of 7 rounds of trees of depth 3, got an array",
        ),
        ({"model": KMeans(), "classes": 3}, "classes must be those of the parameters, None, got 3"),
        (
            {"model": MultilayerPerceptron(hidden=()), "parameters": np.zeros(15), "scaling": SCALING, "classes": 2},
            "classes must be those of the parameters, 3, got 2",
        ),
        ({"path": "no/such/folder/m.npz"}, "path: must be a file that can be written"),
        ({"model": object()}, r"model must be one that a file can hold \(.*Descends must have .*\), got <object"),
        ({"model": Closed()}, r"model must be one that a file can hold \(.*Closed must be a Spec to be written"),
    ],
)
def test_what_cannot_be_saved_is_refused_by_the_rule(tmp_path, change, message):
    given = {"path": "m.npz", "model": Softmax(), "parameters": WEIGHTS, **change}

    with pytest.raises(ValueError, match=message):
        save_model(tmp_path / given.pop("path"), given.pop("model"), given.pop("parameters"), **given)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path: must be a file that can be read, got .*m\.npz' \(No such file"):
        load_model(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([1.0, 2.0], r"features must be \(n, d\), got \(2,\)"),
        ([[1.0, np.nan, 1.0, 1.0]], "features must be finite numbers, got nan"),
        ([[1.0, 2.0]], r"features must be \(n, 4\), got \(1, 2\)"),
        ([[1.0, 2.0, 3.0, 1j]], "features must be real numbers, got complex128"),
        (np.array([[1.0, 2.0, 3.0, 1j]], dtype=object), "features must be real numbers, got "),
        ([["a", "b", "c", "d"]], "features must be real numbers, got <U1"),
        ([[1.0], [1.0, 2.0]], "inhomogeneous"),
    ],
)
def test_features_that_do_not_fit_are_refused(features, message):
    with pytest.raises(ValueError, match=message):
        TrainedModel(Softmax(), WEIGHTS, SCALING).predict(features)
    with pytest.raises(ValueError, match=r"targets must be \(150,\), one for each row, got \(\)"):
        TrainedModel(Softmax(), WEIGHTS).score(IRIS.features)


@pytest.mark.parametrize("fields", [{"steps": 1.5}, {"steps": 0}, {"steps": True}, {"l2": -1.0}, {"l2": "much"}])
def test_what_an_estimator_cannot_learn_with_is_refused_when_it_learns(fields):
    from simcluster.learning.estimators import SoftmaxClassifier

    with pytest.raises(ValueError, match=f"{next(iter(fields))} must be "):
        SoftmaxClassifier(**fields).fit(IRIS.features, IRIS.targets)


def test_classes_that_only_predictions_tell_are_asked_of_them():
    with pytest.raises(ValueError, match="classes must be those of the parameters, 3, got 2"):
        TrainedModel(MultilayerPerceptron(hidden=()), np.zeros(15), classes=2).predict_proba(IRIS.features)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_what_claims_to_be_an_estimator_passes_scikit_learn_s_checks():
    from sklearn.utils.estimator_checks import check_estimator

    from simcluster.learning.estimators import SoftmaxClassifier

    check_estimator(SoftmaxClassifier())


def test_the_estimator_is_near_scikit_learn_s_own_regression():
    from sklearn.linear_model import LogisticRegression

    from simcluster.learning.estimators import SoftmaxClassifier

    mine = SoftmaxClassifier(l2=0.01, steps=2000).fit(IRIS.features, IRIS.targets)
    # Its C weighs the sum over the rows against ‖W‖²/2; a column of ones makes it weigh the biases too, as ours does.
    columns = np.hstack([SCALING.of(IRIS.features), np.ones((150, 1))])
    own = LogisticRegression(C=1 / (0.01 * 150), tol=1e-10, fit_intercept=False).fit(columns, IRIS.targets)

    np.testing.assert_allclose(mine.predict_proba(IRIS.features), own.predict_proba(columns), atol=1e-5)
    assert not hasattr(TrainedModel(Softmax(), WEIGHTS), "fit")
