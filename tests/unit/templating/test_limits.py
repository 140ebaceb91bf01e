"""Every limit holds where it is said to hold: what is just within it works, what is just beyond is refused by name."""

import json

import pytest

from brood.templating import Context, TemplateError, compile_template
from tests.unit.templating.sample import RUN, render

HALF = "a" * (512 * 1024)
LIST = json.dumps([0] * 50_000)
WORLD = Context(
    params={"HALF": HALF, "A": "a", "EMPTY": "", "COMMAS": "," * 99_999},
    run=RUN,
    outputs={
        "DEEP": "[" * 100 + "]" * 100,
        "DEEPER": "[" * 101 + "]" * 101,
        "LIST": f'{{"l": {LIST}}}',
        "BIG_NUMBER": f'{{"n": {2**4095}, "m": {2**4096}}}',
    },
)


@pytest.mark.parametrize(
    ("within", "beyond", "cause"),
    [
        ("{{ params.HALF ~ params.HALF }}", "{{ params.HALF ~ params.HALF ~ params.A }}", "text of 1048577 characters"),
        ("{{ params.HALF + params.HALF }}", "{{ params.HALF + params.HALF + params.A }}", "text of 1048577 characters"),
        (
            "{{ params.HALF | replace('a', 'bb') | length }}",
            "{{ params.HALF | replace('a', 'bbb') | length }}",
            "text of 1572864 characters",
        ),
        ("{{ params.HALF }}{{ params.HALF }}", "x{{ params.HALF }}{{ params.HALF }}", "text of 1048577 characters"),
        (
            "{{ outputs.LIST.l + outputs.LIST.l }}",
            "{{ outputs.LIST.l + outputs.LIST.l + [1] }}",
            "list of 100001 elements",
        ),
        ("{{ params.COMMAS | split(',') }}", "{{ (params.COMMAS ~ ',') | split(',') }}", "list of 100001 elements"),
        ("{{ outputs.DEEP[0] | tojson }}", "{{ outputs.DEEPER[0] | tojson }}", "nested deeper than 100"),
        ("{{ outputs.DEEP | fromjson }}", "{{ outputs.DEEPER | fromjson }}", "nested deeper than 100"),
        ("{{ outputs.DEEP | fromjson }}", "{{ [outputs.DEEP | fromjson] }}", "nested deeper than 100"),
        ("{{ outputs.BIG_NUMBER.n }}", "{{ outputs.BIG_NUMBER.m }}", "more than 4096 bits"),
        ("x{{ outputs.BIG_NUMBER.n }}", "x{{ outputs.BIG_NUMBER.m }}", "more than 4096 bits"),
        ("{{ " + "not " * 48 + "1 }}", "{{ " + "not " * 49 + "1 }}", "nested deeper than 48"),
        ("{{ " + "[" * 49 + "]" * 49 + " }}", "{{ " + "[" * 50 + "]" * 50 + " }}", "nested deeper than 48"),
        ("{{ 1" + " | string" * 48 + " }}", "{{ 1" + " | string" * 49 + " }}", "nested deeper than 48"),
        ("{{ [" + "1," * 499 + "] }}", "{{ [" + "1," * 500 + "] }}", "1000 words and signs"),
        ("{{ 1 }}" * 256, "{{ 1 }}" * 257, "max: 256 expressions"),
        ("{{ '" + "x" * 2044 + "' }}", "{{ '" + "x" * 2045 + "' }}", "2048 characters"),
        ("{{ 1 }}" + "x" * 65_529, "{{ 1 }}" + "x" * 65_530, "65537 characters"),
        ("{{ 'a' | matches('" + "b" * 1000 + "') }}", "{{ 'a' | matches('" + "b" * 1001 + "') }}", "too long"),
        ("{{ 'a' | trim('" + "b" * 64 + "') }}", "{{ 'a' | trim('" + "b" * 65 + "') }}", "at most 64"),
        ("{{ '" + "9" * 1200 + "' | int }}", "{{ '" + "9" * 1201 + "' | int }}", "at most 1200"),
        (
            "{{ " + " ~ ".join(["(params.HALF | upper | length)"] * 15) + " }}",
            "{{ " + " ~ ".join(["(params.HALF | upper | length)"] * 17) + " }}",
            "costs too much",
        ),
    ],
    ids=lambda text: text[:50],
)
def test_a_limit(within: str, beyond: str, cause: str) -> None:
    compile_template(within, field="f").render(WORLD, field="f")
    with pytest.raises(TemplateError) as caught:
        compile_template(beyond, field="f").render(WORLD, field="f")
    assert cause in str(caught.value)


def test_and_gives_its_left_side_where_that_is_empty() -> None:
    assert render("{{ params.EMPTY and params.A }}", WORLD) == ""
    assert render("{{ params.A and params.A }}", WORLD) == "a"


@pytest.mark.parametrize(
    "source", ["{{ [1, 2][true] }}", "{{ [1, 2]['0'] }}", "{{ [1, 2][1.0] }}", "{{ {'1': 2}[1] }}"]
)
def test_a_position_is_an_integer_and_a_key_is_text(source: str) -> None:
    with pytest.raises(TemplateError):
        render(source, WORLD)


def test_a_budget_is_for_one_rendering() -> None:
    template = compile_template("{{ params.HALF | upper | length }}", field="f")
    for _ in range(50):
        template.render(WORLD, field="f")
