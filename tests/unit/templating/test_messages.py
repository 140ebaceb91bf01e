"""What the author of a template reads: one line of at most 256 characters that says where, what and why."""

import pytest

from brood.templating import Context, TemplateError, compile_template
from tests.unit.templating.sample import ITEM, RUN, SAMPLE

FIELD = "spec.tasks[2].container.args[0]"


def refusal(source: str, context: Context = ITEM, field: str = FIELD) -> str:
    with pytest.raises(TemplateError) as caught:
        compile_template(source, field=field).render(context, field=field)
    return str(caught.value)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("{{ params.EVN }}", "params has no 'EVN'; did you mean 'ENV'? there are: EMPTY, ENV, LIST, N, NAME, PATH_"),
        ("{{ params.env }}", "params has no 'env'; did you mean 'ENV'? there are: EMPTY, ENV, LIST, N, NAME, PATH_"),
        ("{{ params.qqq }}", "params has no 'qqq'; there are: EMPTY, ENV, LIST, N, NAME, PATH_"),
        (
            "{{ outputs.RR.x }}",
            "outputs has no 'RR'; did you mean 'R'? there are: BROKEN, EMPTY, JSON_LIST, NUMBER, R, TEXT",
        ),
        (
            "{{ outputs.R.summary.totl }}",
            "summary has no 'totl'; did you mean 'total'? there are: cancelled, failed, skipped, succeeded, total",
        ),
        ("{{ outputs.R.outputs[7].CALC }}", "outputs.R.outputs has no [7]; its length is 2"),
        ("{{ outputs.R.outputs[-3] }}", "outputs.R.outputs has no [-3]; its length is 2"),
        ("{{ outputs.R.outputs[0].X }}", "outputs.R.outputs[0] has no 'X'; there are: CALC"),
        ("{{ outputs.R.outputs.CALC }}", "outputs.R.outputs is a list of 2, reached by position; it has no 'CALC'"),
        ("{{ outputs.R.summary.total.x }}", "outputs.R.summary.total is a number; it has no 'x'"),
        ("{{ outputs.TEXT.a }}", "outputs.TEXT is not JSON (Expecting value at character 0), so it has no 'a'"),
        ("{{ outputs.TEXT[params.nope] }}", "params has no 'nope'"),
        ("{{ outputs.R[params.nope] }}", "params has no 'nope'"),
        ("{{ params.ENV.a }}", "params.ENV is text; it has no 'a'"),
        ("{{ params.ENV[0] }}", "params.ENV is text; it has no '0'"),
        ("{{ run.nam }}", "run has no 'nam'; did you mean 'name'? there are: name, namespace, root, uid"),
        ('{{ tasks["splt"].phase }}', "tasks has no 'splt'; did you mean 'split'? there are: get-items, split"),
        ("{{ tasks.split.stdout }}", "there are: artifacts, exitCode, output, outputs, phase"),
        ('{{ tasks["get-items"].output }}', "tasks.get-items has no 'output'; there are: exitCode, phase"),
        ("{{ tasks.get-items.output }}", 'a name with a dash is written tasks["a-b"]'),
        ("{{ tasks.split.artifacts[2].url }}", "tasks.split.artifacts has no [2]; its length is 2"),
        ("{{ tasks[params.ENV].output }}", 'the name behind tasks must be written out: tasks.NAME or tasks["NAME"]'),
        ("{{ parms.ENV }}", "an expression cannot use 'parms'; did you mean 'params'?"),
        ("{{ params.ENV | uper }}", "an expression cannot use the filter 'uper'; did you mean 'upper'?"),
        ("{{ params.ENV is strng }}", "an expression cannot use the test 'strng'; did you mean 'string'?"),
        ("{{ params.ENV.upper() }}", "calls are not allowed, use a filter: basename, default"),
        ("{{ params.ENV | replace('a') }}", "the filter replace: missing a required argument: 'new'"),
        ("{{ params.N ** 2 }}", "** is not allowed"),
        (
            "{{ params.N + 'a' }}",
            "+ cannot add a number and text; ~ joins anything as text, | int makes a number of text",
        ),
        ("{{ params.ENV < 3 }}", "< cannot compare text with a number; | int makes a number of text"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ params.ENV | fromjson }}", "the value is not JSON (Expecting value at character 0)"),
        ("{{ params.ENV | matches('(') }}", "'(' is not a regular expression of RE2: missing )"),
        ("{{ 'x' if false }}", "the condition is false, and there is no else"),
        ("{{ '' | first }}", "first of an empty text"),
        ("{{ params.A params.B }}", "unexpected 'params'; one expression was expected"),
        ("{{ params. }}", "syntax error: "),
        ("{{ params.ENV ", "'{{ params.ENV ' does not end"),
        ("{% if x %}", "statements {% … %} are not allowed, only expressions {{ … }}"),
    ],
)
def test_the_message_names_field_expression_and_cause(source: str, cause: str) -> None:
    message = refusal(source)
    assert message.startswith(f"{FIELD}: ")
    assert cause in message
    if source.endswith("}}"):
        assert source in message


def test_item_is_explained_where_there_is_none() -> None:
    assert "item exists only in params of a parallel task" in refusal("{{ item.x }}", SAMPLE)
    assert "index exists only in params of a parallel task" in refusal("{{ index }}", SAMPLE)


def test_a_null_item_is_an_item() -> None:
    assert compile_template("{{ item }}", field="f").render(SAMPLE.with_item(None, 0), field="f") is None


def test_a_long_list_of_names_is_sorted_and_cut() -> None:
    context = Context(params={f"PARAM_{number:05}": 1 for number in reversed(range(20_000))}, run=RUN)
    message = refusal("{{ params.X }}", context)
    assert " more" in message
    assert len(message) <= 256
    assert message.count("PARAM_") > 3


@pytest.mark.parametrize("size", [300, 60_000])
def test_a_message_is_one_short_line_whatever_is_wrong(size: int) -> None:
    sources = [
        "{{ params['" + "é\n" * min(size, 500) + "'] }}",
        "{{ 'x' }}{{" + "\n" * size + "params.nope }}",
        "x" * size + "{{ params.nope }}",
        "{{ " + "nope" * (size // 4) + " }}",
    ]
    context = Context(params={"\n" * size: 1, "\x00\x1b[31m\ud800": 2}, run=RUN)
    for source in sources:
        message = refusal(source, context, field="spec.tasks[1]." + "deep." * size)
        assert len(message) <= 256
        assert message.isprintable()
        assert message.encode()


def test_the_error_has_its_parts() -> None:
    with pytest.raises(TemplateError) as caught:
        compile_template("a {{ params.nope }}", field="f").render(SAMPLE, field="f")
    assert caught.value.field == "f"
    assert caught.value.expression == "params.nope"
    assert caught.value.detail.startswith("params has no 'nope'")


def test_a_refused_template_is_refused_again_with_the_field_of_the_day() -> None:
    for field in ("spec.a", "spec.b", "spec.a"):
        with pytest.raises(TemplateError, match=f"^{field}: "):
            compile_template("{{ nope }}", field=field)


def test_the_side_that_is_not_taken_is_not_evaluated() -> None:
    assert compile_template("{{ 1 if true else params.nope }}", field="f").render(SAMPLE, field="f") == 1
    assert compile_template("{{ false and params.nope.x }}", field="f").render(SAMPLE, field="f") is False
