"""Principal components beside scikit-learn's, whatever the data's mean, its scale and its ties."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from simcluster.engine import stream
from simcluster.learning import Bundled, PowerIteration, PrincipalComponents, Rows, arrays

NAMES = ("iris", "wine", "breast_cancer")
MODELS = {"gram": (PrincipalComponents, 1), "power": (PowerIteration, 400)}


def learned(model, data, steps, parts=None):
    parts = [data.all] if parts is None else [Rows(data, part) for part in parts]
    point = model.initial(data, stream(0))
    for _ in range(steps):
        total = np.sum([model.contribution(point, part)() for part in parts], axis=0)
        point = model.update(point, total, float(len(data)))
    return point


@pytest.mark.parametrize(("name", "how"), [*product(NAMES, MODELS), ("digits", "gram")])
def test_components_are_scikit_learn_s(name, how):
    (kind, steps), data = MODELS[how], Bundled(name=name).load()
    model = kind(components=3)
    point = learned(model, data, steps)
    theirs = PCA(3, svd_solver="full").fit(data.features)

    signs = np.sign(np.einsum("ij,ij->i", point[:3, :-1], theirs.components_))
    np.testing.assert_allclose(signs[:, np.newaxis] * point[:3, :-1], theirs.components_, atol=1e-10, rtol=0)
    np.testing.assert_allclose(point[:3, -1], theirs.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(point[3, :-1], theirs.mean_, atol=1e-12)
    np.testing.assert_allclose(
        model.transform(point, data.features), signs * theirs.transform(data.features), atol=1e-9
    )
    restored = theirs.inverse_transform(theirs.transform(data.features))
    assert model.loss(point, data.all)() == pytest.approx(((data.features - restored) ** 2).sum(axis=1).mean())


@pytest.mark.parametrize("how", MODELS)
def test_a_great_mean_costs_no_digits(how):
    """Σ x xᵀ − n μ μᵀ of these rows has none left: 10⁸ squared is 10¹⁶, and the variances are about 1."""
    kind, steps = MODELS[how]
    iris = Bundled(name="iris").load()
    far = arrays(np.round(iris.features * 2**20) / 2**20 + 2.0**27, iris.targets)
    near = arrays(far.features - 2.0**27, iris.targets)

    np.testing.assert_allclose(
        learned(kind(), far, steps)[:2], learned(kind(), near, steps)[:2], atol=1e-12, rtol=0
    )


@settings(max_examples=20)
@given(
    seed=st.integers(0, 99), cuts=st.lists(st.integers(1, 177), max_size=8, unique=True),
    how=st.sampled_from([*MODELS]),
)  # fmt: skip
def test_parts_give_the_components_of_the_whole(seed, cuts, how):
    data, (kind, _) = Bundled(name="wine").load(), MODELS[how]
    parts = np.split(stream(seed).permutation(178), sorted(cuts))

    np.testing.assert_allclose(
        learned(kind(), data, 3, parts), learned(kind(), data, 3), atol=1e-10, rtol=0
    )


@pytest.mark.parametrize("how", MODELS)
def test_the_entry_of_greatest_magnitude_is_positive_and_lengths_are_1(how):
    (kind, steps), data = MODELS[how], Bundled(name="wine").load()
    components = learned(kind(components=13), data, steps)[:13, :-1]

    np.testing.assert_allclose(components @ components.T, np.eye(13), atol=1e-12)
    assert (components[np.arange(13), np.abs(components).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("how", MODELS)
@pytest.mark.parametrize(
    "features",
    [
        np.ones((5, 3)),  # rows that are all alike
        np.column_stack([np.arange(5.0), np.zeros(5), np.full(5, 7.0)]),  # constant features
        np.repeat([[0.0, 1.0, 2.0], [5.0, 1.0, 0.0]], 3, axis=0),  # two distinct rows
    ],
)
def test_what_does_not_vary_has_variance_0_and_nothing_is_nan(how, features):
    data, (kind, _) = arrays(features, np.zeros(len(features))), MODELS[how]
    model = kind(components=3)
    point = learned(model, data, 4)

    assert np.isfinite(point).all()
    np.testing.assert_allclose(point[:3, -1], np.linalg.eigvalsh(np.cov(features.T))[::-1], atol=1e-12)
    assert model.loss(point, data.all)() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("how", MODELS)
def test_more_components_than_there_can_be_are_refused(how):
    kind, _ = MODELS[how]
    iris = Bundled(name="iris").load()

    with pytest.raises(ValueError, match="components must be at most the 4 features and the 150 rows, got 5"):
        kind(components=5).initial(iris, stream(0))
    with pytest.raises(ValueError, match="principal components need at least 2 rows, got 1"):
        kind(components=1).initial(arrays([[1.0, 2.0]], [0]), stream(0))


@pytest.mark.parametrize("how", MODELS)
def test_what_a_liar_says_gives_no_numbers_and_no_error(how):
    model, iris = MODELS[how][0](), Bundled(name="iris").load()
    point = model.initial(iris, stream(0))
    total = np.full_like(model.contribution(point, iris.all)(), np.nan)

    assert np.isnan(model.update(point, total, 150.0)).all()


@pytest.mark.parametrize("how", MODELS)
def test_what_it_costs_is_counted(how):
    model, iris = MODELS[how][0](), Bundled(name="iris").load()
    point = model.initial(iris, stream(0))
    said = model.contribution(point, iris.all)
    half = model.contribution(point, Rows(iris, np.arange(75)))

    assert said.cost.flops == 2 * half.cost.flops > 0
    assert model.update_cost(point, said(), 5.0).flops == {"gram": 9 * 4**3, "power": 4 * 5 * 3 * 2}[how]
    assert model.loss(point, iris.all).cost.flops > 0
