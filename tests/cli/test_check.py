import pytest

BAD = """{:process 0, :type :invoke, :f :write, :value 1}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 1, :type :ok, :f :read, :value nil}
"""
OWN = '''
class Last:
    """A register of somebody's own."""

    def init(self):
        return None

    def step(self, state, operation):
        if operation.f == "write":
            return True, operation.value
        return state == operation.result, state


class Broken(Last):
    def step(self, state, operation):
        raise KeyError(operation.f)


class Wants(Last):
    def __init__(self, size):
        self.size = size


nothing = 3
last = Last()
'''


@pytest.fixture
def history(folder):
    (folder / "own_models.py").write_text(OWN, encoding="utf-8")
    (folder / "bad.edn").write_text(BAD, encoding="utf-8")
    (folder / "good.edn").write_text(BAD.replace("read, :value nil}", "read, :value 1}"), encoding="utf-8")


@pytest.mark.usefixtures("history")
class TestCheck:
    @pytest.mark.parametrize("model", ["register", "cas-register", "kv"])
    def test_a_valid_history_ends_with_0(self, call, model):
        ended = call("check", "good.edn", "--model", model)

        assert ended.code == 0
        assert ended.out == "valid: 2 operations\n"

    def test_an_invalid_one_ends_with_1_and_says_why(self, call):
        ended = call("check", "bad.edn", "--model", "register", "--picture", "why.png")

        assert ended.code == 1
        assert "no order of the operations explains what 1: read → ok saw" in ended.out.replace(" None", "")

    def test_its_picture_is_drawn(self, call, folder):
        call("check", "bad.edn", "--model", "register", "--picture", "why.png", "--quiet")

        assert (folder / "why.png").read_bytes().startswith(b"\x89PNG")

    def test_json_tells_all_of_it(self, call):
        ended = call("check", "bad.edn", "--model", "register", "--json")

        assert ended.code == 1
        assert ended.json["verdict"] == "invalid"
        assert ended.json["anomalies"][0]["operations"][0]["f"] == "read"

    def test_what_a_read_of_nil_saw_is_a_parameter(self, call):
        assert call("check", "bad.edn", "--model", "register", "--nil-read", "unknown").code == 0
        assert call("check", "bad.edn", "--model", "cas-register", "--initial", "nil").code == 1

    def test_a_limit_that_is_met_ends_with_3(self, call):
        ended = call("check", "bad.edn", "--model", "register", "--limit-mib", "0.0001")

        assert ended.code == 3
        assert "unknown: 1 operations; the limit of 104 bytes of memory was met" in ended.out

    def test_transactions_are_judged_by_their_circles(self, call, folder):
        lines = ['{"process":%d,"type":"%s","f":"txn","value":%s}']
        steps = ['[["append","x",1],["r","y",%s]]', '[["append","y",1],["r","x",%s]]']
        text = [lines[0] % (place, kind, each % seen) for kind, seen in (("invoke", "null"), ("ok", "[]"))
                for place, each in enumerate(steps)]  # fmt: skip
        (folder / "skew.jsonl").write_text("\n".join(text), encoding="utf-8")

        ended = call("check", "skew.jsonl", "--model", "list-append")
        assert ended.code == 1
        assert "G2: T0 –rw→ T1" in ended.out
        assert call("check", "skew.jsonl", "--model", "list-append", "--isolation", "snapshot-isolation").code == 0

    @pytest.mark.parametrize("name", ["Last", "last"])
    def test_a_model_of_ones_own_is_a_class_or_an_object_of_a_plugin(self, call, name):
        given = ("--model", f"own_models:{name}", "--plugin", "own_models")

        assert call("check", "bad.edn", *given).code == 1
        assert call("check", "good.edn", *given).code == 0

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["bad.edn", "--model", "registr"], "did you mean 'register'?"),
            (["bad.edn", "--model", "queue"], "bad.edn:1: an operation must be one of enqueue, dequeue, got 'write'"),
            (["none.edn", "--model", "register"], "none.edn: No such file"),
            (["bad.edn", "--model", "mutex", "--initial", "1"], "--initial must be left out with the model mutex"),
            (["bad.edn", "--model", "register", "--nil-read", "no"], "--nil-read must be one of absent, unknown, got"),
            (["bad.edn", "--model", "register", "--initial", "[1"], "--initial must be one value in EDN, got '[1'"),
            (["bad.edn", "--model", "register", "--limit-s", "0"], "seconds must be greater than 0, got 0"),
            (["bad.edn", "--model", "register", "--limit-mib", "inf"], "--limit-mib must be greater than 0 and finite"),
            (["bad.edn", "--model", "register", "--picture", "why.txt"], "--picture must be a .png, .pdf or .svg"),
            (["bad.edn", "--model", "own_models:Last"], "must be of a module that --plugin names"),
            (["bad.edn", "--model", "own_models:nothing", "--plugin", "own_models"], "must have the method init"),
            (["bad.edn", "--model", "own_models:Broken", "--plugin", "own_models"], "raised KeyError"),
            (["bad.edn", "--model", "own_models:Wants", "--plugin", "own_models"], "raised TypeError: "),
            *[(["bad.edn", "--model", "counter", "--initial", each], "initial must be a finite number, got")
              for each in ("nil", '"ab"', "[1 2]")],
            (["own_models.py", "--model", "register"], "own_models.py:2: a history must be JSON Lines, EDN or a log"),
        ],
    )
    def test_what_the_user_got_wrong_ends_with_2_and_a_line(self, call, arguments, said):
        ended = call("check", *arguments)

        assert ended.code == 2
        assert said in ended.err
        assert "Traceback" not in ended.err
