"""The server's half of a step: what it makes of contributions, what that costs, and what a checkpoint keeps of it."""

import numpy as np

from simcluster.engine import Environment, Trace
from simcluster.learning import Bundled, GradientDescent, KMeans, Softmax, call
from simcluster.training import CentredClipping, Training, TrainingJob, coordinate_median, total
from simcluster.training.update import update_of

WORKERS = ("a", "b", "c")


def training_of(model, **fields):
    job = TrainingJob(
        model=model, data=Bundled(name="iris"), server="s", workers=WORKERS, batch_size=8, steps=9, **fields
    )
    env = Environment()
    return Training(job, 0, env.event(), Trace(env))


def said_by(training, workers, clock, parameters):
    return [training.contribution(worker, clock, parameters)() for worker in workers]


def test_the_gradient_of_a_step_that_some_were_left_out_of_is_over_the_rows_of_those_who_were_not():
    training = training_of(Softmax(l2=0.0), optimiser=GradientDescent(learning_rate=1.0))
    update = update_of(training)
    values = said_by(training, [0, 2], 0, update.parameters)
    expected = update.parameters - sum(values) / 16

    update.take([0, 2], values, 0, 1.0)()

    np.testing.assert_allclose(update.parameters, expected, rtol=1e-12)


def test_a_closed_form_goes_on_from_what_a_checkpoint_kept_as_if_nothing_had_happened():
    training = training_of(KMeans(clusters=3))
    update = update_of(training)
    update.take([0, 1, 2], said_by(training, [0, 1, 2], 0, update.parameters), 0, 1.0)()
    restored = update_of(training)
    restored.state = update.state

    for clock, workers in ((1, [1]), (2, [0, 2]), (3, [0, 1, 2])):
        values = said_by(training, workers, clock, update.parameters)
        for each in (update, restored):
            each.take(workers, values, clock, len(workers) / 3)()
        np.testing.assert_allclose(restored.parameters, update.parameters, rtol=1e-12)
    assert not np.array_equal(update.parameters, training.initial)


def test_a_closed_form_of_one_worker_is_of_what_it_said_last_and_of_no_difference():
    class Last(KMeans):
        def update(self, parameters, total, rows):
            return total

    update = update_of(training_of(Last()))
    for said in (1e16, 1.0):  # whose difference is no number that there is
        update.take([1], [np.array([said])], 0, 1 / 3)()

    assert update.parameters.tolist() == [1.0]


def test_a_closed_form_costs_the_aggregation_and_an_estimate_of_the_update():
    training = training_of(KMeans(clusters=3))
    update = update_of(training)
    values = said_by(training, [0, 1, 2], 0, update.parameters)
    rows = training.batch_rows
    added = total(np.stack(values).reshape(3, -1), rows)
    found = call(training.job.model.update, update.parameters, sum(values), 24.0)

    assert update.take([0, 1, 2], values, 0, 1.0).cost == added.cost + found.cost


def test_a_closed_form_of_a_robust_rule_is_of_all_that_is_known_whoever_was_waited_for():
    class Said(KMeans):
        def update(self, parameters, total, rows):
            return total / rows

    update = update_of(training_of(Said(), aggregation=coordinate_median))
    update.take([0, 1], [np.array([8.0]), np.array([800.0])], 0, 2 / 3)()
    update.take([1, 2], [np.array([1600.0]), np.array([16.0])], 1, 2 / 3)()

    assert update.parameters.tolist() == [2.0]  # the median of 1, 200 and 2 by row, of batches of 8


def test_what_an_aggregation_remembers_is_in_the_state_and_moves_when_the_parameters_do():
    training = training_of(Softmax(), aggregation=CentredClipping(radius=0.01))
    update = update_of(training)
    taken = update.take([0, 1, 2], said_by(training, [0, 1, 2], 0, update.parameters), 0, 1.0)
    before = update.state[2]
    taken()

    assert before.size == 0
    assert 0 < np.linalg.norm(update.state[2]) <= 0.01 * (1 + 1e-12)
