import numpy as np
import pytest

from simcluster import plugins
from simcluster.engine import stream
from simcluster.faults import Byzantine
from simcluster.faults.kinds.bodies import flip_bit, map_numbers

TRUTH = np.array([1.0, -2.0, 3.0])


def told(make, send, *faults, times=(1,), receivers=(1, 2), kind="gradient"):
    """What each receiver was told, in order."""
    heard = {}
    cluster = make(*faults, count=max(receivers) + 1)

    def listen(node):
        while True:
            message = yield node.receive()
            heard.setdefault(message.target, []).append(message.body)

    for receiver in receivers:
        cluster[f"n-{receiver}"].boot(listen)
        for time_s in times:
            send(cluster, time_s, 0, receiver, kind, body=(7, TRUTH))
    cluster.env.run()
    return [heard[f"n-{receiver}"] for receiver in receivers]


@pytest.mark.parametrize(("adversary", "factor"), [("negate", -4), ("scale", 4), ("zero", 0)])
def test_a_liar_rewrites_numbers_and_leaves_counters(make, send, adversary, factor):
    for ((step, gradient),) in told(make, send, Byzantine(node="n-0", adversary=adversary, strength=4, begin_s=0)):
        assert step == 7
        assert gradient.tolist() == (factor * TRUTH).tolist()
        assert not gradient.flags.writeable


def test_noise_is_new_in_each_message_and_the_same_in_each_run(make, send):
    fault = Byzantine(node="n-0", adversary="noise", strength=0.1, begin_s=0)
    first, again = (told(make, send, fault, times=range(50), receivers=(1,)) for _ in range(2))
    noise = np.array([gradient - TRUTH for _, gradient in first[0]])

    assert np.array_equal(noise, [gradient - TRUTH for _, gradient in again[0]])
    assert noise.std() == pytest.approx(0.1, rel=0.25)
    assert len(np.unique(noise)) == noise.size


def test_one_who_equivocates_tells_each_receiver_something_else_and_keeps_to_it(make, send):
    fault = Byzantine(node="n-0", adversary="equivocate", begin_s=0)
    lies = told(make, send, fault, times=(1, 2), receivers=(1, 2, 3))
    factors = [{round(float(ratio), 9) for _, gradient in heard for ratio in gradient / TRUTH} for heard in lies]

    assert all(len(factor) == 1 for factor in factors)
    assert len(set.union(*factors)) == 3


def test_one_who_equivocates_stretches_by_the_strength_at_most(make, send):
    """Were factors drawn from [−2, 1), the chance that none of 60 is below −1 would be (2/3)^60 = 3e-11."""
    fault = Byzantine(node="n-0", adversary="equivocate", strength=2.0, begin_s=0)
    cluster, heard = make(fault, count=61), []

    def listen(node):
        heard.append((yield node.receive()).body)

    for place in range(1, 61):
        cluster[f"n-{place}"].boot(listen)
        send(cluster, 1.0, 0, place, body=1.0)
    cluster.env.run()

    assert len(heard) == 60
    assert -2 <= min(heard) < -1.5
    assert 1.5 < max(heard) < 2


def test_a_gaussian_liar_says_nothing_of_the_truth(make, send):
    fault = Byzantine(node="n-0", adversary="gaussian", strength=0.1, begin_s=0)
    ((*heard,),) = told(make, send, fault, times=range(50), receivers=(1,))
    lies = np.array([gradient for _, gradient in heard])

    assert np.abs(lies.mean(axis=0)).max() < 0.1  # where the truth is 1, −2 and 3: seven deviations
    assert lies.std() == pytest.approx(0.1, rel=0.25)


def test_a_lie_in_few_bits_is_infinite_where_they_cannot_hold_it(make, send):
    fault = Byzantine(node="n-0", adversary="scale", strength=1e6, begin_s=0)
    cluster, heard = make(fault, count=2), []

    def listen(node):
        heard.append((yield node.receive()).body)

    cluster["n-1"].boot(listen)
    send(cluster, 1.0, 0, 1, body=TRUTH.astype(np.float16))
    cluster.env.run()

    assert heard[0].dtype == np.float16
    assert heard[0].tolist() == [np.inf, -np.inf, np.inf]


def test_only_the_liar_lies_only_while_the_fault_lasts_and_only_in_its_kinds(make, send):
    fault = Byzantine(node="n-0", adversary="zero", kinds=("gradient",), begin_s=0, end_s=2)
    of_others = Byzantine(node="n-1", adversary="zero", begin_s=0)
    ((first, later),) = told(make, send, fault, of_others, times=(1, 3), receivers=(1,))
    ((other,),) = told(make, send, fault, receivers=(1,), kind="vote")

    assert first[1].tolist() == [0, 0, 0]
    assert later[1].tolist() == other[1].tolist() == TRUTH.tolist()


def test_an_unknown_adversary_is_refused():
    with pytest.raises(ValueError, match=r"adversary: .*'negate', 'scale', 'noise', 'zero', 'equivocate'.*'lie'"):
        Byzantine(node="n-0", adversary="lie", begin_s=0)


def test_numbers_are_found_wherever_they_are_and_keep_their_type():
    from simcluster.engine import Exponential

    body = {"a": (1.5, np.float32(2), [3]), "b": np.ones(2, dtype=np.float32), "c": Exponential(mean=2.0), "d": "text"}
    changed = map_numbers(body, lambda numbers: numbers * 2)

    assert changed["a"] == (3.0, 4, (3,))
    assert changed["b"].dtype == np.float32
    assert changed["b"].tolist() == [2, 2]
    assert changed["c"] == Exponential(mean=4.0)
    assert changed["d"] == "text"


def test_a_flipped_bit_may_be_any_of_any_number_and_is_one():
    numbers = np.array([1.0, -2.0, 3.0])
    changed = set()
    for seed in range(2000):
        difference = flip_bit(numbers, stream(seed)).view(np.uint64) ^ numbers.view(np.uint64)
        (place,) = np.flatnonzero(difference)
        assert int(difference[place]).bit_count() == 1
        changed.add((int(place), int(difference[place]).bit_length() - 1))

    assert changed == {(place, bit) for place in range(3) for bit in range(64)}, "each is missed with 192·e^-10 at most"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_one_number_of_any_precision_changes_and_keeps_its_shape_and_type(dtype):
    for seed in range(40):
        for order in "CF":
            numbers = np.array(np.arange(1, 7).reshape(2, 3), dtype=dtype, order=order)
            flipped = flip_bit(numbers, stream(seed))
            assert (flipped.dtype, flipped.shape) == (numbers.dtype, numbers.shape)
            assert np.count_nonzero(flipped != numbers) == 1
        alone = flip_bit((dtype(1.5), np.array(1.5, dtype=dtype)), stream(seed))
        assert [type(alone[0]), alone[1].dtype, alone[1].shape] == [dtype, np.dtype(dtype), ()]
        assert (alone[0] != 1.5) ^ (alone[1] != 1.5)


def test_what_is_masked_stays_masked():
    masked = np.ma.MaskedArray([1.0, 2.0, 3.0], [False, True, False], fill_value=7.0)
    doubled = map_numbers(masked, lambda numbers: numbers * 2)

    assert doubled.tolist() == [2.0, None, 6.0]
    assert doubled.filled().tolist() == [2.0, 7.0, 6.0]


def shift(numbers, strength, generator, receiver):
    """An adversary of one's own."""
    return numbers + strength


def test_an_adversary_of_one_s_own_lies_and_is_read_back_from_a_file(make, send):
    fault = Byzantine(node="n-0", adversary=shift, strength=4, begin_s=0)
    for ((_, gradient),) in told(make, send, fault):
        assert gradient.tolist() == (TRUTH + 4).tolist()

    with plugins(__name__):
        assert Byzantine.model_validate_json(fault.model_dump_json()) == fault
    with pytest.raises(ValueError, match=r"did you mean 'negate'"):
        Byzantine(node="n-0", adversary="negat", begin_s=0)
