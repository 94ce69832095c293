"""What papers on liars say, to the number."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from simcluster import run
from simcluster.engine import stream
from simcluster.faults import (
    Collude,
    SlowNode,
    a_little_is_enough,
    inner_product_manipulation,
    unsuspicious_deviations,
)
from simcluster.training import Bulyan, GradientDescent, Krum, Softmax, TrainingJob, TrimmedMean, total
from tests.strategies import training

pytestmark = pytest.mark.theory


def accepted(rule, workers):
    """Whether a job of so many workers takes the rule."""
    names = tuple(f"w-{place}" for place in range(workers))
    try:
        TrainingJob(model=Softmax(), server="s", workers=names, steps=1, aggregation=rule)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("workers", range(3, 15))
def test_the_most_liars_of_n_workers_are_those_of_the_theorems(workers):
    def most(rule):
        return max((f for f in range(workers) if accepted(rule(f), workers)), default=-1)

    assert most(lambda f: Krum(liars=f)) == math.ceil((workers - 2) / 2) - 1  # 2f + 2 < n
    assert most(lambda f: Bulyan(liars=f)) == (workers - 3) // 4  # n ≥ 4f + 3
    assert most(lambda f: TrimmedMean(trim=f)) == (workers - 1) // 2  # 2f < n


@pytest.mark.parametrize(("nodes", "liars"), [(9, 3), (15, 6), (26, 11)])
def test_krum_stands_its_most_liars_though_they_agree_and_no_bloc_that_needs_nobody_else(nodes, liars):
    """Of a liar's n − f − 2 nearest f − 1 are others that agree, and the rest are honest and far."""
    for bloc in (liars, nodes - liars - 1):
        for seed in range(10):
            honest = stream(seed).standard_normal((nodes - bloc, 5))
            vectors = np.concatenate([np.full((bloc, 5), 100.0), honest])
            chosen = Krum(liars=liars)(vectors, np.ones(nodes))() / nodes
            assert np.abs(chosen).max() < 10 if bloc == liars else (chosen == 100.0).all()


@pytest.mark.parametrize(("nodes", "liars"), [(4, 1), (10, 3), (13, 2), (25, 11)])
def test_manipulated_inner_products_turn_the_mean_if_and_only_if_epsilon_exceeds_the_honest_per_liar(nodes, liars):
    honest = stream(0).standard_normal((nodes - liars, 30))
    bound = (nodes - liars) / liars
    for epsilon in (0.1, 0.999 * bound, 1.001 * bound, 3 * bound):
        lie = inner_product_manipulation(honest, liars, epsilon)
        everybody = np.concatenate([honest, np.tile(lie, (liars, 1))])
        product = total(everybody, np.ones(nodes))() @ honest.mean(axis=0)
        assert (product < 0) == (epsilon > bound)


@pytest.mark.parametrize("epsilon", [1.0, 1.9, 2.1, 6.0])
def test_so_they_do_in_a_run_where_the_liar_is_slower_and_hears_the_others_of_the_same_step(epsilon):
    slower = SlowNode(node="worker-2", factor=3.0, begin_s=0.0)
    liar = Collude(node="worker-2", attack="inner_product_manipulation", strength=epsilon, begin_s=0.0)
    one = {"steps": 1, "optimiser": GradientDescent(learning_rate=1.0)}
    honest = run(training([slower, liar.replace(strength=1e-300)], **one), 0).outcome.parameters
    found = run(training([slower, liar], **one), 0).outcome.parameters

    # From parameters of 0 the step is along the sum, of which two of three are honest.
    np.testing.assert_allclose(found, (1 - epsilon / 2) * honest, rtol=1e-12, atol=1e-15)
    assert (np.vdot(found, honest) < 0) == (epsilon > 2)


def test_a_little_is_enough_by_the_deviations_of_the_paper():
    assert unsuspicious_deviations(50, 12) == pytest.approx(0.3360, abs=5e-5)
    for nodes, liars in ((10, 3), (13, 2), (50, 24)):
        supporters = nodes // 2 + 1 - liars
        z = unsuspicious_deviations(nodes, liars)
        assert norm.cdf(z) == pytest.approx((nodes - liars - supporters) / (nodes - liars), abs=1e-12)
        honest = stream(1).standard_normal((nodes - liars, 6))
        lie = a_little_is_enough(honest, liars, 1.0)
        np.testing.assert_allclose(lie, honest.mean(axis=0) - z * honest.std(axis=0))
    assert unsuspicious_deviations(3, 2) == 0.0
    with pytest.raises(ValueError, match="liars must be at least 0 and fewer than the 3 nodes, got 3"):
        unsuspicious_deviations(3, 3)
