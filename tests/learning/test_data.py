"""Data sets, where they come from, and how they lie on nodes."""

import dataclasses
import io
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.preprocessing import minmax_scale

from simcluster.engine import stream
from simcluster.learning import (
    Bundled,
    Csv,
    Dataset,
    Generated,
    MissingFile,
    Npy,
    Npz,
    Parquet,
    Rows,
    arrays,
    by_key,
    frame,
    ordered,
    random,
    shard,
)
from simcluster.learning.data import scikit_learn


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "iris", "wine"])
def test_every_feature_of_a_bundled_data_set_is_scaled_to_between_0_and_1(name):
    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    dataset = Bundled(name=name).load()

    np.testing.assert_allclose(dataset.features, minmax_scale(features), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(dataset.targets, labels)
    assert dataset.classes == len(np.unique(labels))


@pytest.mark.parametrize("name", scikit_learn.FILES)
@pytest.mark.parametrize("moved", [False, True])
def test_what_is_read_from_scikit_learns_folder_is_what_it_loads_itself(name, moved, monkeypatch):
    if moved:
        monkeypatch.setitem(scikit_learn.FILES, name, ("elsewhere.csv", 0))
    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    read, kinds = scikit_learn.bundled(name)

    np.testing.assert_array_equal(read, features)
    np.testing.assert_array_equal(kinds, labels)


def test_scikit_learn_itself_is_not_imported_for_a_bundled_data_set():
    program = "import sys; from simcluster.learning import Bundled; Bundled().load(); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        ([[1.0, np.nan]], [0], "features must be finite numbers, got nan in row 0, column 1"),
        ([[1.0], [2.0]], [0.5, np.inf], "targets must be finite numbers, got inf in row 1"),
        (np.ones((2, 2)), [0, 0, 0], r"got \(2, 2\) and \(3,\)"),
        (np.ones(3), [0, 0, 0], r"features must be \(n, d\) and targets \(n,\).*got \(3,\) and \(3,\)"),
        (np.ones((0, 2)), np.ones(0), "with n at least 1"),
        ([[1.0]], [-1], r"labels must be within \[0, 1\), got \[-1\]"),
        ([[1.0], [2.0]], ["yes", "no"], "targets must be numbers, got 'yes'"),
        ([["a"], ["b"]], [0, 1], "features must be numbers, got"),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(features, targets, message):
    with pytest.raises(ValueError, match=message):
        arrays(features, targets)


def test_labels_must_fit_the_classes_and_be_whole():
    with pytest.raises(ValueError, match=r"labels must be within \[0, 2\), got \[5\]"):
        Dataset(np.ones((1, 1)), np.array([5]), 2)
    with pytest.raises(ValueError, match=r"labels must be whole numbers, got 0\.5"):
        arrays(np.ones((2, 1)), [1.0, 0.5], labels=True)


def test_whole_numbers_are_labels_unless_it_is_said_otherwise():
    features = np.ones((3, 1))

    assert arrays(features, [0, 2, 1]).classes == 3
    assert arrays(features, [0.0, 2.0, 1.0]).classes is None
    assert arrays(features, [0.0, 2.0, 1.0], labels=True).classes == 3
    assert arrays(features, [0, 2, 1], labels=False).targets.dtype == np.float64


def test_a_data_set_is_its_own_and_does_not_change():
    features, targets = np.ones((2, 2)), np.array([0, 1])
    dataset = arrays(features, targets)
    features[:], targets[:] = 5.0, 0

    assert dataset.features.tolist() == [[1, 1], [1, 1]]
    assert dataset.targets.tolist() == [0, 1]
    assert dataset.load(7) is dataset
    for array in (dataset.features, dataset.targets, dataset.with_ones):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


TABLE = pd.DataFrame({"size": [1.0, 2.0, 3.0], "rooms": [1, 5, 3], "price": [10.0, 20.5, 30.0]})


def test_a_frame_and_the_files_of_it_are_one_data_set(tmp_path):
    TABLE.to_csv(tmp_path / "t.csv", index=False)
    expected = frame(TABLE, "price", ("rooms", "size"))
    sources = [Csv(path=tmp_path / "t.csv", target="price", features=("rooms", "size"))]
    TABLE.to_parquet(tmp_path / "t.parquet")
    sources.append(Parquet(path=tmp_path / "t.parquet", target="price", features=("rooms", "size")))
    np.save(tmp_path / "x.npy", expected.features)
    np.save(tmp_path / "y.npy", expected.targets)
    np.savez(tmp_path / "t.npz", X=expected.features, y=expected.targets)
    sources.append(Npy(path=tmp_path / "x.npy", targets=tmp_path / "y.npy"))
    sources.append(Npz(path=tmp_path / "t.npz", features="X", targets="y"))
    for source in sources:
        data = source.load()
        np.testing.assert_array_equal(data.features, [[1, 1], [5, 2], [3, 3]])
        np.testing.assert_array_equal(data.targets, expected.targets)
        assert data.classes is None
    assert frame(TABLE, "rooms").classes == 6
    np.testing.assert_array_equal(frame(TABLE, "price", scaled=True).features, [[0, 0], [0.5, 1], [1, 0.5]])


@pytest.mark.parametrize(
    ("text", "target", "message"),
    [
        ("a,b\n1,2\n", "c", r"there must be one column 'c', got \['a', 'b'\]"),
        ("a,b\n", "b", r"at least one row, got none beside the columns \['a', 'b'\]"),
        ("a,b\n1,2,3\n", "b", "path must name a file of columns"),
        ("a,b\n1,2\n,3\n", "b", "column 'a' must hold finite numbers, got nan in row 1"),
        ("a,b\n1,2\n2,cat\n", "b", "column 'b' must hold finite numbers, got 'cat' in row 1"),
        ("", "b", "path must name a file of columns"),
        (None, "b", "path must name a file that there is"),
    ],
)
def test_a_file_that_cannot_be_learned_from_is_refused_by_name(tmp_path, text, target, message):
    path = tmp_path / "t.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Csv(path=path, target=target).load()


def npy(array):
    """What a .npy file of it holds."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (lambda path: np.savez(path, X=np.ones((2, 1))), "must name a .npz file with an array 'y' of numbers, got "),
        (lambda path: np.savez(path, X=np.ones((2, 1)), y=np.array([{}, 1])), "with an array 'y' .*allow_pickle"),
        (lambda path: np.savez(path, X=np.ones((2, 1)), y=np.ones(3)), r"t.npz: features must be \(n, d\) and targets"),
        (lambda path: np.savez(path, X=[[1 + 2j]], y=[0.5]), "t.npz: features must be numbers, got"),
        (lambda path: path.write_bytes(npy(np.ones(2))), "it is the other of .npy and .npz"),
        (lambda path: path.write_bytes(b""), "must name a .npz file"),
        (lambda path: path.write_bytes(b"PK\x03\x04 no more"), "must name a .npz file"),
        (lambda path: path.write_text("a,b\n1,2\n"), "must name a .npz file"),
        (lambda path: path.mkdir(), "path must name a file, got .*, which is none"),
        (lambda path: None, "path must name a file that there is"),
    ],
)
def test_a_file_of_arrays_that_cannot_be_learned_from_is_refused_by_name(tmp_path, written, message):
    written(tmp_path / "t.npz")
    with pytest.raises(ValueError, match=message):
        Npz(path=tmp_path / "t.npz", features="X", targets="y").load()


def test_whole_targets_of_a_file_of_arrays_are_labels_and_a_file_that_has_changed_is_read_again(tmp_path):
    import os

    for place, number in enumerate((2, 3)):
        np.savez(tmp_path / "t.npz", features=np.eye(3), targets=np.arange(3) * number)
        os.utime(tmp_path / "t.npz", ns=(0, place))
        assert Npz(path=tmp_path / "t.npz").load().classes == 2 * number + 1
    assert Npz(path=tmp_path / "t.npz", labels=False).load().targets.tolist() == [0, 3, 6]
    np.save(tmp_path / "a.npy", np.eye(2))
    with pytest.raises(MissingFile, match=r"path must name a file that there is, got .*b\.npy"):
        Npy(path=tmp_path / "a.npy", targets=tmp_path / "b.npy").load()


def test_a_file_that_has_changed_is_read_again(tmp_path):
    import os

    path = tmp_path / "t.csv"
    for place, number in enumerate((1, 2)):
        path.write_text(f"a,b\n{number},0\n")
        os.utime(path, ns=(0, place))
        assert Csv(path=path, target="b").load().features.tolist() == [[number]]


def test_what_is_generated_depends_on_the_seed_and_its_options():
    source = Generated(name="regression", rows=20, options={"n_features": 3})
    data = source.load(1)

    assert (data.features.shape, data.classes) == ((20, 3), None)
    np.testing.assert_array_equal(data.features, source.load(1).features)
    assert not np.array_equal(data.features, source.load(2).features)
    assert Generated(name="blobs", rows=30).load(0).classes == 3
    with pytest.raises(ValueError, match=r"options must be those of make_moons, got \{'feet': 3\}"):
        Generated(name="moons", options={"feet": 3}).load(0)


DIGITS = Bundled().load()


@given(
    st.sampled_from([random, ordered, by_key]),
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.integers(0, 9),
)
def test_every_row_is_in_exactly_one_shard_and_each_has_its_share(how, weights, seed):
    shares = np.array(weights) / sum(weights)

    shards = shard(how, DIGITS, shares, stream(seed))

    assert np.array_equal(np.sort(np.concatenate(shards)), np.arange(len(DIGITS)))
    assert all(abs(len(rows) - share * len(DIGITS)) <= 1 for rows, share in zip(shards, shares, strict=True))
    if len(set(weights)) == 1:
        assert [len(rows) for rows in shards] == [len(part) for part in np.array_split(np.arange(1797), len(weights))]


def test_a_shard_by_key_sees_few_classes_and_an_ordered_one_what_stands_together():
    data = arrays(np.arange(100.0)[:, None], np.arange(100) % 10)
    shares = np.full(10, 0.1)

    assert all(len(np.unique(data.targets[rows])) == 1 for rows in shard(by_key, data, shares, stream(0)))
    assert [rows.tolist() for rows in shard(ordered, data, shares, stream(0))][1] == list(range(10, 20))


@pytest.mark.parametrize(
    ("how", "count", "message"),
    [
        (random, 1798, "every shard must have a row, got 1797 rows for 1798 shards"),
        (lambda *_: [np.arange(9)], 1, "every one of the 1797 rows must be in exactly one shard, got row 9 in 0"),
        (lambda *_: [np.arange(1797)] * 3, 3, "rows must be in exactly one shard, got row 0 in 3"),
        (lambda *_: [np.arange(1798)], 1, "rows must be in exactly one shard, got row 1797"),
        (lambda *_: [np.arange(-1, 1797)], 1, "rows must be in exactly one shard, got row -1"),
        (lambda data, shares, generator: [np.arange(1797)], 2, r"there must be 2 shards with rows, got sizes \[1797\]"),
    ],
)
def test_a_sharding_that_is_none_is_refused(how, count, message):
    with pytest.raises(ValueError, match=message):
        shard(how, DIGITS, np.full(count, 1 / count), stream(0))


def test_rows_say_what_they_are():
    rows = Rows(DIGITS, np.array([5, 5, 2]))

    assert (len(rows), len(DIGITS.all)) == (3, 1797)
    np.testing.assert_array_equal(rows.features, DIGITS.features[[5, 5, 2]])
    np.testing.assert_array_equal(rows.targets, DIGITS.targets[[5, 5, 2]])
    assert DIGITS.all.features is DIGITS.features


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": ["1", "2"]}, "column 'a' must hold finite numbers, got '1' in row 0"),
        ({"a": [1, 10**400]}, "column 'a' must hold finite numbers, got 1000000"),
        ({"a": pd.array([1, None], dtype="Int64")}, "column 'a' must hold finite numbers, got <NA> in row 1"),
        ({"a": [1 + 2j, 3]}, r"column 'a' must hold finite numbers, got \(1\+2j\) in row 0"),
    ],
)
def test_a_column_that_cannot_be_learned_from_is_named_with_its_row(columns, message):
    with pytest.raises(ValueError, match=message):
        frame(pd.DataFrame({**columns, "price": [1.0, 2.0]}), "price")


def test_columns_of_truths_and_of_nullable_numbers_are_numbers():
    nullable = {"b": pd.array([3, 4], dtype="Int64"), "y": pd.array([0, 1], dtype="Int64")}
    table = pd.DataFrame({"a": [True, False], **nullable})
    data = frame(table, "y")

    assert data.features.tolist() == [[1, 3], [0, 4]]
    assert data.classes == 2


def test_a_column_that_is_there_twice_or_both_target_and_feature_is_refused():
    twice = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "a", "y"])
    with pytest.raises(ValueError, match=r"there must be one column 'a', got \['a', 'a', 'y'\]"):
        frame(twice, "y", ("a",))
    for chosen in (("y",), ("a", "a")):
        with pytest.raises(ValueError, match="the target and the features must be different columns"):
            frame(pd.DataFrame({"a": [1.0], "y": [2.0]}), "y", chosen)


def test_masked_numbers_and_rows_that_are_no_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="features must not be masked"):
        arrays(np.ma.masked_array([[1.0], [2.0]], mask=[[True], [False]]), [0.0, 1.0])
    with pytest.raises(ValueError, match="shards must be row numbers"):
        shard(lambda data, shares, generator: [np.arange(1797) + 0.5], DIGITS, np.ones(1), stream(0))
    with pytest.raises(ValueError, match="options must leave make_blobs with features and targets alone"):
        Generated(name="blobs", options={"return_centers": True}).load(0)


@pytest.mark.parametrize("options", [{"labels": False}, {"labels": True}, {"scaled": True}, {"scaled": False}, {}])
def test_a_file_is_read_as_it_says_of_labels_and_scales(tmp_path, options):
    table = pd.DataFrame({"size": [1.0, 2.0, 5.0], "rooms": [0, 2, 1]})
    table.to_csv(tmp_path / "t.csv", index=False)
    read = Csv(path=tmp_path / "t.csv", target="rooms", **options).load()
    expected = frame(table, "rooms", **options)

    assert (read.classes, read.targets.dtype) == (expected.classes, expected.targets.dtype)
    assert (read.classes is None) == (options.get("labels") is False)
    np.testing.assert_array_equal(read.features, expected.features)
    assert (read.features.max() == 1.0) == options.get("scaled", False)


def test_rows_that_are_taken_are_a_data_set_of_their_own_that_nobody_can_change():
    data = Bundled(name="iris").load()
    rows = np.array([3, 3, 149])
    taken = data.take(rows)

    np.testing.assert_array_equal(taken.features, data.features[rows])
    assert (taken.targets.tolist(), taken.classes, len(taken)) == ([0, 0, 2], 3, 3)
    assert taken.features.flags.c_contiguous
    assert not taken.features.flags.writeable
    assert not taken.targets.flags.writeable
    assert taken.with_ones.shape == (3, 5)
    assert (taken.greatest, data.greatest) == (data.features[rows].max(), 1.0)
    for none in (np.array([], dtype=np.int64), np.zeros(150, dtype=bool)):
        with pytest.raises(ValueError, match="rows must be at least one, got none of 150"):
            data.take(none)


def test_a_part_is_what_is_taken_and_copies_no_feature_before_somebody_looks_at_one():
    data = Bundled(name="iris").load()
    rows = np.array([3, 3, 149])
    part, taken = data.part(rows), data.take(rows)
    rows[:] = 0  # its own numbers are a copy

    assert isinstance(part, Dataset)
    assert (part.targets.tolist(), part.classes, len(part)) == (taken.targets.tolist(), 3, 3)
    assert "features" not in vars(part)
    for _ in range(2):
        np.testing.assert_array_equal(part.features, taken.features)
    assert part.features is part.features
    assert not part.features.flags.writeable
    assert not part.targets.flags.writeable
    np.testing.assert_array_equal(part.with_ones, taken.with_ones)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(part)).features, taken.features)
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.classes = 4
    with pytest.raises(ValueError, match="rows must be at least one, got none of 150"):
        data.part(rows[:0])


@pytest.mark.filterwarnings("error")
def test_features_over_a_range_that_is_no_number_are_refused_when_they_are_scaled_by_one_error(tmp_path):
    features = np.array([[1.0, 1e308], [2.0, -1e308], [3.0, 0.0]])
    np.savez(tmp_path / "wide.npz", features=features, targets=[0, 1, 0])

    rule = r"wide\.npz: features must go over a range that is a number to be scaled, got -1e\+308 to 1e\+308 in col"
    with pytest.raises(ValueError, match=rule):
        Npz(path=tmp_path / "wide.npz", scaled=True).load()
    with pytest.raises(ValueError, match="features must be finite numbers, got inf in row 2, column 1"):
        arrays(np.where(features == 0, np.inf, features), [0, 1, 0], scaled=True)
    assert Npz(path=tmp_path / "wide.npz").load().features.max() == 1e308


def test_what_is_generated_is_scaled_where_that_is_said_and_else_the_same():
    made, scaled = (Generated(name="blobs", rows=40, scaled=scaled).load(3) for scaled in (False, True))

    np.testing.assert_allclose(scaled.features, minmax_scale(made.features), atol=1e-12)
    np.testing.assert_array_equal(scaled.targets, made.targets)


def test_what_was_generated_before_does_not_decide_whether_options_are_refused():
    whole, broken = (Generated(name="blobs", options={"n_features": number}) for number in (3, 3.0))

    whole.load(0)
    with pytest.raises(ValueError, match=r"options must be those of make_blobs, got \{'n_features': 3.0\}"):
        broken.load(0)
