"""A scenario is checked when it is made, equals what its own dump gives back, and says how its run ended."""

import gc
import json
from contextlib import nullcontext

import pytest
from pydantic import Field

from simcluster import Scenario, Together, run
from simcluster.cluster import ClusterSpec, NetworkSpec, OneSwitch, nodes
from simcluster.engine import LinkName, NodeName, RackName, Spec, plugins
from simcluster.faults import BreakLink, CrashNode, KillProgram, LoseRack
from simcluster.faults.kinds.node_faults import NodeFault
from simcluster.learning import KMeans, Softmax
from simcluster.training import ParameterServer, TrainingJob

TWO = ClusterSpec(nodes=nodes("n", 2), network=NetworkSpec(topology=OneSwitch()))


class Waits(Spec):
    """A job that works for two seconds, and then waits for what never comes."""

    node: NodeName = "n-0"
    beside: dict[NodeName, tuple[LinkName, ...]] = Field(default_factory=dict)
    rack: RackName | None = None

    def start(self, cluster, seed):
        """Boot one program."""

        def waits(node):
            yield node.timer(2.0)
            yield node.receive("never")

        cluster[self.node].boot(waits)
        return cluster.env.event()


class Counts:
    """A job of any class, which remembers how often it was started."""

    def __init__(self):
        self.starts = 0

    def start(self, cluster, seed):
        """It is over at once."""
        self.starts += 1
        return cluster.env.timeout(0.0, self.starts)


class Freeze(NodeFault):
    """A fault of one's own: a node stands still."""

    def begin(self, cluster, key):
        """Pause it."""
        for node in self.nodes(cluster):
            node.pause()
        return lambda: [node.resume() for node in self.nodes(cluster)]


def test_a_deadlock_ends_when_nothing_is_left_and_not_at_the_horizon():
    scenario = Scenario(cluster=TWO, job=Waits(), horizon_s=100.0)

    for check in (False, True):
        result = run(scenario, 0, check=check)
        assert (result.ended, result.ended_s) == ("deadlock", 2.0)


def test_a_job_whose_end_is_a_timeout_is_not_over_at_an_earlier_horizon():
    class Later:
        def start(self, cluster, seed):
            return cluster.env.timeout(2.0, "over")

    scenario = Scenario(cluster=TWO, job=Later(), horizon_s=1.0)
    early, late = run(scenario, 0), run(scenario.replace(horizon_s=2.0), 0)

    assert (early.ended, early.ended_s, early.outcome) == ("horizon", 1.0, None)
    assert (late.ended, late.ended_s, late.outcome) == ("finished", 2.0, "over")


def test_any_object_that_starts_is_a_job_and_remembers_nothing_of_another_run():
    job = Counts()
    scenario = Scenario(cluster=TWO, job=job)

    assert [run(scenario, 0).outcome for _ in range(2)] == [1, 1]
    assert job.starts == 0


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (3, r"Job must have start\(self, cluster.*, seed.*\) -> .*Event.*, got int without it"),
        (Counts, r"Job must be an object, got the class Counts: write Counts\(...\)"),
        (Softmax(), "got Softmax without it"),
        ({"kind": "trainning"}, r"got 'trainning' \(did you mean 'training'\?\)"),
        (Waits(node="n-2"), r"node must name a node of the cluster \['n-0', 'n-1'\], got 'n-2' \(did you mean 'n-"),
        (Waits(beside={"n-9": ()}), "beside must name a node .*, got 'n-9'"),
        (Waits(beside={"n-0": ("n-0->n-1",)}), r"beside\.n-0 must be one of the topology's links, .*, got 'n-0->n-1'"),
        (Waits(rack="left"), r"rack must name a rack or a zone of the cluster \[\], got 'left'"),
    ],
)
def test_a_job_that_cannot_be_is_refused_when_the_scenario_is_made(job, message):
    scenario = Scenario(cluster=TWO, job=Waits())

    for make in (lambda: Scenario(cluster=TWO, job=job), lambda: scenario.replace(job=job)):
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nonsense", "kind must be one of .*, got 'nonsense'"),
        (3, "it must be a Fault, got 3"),
        (CrashNode(node="n-2", begin_s=0), "CrashNode targets must name a node .*, got 'n-2'"),
        (Freeze(node="n-2", begin_s=0), "Freeze targets must name a node .*, got 'n-2'"),
        (LoseRack(rack="left", begin_s=0), "LoseRack rack must name a rack .*, got 'left'"),
        (BreakLink(link="n-0->n-1", begin_s=0), "link must be one of the topology's links, .*, got 'n-0->n-1'"),
        (KillProgram(node="n-0", program="wait", begin_s=0), r"must be one that n-0 boots, of \['waits'\], got 'wait'"),
        (KillProgram(node="n-1", program="waits", begin_s=0), r"must be one that n-1 boots, of \[\], got 'waits'"),
    ],
)
def test_every_door_refuses_a_fault_that_cannot_happen(fault, message):
    scenario = Scenario(cluster=TWO, job=Waits())
    doors = (
        lambda: Scenario(cluster=TWO, job=Waits(), faults=(fault,)),
        lambda: scenario.under([fault]),
        lambda: scenario.replace(faults=(fault,)),
    )

    for make in doors:
        with pytest.raises(ValueError, match=message):
            make()


@pytest.mark.parametrize("staleness", [0, 2, float("inf")])
def test_what_a_scenario_dumps_gives_it_back_with_parts_of_one_s_own(staleness):
    job = TrainingJob(model=Softmax(), server="n-0", workers=("n-1",), steps=3, staleness=staleness)
    kill = KillProgram(node="n-1", program="training.worker", begin_s=0.3)
    faults = (Freeze(node="n-1", begin_s=0.1, end_s=0.2), kill)
    for given in (job, Waits(beside={"n-1": ("n-1->switch",)})):
        scenario = Scenario(cluster=TWO, job=given, faults=faults if given is job else faults[:1])
        with pytest.raises(ValueError, match=r"allowed \(--plugin tests\.test_scenario\)"):
            Scenario.model_validate_json(scenario.model_dump_json())
        with plugins(__name__):
            assert Scenario.model_validate_json(scenario.model_dump_json()) == scenario
            assert Scenario.model_validate(json.loads(json.dumps(scenario.model_dump(mode="json")))) == scenario


def test_jobs_beside_each_other_begin_as_each_would_alone_under_the_same_seed():
    first, second = (
        TrainingJob(model=KMeans(clusters=3), server="n-0", workers=("n-1",), steps=3, name=name) for name in "ab"
    )
    alone, *both = (run(Scenario(cluster=TWO, job=job), 5).outcome for job in (first, Together(jobs=(first, second))))

    for outcome in both[0]:
        assert outcome.parameters.tobytes() == alone.parameters.tobytes()


def test_a_wrong_name_is_refused_by_the_whole_path_to_its_field():
    exchange = ParameterServer(server="n-7")
    job = TrainingJob(model=Softmax(), exchange=exchange, workers=("n-1",), steps=3)

    with pytest.raises(ValueError, match=r"exchange\.server must name a node .*, got 'n-7'"):
        Scenario(cluster=TWO, job=job)
    with pytest.raises(ValueError, match=r"jobs\.exchange\.server must name a node .*, got 'n-7'"):
        Scenario(cluster=TWO, job=Together(jobs=(job,)))


@pytest.mark.parametrize(("before", "meanwhile"), [(700, 16 * 200), (10**6, 10**6), (0, 0)])
@pytest.mark.parametrize("fails", [False, True])
def test_python_looks_for_garbage_after_a_round_of_all_nodes_while_a_run_lasts_and_as_before_when_it_is_over(
    before, meanwhile, fails
):
    seen = []

    class Looks:
        def start(self, cluster, seed):
            def looks(node):
                yield node.timer(1.0)
                seen.append(gc.get_threshold())
                if fails:
                    raise ZeroDivisionError
                done.succeed()

            done = cluster.env.event()
            cluster["n-0"].boot(looks)
            return done

    found = gc.get_threshold()
    gc.set_threshold(before, 11, 12)
    try:
        with pytest.raises(ZeroDivisionError) if fails else nullcontext():
            run(Scenario(cluster=ClusterSpec(nodes=nodes("n", 200)), job=Looks()), 0)
        after = gc.get_threshold()
    finally:
        gc.set_threshold(*found)
    assert seen == [(meanwhile, 11, 12)]
    assert after == (before, 11, 12)
