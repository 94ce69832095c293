"""An automatic learning rate is that of the first batch that is learned from, whatever becomes of those before it."""

import numpy as np
import pytest

from simcluster.faults import CrashNode
from simcluster.learning import GradientDescent, Momentum, Softmax
from simcluster.recovery import Checkpoints
from simcluster.serving import ArrivingBatches, At
from tests.serving.test_online import COUNT, DRIFTING, NUMBERS, SIZE, Ridge, online, plain


def test_an_automatic_rate_is_that_of_the_first_batch_that_is_learned_from():
    model, data = Softmax(l2=0.1), DRIFTING.load(0)

    def rate(batch):
        return 1 / model.smoothness(data.take(np.arange(batch * SIZE, (batch + 1) * SIZE)))

    times_s = tuple(np.arange(1, COUNT + 1) * 0.1)
    sent_once = ArrivingBatches(arrivals=At(times_s=times_s), when_down="lose")
    late = CrashNode(node="l", begin_s=0.0, end_s=0.35)  # batches 0 to 2 find nobody
    crash = CrashNode(node="l", begin_s=1.95, end_s=2.35)
    cases = [
        ([], {}, 0),
        ([late], {}, 3),
        ([crash], {"recovery": Checkpoints(every=5)}, 0),  # which is kept, though batch 0 never comes again
        ([crash], {}, 23),  # nothing is kept, so that learning begins with the first that comes after it
        ([late, crash], {"recovery": Checkpoints(every=4)}, 3),
    ]
    for faults, fields, first in cases:
        result = online(faults, model=model, optimiser=Momentum(learning_rate="auto"), batches=sent_once, **fields)
        learned = result.outcome.batches
        assert learned[0] == first
        parameters, _ = plain(model, DRIFTING, Momentum(learning_rate=rate(first)), order=learned)
        np.testing.assert_array_equal(result.outcome.parameters, parameters)
    assert len({rate(first) for first in (0, 3, 23)}) == 3


def test_an_automatic_rate_is_refused_where_the_model_does_not_know_it():
    with pytest.raises(ValueError, match="learning_rate must be a number for a model without smoothness, got 'auto'"):
        online(model=Ridge(), data=NUMBERS, optimiser=GradientDescent(learning_rate="auto"))
