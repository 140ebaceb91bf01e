"""The aggregate of a parallel task, to the character (contract §3, §4)."""

import json

import pytest

from brood.views import PodRequest, TaskResult
from tests.unit.engine.world import World, begun, exits, ok, played

CALC = """
tasks:
- {name: p, run: {definitionRef: {name: calculate}}, output: RESULTS, parallel: {items: ["10", "20", "30"]}, REST}
- {name: after, script: x, env: [{name: NUM, value: "{{ outputs.RESULTS.outputs[0].CALC_RESULT }}"}], when: "{{ outputs.RESULTS.summary.total == 3 }}"}
definitions: [{name: calculate, params: [{name: NUM}], tasks: [{name: c, script: x, output: CALC_RESULT}]}]
"""


def square(request: PodRequest) -> TaskResult:
    """Calculate."""
    numbers = dict(request.params)
    return ok(str(int(numbers["NUM"]) ** 2)) if request.task == "c" else ok()


def test_d8_the_aggregate_of_the_page() -> None:
    world = played(CALC.replace("REST", "continueOn: {}"), square)
    assert world.outputs()["RESULTS"] == (
        '{"summary":{"total":3,"succeeded":3,"failed":0,"cancelled":0,"skipped":0},"results":['
        '{"parameters":"10","status":"success","output":{"CALC_RESULT":"100"}},'
        '{"parameters":"20","status":"success","output":{"CALC_RESULT":"400"}},'
        '{"parameters":"30","status":"success","output":{"CALC_RESULT":"900"}}],'
        '"outputs":[{"CALC_RESULT":"100"},{"CALC_RESULT":"400"},{"CALC_RESULT":"900"}]}'
    )
    assert world.request("after").env == ({"name": "NUM", "value": "100"},)


def test_d8_results_are_in_item_order_with_slow_first_items_too() -> None:
    world = begun(CALC.replace("REST", "continueOn: {}"))
    for name in reversed(world.live_pods()):
        world.end(name, square(world.requests[name]))
        world.settle()
    world.play()
    found = json.loads(world.outputs()["RESULTS"])
    assert [one["parameters"] for one in found["results"]] == ["10", "20", "30"]
    assert [one["CALC_RESULT"] for one in found["outputs"]] == ["100", "400", "900"]


def test_d12_failed_items_are_in_the_results_with_what_they_had_and_not_in_the_outputs() -> None:
    def outcome(request: PodRequest) -> TaskResult:
        return exits(2, "half") if request.index == 1 else square(request)

    world = played(CALC.replace("REST", "continueOn: {failure: true}"), outcome)
    assert json.loads(world.outputs()["RESULTS"]) == {
        "summary": {"total": 3, "succeeded": 2, "failed": 1, "cancelled": 0, "skipped": 0},
        "results": [
            {"parameters": "10", "status": "success", "output": {"CALC_RESULT": "100"}},
            {"parameters": "20", "status": "failed", "output": {"CALC_RESULT": "half"}},
            {"parameters": "30", "status": "success", "output": {"CALC_RESULT": "900"}},
        ],
        "outputs": [{"CALC_RESULT": "100"}, {"CALC_RESULT": "900"}],
    }
    assert world.phases() == {"p": "Failed", "after": "Succeeded"}
    assert world.phase() == "PartiallySucceeded"


def test_d20_a_child_without_output_leaves_an_empty_object() -> None:
    spec = "{tasks: [{name: p, run: {definitionRef: {name: c}}, output: R, parallel: {items: [a]}}], definitions: [{name: c, tasks: [{name: x, script: x}]}]}"
    assert json.loads(played(spec).outputs()["R"])["results"] == [
        {"parameters": "a", "status": "success", "output": {}}
    ]


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ("text", "text"),
        (42, "42"),
        (True, "true"),
        (1.5, "1.5"),
        (None, "null"),
        (["p", 1], '["p",1]'),
        ({"A": "eu", "B": 3}, {"A": "eu", "B": 3}),
        ({"A": True, "B": None}, {"A": "true", "B": "null"}),
        ({"A": [1], "B": {"k": "v"}}, {"A": "[1]", "B": '{"k":"v"}'}),
    ],
)
def test_parameters_are_the_item_text_or_the_object_of_params(item: object, shown: object) -> None:
    spec = {
        "tasks": [{"name": "p", "run": {"definitionRef": {"name": "c"}}, "output": "R", "parallel": {"items": [item]}}],
        "definitions": [
            {"name": "c", "params": [{"name": "A"}, {"name": "B"}], "tasks": [{"name": "x", "script": "x"}]}
        ],
    }
    assert json.loads(played(spec).outputs()["R"])["results"][0]["parameters"] == shown


def test_with_params_in_the_body_parameters_are_the_object_of_final_params() -> None:
    spec = {
        "tasks": [
            {"name": "p", "run": {"definitionRef": {"name": "c"}, "params": {"A": "x{{ item }}", "B": 3}}, "output": "R",
             "parallel": {"items": [1]}},
        ],
        "definitions": [{"name": "c", "params": [{"name": "A"}, {"name": "B"}], "tasks": [{"name": "x", "script": "x"}]}],
    }  # fmt: skip
    assert json.loads(played(spec).outputs()["R"])["results"][0]["parameters"] == {"A": "x1", "B": 3}


def test_a_container_body_gives_each_items_stdout_as_its_output_of_that_name() -> None:
    spec = "{tasks: [{name: p, script: x, output: R, parallel: {items: [a, b]}}]}"
    world = played(spec, lambda request: ok(f"said {request.item}"))
    found = json.loads(world.outputs()["R"])
    assert [one["output"] for one in found["results"]] == [{"R": "said a"}, {"R": "said b"}]


def test_items_dropped_by_fail_fast_are_skipped() -> None:
    spec = "{tasks: [{name: p, script: x, output: R, parallel: {items: [a, b, c], maxConcurrent: 1, failFast: true}}]}"
    world = played(spec, lambda request: exits(1) if request.index == 0 else ok())
    found = json.loads(world.outputs()["R"])
    assert [one["status"] for one in found["results"]] == ["failed", "skipped", "skipped"]
    assert found["summary"] == {"total": 3, "succeeded": 0, "failed": 1, "cancelled": 0, "skipped": 2}
    assert found["results"][2] == {"parameters": "c", "status": "skipped", "output": {}}


def test_items_not_started_because_of_a_shutdown_are_cancelled_and_the_ended_ones_kept() -> None:
    spec = "{tasks: [{name: p, script: x, output: R, parallel: {items: [a, b, c], maxConcurrent: 1}}]}"
    world = begun(spec)
    world.end(world.live_pods()[0], ok("A"))
    world.settle()
    world.shutdown("run")
    world.play(lambda _: ok("B"))
    found = json.loads(world.outputs()["R"])
    assert [(one["status"], one["output"]) for one in found["results"]] == [
        ("success", {"R": "A"}), ("success", {"R": "B"}), ("cancelled", {}),
    ]  # fmt: skip
    assert world.phases() == {"p": "Cancelled"}


def test_large_outputs_of_children_are_in_the_aggregate_whole() -> None:
    spec = "{tasks: [{name: p, script: x, output: R, parallel: {items: [a, b]}}]}"
    world = played(spec, lambda request: ok(f"{request.item}" * 5000))
    found = json.loads(world.outputs()["R"])
    assert [one["R"] for one in found["outputs"]] == ["a" * 5000, "b" * 5000]


def test_an_aggregate_that_is_too_large_fails_the_task_naming_the_size() -> None:
    spec = "{tasks: [{name: p, script: x, output: R, parallel: {items: [a, b, c, d]}}]}"
    world = played(spec, lambda _: ok("x" * 250_000))
    row = world.row("p")
    assert (row.phase, row.reason) == ("Failed", "OutputTooLarge")
    assert row.message == f"output R has {len(expected_aggregate())} bytes (max: 921600)"
    assert world.outputs() == {}


def expected_aggregate() -> str:
    """Return the aggregate of four items with 250,000 characters each."""
    output = {"R": "x" * 250_000}
    results = [{"parameters": one, "status": "success", "output": output} for one in "abcd"]
    summary = {"total": 4, "succeeded": 4, "failed": 0, "cancelled": 0, "skipped": 0}
    return json.dumps({"summary": summary, "results": results, "outputs": [output] * 4}, separators=(",", ":"))


def test_of_a_retried_item_only_the_last_child_is_in_the_aggregate() -> None:
    spec = "{tasks: [{name: p, script: x, output: R, retryPolicy: {limit: 1}, parallel: {items: [a]}}]}"
    turns = iter([exits(1, "first"), ok("second")])
    world: World = played(spec, lambda _: next(turns))
    assert json.loads(world.outputs()["R"])["outputs"] == [{"R": "second"}]
    assert world.row("p").items is not None
