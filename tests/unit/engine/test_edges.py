"""Which task runs when: routes (OR) and AND-edges, and why a task is skipped (contract §1.2)."""

import itertools

import pytest

from tests.unit.engine.world import World, begun, by_task, exits, ok, played

# --- one table: how routes and AND-edges combine ---
#
# `r1` and `r2` route to `x` when they succeed, `x` depends on `d`. A route fires or does not; a dependency ends well or not.

TABLE = [
    # r1 fires, r2 fires, d ends as, x is, reason
    (True, True, "Succeeded", "Succeeded", ""),
    (True, False, "Succeeded", "Succeeded", ""),
    (False, True, "Succeeded", "Succeeded", ""),
    (False, False, "Succeeded", "Skipped", "NotRouted"),
    (True, True, "Failed", "Skipped", "UpstreamFailed"),
    (True, False, "Failed", "Skipped", "UpstreamFailed"),
    (False, False, "Failed", "Skipped", "UpstreamFailed"),
    (True, False, "Skipped", "Skipped", "UpstreamSkipped"),
    (False, False, "Skipped", "Skipped", "UpstreamSkipped"),
]

ROUTES_AND_EDGES = """
tasks:
- {name: r1, script: x, onSucceeded: x}
- {name: r2, script: x, onSucceeded: x}
- {name: d, script: x, when: "WHEN"}
- {name: x, script: x, dependsOn: [d]}
"""


@pytest.mark.parametrize(("first", "second", "dependency", "phase", "reason"), TABLE)
def test_a_task_starts_if_one_route_fired_and_all_dependencies_ended_well(
    *, first: bool, second: bool, dependency: str, phase: str, reason: str
) -> None:
    spec = ROUTES_AND_EDGES.replace("WHEN", "false" if dependency == "Skipped" else "true")
    ends = {"r1": ok() if first else exits(1), "r2": ok() if second else exits(1)}
    ends["d"] = exits(1) if dependency == "Failed" else ok()
    world = played(spec, by_task(**ends))
    assert world.phases()["d"] == dependency
    assert (world.row("x").phase, world.row("x").reason) == (phase, reason)


def test_a_task_starts_once_however_many_routes_fired() -> None:
    world = played(ROUTES_AND_EDGES.replace("WHEN", "true"))
    assert world.started.count("run/x") == 1
    assert world.row("x").attempt == 1


def test_p1_tasks_without_incoming_edges_start_at_once() -> None:
    world = begun("{tasks: [{name: a, script: x}, {name: b, script: x}, {name: c, script: x}]}")
    assert world.started == ["run/a", "run/b", "run/c"]
    assert set(world.phases().values()) == {"Running"}


def test_a_failure_does_not_stop_independent_branches() -> None:
    spec = "{tasks: [{name: bad, script: x}, {name: a, script: x}, {name: b, script: x, dependsOn: [a]}]}"
    world = begun(spec)
    world.end_task("bad", exits(1))
    world.settle()
    assert world.phase() == "Running"
    world.play()
    assert world.phases() == {"bad": "Failed", "a": "Succeeded", "b": "Succeeded"}
    assert world.phase() == "Failed"


def test_p3_a_diamond_fans_out_and_in() -> None:
    spec = """
    tasks:
    - {name: top, script: x}
    - {name: left, script: x, dependsOn: [top]}
    - {name: right, script: x, dependsOn: [top]}
    - {name: bottom, script: x, dependsOn: [left, right]}
    """
    world = begun(spec)
    assert world.started == ["run/top"]
    world.end_task("top", ok())
    world.settle()
    assert world.started == ["run/top", "run/left", "run/right"]
    world.end_task("right", ok())
    world.settle()
    assert world.phases()["bottom"] == "Pending"
    world.play()
    assert world.started[-1] == "run/bottom"


@pytest.mark.parametrize(
    "field",
    [
        "when: \"{{ tasks.a.phase == 'Succeeded' }}\"",
        "when: \"{{ tasks['a'].exitCode == 0 }}\"",
        'env: [{name: E, value: "{{ outputs.OUT }}"}]',
        "container: {image: \"img:{{ tasks['a'].output }}\"}",
        'artifacts: {paths: ["{{ outputs.OUT }}"]}',
        'pools: ["pool-{{ outputs.OUT }}"]',
        "artifactsFrom: [a]",
        "dependsOn: [a]",
    ],
)
def test_what_a_task_names_is_an_edge(field: str) -> None:
    spec = f"{{tasks: [{{name: b, script: x, {field}}}, {{name: a, script: x, output: OUT}}]}}"
    world = begun(spec)
    assert world.started == ["run/a"]
    world.end_task("a", ok("1"))
    world.settle()
    assert world.started == ["run/a", "run/b"]


def test_a_task_that_routes_here_is_an_or_edge_only_however_else_it_is_named() -> None:
    spec = """
    tasks:
    - {name: a, script: x, output: OUT, onFailed: b}
    - {name: b, script: x, dependsOn: [a], when: "{{ tasks.a.phase == 'Failed' and tasks.a.exitCode == 3 }}"}
    """
    world = played(spec, by_task(a=exits(3)))
    assert world.phases() == {"a": "Failed", "b": "Succeeded"}
    assert world.phase() == "Succeeded"


# --- skip reasons, in their order ---

SKIPS = """
tasks:
- {name: failed, script: x}
- {name: skipped, script: x, when: "false"}
- {name: router, script: x, onFailed: x}
- {name: x, script: x, dependsOn: [DEPENDS], when: "WHEN"}
"""


@pytest.mark.parametrize(
    ("depends", "when", "routed", "reason"),
    [
        ("failed, skipped", "false", False, "UpstreamFailed"),
        ("failed", "false", True, "UpstreamFailed"),
        ("skipped", "false", False, "UpstreamSkipped"),
        ("skipped", "true", True, "UpstreamSkipped"),
        ("", "false", False, "NotRouted"),
        ("", "false", True, "ConditionNotMet"),
    ],
)
def test_the_first_reason_that_applies_is_told(*, depends: str, when: str, routed: bool, reason: str) -> None:
    spec = SKIPS.replace("DEPENDS", depends).replace("WHEN", when)
    world = played(spec, by_task(failed=exits(1), router=exits(1) if routed else ok()))
    row = world.row("x")
    assert (row.phase, row.reason) == ("Skipped", reason)
    assert row.attempt == 0
    assert row.message


def test_a_skip_is_passed_on_and_a_failure_behind_a_skip_is_not_one() -> None:
    spec = """
    tasks:
    - {name: a, script: x}
    - {name: b, script: x, dependsOn: [a]}
    - {name: c, script: x, dependsOn: [b]}
    """
    world = played(spec, by_task(a=exits(1)))
    assert [world.row(name).reason for name in "abc"] == ["ExitCode", "UpstreamFailed", "UpstreamSkipped"]


# --- when ---


@pytest.mark.parametrize(
    ("when", "phase"),
    [
        ("true", "Succeeded"),
        ("false", "Skipped"),
        ("{{ params.env == 'prod' }}", "Succeeded"),
        ("{{ params.env == 'dev' }}", "Skipped"),
    ],
)
def test_when_decides(when: str, phase: str) -> None:
    world = played(f'{{params: [{{name: env, default: prod}}], tasks: [{{name: a, script: x, when: "{when}"}}]}}')
    assert world.phases() == {"a": phase}
    assert world.phase() == "Succeeded"


@pytest.mark.parametrize(("stdout", "phase"), [("0", "Skipped"), ("10", "Succeeded")])
def test_d15_a_condition_on_an_earlier_output(stdout: str, phase: str) -> None:
    spec = """
    tasks:
    - {name: a, script: x, output: R}
    - {name: b, script: x, when: "{{ outputs.R | matches('^[1-9][0-9]*$') }}"}
    """
    assert played(spec, by_task(a=ok(stdout))).phases()["b"] == phase


def test_a_condition_that_names_what_is_not_there_fails_the_task_and_says_what_there_is() -> None:
    world = played("{tasks: [{name: a, script: x}, {name: b, script: x, when: \"{{ tasks.a.outputs.NO == '1' }}\"}]}")
    row = world.row("b")
    assert (row.phase, row.reason) == ("Failed", "TemplateError")
    assert "tasks[b].when" in row.message
    assert "NO" in row.message


def test_when_is_evaluated_last_so_that_it_may_name_what_only_a_good_end_leaves() -> None:
    spec = "{tasks: [{name: a, script: x}, {name: b, script: x, when: \"{{ tasks.a.outputs.N == '1' }}\"}]}"
    assert played(spec, by_task(a=exits(1))).row("b").reason == "UpstreamFailed"


# --- junctions ---


def test_a_junction_succeeds_at_once_and_needs_no_pod() -> None:
    world = played("{tasks: [{name: a}, {name: b, dependsOn: [a]}]}")
    assert world.phases() == {"a": "Succeeded", "b": "Succeeded"}
    assert world.row("a").exit_code is None
    assert not world.made


def test_a_chain_of_junctions_is_decided_in_one_pass() -> None:
    tasks = [{"name": f"j{at}", **({"dependsOn": [f"j{at - 1}"]} if at else {})} for at in range(50)]
    world = World()
    world.define({"tasks": tasks})
    world.submit()
    world.step("run")
    world.step("run")
    assert world.phase() == "Succeeded"


# --- a table of outcomes for every route ---

ALL = list(itertools.product(["ok", "one", "three", "skip"], repeat=2))


@pytest.mark.parametrize(("first", "second"), ALL)
def test_a_join_of_two_tasks_with_every_kind_of_route(first: str, second: str) -> None:
    spec = f"""
    tasks:
    - {{name: a, script: x, when: "{first != "skip"}", onSucceeded: good, onFailed: bad, onExitCode: [{{codes: [3], task: three}}]}}
    - {{name: b, script: x, when: "{second != "skip"}", onSucceeded: good, onFailed: bad, onExitCode: [{{codes: [3], task: three}}]}}
    - {{name: good, script: x}}
    - {{name: bad, script: x}}
    - {{name: three, script: x}}
    """
    ends = {"ok": ok(), "one": exits(1), "three": exits(3), "skip": ok()}
    world = played(spec, by_task(a=ends[first], b=ends[second]))
    for target, kind in (("good", "ok"), ("bad", "one"), ("three", "three")):
        assert world.phases()[target] == ("Succeeded" if kind in {first, second} else "Skipped")
    assert world.phase() == "Succeeded"
