"""What every built-in detector tells, besides that it suspects whoever is gone: alike, whatever befalls whom."""

import pytest

from simcluster.cluster import NetworkSpec
from simcluster.faults import DuplicateMessages, LoseMessages, PartitionNetwork
from tests.built_ins import one, words
from tests.recovery.watched import PROGRAM, Watched

TROUBLE = (
    LoseMessages(probability=0.3, begin_s=0.0),
    DuplicateMessages(probability=0.5, begin_s=0.0),
    PartitionNetwork(groups=(("n-0", "n-1"),), begin_s=0.0),
)


@pytest.mark.parametrize("word", words("Detector"))
@pytest.mark.parametrize("seed", range(3))
def test_a_detector_tells_of_changes_only_and_at_last_what_is_so(word, seed):
    watched = Watched(one("Detector", word), 6, seed=seed)
    ends = []

    def trouble():
        for fault in TROUBLE:
            ends.append(fault.begin(watched.cluster, fault.kind))
            yield watched.env.timeout(1.0)
        watched.cluster["n-2"].crash()
        watched.cluster["n-3"].pause()
        watched.cluster["n-4"].kill(PROGRAM)
        yield watched.env.timeout(5.0)
        watched.cluster["n-3"].resume()
        watched.cluster["n-4"].revive(PROGRAM)
        for end in ends:
            end()

    watched.env.process(trouble())
    watched.until(30.0)

    for peer in watched.peers:
        said = [suspected for who, suspected in watched.said if who == peer]
        assert said == [place % 2 == 0 for place in range(len(said))]
    assert {peer for peer, _ in watched.said} <= set(watched.peers)
    assert watched.suspected == {"n-2"}
    assert ("n-4", True) in watched.said


@pytest.mark.parametrize("word", words("Detector"))
def test_the_same_seed_tells_the_same_at_the_same_times(word):
    def told(seed):
        watched = Watched(one("Detector", word), 6, seed=seed, network=NetworkSpec(loss_probability=0.3)).until(2.0)
        watched.cluster["n-1"].crash()
        return watched.until(10.0).told

    assert told(3) == told(3)
    assert ("n-1", True) in [said[1:] for said in told(3)]
