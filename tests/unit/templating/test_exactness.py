"""Hostile values arrive byte-exact: a template is evaluated once, and what it gives is never looked at again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brood.templating import Context, OutputText, TemplateError, compile_template, render_tree
from tests.unit.templating.sample import RUN

HOSTILE = {
    "quotes": "a\"; touch x; \"'b'",
    "substitution": "$(touch x) `touch x` ${HOME} $$ $(HOME)",
    "newlines": "\n a \r\n b\r c\n\n",
    "tabs and escapes": "\t\x1b[31m\\n\\x00\\",
    "unicode": "é 世界 🎬 \u202e\u2028\ufeff e\u0301",
    "template": "{{ params.SECRET }} {% for %} {# #} }}",
    "html": "<b>&amp;</b>",
    "JSON": '{"a": 1.10, "a" : 1e5 }',
    "percent": "%s %(x)s %n {0} {x}",
    "large": "x'\"$\\\n" * 20_000,
    "blank": " ",
    "empty": "",
}


def context_of(value: str) -> Context:
    return Context(
        params={"V": value},
        run=RUN,
        tasks={"t": {"output": value, "outputs": {"V": value}, "artifacts": [{"path": value}]}},
        outputs={"V": value, "J": json.dumps({"v": value})},
        item={"v": value},
        index=0,
    )


SOURCES = [
    "{{ params.V }}",
    "{{ outputs.V }}",
    "{{ outputs.J.v }}",
    "{{ tasks.t.output }}",
    "{{ tasks.t.outputs.V }}",
    "{{ tasks.t.artifacts[0].path }}",
    "{{ item.v }}",
    "{{ params.V | string }}",
    "{{ params.V | tojson | fromjson }}",
    "{{ params.V if true else '' }}",
    "{{ params.V | default('d') }}",
    "{{ [outputs.V] | join }}",
    "{{ params.V ~ '' }}",
    "{{ params.V[:] }}",
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", HOSTILE)
def test_d5_a_hostile_value_is_rendered_byte_exact(name: str, source: str) -> None:
    value, context = HOSTILE[name], context_of(HOSTILE[name])
    template = compile_template(source, field="f")
    assert template.render(context, field="f") == value
    assert template.render_text(context, field="f") == value
    assert compile_template(f"<{source}|{source}>", field="f").render(context, field="f") == f"<{value}|{value}>"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_rendered_byte_exact(value: str) -> None:
    for source in SOURCES:
        assert compile_template(source, field="f").render(context_of(value), field="f") == value


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_literal_text_around_an_expression_is_kept(text: str) -> None:
    literal = text.replace("{", "")
    source = f"{literal}{{{{ 1 }}}}{literal}"
    assert compile_template(source, field="f").render_text(context_of(""), field="f") == f"{literal}1{literal}"


@given(st.text())
def test_text_without_expressions_is_itself(text: str) -> None:
    literal = text.replace("{", "")
    assert render_tree([literal], context_of(""), field="f") == [literal]
    assert compile_template(literal, field="f").render(context_of(""), field="f") == literal


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="\0")), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_a_json_output_is_walked_to_the_same_value(value: object) -> None:
    context = Context(params={}, run=RUN, outputs={"O": json.dumps({"v": value})})
    try:
        rendered = compile_template("{{ outputs.O.v }}", field="f").render(context, field="f")
    except TemplateError as error:
        assert "surrogate" in str(error)  # noqa: PT017 - keys may hold what values do not
        return
    assert rendered == value
    text = compile_template("{{ outputs.O.v }}", field="f").render_text(context, field="f")
    assert text == (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":")))


@pytest.mark.parametrize("number", ["10", "0", "-1", "1" + "0" * 400, "1.5", "-0.25", "true", "false", "null"])
def test_a_json_scalar_is_printed_as_its_json_text(number: str) -> None:
    context = Context(params={}, run=RUN, outputs={"O": f'{{"n": {number}}}'})
    assert compile_template("<{{ outputs.O.n }}>", field="f").render(context, field="f") == f"<{number}>"


@pytest.mark.parametrize("value", ["a\0b", "\0", "\ud800", "a\udfff"])
@pytest.mark.parametrize("source", ["{{ params.V }}", "x{{ params.V }}", "{{ [params.V] }}", "{{ {params.V: 1} }}"])
def test_what_no_object_can_carry_is_refused(value: str, source: str) -> None:
    with pytest.raises(TemplateError, match=r"NUL|surrogate"):
        compile_template(source, field="f").render(Context(params={"V": value}, run=RUN), field="f")


def test_the_size_of_a_result_is_counted_in_bytes() -> None:
    fits, too_large = "é" * (512 * 1024), "é" * (512 * 1024 + 1)
    template = compile_template("{{ params.V }}", field="f")
    assert template.render(Context(params={"V": fits}, run=RUN), field="f") == fits
    with pytest.raises(TemplateError, match="1048578 bytes"):
        template.render(Context(params={"V": too_large}, run=RUN), field="f")


def test_an_output_is_parsed_once_however_often_it_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def parse(text: str) -> object:
        parsed.append(text)
        return {"a": 1}

    monkeypatch.setattr("brood.templating.values.parse_json", parse)
    output = OutputText('{"a": 1}')
    for _ in range(3):
        context = Context(params={}, run=RUN, outputs={"O": output, "P": "x"})
        for source in ("{{ outputs.O.a }}", "{{ outputs.O.a }}{{ outputs.O.a }}", "{{ outputs.P.a }}{{ outputs.P.a }}"):
            compile_template(source, field="f").render(context.with_item(1, 1), field="f")
    assert parsed == ['{"a": 1}', "x", "x", "x"]


def test_an_output_that_nobody_names_is_not_fetched() -> None:
    class Fetched(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            assert name == "SMALL"
            return super().__getitem__(name)

    outputs = Fetched(SMALL="s", LARGE="l")
    context = Context(params={}, run=RUN, outputs=outputs, tasks={"t": {"outputs": outputs}})
    for source in ("{{ outputs.SMALL }}", "{{ tasks.t.outputs.SMALL }}"):
        assert compile_template(source, field="f").render(context, field="f") == "s"
