"""Items: every form in which they are written or rendered, and what each child gets (contract §1.1, §3, §4)."""

import json
from typing import Any

import pytest
import yaml
from pydantic import JsonValue

from brood.api.jobdefinition import Param
from brood.engine.items import expand
from brood.views import RunView
from tests.unit.engine.world import World, by_task, ok, played

RUN = """
tasks: [{name: p, run: {definitionRef: {name: child}}, parallel: {items: ITEMS}}]
definitions: [{name: child, params: PARAMS, tasks: [{name: x, script: x}]}]
"""
FROM = """
tasks:
- {name: list, script: x, output: LIST}
- {name: p, run: {definitionRef: {name: child}}, parallel: {itemsFrom: "{{ outputs.LIST }}"}}
definitions: [{name: child, params: [{name: A}], tasks: [{name: x, script: x}]}]
"""


def spec(items: object, params: object, body: dict[str, object] | None = None) -> dict[str, object]:
    """Return a definition with written-out items."""
    made: dict[str, object] = yaml.safe_load(
        RUN.replace("ITEMS", json.dumps(items)).replace("PARAMS", json.dumps(params))
    )
    if body is not None:
        made["tasks"][0]["run"]["params"] = body  # type: ignore[index]
    return made


def children(world: World) -> list[RunView]:
    """Return the children of the parallel task."""
    return world.children("p")


# --- texts ---


@pytest.mark.parametrize(
    ("stdout", "items"),
    [
        ('["a", "b c"]', ["a", "b c"]),
        ('[1, "2", true, null, 1.5]', ["1", "2", "true", "null", "1.5"]),
        ("[]", []),
        ("one\ntwo words\n  three  \n\n", ["one", "two words", "three"]),  # lines, trimmed, blanks dropped
        ("one two  three", ["one", "two", "three"]),  # one line of words
        ("one", ["one"]),
        ("./a file.txt\n./b.txt", ["./a file.txt", "./b.txt"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("", []),
        ("  \n \n", []),
        ("42", ["42"]),
        ("[not json", ["[not", "json"]),
        ("{x} {y}", ["{x}", "{y}"]),
        ('"quoted" words', ['"quoted"', "words"]),
        ("a\n[1, 2]", ["a", "[1, 2]"]),
        ('[["p", "q"], ["r"]]', ['["p","q"]', '["r"]']),
    ],
)
def test_d3_items_from_a_text(stdout: str, items: list[str]) -> None:
    world = played(FROM, by_task(list=ok(stdout)))
    assert [one.spec.params["A"] for one in children(world)] == items
    assert world.row("p").phase == ("Succeeded" if items else "Skipped")


def test_d3_one_json_object_is_one_item() -> None:
    world = played(FROM, by_task(list=ok('{"A": "v"}')))
    assert [dict(one.spec.params) for one in children(world)] == [{"A": "v"}]


def test_d3_items_from_a_param() -> None:
    text = """
    params: [{name: L, default: "x y"}]
    tasks: [{name: p, script: x, parallel: {itemsFrom: "{{ params.L }}"}}]
    """
    assert len(children(played(text))) == 2


def test_d11_the_outputs_of_one_stage_are_the_items_of_the_next() -> None:
    text = """
    tasks:
    - {name: first, run: {definitionRef: {name: child}}, parallel: {items: [1, 2]}, output: R}
    - {name: p, run: {definitionRef: {name: next}}, parallel: {itemsFrom: "{{ outputs.R.outputs }}"}}
    definitions:
    - {name: child, params: [{name: A}], tasks: [{name: x, script: x, output: V}]}
    - {name: next, params: [{name: V}], tasks: [{name: y, script: x}]}
    """
    world = played(text, lambda request: ok(f"v{request.index}" if request.capture_stdout else None))
    assert [dict(one.spec.params) for one in children(world)] == [{"V": "v0"}, {"V": "v1"}]


# --- what a child gets ---


def test_d5_a_string_or_number_is_the_first_declared_param_whole() -> None:
    hard = ["two words", 'a"; touch x; "', "$(touch x)", "`id`", "ü☃", "x" * 100_000, " lead", "{{ params.A }}", 42]
    world = played(spec(hard, [{"name": "A"}, {"name": "B", "default": "b"}]))
    assert [one.spec.params for one in children(world)] == [{"A": str(one)} for one in hard]


def test_d5_a_child_that_declares_none_gets_it_as_its_first_argument() -> None:
    world = played(spec(["two words", 42, ["p", "q"]], []))
    requests = [world.request("x", run=one.meta.name) for one in children(world)]
    assert [one.positional for one in requests] == [("two words",), ("42",), ('["p","q"]',)]
    assert all(not one.spec.params for one in children(world))


def test_d7_an_objects_keys_are_named_params_and_override_defaults() -> None:
    items = [{"REGION": "eu", "NUM": 3}, {"REGION": "us", "B": True, "F": 1.5, "Z": None, "L": [1, {"a": 2}]}]
    declared = [{"name": name, "default": "d"} for name in ("REGION", "NUM", "B", "F", "Z", "L")]
    world = played(spec(items, declared))
    assert [dict(one.spec.params) for one in children(world)] == [
        {"REGION": "eu", "NUM": 3},
        {"REGION": "us", "B": "true", "F": "1.5", "Z": "null", "L": '[1,{"a":2}]'},
    ]
    assert dict(world.request("x", run=children(world)[0].meta.name).params) == {
        "REGION": "eu", "NUM": "3", "B": "d", "F": "d", "Z": "d", "L": "d"
    }  # fmt: skip


def test_d7_mixed_items() -> None:
    items = ["simple-string", {"SOURCE": "s3://b", "TARGET": "p/"}, 42, ["array", "of", "values"]]
    world = played(spec(items, [{"name": "SOURCE"}, {"name": "TARGET", "default": "t"}]))
    assert [dict(one.spec.params) for one in children(world)] == [
        {"SOURCE": "simple-string"},
        {"SOURCE": "s3://b", "TARGET": "p/"},
        {"SOURCE": "42"},
        {"SOURCE": '["array","of","values"]'},
    ]


def test_an_object_with_a_param_that_is_not_declared_fails_its_child_before_any_pod() -> None:
    world = played(spec([{"ZZ": "x"}], [{"name": "A"}]))
    assert children(world)[0].status.message == "unknown param ZZ; the definition declares A"
    assert not world.started
    assert (world.row("p").phase, world.row("p").reason) == ("Failed", "ChildFailed")


@pytest.mark.parametrize(
    "item", [{"a b": "x"}, {"PATH": "x"}, {"LD_PRELOAD": "x"}, {"BROOD_X": "x"}, {"yes": "x"}, {"A": "x\0"}, "x\0"]
)
def test_an_item_that_cannot_be_params_fails_the_task_naming_it(item: object) -> None:
    world = played(spec(["good", item], []))
    row = world.row("p")
    assert (row.phase, row.reason) == ("Failed", "TemplateError")
    assert "item 1" in row.message
    assert not children(world)


def test_an_integer_beyond_64_bits_is_passed_on_as_its_text() -> None:
    low, high, beyond = -(2**63), 2**63 - 1, 2**63
    world = played(FROM, by_task(list=ok(json.dumps([{"A": low}, {"A": high}, {"A": beyond}, beyond]))))
    assert [one.spec.params["A"] for one in children(world)] == [low, high, str(beyond)]
    computed: dict[str, object] = {"A": f"{{{{ '{high}' | int }}}}", "B": f"{{{{ '{beyond}' | int }}}}"}
    world = played(spec([1], [{"name": "A"}, {"name": "B"}], computed))
    assert dict(children(world)[0].spec.params) == {"A": high, "B": str(beyond)}


@pytest.mark.parametrize("parallel", [True, False])
def test_a_param_that_renders_to_more_than_it_may_hold_fails_the_task_naming_it(parallel: bool) -> None:  # noqa: FBT001
    made: Any = spec([1], [{"name": "A"}, {"name": "B"}], {"A": 1, "B": "x{{ outputs.BIG }}"})
    made["tasks"].append({"name": "big", "script": "x", "output": "BIG"})
    if not parallel:
        del made["tasks"][0]["parallel"]
    world = played(made, by_task(big=ok("x" * 256 * 1024)))
    row = world.row("p")
    assert (row.phase, row.reason) == ("Failed", "TemplateError")
    assert row.message == "tasks[p].run.params.B: a value has at most 262144 characters, this one 262145"


# --- params in the body ---


def test_d6_params_of_the_body_replace_the_item_and_see_it() -> None:
    body = {"FILE": "{{ item }}", "DIR": "/out/{{ item }}/{{ index }}", "DAYS": 30, "NUM": "{{ index }}"}
    declared = [{"name": name} for name in ("FILE", "DIR", "DAYS", "NUM")]
    world = played(spec(["a b", 7], declared, body))
    assert [dict(one.spec.params) for one in children(world)] == [
        {"FILE": "a b", "DIR": "/out/a b/0", "DAYS": 30, "NUM": 0},
        {"FILE": 7, "DIR": "/out/7/1", "DAYS": 30, "NUM": 1},
    ]


def test_d6_keys_of_an_object_item() -> None:
    world = played(spec([{"k": {"deep": ["x"]}}], [{"name": "A"}], {"A": "{{ item.k.deep[0] }}"}))
    assert [dict(one.spec.params) for one in children(world)] == [{"A": "x"}]


def test_d6_a_key_that_an_item_does_not_have_fails_the_task() -> None:
    world = played(spec([{"k": 1}, {"z": 1}], [{"name": "A"}], {"A": "{{ item.k }}"}))
    row = world.row("p")
    assert (row.phase, row.reason) == ("Failed", "TemplateError")
    assert "tasks[p].run.params.A" in row.message
    assert not children(world)


# --- how many ---


def test_d17_more_items_than_the_limit_fail_the_task_in_the_words_of_the_page() -> None:
    world = played(FROM, by_task(list=ok("\n".join(str(one) for one in range(1001)))))
    row = world.row("p")
    assert (row.phase, row.reason) == ("Failed", "TooManyItems")
    assert row.message == "parallel execution exceeds maximum limit: 1001 items (max: 1000)"
    assert not children(world)


def test_items_are_counted_before_equal_ones_are_dropped() -> None:
    text = "{tasks: [{name: p, script: x, parallel: {items: [a, a, a], maxItems: 2}}]}"
    row = played(text).row("p")
    assert row.message == "parallel execution exceeds maximum limit: 3 items (max: 2)"


def test_d18_items_with_equal_final_params_run_once_and_leave_a_gap() -> None:
    text = '{tasks: [{name: p, script: x, output: R, parallel: {items: [a, b, a, 1, "1", c]}}]}'
    world = played(text)
    assert [one.index for one in children(world)] == [0, 1, 3, 5]
    row = world.row("p")
    assert row.items is not None
    assert (row.items.total, row.items.completed_indexes) == (4, "0-1,3,5")
    assert [one["parameters"] for one in json.loads(world.outputs()["R"])["results"]] == ["a", "b", "1", "c"]


def test_d18_what_counts_is_the_final_params_not_the_item() -> None:
    world = played(spec([{"x": 1, "y": 1}, {"x": 1, "y": 2}], [{"name": "A"}], {"A": "{{ item.x }}"}))
    assert [one.index for one in children(world)] == [0]
    world = played(spec([{"A": "1", "B": 2}, {"B": "2", "A": 1}], [{"name": "A"}, {"name": "B"}]))
    assert [one.index for one in children(world)] == [0]


@pytest.mark.parametrize("kind", ["run", "fork", "script"])
def test_o18_no_items_skip_the_task_which_counts_as_ended_well(kind: str) -> None:
    body = "script: x" if kind == "script" else f"{kind}: {{definitionRef: {{name: child}}}}"
    output = "" if kind == "fork" else "output: R,"
    text = f"""
    tasks:
    - {{name: p, {body}, {output} parallel: {{items: []}}, onSucceeded: b}}
    - {{name: b, script: x}}
    - {{name: c, script: x, dependsOn: [p]}}
    definitions: [{{name: child, tasks: [{{name: x, script: x}}]}}]
    """
    world = played(text)
    assert (world.row("p").phase, world.row("p").reason) == ("Skipped", "NoItems")
    assert (world.phases()["b"], world.phases()["c"], world.phase()) == ("Succeeded", "Succeeded", "Succeeded")
    if output:
        assert json.loads(world.outputs()["R"]) == {
            "summary": {"total": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0}, "results": [], "outputs": [],
        }  # fmt: skip


def test_an_items_template_that_cannot_be_rendered_fails_the_task() -> None:
    text = "{tasks: [{name: a, script: x, output: O}, {name: p, script: x, parallel: {itemsFrom: '{{ outputs.O.list }}'}}]}"
    row = played(text, by_task(a=ok("not json"))).row("p")
    assert (row.phase, row.reason) == ("Failed", "TemplateError")
    assert "tasks[p].parallel.itemsFrom" in row.message


def test_d11_what_an_item_of_itemsfrom_holds_beside_params_of_the_child_is_left_out() -> None:
    declared = [Param(name="FILE"), Param(name="TO", default="x")]
    rows: list[JsonValue] = [
        {"IS_VALID": "true", "FILE": "a"},
        {"IS_VALID": "false", "FILE": "a"},
        {"not a name": 1, "FILE": "b"},
        {"FIEL": "c"},
    ]
    found = expand(rows, declared=declared, call=None, container=False, rendered=True)
    assert [dict(item.params) for item in found.items] == [{"FILE": "a"}, {"FILE": "b"}, {"FIEL": "c"}]
    written = expand(rows[:1], declared=declared, call=None, container=False)
    assert dict(written.items[0].params) == {"IS_VALID": "true", "FILE": "a"}
