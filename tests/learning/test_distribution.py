"""How rows are dealt to shards: by key, by label, by size; what a summary says of it, and the picture."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from simcluster.engine import stream
from simcluster.learning import (
    AnySharding,
    Bundled,
    ByHash,
    ByLabel,
    ByRange,
    Dirichlet,
    LogNormalSizes,
    arrays,
    random,
    shard,
    shard_summary,
)
from simcluster.report import skew

DIGITS, IRIS = Bundled().load(), Bundled(name="iris").load()
REGRESSION = arrays(np.arange(20.0)[:, None], np.arange(20) / 2, labels=False)
RULES = [ByHash(key="row"), ByRange(key="row"), ByLabel(), ByLabel(pieces=5), Dirichlet(),
         Dirichlet(alpha=1e-6), Dirichlet(alpha=1e9), LogNormalSizes(), LogNormalSizes(sigma=30)]  # fmt: skip


def equal(shards):
    return np.full(shards, 1 / shards)


@pytest.mark.parametrize("how", RULES, ids=repr)
@given(weights=st.lists(st.integers(1, 5), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_every_row_is_in_exactly_one_shard_and_the_same_generator_gives_the_same_shards(how, weights, seed):
    shares = np.array(weights) / sum(weights)

    shards = shard(how, DIGITS, shares, stream(seed))  # which refuses any other

    again = shard(how, DIGITS, shares, stream(seed))
    assert all(np.array_equal(one, other) for one, other in zip(shards, again, strict=True))
    if isinstance(how, ByLabel | Dirichlet):
        sizes = [len(rows) for rows in shards]
        assert np.allclose(sizes, shares * len(DIGITS), rtol=0, atol=1)


@pytest.mark.parametrize("how", [*RULES, ByHash(), ByRange(), ByRange(key=12)], ids=repr)
def test_a_sharding_reads_back_from_a_file(how):
    field = TypeAdapter(AnySharding)

    assert field.validate_python(field.dump_python(how)) == how
    assert field.validate_python(how.kind) == type(how)()


def test_a_hash_is_that_of_splitmix64_and_one_key_is_on_one_shard():
    # The first number of Java's SplittableRandom, and of every splitmix64, with the seed 0.
    first = 0xE220A8397B1DCDAF >> 11
    data = arrays(np.array([[0.0], [-0.0], [1.0], [0.0]]), np.zeros(4))
    ends = np.array([first * 2.0**-53, 1 - first * 2.0**-53])

    below, above = shard(ByHash(key=0), data, ends, stream(0))

    assert above.tolist() == [0, 1, 3]
    assert below.tolist() == [2]


def test_equal_keys_lie_together_by_hash_and_by_range():
    for how in (ByHash(), ByRange()):
        shards = shard(how, DIGITS, equal(3), stream(0))
        seen = [np.unique(DIGITS.targets[rows]).tolist() for rows in shards]
        assert sorted(label for each in seen for label in each) == list(range(10))
    assert seen == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9]]


def test_a_hash_of_many_keys_gives_each_shard_its_share():
    sizes = [len(rows) for rows in shard(ByHash(key="row"), DIGITS, np.array([0.5, 0.3, 0.2]), stream(0))]

    assert np.allclose(np.array(sizes) / 1797, [0.5, 0.3, 0.2], atol=0.03)


@pytest.mark.parametrize(
    ("how", "data", "shards", "message"),
    [
        (ByHash(), IRIS, 4, r"every shard must have a row, got sizes \[.*\] of 4 shards by_hash"),
        (ByRange(), IRIS, 4, r"every shard must have a row, got sizes \[50, 0, 50, 50\] of 4 shards by_range"),
        (ByRange(key=4), IRIS, 2, "key must be a column of the 4 features, from 0, got 4"),
        (ByLabel(), REGRESSION, 2, r"by_label goes by labels, got targets that are none \(regression\)"),
        (Dirichlet(), REGRESSION, 2, r"dirichlet goes by labels, got targets that are none \(regression\)"),
        (ByLabel(pieces=76), IRIS, 2, "by_label needs a row for each piece, got 150 rows for 2 workers of 76 pieces"),
        (Dirichlet(), IRIS, 151, "every shard must have a row, got 150 rows for 151 shards"),
        (LogNormalSizes(), IRIS, 151, "lognormal_sizes needs a row for each shard, got 150 rows for 151 shards"),
    ],
)
def test_a_shard_without_rows_or_data_that_does_not_fit_is_refused_by_the_rule_s_name(how, data, shards, message):
    with pytest.raises(ValueError, match=message):
        shard(how, data, equal(shards), stream(0))


@pytest.mark.parametrize("fields", [{"alpha": 0}, {"alpha": float("inf")}, {"alpha": True}])
def test_a_concentration_that_is_none_is_refused(fields):
    with pytest.raises(ValueError, match="alpha: "):
        Dirichlet(**fields)


def test_one_row_a_node_is_dealt_by_every_rule_that_takes_it():
    data = arrays(np.arange(6.0)[:, None], [0, 0, 1, 1, 2, 2])

    for how in (ByLabel(pieces=1), Dirichlet(), LogNormalSizes(), ByRange(key="row")):
        assert [len(rows) for rows in shard(how, data, equal(6), stream(3))] == [1] * 6


def test_pieces_by_label_have_few_labels():
    shards = shard(ByLabel(pieces=2), DIGITS, equal(10), stream(0))

    seen = [len(np.unique(DIGITS.targets[rows])) for rows in shards]
    assert max(seen) <= 4
    assert np.mean(seen) < 3.5


def test_the_smaller_alpha_is_the_further_shards_are_from_the_whole():
    def distance(alpha):
        shards = (shard(Dirichlet(alpha=alpha), DIGITS, equal(10), stream(seed)) for seed in range(5))
        return np.mean([shard_summary(DIGITS, each)["distance"].mean() for each in shards])

    iid = np.mean([shard_summary(DIGITS, shard(random, DIGITS, equal(10), stream(s)))["distance"].mean()
                   for s in range(5)])  # fmt: skip

    far, middle, near = map(distance, (0.01, 1.0, 1e6))
    assert far > middle + 0.1 > near + 0.3
    assert near == pytest.approx(iid, abs=0.03)


def test_a_dirichlet_draw_has_the_moments_of_its_formula():
    # Who draws first finds all there is, so that its shares are those of q, and Var q = p(1 − p)/(α + 1).
    data = arrays(np.zeros((20_000, 1)), np.repeat([0, 1], 10_000))
    rule, shares, q = Dirichlet(alpha=3.0), np.array([0.01, 0.99]), []
    for seed in range(600):
        generator = stream(seed)
        generator.permutation(len(data))
        if generator.permutation(2)[0] == 0:
            q.append(np.mean(data.targets[shard(rule, data, shares, stream(seed))[0]]))

    assert np.mean(q) == pytest.approx(0.5, abs=4 * np.sqrt(0.0625 / len(q)))
    assert np.var(q) == pytest.approx(0.25 / 4, rel=0.25)


def test_lognormal_sizes_have_the_spread_of_their_formula():
    data = arrays(np.zeros((100_000, 1)), np.zeros(100_000))
    drawn = [shard(LogNormalSizes(sigma=0.7), data, equal(50), stream(seed)) for seed in range(20)]

    logarithms = np.log([[len(rows) for rows in shards] for shards in drawn])
    assert logarithms.std(axis=1).mean() == pytest.approx(0.7, rel=0.1)
    assert np.allclose([len(rows) for rows in shard(LogNormalSizes(sigma=0), data, equal(50), stream(0))], 2000, atol=1)


def test_a_summary_says_rows_shares_of_classes_and_how_far_they_are_from_the_whole():
    data = arrays(np.zeros((4, 1)), [0, 0, 1, 2])

    found = shard_summary(data, [np.array([0, 1]), np.array([3, 2])], ["a", "b"])

    assert found.to_dict("list") == {
        "shard": ["a", "b"], "rows": [2, 2], "class_0": [1.0, 0.0], "class_1": [0.0, 0.5], "class_2": [0.0, 0.5],
        "distance": [0.5, 0.5],
    }  # fmt: skip
    assert shard_summary(REGRESSION, [np.arange(2)])["mean"].tolist() == [0.25]
    with pytest.raises(ValueError, match="there must be a name for each of the 1 shards, got \\['a', 'b'\\]"):
        shard_summary(data, [np.arange(4)], ["a", "b"])
    with pytest.raises(ValueError, match="each shard must have rows, got sizes \\[0\\]"):
        shard_summary(data, [np.arange(0)])


def test_the_picture_of_a_skew_stacks_the_rows_of_each_class():
    found = shard_summary(IRIS, shard(Dirichlet(), IRIS, equal(4), stream(0)))

    (axes,) = skew(found).axes
    heights = np.array([[bar.get_height() for bar in bars] for bars in axes.containers])
    assert heights.shape == (3, 4)
    assert np.allclose(heights.sum(axis=0), found["rows"])
    assert np.allclose(heights.sum(axis=1), 50)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0", "1", "2"]


def test_the_picture_takes_several_distributions_many_classes_and_targets_that_are_no_labels():
    many = arrays(np.zeros((40, 1)), np.arange(40))
    named = [("one", shard_summary(many, [np.arange(40)])), ("two", shard_summary(REGRESSION, [np.arange(20)] * 20))]

    drawn = skew(named, title="t")

    assert [axes.get_title(loc="left") for axes in drawn.axes] == ["one", "two"]
    assert drawn._repr_png_()
    with pytest.raises(ValueError, match="there must be at least one summary of shards, got none"):
        skew([])
