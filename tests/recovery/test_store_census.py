"""What the coordinator believes when what it hears is late, comes twice, or crosses on the way."""

from simcluster.cluster import Message
from simcluster.recovery import DistributedStore, Timeout
from simcluster.recovery.stores.store_census import Census
from simcluster.recovery.stores.store_version import Version

STORE = DistributedStore(coordinator="a", servers=("a", "b", "c"), replication=2, suspicion=Timeout(after_s=2.0))


class Ticking(Census):
    """Looks once a second, which is when time passes."""

    def __init__(self, store=STORE, record=lambda *_: None, begun=-1):
        super().__init__(store, record, 0.0, begun)
        self.now_s = 0.0

    def tick(self):
        self.now_s += 1.0
        self.look(self.now_s)

    def hear(self, report):
        super().hear(report, self.now_s)


def census():
    return Ticking()


def block(key, number=0):
    return Version(key, number, 10.0).name


def report(number, server, *keys, free_bytes=100.0):
    """A report of blocks, each the version 0 of a key or any (key, number)."""
    names = tuple(block(*((key,) if isinstance(key, str) else key)) for key in keys)
    return Message(number, server, "a", "store-report", (free_bytes, names), 64.0)


def test_a_report_that_is_late_or_comes_twice_undoes_nothing_newer():
    known = census()
    known.hear(report(1, "a", "old"))
    known.hear(report(5, "a", "new"))
    known.hear(report(1, "a", "old"))
    known.hear(report(3, "a"))

    assert known.holders(block("new")) == ("a",)
    assert known.holders(block("old")) == ()


def test_a_report_from_before_a_write_does_not_deny_it():
    known = census()
    known.hear(report(1, "a"))
    known.add(block("key"), ("a",), 5)
    known.hear(report(3, "a"))
    assert known.holders(block("key")) == ("a",)
    known.hear(report(6, "a"))
    assert known.holders(block("key")) == ()  # now its disk has lost it


def test_a_late_word_of_a_write_does_not_revive_what_a_later_report_lacks():
    known = census()
    known.hear(report(6, "a"))
    known.add(block("key"), ("a",), 5)

    assert known.holders(block("key")) == ()


def test_a_server_counts_as_lost_when_it_misses_more_than_so_many_heartbeats():
    known = census()
    for number, server in enumerate("abc"):
        known.hear(report(number, server, "key"))
    for _ in range(2):
        known.tick()
    known.hear(report(10, "b", "key", free_bytes=5.0))
    assert known.holders(block("key")) == ("a", "b", "c")
    known.tick()

    assert known.holders(block("key")) == ("b",)
    assert known.short() == {block("key"): ("b",)}
    assert known.with_room(5.0) == ["b"]
    assert known.with_room(6.0) == []


def test_that_a_block_is_nowhere_is_certain_only_while_one_of_its_holders_would_live():
    known = census()
    assert known.locate("key") == ("", (), False)  # nobody has had the time to report
    for number in range(3):
        known.tick()
        for server in "abc":
            known.hear(report(10 * number + ord(server), server))
    assert known.locate("key") == ("", (), True)
    for number in range(3):
        known.tick()
        known.hear(report(100 + number, "a"))
    assert known.locate("key") == ("", (), False)  # b and c are lost, and both may have it


def test_the_trace_says_that_a_server_is_lost_at_the_heartbeat_at_which_it_counts_as_lost():
    said = []
    known = Ticking(record=lambda *record: said.append(record))
    for server in STORE.servers:
        known.hear(report(1, server, "key"))
    said.clear()

    for _ in range(5):
        known.tick()
        assert {server for _, what, _, server in said} == set(STORE.servers) - set(known.holders(block("key")))
    assert [what for _, what, _, _ in said] == ["server_lost"] * 3  # once each


def test_a_known_block_is_gone_for_certain_only_when_every_server_lives():
    known = Ticking(STORE.replace(acknowledge="all"))
    for number, server in enumerate("abc"):
        known.hear(report(number, server, *(["key"] if server != "c" else [])))
    assert known.short() == {}
    for _ in range(3):
        known.tick()
    known.hear(report(10, "a"))  # whose disk has been lost
    known.hear(report(11, "c"))

    assert known.locate("key") == ("", (), False)  # b, which is silent, may have it
    assert known.locate("no such key") == ("", (), True)
    known.hear(report(12, "b"))
    assert known.locate("key") == ("", (), True)


def began_again(*reports):
    """What a coordinator knows that began anew at the number 100, a while after it has heard these."""
    known = Ticking(begun=100)
    for _ in range(4):
        known.tick()
    for number, (server, *keys) in enumerate(reports):
        known.hear(report(101 + number, server, *keys))
    return known


def test_what_is_written_since_the_coordinator_began_is_read_at_once():
    known = census()
    known.add(block("key", 7), ("a", "b"), 8)
    known.hear(report(9, "a", ("key", 7), ("key", 8)))  # of the other nobody has said that it is acknowledged

    assert known.locate("key") == (block("key", 7), ("a",), True)


def test_what_a_server_said_before_the_coordinator_began_is_not_heard():
    known = Ticking(begun=100)
    known.hear(report(99, "a", "key"))

    assert known.holders(block("key")) == ()


def test_an_older_version_than_one_that_may_have_counted_is_not_read_unless_only_few_are_lost():
    known = began_again(("a", ("key", 5)), ("b", ("key", 5)), ("c", ("key", 6)))
    assert known.locate("key") == ("", (), False)  # 6 may count, but is on one server yet
    for _ in range(3):
        known.tick()
    known.hear(report(110, "a", ("key", 5)))
    assert known.locate("key") == ("", (), False)  # b and c are lost, and may have had it
    known.hear(report(111, "b", ("key", 5)))
    assert known.locate("key") == (block("key", 5), ("a", "b"), True)
    known.hear(report(112, "c", ("key", 6)))
    known.add(block("key", 6), ("a",), 113)
    assert known.locate("key") == (block("key", 6), ("a", "c"), True)
    assert known.superseded() == {"a": [block("key", 5)], "b": [block("key", 5)]}


def test_what_was_written_before_is_not_read_until_every_server_has_had_the_time_to_report():
    known = Ticking(begun=100)
    known.hear(report(101, "a", ("key", 5)))
    known.hear(report(102, "b", ("key", 5)))
    assert known.locate("key") == ("", (), False)
    for _ in range(3):
        known.tick()
    known.hear(report(103, "c", ("key", 6), ("key", 5)))
    known.hear(report(104, "a", ("key", 6)))

    assert known.locate("key") == (block("key", 6), ("a", "c"), True)


def test_a_version_that_can_have_no_more_copies_is_read():
    known = began_again(("a", ("key", 6)), ("b", ("key", 5)))
    assert known.locate("key") == ("", (), False)
    known.hear(report(110, "b", ("key", 5), free_bytes=5.0))

    assert known.locate("key") == (block("key", 6), ("a",), True)
    assert known.superseded() == {}


def test_a_superseded_version_is_forgotten_when_nobody_has_it_any_more():
    known = began_again(("a", ("key", 5), ("key", 6)), ("b", ("key", 6)), ("c", ("key", 5)))
    assert known.short() == {}
    assert known.superseded() == {"a": [block("key", 5)], "c": [block("key", 5)]}
    known.hear(report(110, "a", ("key", 6)))
    known.hear(report(111, "c"))
    assert known.superseded() == {}

    assert [version.number for version, _ in known.current("key")] == [6]


def test_only_the_newest_version_is_short_of_copies():
    known = began_again(("a", ("key", 5)), ("b", ("key", 6)))

    assert known.short() == {block("key", 6): ("b",)}
