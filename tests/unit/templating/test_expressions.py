"""What expressions mean."""

import pytest

from brood.templating import Context, Value, compile_template
from brood.templating.environment import ENVIRONMENT
from brood.templating.limits import Budget
from brood.templating.values import to_value
from tests.unit.templating.sample import AGGREGATE, ITEM, render

GOOD: list[tuple[str, Value]] = [
    # literals keep their type
    ("{{ 1 }}", 1),
    ("{{ -1.5 }}", -1.5),
    ("{{ true }}", True),
    ("{{ None }}", None),
    ("{{ 'it''s' }}", "its"),
    ("{{ [1, 'a', [none]] }}", [1, "a", [None]]),
    ("{{ (1, 2) }}", [1, 2]),
    ("{{ {'a': {'b': 1}}}}", {"a": {"b": 1}}),
    # names
    ("{{ params.ENV }}", "prod"),
    ("{{ params['ENV'] }}", "prod"),
    ("{{ params.N }}", 3),
    ("{{params.N}}", 3),
    ("{{ run.name }}", "encode-42"),
    ("{{ run['namespace'] }}", "media"),
    ("{{ item.REGION }}", "eu"),
    ("{{ item['size'] }}", 2),
    ("{{ item.nested[1][0] }}", 2),
    ("{{ item }}", {"REGION": "eu", "size": 2, "keys": "k", "nested": [1, [2]]}),
    ("{{ item.keys }}", "k"),  # a key, not the method of a dict
    ("{{ index }}", 7),
    ('{{ tasks["split"].phase }}', "Succeeded"),
    ("{{ tasks.split.exitCode }}", 0),
    ("{{ tasks['get-items']['exitCode'] }}", 3),
    ('{{ tasks["split"].output }}', "part-1\npart-2"),
    ('{{ tasks["split"].outputs.COUNT }}', "2"),
    ('{{ tasks["split"].outputs.META.rates[1] }}', 29.97),
    ('{{ tasks["split"].outputs }}', {"COUNT": "2", "META": '{"codec": "vp9", "rates": [30, 29.97]}'}),
    ('{{ tasks["split"].artifacts[0].url }}', "file:///vol/split/video.1"),
    ('{{ tasks["split"].artifacts[1].path }}', "video.2"),
    ('{{ tasks["split"].artifacts[-1].size }}', 12),
    ('{{ tasks["split"].artifacts | length }}', 2),
    ("{{ outputs.R.summary.total }}", 10),
    ("{{ outputs.R.outputs }}", AGGREGATE["outputs"]),
    ("{{ outputs.R.outputs[1].CALC }}", "400"),
    ("{{ outputs['R']['outputs'][0]['CALC'] }}", "100"),
    ("{{ outputs.R.outputs[params.N - 2].CALC }}", "400"),
    ("{{ outputs.JSON_LIST[0] }}", 1),
    ("{{ outputs.JSON_LIST[1:] }}", [2, 3]),
    ("{{ outputs.JSON_LIST }}", "[1, 2, 3]"),  # printed whole it is the text
    ("{{ outputs.TEXT[:5] }}", "plain"),
    ("{{ params.ENV[::-1] }}", "dorp"),
    # operators
    ("{{ params.N + 1 }}", 4),
    ("{{ 7 - 2 - 1 }}", 4),
    ("{{ 7 / 2 }}", 3.5),
    ("{{ 7 // 2 }}", 3),
    ("{{ -params.N }}", -3),
    ("{{ +params.N }}", 3),
    ("{{ 'a' + 'b' }}", "ab"),
    ("{{ [1] + [2] }}", [1, 2]),
    ("{{ 'n=' ~ params.N ~ true ~ none ~ [1, 'a'] }}", 'n=3truenull[1,"a"]'),
    ("{{ params.ENV == 'prod' }}", True),
    ("{{ params.N == '3' }}", False),
    ("{{ params.N != 3 }}", False),
    ("{{ 1 < params.N <= 3 }}", True),
    ("{{ 'a' < 'b' }}", True),
    ("{{ 2 >= 3 }}", False),
    ("{{ params.ENV in ['prod', 'test'] }}", True),
    ("{{ 'x' not in params.ENV }}", True),
    ("{{ 'total' in outputs.R.summary }}", True),
    ("{{ 3 in [1, 2] }}", False),
    ("{{ outputs.NUMBER == '42' }}", True),
    ("{{ not params.EMPTY }}", True),
    ("{{ params.EMPTY or params.ENV }}", "prod"),
    ("{{ params.N > 2 and params.ENV }}", "prod"),
    ("{{ false and params.MISSING }}", False),
    ("{{ 'big' if params.N > 2 else 'small' }}", "big"),
    ("{{ params.MISSING if false else 'x' }}", "x"),
    # tests
    ("{{ params.ENV is defined }}", True),
    ("{{ params.MISSING is defined }}", False),
    ("{{ params.MISSING is not defined }}", True),
    ("{{ outputs.R.summary.none is undefined }}", True),
    ("{{ none is none }}", True),
    ("{{ params.N is number }}", True),
    ("{{ true is number }}", False),
    ("{{ params.N is string }}", False),
    ("{{ outputs.TEXT is string }}", True),
    # filters
    ("{{ params.MISSING | default('d') }}", "d"),
    ("{{ params.MISSING | default }}", ""),
    ("{{ params.EMPTY | default('d') }}", ""),
    ("{{ params.EMPTY | default('d', true) }}", "d"),
    ("{{ params.EMPTY | default('d', boolean=true) }}", "d"),
    ("{{ outputs.R.summary.nothing | default(0) }}", 0),
    ("{{ outputs.EMPTY.a | default('not JSON') }}", "not JSON"),
    ("{{ outputs.NUMBER | int + 1 }}", 43),
    ("{{ '42.9' | int }}", 42),
    ("{{ 'x' | int }}", 0),
    ("{{ 'x' | int(5) }}", 5),
    ("{{ 'ff' | int(base=16) }}", 255),
    ("{{ 1.9 | int }}", 1),
    ("{{ params.N | string }}", "3"),
    ("{{ 1.0 | string }}", "1.0"),
    ("{{ 'Ab' | lower ~ 'Ab' | upper }}", "abAB"),
    ("{{ ' a ' | trim }}", "a"),
    ("{{ '--a-' | trim('-') }}", "a"),
    ("{{ 'aXbX' | replace('X', '-') }}", "a-b-"),
    ("{{ 'aXbX' | replace('X', '-', 1) }}", "a-bX"),
    ("{{ 'ab' | replace('', '.') }}", ".a.b."),
    ("{{ [1, 'b', true, none, 2.5] | join('/') }}", "1/b/true/null/2.5"),
    ("{{ params.LIST | split(',') }}", ["a", "b", "", "c"]),
    ("{{ params.NAME | split }}", ["two", "words"]),
    ("{{ params.LIST | split(',', 1) }}", ["a", "b,,c"]),
    ("{{ params.LIST | split(',') | length }}", 4),
    ("{{ params.LIST | split(',') | first }}", "a"),
    ("{{ params.LIST | split(',') | last }}", "c"),
    ("{{ outputs.R.summary | length }}", 5),
    ("{{ '' | first | default('none') }}", "none"),
    ("{{ params.PATH_ | basename }}", "video.mp4"),
    ("{{ '/a/b/' | basename }}", "b"),
    ("{{ '/' | basename }}", "/"),
    ("{{ outputs.R.summary | tojson }}", '{"total":10,"succeeded":8,"failed":2,"cancelled":0,"skipped":0}'),
    ("{{ 'é<' | tojson }}", '"é<"'),
    ("{{ '[1, {\"a\": null}]' | fromjson }}", [1, {"a": None}]),
    ("{{ (params.LIST | tojson | fromjson) == params.LIST }}", True),
    ("{{ params.NAME | quote }}", "'two words'"),
    ('{{ "it\'s" | quote }}', "'it'\"'\"'s'"),
    ("{{ params.ENV | matches('^pr') }}", True),
    ("{{ params.ENV | matches('^d') }}", False),
    # text around expressions
    ("encode-{{ params.ENV }}", "encode-prod"),
    ("{{ params.N }}{{ params.N }}", "33"),
    (" {{ params.N }}", " 3"),
    ("{{ 1.5 }} {{ true }} {{ none }} {{ [1, 'é'] }}", '1.5 true null [1,"é"]'),
    ("a {{- params.N -}} b", "a3b"),
    ("{{- params.N -}}", 3),
    ("{{ '}}' }} {{ '{{' }}", "}} {{"),
    ("${#list[@]} {# no comment #} {% {{ params.N }}\r\n", "${#list[@]} {# no comment #} {% 3\r\n"),
    ("}} alone, {single}", "}} alone, {single}"),
    ("{{ 'a\r\nb' }}", "a\r\nb"),
    ("{{ '\\d \\n \\u00e9 \\\\d' }}", "\\d \n é \\d"),
]


@pytest.mark.parametrize(("source", "expected"), GOOD, ids=[source for source, _ in GOOD])
def test_an_expression_renders_to_its_value(source: str, expected: Value) -> None:
    value = render(source)
    assert value == expected
    assert type(value) is type(expected)


OURS_ALONE = (
    "~",
    "\r",
    "\\d",
    "true is number",
    "}}{{",
    "}} ",
    "outputs.JSON_LIST[1:]",
    "outputs.TEXT[:5]",
    "outputs.NUMBER ==",
)
"""Different by design: JSON's words in text, bytes kept, booleans are no numbers, outputs are texts to operators."""

AS_JINJA2 = [
    source for source, _ in GOOD if source.startswith("{{ ") and not any(each in source for each in OURS_ALONE)
]


@pytest.mark.parametrize("source", AS_JINJA2)
def test_jinja2_itself_gives_the_same_value(source: str) -> None:
    """Our evaluator means what Jinja2 means: its own evaluation, in the same sandbox, is the oracle."""
    expression = source.removeprefix("{{ ").removesuffix("}}")
    run = ENVIRONMENT.compile_expression(expression, undefined_to_none=False)
    value = run(
        params=ITEM.params,
        run=ITEM.run,
        outputs={name: ITEM.output(name) for name in ITEM.outputs},
        tasks={name: {field: ITEM.task_field(name, field) for field in ITEM.tasks[name]} for name in ITEM.tasks},
        item=ITEM.item,
        index=ITEM.index,
    )
    assert render(source) == to_value(Budget(), value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ params.N }}", "3"),
        ("{{ true }}", "true"),
        ("{{ none }}", "null"),
        ("{{ 1.0 }}", "1.0"),
        ("{{ outputs.R.summary.total }}", "10"),
        ("{{ outputs.R.outputs }}", '[{"CALC":"100"},{"CALC":"400"}]'),
        ("{{ tasks.split.outputs }}", '{"COUNT":"2","META":"{\\"codec\\": \\"vp9\\", \\"rates\\": [30, 29.97]}"}'),
        ("no template", "no template"),
    ],
)
def test_a_field_that_wants_text_gets_text(source: str, text: str) -> None:
    assert compile_template(source, field="f").render_text(ITEM, field="f") == text


def test_d9_a_number_of_the_aggregate_is_printed_as_decimal_text() -> None:
    assert render("total={{ outputs.R.summary.total }}") == "total=10"


@pytest.mark.parametrize(("count", "runs"), [("0", False), ("10", True)])
def test_d15_a_condition_on_an_earlier_output(count: str, runs: bool) -> None:  # noqa: FBT001
    context = Context(params={}, run={}, outputs={"R": f'{{"summary": {{"succeeded": {count}}}}}'})
    assert render("{{ outputs.R.summary.succeeded | matches('^[1-9][0-9]*$') }}", context) is runs


def test_what_is_rendered_is_not_shared_with_the_context() -> None:
    first = render("{{ outputs.R.outputs }}")
    assert isinstance(first, list)
    first.clear()
    assert render("{{ outputs.R.outputs }}") == AGGREGATE["outputs"]
