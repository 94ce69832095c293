"""The bundled data sets are scikit-learn's, each feature scaled to [0, 1]."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn.preprocessing import minmax_scale

from simcluster.learning import load


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "iris", "wine"])
def test_every_feature_is_scaled_to_between_0_and_1(name):
    features, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    dataset = load(name)

    np.testing.assert_allclose(dataset.features, minmax_scale(features), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.classes == len(np.unique(labels))
