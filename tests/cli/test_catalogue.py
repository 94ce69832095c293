import pytest

from simcluster.faults.vocabulary import KINDS
from simcluster.scenario import Scenario
from simcluster.scenario import schema as schema_of
from simcluster.study import StudyFile


def listed(ended):
    return [line.split()[0] for line in ended.out.splitlines()]


def test_list_has_every_kind_of_the_json_schema_and_no_other(good):
    told = good("list", "--json").json

    kinds = {
        properties["kind"]["const"]
        for definition in Scenario.model_json_schema()["$defs"].values()
        if "const" in (properties := definition.get("properties", {})).get("kind", {})
    }
    assert {each["kind"] for each in told} == kinds
    assert all(each["about"] for each in told)


@pytest.mark.parametrize("word", ["faults", "fault", "FAULTS"])
def test_list_faults_has_the_vocabulary(word, good):
    assert listed(good("list", word)) == list(KINDS)


def test_a_group_is_called_what_its_fields_are(good):
    assert good("list", "work").out == good("list", "works").out == good("list", "Work").out
    assert good("list", "data-sources").out == good("list", "data_source").out
    assert {each["group"] for each in good("list", "data", "--json").json} == {"data_sources", "data_types"}
    assert listed(good("list", "topologies"))[:2] == ["one_switch", "star"]


def test_strategies_are_what_jobs_are_made_of(good):
    groups = {each["group"] for each in good("list", "strategies", "--json").json}

    assert {"waitings", "exchanges", "policies", "balancers"} <= groups
    assert not groups & {"jobs", "faults", "topologies"}


def test_each_kind_is_one_line_with_its_first_sentence(good):
    out = good("list", "shardings").out

    assert ["random", "Shuffled, and cut."] in [line.split(maxsplit=1) for line in out.splitlines()]
    assert len({line.index(line.split(maxsplit=1)[1]) for line in out.splitlines()}) == 1
    assert "``" not in out


def test_a_list_is_called_by_the_plural_of_its_part(good):
    groups = {each["group"] for each in good("list", "--json").json}

    assert {"topologies", "policies", "hedge_delays", "queue_orders", "faults"} <= groups


def test_ones_own_kinds_are_listed_where_they_fit(odd, good):
    lines = good("list", "jobs", "--plugin", "odd_parts").out.splitlines()

    assert lines[-1].split(maxsplit=1) == ["odd_parts:Odd", "A job that fails under odd seeds."]
    assert "odd_parts:Odd" not in good("list", "models", "--plugin", "odd_parts").out


def test_schema_is_that_of_the_files(odd, good):
    assert good("schema").json == schema_of(Scenario)
    assert good("schema", "study").json == schema_of(StudyFile)
    assert "odd_parts:Odd" in good("schema", "--plugin", "odd_parts").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "modles"], "(did you mean 'models'?)"),
        (["list", "jobs", "--plugin", "nobodys"], "plugin: must be a module that can be imported, got 'nobodys'"),
        (["schema", "stud"], "error: schema: must be of one of scenario, study, got 'stud' (did you mean 'study'?)"),
        (["schema", "study", "more"], "error: Got unexpected extra argument"),
    ],
)
def test_what_a_user_gets_wrong_is_one_line(arguments, said, call):
    ended = call(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1
