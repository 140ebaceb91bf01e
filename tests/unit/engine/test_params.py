"""Params of a run and what scripts see of them (contract §1.4, §2, §4)."""

from typing import Any

import pytest

from tests.unit.engine.world import begun, ok, played

DECLARED = """
params:
- {name: URL, required: true, description: where the source is}
- {name: FORMAT, default: MP4, enum: [MP4, WebM, 7]}
- {name: SIZE, default: 1, pattern: "[0-9]+"}
- {name: EMPTY}
tasks: [{name: a, script: x}]
"""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "missing required param URL (where the source is)"),
        ({"URL": "u", "ZZZ": "x"}, "unknown param ZZZ; the definition declares URL, FORMAT, SIZE, EMPTY"),
        ({"URL": "u", "FORMAT": "AVI"}, "param FORMAT is 'AVI'; allowed: MP4, WebM, 7"),
        ({"URL": "u", "SIZE": "1x"}, "param SIZE is '1x'; it must match [0-9]+"),
        ({"URL": "u", "SIZE": "x1"}, "param SIZE is 'x1'; it must match [0-9]+"),  # the whole value
    ],
)
def test_f10_wrong_params_fail_the_run_before_any_pod(given: dict[str, Any], message: str) -> None:
    world = begun(DECLARED, params=given)
    assert world.condition("Succeeded") == ("False", "InvalidParams", message)
    assert world.phase() == "Failed"
    assert not world.made
    assert world.runs["run"].status.handlers == ()
    assert world.condition("Admitted") is None


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ({"URL": "u"}, {"URL": "u", "FORMAT": "MP4", "SIZE": "1", "EMPTY": ""}),
        ({"URL": "", "FORMAT": "7", "SIZE": 30}, {"URL": "", "FORMAT": "7", "SIZE": "30", "EMPTY": ""}),
        (
            {"URL": "{{ params.SIZE }}"},
            {"URL": "{{ params.SIZE }}", "FORMAT": "MP4", "SIZE": "1", "EMPTY": ""},
        ),  # data, never a template
    ],
)
def test_scripts_see_the_params_in_declared_order(given: dict[str, Any], seen: dict[str, str]) -> None:
    world = begun(DECLARED, params=given)
    assert world.request("a").params == tuple(seen.items())
    assert world.request("a").positional is None


def test_a_definition_that_declares_none_accepts_any() -> None:
    world = begun("{tasks: [{name: a, script: x}]}", params={"B": "2", "A": "1"})
    assert world.request("a").params == (("A", "1"), ("B", "2"))


@pytest.mark.parametrize("value", ["{{ params.LIMIT }}", 2])
def test_p2_max_active_tasks_may_be_a_template(value: str | int) -> None:
    spec = {
        "params": [{"name": "LIMIT", "default": 2}],
        "maxActiveTasks": value,
        "tasks": [{"name": f"t{at}", "script": "x"} for at in range(5)],
    }
    world = begun(spec, params={"LIMIT": 2})
    assert len(world.started) == 2
    world.play()
    assert len(world.started) == 5


@pytest.mark.parametrize(
    ("limit", "shown"),
    [("0", "'0'"), ("-1", "'-1'"), ("two", "'two'"), ("", "''"), ("1.5", "'1.5'"), ("9" * 12, "'999999999999'")],
)
def test_a_max_active_tasks_that_renders_to_no_count_fails_the_run(limit: str, shown: str) -> None:
    spec = (
        '{params: [{name: LIMIT, default: "1"}], maxActiveTasks: "{{ params.LIMIT }}", tasks: [{name: a, script: x}]}'
    )
    world = begun(spec, params={"LIMIT": limit})
    message = f"spec.maxActiveTasks: {{{{ params.LIMIT }}}} renders to {shown}, not to an integer of at least 1"
    assert world.condition("Succeeded") == ("False", "InvalidParams", message)
    assert not world.made


def test_p2_junctions_forks_back_off_and_handlers_do_not_count() -> None:
    spec = """
    maxActiveTasks: 1
    tasks:
    - {name: f, fork: {definitionRef: {name: l}}}
    - {name: g, fork: {definitionRef: {name: l}}, parallel: {items: [1, 2]}}
    - {name: j}
    - {name: a, script: x}
    - {name: w, await: {tasks: [f]}}
    definitions: [{name: l, tasks: [{name: x, script: x}, {name: y, script: x}]}]
    """
    world = begun(spec)
    assert world.phases() == {"f": "Succeeded", "g": "Succeeded", "j": "Succeeded", "a": "Running", "w": "Pending"}
    assert world.row("w").reason == "MaxActiveTasks"  # an await counts
    assert len(world.live_pods()) == 1 + 2 * 3  # children count their own
    world.end_task("a", ok())
    world.settle()
    assert world.phases()["w"] == "Running"
    world.play()
    assert world.phase() == "Succeeded"


def test_p2_slots_go_in_the_order_of_the_list() -> None:
    spec = {"maxActiveTasks": 1, "tasks": [{"name": name, "script": "x"} for name in "dcba"]}
    world = played(spec)
    assert world.started == ["run/d", "run/c", "run/b", "run/a"]


def test_p10_env_of_a_task_is_its_own_and_wins_over_that_of_the_definition() -> None:
    spec = """
    env: [{name: A, value: outer}, {name: B, value: outer}]
    taskDefaults: {env: [{name: B, value: default}, {name: D, value: default}]}
    tasks:
    - {name: a, script: x, env: [{name: B, value: own}, {name: NUM, value: 3}, {name: OK, value: true}]}
    - {name: b, script: x}
    """
    world = begun(spec)
    values = {name: {one["name"]: one["value"] for one in world.request(name).env} for name in "ab"}
    assert values["a"] == {"A": "outer", "B": "own", "D": "default", "NUM": "3", "OK": "true"}
    assert values["b"] == {"A": "outer", "B": "default", "D": "default"}


def test_params_of_a_call_are_templates_whose_whole_expressions_keep_integers() -> None:
    spec = """
    params: [{name: COUNT, default: 3}]
    tasks:
    - name: c
      run: {definitionRef: {name: l}, params: {A: "{{ params.COUNT }}", B: "n={{ params.COUNT }}", C: 5, D: "{{ run.name }}/{{ run.root }}"}}
    definitions: [{name: l, params: [{name: A}, {name: B}, {name: C}, {name: D}], tasks: [{name: x}]}]
    """
    world = played(spec)
    assert dict(world.children("c")[0].spec.params) == {"A": 3, "B": "n=3", "C": 5, "D": "run/run"}


def test_inherited_env_keeps_the_value_that_it_has_around_a_local_definition() -> None:
    spec = """
    params: [{name: P, default: x}, {name: Q, default: around}]
    env: [{name: A, value: "{{ params.P }}"}, {name: B, value: "{{ params.Q }}"}]
    tasks: [{name: call, run: {definitionRef: {name: l}}}]
    definitions:
    - {name: l, params: [{name: Q, default: own}], tasks: [{name: deeper, run: {definitionRef: {name: m}}}, {name: a, script: x}]}
    - {name: m, tasks: [{name: b, script: x, parallel: {items: [1]}}]}
    """
    world = played(spec, params={"P": "given"})
    env = {one.task: {each["name"]: each["value"] for each in one.env} for one in world.requests.values()}
    assert env == {"a": {"A": "given", "B": "own"}, "b": {"A": "given", "B": "around"}}
    assert all("P" not in dict(one.params) for one in world.requests.values())


def test_inherited_env_is_that_of_the_nearest_run_of_the_definition_however_deep() -> None:
    spec = """
    params: [{name: P, default: outer}]
    env: [{name: A, value: "{{ params.P }}"}]
    tasks:
    - {name: again, when: "{{ params.P == 'outer' }}", run: {definitionRef: {name: main}, params: {P: inner}}}
    - {name: call, when: "{{ params.P == 'inner' }}", run: {definitionRef: {name: l}}}
    definitions:
    - {name: l, params: [{name: Q}], tasks: [{name: deeper, run: {definitionRef: {name: m}}}, {name: a, script: x, parallel: {items: [1]}}]}
    - {name: m, tasks: [{name: b, script: x}]}
    """
    world = played(spec)
    assert world.phase() == "Succeeded", world.describe()
    env = {one.task: {each["name"]: each["value"] for each in one.env} for one in world.requests.values()}
    assert env == {"a": {"A": "inner"}, "b": {"A": "inner"}}
