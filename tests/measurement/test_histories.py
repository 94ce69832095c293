import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simcluster.engine import Trace
from simcluster.measurement.histories import (
    APPLY,
    COMPLETE,
    INVOKE,
    NEVER,
    STATUSES,
    BadHistory,
    FaultWindow,
    History,
    TooLarge,
    read_edn,
    read_history,
)
from tests.measurement.drawn_histories import histories


class Clock:
    now = 0.0


def recorded():
    """A trace of two clients, a replica and a fault."""
    clock = Clock()
    trace = Trace(clock)
    invoke, complete = trace.recorder("invoke", *INVOKE), trace.recorder("complete", *COMPLETE)
    apply, fault = trace.recorder("apply", *APPLY), trace.recorder("fault", "fault", "name", "phase")
    other = trace.recorder("crash", "node")
    for now, record, values in [
        (0.0, invoke, ("c1", "c1/1", "write", "x", [1, "a"])),
        (0.5, fault, (0, "cut", "begin")),
        (1.0, invoke, ("c2", "c2/1", "read", "x", None)),
        (1.5, apply, ("c1/1", "n1")),
        (1.5, other, ("n2",)),
        (2.0, complete, ("c1/1", "ok", None)),
        (2.0, apply, ("c1/1", "n2")),
        (2.5, complete, ("c2/1", "info", "timeout")),
        (3.0, fault, (0, "cut", "end")),
        (4.0, invoke, ("c2", "c2/2", "read", "x", None)),
    ]:
        clock.now = now
        record(*values)
    return trace


def test_a_history_is_in_the_records_of_a_trace():
    history = History.of(recorded())

    assert [str(each) for each in history] == [
        "c1: write x (1, 'a') → ok",
        "c2: read x → info 'timeout'",
        "c2: read x → info",
    ]
    write, read, last = history
    assert (write.begin, write.end, write.deadline) == (0, 2, 2)
    assert (read.end, read.deadline, read.complete_s) == (3, NEVER, 2.5)
    assert (last.end, last.complete_s) == (NEVER, math.inf)
    assert history.faults == (FaultWindow("cut", 0.5, 3.0),)
    assert history.applied == {"c1/1": (("n1", 1.5), ("n2", 2.0))}
    assert [history.line(place) for place in range(3)] == [1, 3, 9]
    assert set(STATUSES) == {"ok", "fail", "info"}


def test_a_history_is_the_same_from_its_own_rows_and_from_its_file(tmp_path):
    history = History.of(recorded())
    history.write(tmp_path / "history.jsonl")
    recorded().write(tmp_path / "trace.jsonl")

    assert History.of_rows(history.rows()) == history
    assert read_history(tmp_path / "history.jsonl") == history
    assert read_history(tmp_path / "trace.jsonl") == history


@settings(max_examples=60, deadline=None)
@given(histories("cas-register", keys=(None, "x", 3)))
def test_any_history_is_the_same_from_its_rows(history):
    assert History.of_rows(json.loads(json.dumps(list(history.rows())))) == history


@settings(max_examples=60, deadline=None)
@given(histories("cas-register"))
def test_edn_json_and_a_log_of_one_history_say_the_same(tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("formats")
    edn, lines, log = [], [], []
    for row in history.rows():
        asked = next(each for each in history if each.operation == row["operation"])
        kind = "invoke" if row["kind"] == "invoke" else row["status"]
        value = asked.value if kind == "invoke" else row["result"]
        lines.append(json.dumps({"process": asked.process, "type": kind, "f": asked.f, "value": value}))
        said = "nil" if value is None else f"[{' '.join(map(nil, value))}]" if isinstance(value, tuple) else str(value)
        edn.append(f"{{:process {asked.process}, :type :{kind}, :f :{asked.f}, :value {said}}}")
        log.append(f"INFO  jepsen.util - {asked.process}\t:{kind}\t:{asked.f}\t{said}")
    texts = {"maps.edn": edn, "one.edn": ["[", *edn, "] ; all"], "a.jsonl": lines, "a.log": ["INFO x.y - hello", *log]}
    for name, text in texts.items():
        (folder / name).write_text("\n".join(text), encoding="utf-8")
    found = [read_history(folder / name) for name in texts]

    assert found.count(found[0]) == len(found)
    assert [each[:6] for each in found[0]] == [each[:6] for each in history]


def nil(value):
    return "nil" if value is None else str(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nil", None),
        ("true", True),
        ("-12", -12),
        ("7N", 7),
        ("1.5e3M", 1500.0),
        (":a/b", "a/b"),
        ('"a \\"b\\" \\u00e9\\n"', 'a "b" é\n'),
        ("\\a", "a"),
        ("\\newline", "\n"),
        ("[1 (2 #{3}) ; so\n 4]", (1, (2, (3,)), 4)),
        ("{:a 1, :b {:c nil}}", {"a": 1, "b": {"c": None}}),
        ("[1 #_ [2 3] 4 #_ #_ 5 6]", (1, 4)),
        ('#inst "2020"', "2020"),
    ],
)
def test_edn_is_read_as_it_is_meant(text, value):
    assert read_edn(text) == value


@pytest.mark.parametrize("text", ["", "1 2", "[1", "1]", "{:a}", '"a', "{[1] 2", "#_", "[#_]", "(]", "{{} 1}",
                                  ":", '"a\\q"', '"\\u12"', "{:a 1 :a 2}"])  # fmt: skip
def test_what_is_no_edn_is_refused(text):
    with pytest.raises(BadHistory):
        read_edn(text)


INVOKED = "{:process 1, :type :invoke, :f :read, :value nil}\n"
ROW = '{"time_s":1.0,"kind":"invoke","process":1,"operation":1,"f":"read","key":null,"value":null}\n'


TIMED = "{:process 1, :type :invoke, :f :read, :value nil, :time 50}\n"
LOGGED = "INFO  jepsen.util - 1\t:invoke\t:read\tnil\n"


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (INVOKED + "{:process 1, :type :ok, :f :re", 2, "must close"),
        ("[" + INVOKED, 1, "must close"),
        ("{:process 1, :type :ok, :f :read, :value 1}", 1, "must follow its invocation"),
        (INVOKED + "\n" + INVOKED, 3, "one open operation at a time"),
        (INVOKED + INVOKED.replace(":invoke", ":ok").replace(":read", ":write"), 2, "of the operation that is open"),
        (INVOKED.replace(":invoke", ":maybe"), 1, "a type must be one of invoke, ok, fail, info"),
        ("{:index 4 :type :invoke :process 1}\n{:index 3 :type :invoke :process 2}", 2, "indices must increase"),
        ("{:time :now :type :invoke :process 1}", 1, "time must be a finite number"),
        ("[1 2 3]", 1, "an operation must be a map"),
        ("{:process 1}", 1, "must have a type"),
        ('{:process 1, :type :invoke, :f :write, :value "a', 1, "a string must end"),
        (ROW + ROW.replace("1.0", "0.5").replace('"operation":1', '"operation":2'), 2, "times must not decrease"),
        (ROW.replace('"f":"read",', ""), 1, "must have the field 'f'"),
        (ROW + '{"time_s":1.0,"kind":"complete","operation":1,"status":"done","result":1}', 2, "a status must be"),
        (ROW + '{"time_s":1.0,"kind":"complete","operation":9,"status":"ok","result":1}', 2, "must follow its invo"),
        (ROW + ROW.replace('"process":1', '"process":2'), 2, "an operation is invoked once"),
        (ROW + ROW[:40], 2, "a line must be a JSON object"),
        (ROW + "[1]", 2, "a line must be a JSON object"),
        ("\n\nhello\n", 3, "must be JSON Lines, EDN or a log"),
        ("INFO  jepsen.util - 1\t:invoke\t:cas\t[1 2\n", 1, "must close"),
        ("[" * 99, 1, "in at most 50 others"),
        *[(ROW.replace("1.0", each), 1, "time_s must be a finite number") for each in
          ("1" + "0" * 400, "NaN", "Infinity", '"x"', "null", "true", "[1]")],
        ("{:type :invoke :process 1 :time 1" + "0" * 400 + "}", 1, "time must be a finite number"),
        ("{:type :invoke :process 1 :index 1" + "0" * 400 + "}", 1, "index must be a finite number"),
        ('{"type":"invoke","process":1,"time":1' + "0" * 400 + "}", 1, "time must be a finite number"),
        (ROW + '{"time_s":2.0,"kind":["complete"],"operation":1,"status":"ok","result":1}', 2, "must have a kind"),
        ('{"time_s":1.0,"kind":"fault","fault":0,"name":"cut","phase":"middle"}', 1, "a phase must be begin or end"),
        (ROW.replace('"f":"read"', '"f":"read","f":"write"'), 1, "names must differ, got 'f' twice"),
        ("{:type :invoke :process 1 :f :read :f :write}", 1, "keys of a map must differ, got 'f' twice"),
        ('[{"process": 0, "type": "invoke", "f": "read"}]', 1, "JSON is read as one object a line"),
        (LOGGED + "INFO  jepsen.util - 1\t:ok\t:re", 2, "must have its process, type, f and value, .* got .*:re'"),
        (LOGGED + "INFO  jepsen.util - 1\t:ok", 2, "must have its process, type, f and value"),
        (LOGGED + "INFO  jepsen.util - 1\t:o", 2, "must have its process, type, f and value"),
        (LOGGED + "INFO  jepsen.util - 1", 2, "must have its process, type, f and value"),
        (LOGGED + "INFO  jepsen.util - 1\t:ok\t:read\t", 2, "there must be one value, got 0"),
        (LOGGED.removesuffix("\tnil\n") + "\n", 1, "must have its process, type, f and value"),
        ("{:process 1, :type :invoke, :f :write, :value " + "9" * 5000 + "}", 1, "4300 digits"),
    ],
)
def test_what_is_no_history_is_refused_with_its_line_and_the_rule(tmp_path, text, line, rule):
    (tmp_path / "history").write_text(text, encoding="utf-8")

    with pytest.raises(BadHistory, match=rule) as caught:
        read_history(tmp_path / "history")
    assert caught.value.line == line


def test_text_that_is_not_utf_8_is_refused_with_its_line(tmp_path):
    (tmp_path / "history").write_bytes(INVOKED.encode() + b'{:f "\xff"}')

    with pytest.raises(BadHistory, match="line 2: text must be UTF-8, got byte 0xff"):
        read_history(tmp_path / "history")


def test_a_line_without_end_is_refused_before_all_of_it_is_read(tmp_path):
    with (tmp_path / "history").open("wb") as file:
        file.truncate(2**30)

    with pytest.raises(BadHistory, match="line 1: a line must have at most 16777216 bytes, got more"):
        read_history(tmp_path / "history")


def test_a_history_that_is_too_large_is_given_up_while_it_is_read(tmp_path):
    with (tmp_path / "history").open("w") as file:
        for place in range(2000):
            file.write(f"{{:process {place}, :type :invoke, :f :read, :value nil}}\n")

    with pytest.raises(TooLarge, match="the limit of 100000 bytes of memory was met") as caught:
        read_history(tmp_path / "history", memory_bytes=100_000)
    assert 50 < caught.value.operations < 300
    assert len(read_history(tmp_path / "history")) == 2000


def test_an_empty_file_is_an_empty_history(tmp_path):
    (tmp_path / "history").write_text("; nothing\n\n", encoding="utf-8")

    assert len(read_history(tmp_path / "history")) == 0


def test_what_a_nemesis_does_is_a_fault(tmp_path):
    events = [("start", 1), ("start", 2), ("stop", 4), ("stop", 5), ("start-partition", 6)]
    (tmp_path / "history").write_text(
        "\n".join(f"{{:process :nemesis, :type :info, :f :{f}, :time {time}000000000}}" for f, time in events)
    )
    windows = read_history(tmp_path / "history").faults

    assert windows == (FaultWindow("nemesis", 1.0, 4.0), FaultWindow("partition", 6.0, math.inf))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='{}[]()#_:"\\; \n\t,01aé', max_size=30))
def test_any_text_is_a_history_or_refused_with_a_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_text(text, encoding="utf-8")
    lines = []
    try:
        read_history(path)
    except BadHistory as error:
        lines.append(error.line)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


def test_a_log_tells_why_an_operation_failed_after_its_value(tmp_path):
    lines = [LOGGED, "INFO  jepsen.core - 1 worker is done\n", "INFO  jepsen.util - 1\t:fail\t:read\tnil\t:timed out\n"]
    (tmp_path / "history").write_text("".join(lines), encoding="utf-8")

    assert [each.status for each in read_history(tmp_path / "history")] == ["fail"]


def test_stamps_of_jepsens_that_came_too_late_into_the_history_do_not_change_its_order(tmp_path):
    times = [50_000_000_000, 40_000_000_000, 60_000_000_000]
    lines = [TIMED.replace("50", str(time)).replace("process 1", f"process {time}") for time in times]
    (tmp_path / "history").write_text("".join(lines), encoding="utf-8")

    assert [each.invoke_s for each in read_history(tmp_path / "history")] == pytest.approx([50, 50, 60])


def test_a_map_without_a_time_is_no_earlier_than_the_one_before(tmp_path):
    (tmp_path / "history").write_text(TIMED.replace("50", "5000000000") + "{:process 1, :type :ok, :f :read}")
    (read,) = read_history(tmp_path / "history")

    assert (read.invoke_s, read.complete_s) == (5.0, 5.0)


@pytest.mark.parametrize(("time_s", "rule"), [(10**400, "line 2: time_s must be a finite"), (0.5, "not decrease")])
def test_records_are_refused_as_lines_of_a_file_are(time_s, rule):
    row = json.loads(ROW)

    with pytest.raises(BadHistory, match=rule):
        History.of_rows([row, {**row, "process": 2, "operation": 2, "time_s": time_s}])
    with pytest.raises(BadHistory, match="must have a kind, a word, got None"):
        History.of_rows([{}])
