"""Every privacy, authentication and cipher keeps the contract of its protocol."""

import numpy as np
import pytest

from simcluster.cluster import Encryption, Hmac
from simcluster.engine import stream
from simcluster.learning import Bundled, Cost, Rows, Softmax
from simcluster.training import DpSgd

pytestmark = pytest.mark.slow

IRIS = Bundled(name="iris").load()
PRIVACIES = [DpSgd(), DpSgd(sampling_rate=0.1, added_by="workers"), DpSgd(clip=np.inf, noise=0.0)]


@pytest.mark.parametrize("privacy", PRIVACIES)
def test_what_workers_say_adds_up_over_disjoint_rows_and_changes_nothing(privacy):
    point = stream(0).standard_normal((5, 3))
    before, parts = point.copy(), np.split(stream(2).permutation(len(IRIS)), [10, 11, 90])

    whole = privacy.contribution(Softmax(), point, IRIS.all)
    added = sum(privacy.contribution(Softmax(), point, Rows(IRIS, part))() for part in parts)

    np.testing.assert_allclose(added, whole(), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(whole(), whole())
    np.testing.assert_array_equal(point, before)
    assert isinstance(whole.cost, Cost)


@pytest.mark.parametrize("privacy", PRIVACIES)
def test_noise_is_added_by_one_side_at_most_and_drawn_from_the_generator_alone(privacy):
    drawn = {by: [privacy.noise_of(by, (5, 3), 0.5, stream(1))() for _ in range(2)] for by in ("server", "workers")}

    assert sum(one is not None for one, _ in drawn.values()) <= 1
    for one, again in drawn.values():
        assert one is again is None or (one.shape == (5, 3) and np.array_equal(one, again))


@pytest.mark.parametrize("privacy", PRIVACIES)
def test_more_steps_never_spend_less_and_a_budget_is_kept(privacy):
    spent = [privacy.spent(steps, 4) for steps in range(20)]

    assert spent == sorted(spent)
    assert privacy.steps_within_budget(20, 4) == 20
    if privacy.noise:
        budget = privacy.replace(epsilon=spent[9])
        assert spent[9] >= privacy.spent(budget.steps_within_budget(20, 4), 4)
        assert budget.steps_within_budget(20, 4) >= 9


@pytest.mark.parametrize("authentication", [Hmac(), Hmac(digest="sha512")])
def test_a_tag_is_as_long_as_it_says_and_of_both_key_and_text(authentication):
    tags = [authentication.tag(key, text) for key, text in ((b"k", b"a"), (b"k", b"b"), (b"l", b"a"), (b"k", b"a"))]

    assert {len(tag) for tag in tags} == {authentication.tag_bytes}
    assert tags[0] == tags[3]
    assert len({*tags}) == 3
    assert 0 <= authentication.flops(10.0) < authentication.flops(1e6)


@pytest.mark.parametrize("cipher", [Encryption(), Encryption(bytes_per_message=0, flops_per_byte=0)])
def test_a_cipher_adds_bytes_and_operations(cipher):
    for size_bytes in (0.0, 64.0, 1e9):
        assert all(figure >= 0 for figure in cipher(size_bytes))
