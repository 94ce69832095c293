"""Every field that takes a number or a name refuses what is none when the specification is made, and says so."""

import math
import re

import pytest
from arguments.right import RIGHT, make

from simcluster.engine import InvalidSpec

NAN, INF = math.nan, math.inf
TRUTH, NO_NUMBER, FINITE = "no truth value", "valid (number|integer)", "finite number"
ABOVE_0, FROM_0, FROM_1 = "greater than 0", "greater than or equal to 0", "greater than or equal to 1"
NO_WHOLE = "whole number|finite number"

FROM_NANO = "than or equal to 0.000000001"
COUNT = [(0, FROM_1), (-1, FROM_1), (10**30, "less than or equal to"), (1.5, NO_WHOLE), (NAN, NO_WHOLE)]
COUNT += [("x", NO_NUMBER), (True, TRUTH)]
STEPS = [*COUNT[:-2], ("x", "kind must be one of"), (True, TRUTH)]  # or the word of an interval
POSITIVE = [(0, ABOVE_0), (-1, ABOVE_0), (NAN, FINITE), (INF, FINITE), ("x", NO_NUMBER), (True, TRUTH)]
PERIOD = [(0, FROM_NANO), (-1, FROM_NANO), (1e-300, FROM_NANO), *POSITIVE[2:]]
SECONDS = [(-1, FROM_0), (NAN, FINITE), (INF, FINITE), ("x", NO_NUMBER), (True, TRUTH)]
FINITELY = [(NAN, "finite number|than"), (-INF, "finite number|than"), ("x", NO_NUMBER), (True, TRUTH)]
BELOW_1 = [(-0.1, FROM_0), (1, "less than 1"), (NAN, "than|finite"), ("x", NO_NUMBER), (True, TRUTH)]
SHARE = [(-0.1, "greater than"), (1.5, "less than"), (NAN, "than|finite"), ("x", NO_NUMBER), (True, TRUTH)]
NAME = [("", "at least 1 character"), ("a\n", "printable"), ("\x1b[31m", "printable"), (3, "valid string")]
LINK = [("n-0", "match pattern"), ("n-0->", "match pattern"), ("n-0->n\t1", "printable")]

WRONG = [
    (COUNT, """node.cores node.inbox_messages torus.rows torus.columns generated.rows kmeans.clusters
        regression.batch_size training.batch_size training.steps training.evaluate_every tasks.attempts closed.clients
        neighbours.neighbours service.queries service.shards flat_service.neighbours flat_service.queries
        flat_service.shards heartbeats.window remote.attempts store.replication
        store.copies_at_once store.attempts rot.count finding.runs forest.max_depth
        forest.min_samples_leaf forest.tasks forest.trees cascade.leaves cascade.passes random_search.candidates
        halving.candidates halving.least halving.most hyperband.most forests.trees softmaxes.steps"""),
    (POSITIVE, """node.flops_per_s node.memory_bytes_per_s node.memory_bytes node.speed node.nic_bytes_per_s
        storage.bandwidth_bytes_per_s storage.capacity_bytes clock.wander_period_s network.bandwidth_bytes_per_s
        one_switch.bandwidth_bytes_per_s edge.bandwidth_bytes_per_s racks.oversubscription
        wide_area.between_bytes_per_s exponential.mean lognormal.mean lognormal.sigma pareto.mean weibull.mean
        slow_node.factor slow_disk.factor throttle.factor byzantine.strength collude.strength spoof.strength
        memory.size_bytes swarm.horizon_s swarm.heal_at_s
        descent.learning_rate momentum.learning_rate nesterov.learning_rate
        adam.learning_rate geometric.smoothing adam.epsilon regression.learning_rate softmaxes.learning_rate
        cascade.c poisson.per_s flat_service.arrivals_per_s flat_service.timeout_s timeout.after_s
        expected.period_s expected.margin_s phi.period_s phi.least_deviation_s scenario.horizon_s"""),
    (PERIOD, """server.retry_s tasks.retry_s service.timeout_s heartbeats.period_s remote.timeout_s store.heartbeat_s
        store.scrub_s store.timeout_s"""),
    (SECONDS, """clock.wander_s storage.seek_s storage.flush_s ring.latency_s edge.latency_s constant.value uniform.low
        crash.begin_s crash.end_s slow_node.ramp_s flap.end_s softmax.l2 regression.l2
        linear.l2 logistic.l2 svm.l2 normal.l2 softmaxes.l2"""),
    (FINITELY, "clock.offset_s clock.drift step_clock.step_s drift.rate training.target_loss"),
    (SHARE, """network.loss_probability lose.probability bursts.good_to_bad bursts.bad_to_good
        bursts.probability_in_good swarm.include top_k.share random_k.share neighbours.query_share
        flat_service.query_share"""),
    (BELOW_1, "momentum.momentum nesterov.momentum adam.beta1 adam.beta2"),
    (STEPS, "checkpoints.every"),
    (COUNT, "lbfgs.history power_sgd.rank geometric.iterations krum.chosen clipping.iterations"),
    (NAME, """node.name node.rack node.zone star.hub edge.source edge.target crash.node kill.program lose_rack.rack
        training.name tasks.master tasks.name service.front_end service.name remote.server store.coordinator
        store.name server.server"""),
    (LINK, "break_link.link"),
]  # fmt: skip
CASES = [(place, value, rule) for values, places in WRONG for place in places.split() for value, rule in values]


@pytest.mark.parametrize(("place", "value", "rule"), CASES, ids=[f"{place}={value!r}" for place, value, _ in CASES])
def test_what_is_no_such_number_or_name_is_refused_with_field_rule_and_value(place, value, rule):
    name, field = place.split(".")
    with pytest.raises(InvalidSpec, match=rf"(?m)^{field}: .*({rule}).*, got {re.escape(repr(value))}$"):
        make(name, **{field: value})


@pytest.mark.parametrize("name", RIGHT)
def test_what_these_tests_make_wrong_is_right_otherwise(name):
    assert make(name) == make(name)
