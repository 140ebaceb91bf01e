"""Random expressions: each gives a JSON value or a `TemplateError`, in bounded time and with a bounded result."""

import json
from datetime import timedelta
from time import thread_time

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from brood.templating import Context, OutputText, TemplateError, Value, compile_template, is_template
from brood.templating.filters import FILTERS
from tests.unit.templating.sample import AGGREGATE, RUN

WORLD = Context(
    params={"A": "text", "B": 3, "BIG": "ab'" * 100_000, "NUL": "\0", "U": "é🎬"},
    run=RUN,
    tasks={
        "t": {"phase": "Succeeded", "exitCode": 0, "output": "[1]", "outputs": {"X": "{}"}, "artifacts": [{"url": "u"}]}
    },
    outputs={"R": OutputText(json.dumps(AGGREGATE)), "S": "a b", "WIDE": OutputText(json.dumps([[1] * 20_000, "x"]))},
    item={"k": [1, None, 2.5, "s"], "deep": {"a": {"b": 1}}},
    index=3,
)
SECONDS = 0.5  # of CPU for one rendering at the limit of its budget
PATIENT = settings(
    max_examples=400,
    deadline=timedelta(seconds=5),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

LITERALS = ["1", "0", "-1", "2.5", "1e308", "99999999999999999999", "true", "false", "none", "[]", "{}", "[1, 'a']"]
TEXTS = ["'a'", "''", "' b '", "'[1]'", "'{\"a\": 1}'", "'(a+)+$'", "','", "'\\\\d'", "{'k': 1}", "self", "range"]
PARAMS = ["params.A", "params.B", "params.BIG", "params.NUL", "params.U", "params.missing", "run.name"]
TASKS = [
    "tasks.t.phase",
    "tasks.t.output",
    "tasks.t.outputs",
    "tasks.t.artifacts",
    "item",
    "item.k",
    "item.deep",
    "index",
]
OUTPUTS = ["outputs.R", "outputs.S", "outputs.WIDE", "outputs.R.summary"]
ATOMS = st.sampled_from(LITERALS + TEXTS + PARAMS + TASKS + OUTPUTS)
NAMES = st.sampled_from(["k", "a", "b", "summary", "total", "__class__", "keys", "X", "url", "0"])
SIGNS = ["+", "-", "/", "//", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or", "*", "**", "%", "is"]
OPERATORS = st.sampled_from(SIGNS)
FILTER_NAMES = st.sampled_from([*FILTERS, "map", "attr", "format"])
TEST_NAMES = st.sampled_from(["defined", "undefined", "none", "string", "number", "callable"])
NOISE = st.text(alphabet="{}%()[]'\"|.~*+-,:\\ \0\r\naé_1", max_size=3)
OPENINGS = ["(", "[", "{'a':", "-", "not ", "1+", "1 and ", "params.A|", "item.", "1 if ", "'", "\\", "{{", "}}", "~"]


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Put one more layer around expressions."""
    return st.one_of(
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("({} if {})".format, inner, inner),
        st.builds("({}).{}".format, inner, NAMES),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({})[{}:{}:{}]".format, inner, inner, inner, inner),
        st.builds("{}.{}".format, inner, NAMES),
        st.builds("({} | {})".format, inner, FILTER_NAMES),
        st.builds("({} | {}({}))".format, inner, FILTER_NAMES, inner),
        st.builds("({} | {}({}, {}))".format, inner, FILTER_NAMES, inner, inner),
        st.builds("({} is {})".format, inner, TEST_NAMES),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("{}({})".format, inner, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, larger, max_leaves=12)


def check(source: str) -> None:
    """Render, and check everything that is promised of any source."""
    begin = thread_time()
    for text in (False, True):
        try:
            template = compile_template(source, field="f")
            value: Value = template.render_text(WORLD, field="f") if text else template.render(WORLD, field="f")
        except TemplateError as error:
            message = str(error)
            assert len(message) <= 256
            assert message.isprintable()
            assert "object at 0x" not in message
            continue
        printed = json.dumps(value, ensure_ascii=False, allow_nan=False)
        assert len(printed) <= 10 * 1024 * 1024
        if is_template(source):
            assert "\0" not in printed
            printed.encode()
        if text:
            assert isinstance(value, str)
    assert thread_time() - begin < SECONDS


@PATIENT
@given(EXPRESSIONS)
@example("params.BIG | replace('a', params.BIG)")
@example("params.BIG | split('a') | join(params.BIG)")
@example("[outputs.WIDE, outputs.WIDE[0], outputs.WIDE[0]] | tojson | fromjson")
def test_an_expression_gives_a_json_value_or_a_template_error(expression: str) -> None:
    check("{{ " + expression + " }}")


@PATIENT
@given(st.lists(EXPRESSIONS | st.text(max_size=5), min_size=2, max_size=4), st.text(max_size=3))
def test_so_do_several_with_text_around_them(parts: list[str], text: str) -> None:
    check(text + text.join("{{ " + part + " }}" for part in parts))


@PATIENT
@given(EXPRESSIONS, st.data())
def test_so_does_an_expression_with_an_accident(expression: str, data: st.DataObject) -> None:
    source = "{{ " + expression + " }}"
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(source)))
        cut = data.draw(st.integers(0, 3))
        source = source[:at] + data.draw(NOISE) + source[at + cut :]
    check(source)


@PATIENT
@given(st.text(alphabet="{}%#-()[]'\"|.~,:\\ x1\n", max_size=60))
def test_so_does_line_noise(source: str) -> None:
    check(source)


@PATIENT
@given(st.text(max_size=200))
def test_so_does_any_text_as_an_expression(text: str) -> None:
    check("{{" + text + "}}")


@PATIENT
@given(
    st.sampled_from(
        ["(", "[", "{'a':", "-", "not ", "1+", "1 and ", "params.A|", "item.", "1 if ", "'", "\\", "{{", "}}", "~"]
    ),
    st.integers(1, 3000),
    st.sampled_from(["", "1", ")", "]", "}", "'"]),
    st.integers(0, 3000),
)
def test_so_does_endless_repetition(opening: str, times: int, closing: str, again: int) -> None:
    check("{{ " + opening * times + "1" + closing * again + " }}")
