"""Outputs: where they go, who sees them, what is too large (contract §1.1, §1.3, §1.4, §4)."""

import pytest

from brood.views import TaskResult
from tests.unit.engine.world import World, begun, by_task, exits, ok, played

AFTER = "- {name: z, script: x, dependsOn: [LAST]}"


def seen(world: World, task: str = "z") -> dict[str, str]:
    """Return what a task's Pod sees of outputs: texts, and where the large ones lie."""
    request = world.request(task)
    return dict(request.outputs) | {name: world.values[ref] for name, ref in request.output_refs.items()}


def test_stdout_is_an_output_also_where_it_was_empty() -> None:
    world = played(
        "{tasks: [{name: a, script: x, output: A}, {name: b, script: x, output: B}, {name: c, script: x}]}",
        by_task(a=ok("text")),
    )
    assert world.outputs() == {"A": "text", "B": ""}


def test_of_a_failed_attempt_too_and_only_the_last_one_counts() -> None:
    turns = iter([exits(1, "first"), exits(1, "second")])
    world = played("{tasks: [{name: a, script: x, output: A, retryPolicy: {limit: 1}}]}", lambda _: next(turns))
    assert world.outputs() == {"A": "second"}


def test_a_skipped_task_has_none() -> None:
    assert played('{tasks: [{name: a, script: x, output: A, when: "false"}]}').outputs() == {}


@pytest.mark.parametrize(("size", "small"), [(1024, True), (1025, False), (200_000, False)])
def test_what_is_above_one_kib_lies_in_a_config_map(size: int, small: bool) -> None:  # noqa: FBT001
    world = played(
        "{tasks: [{name: a, script: x, output: A}, {name: z, script: x, dependsOn: [a]}]}", by_task(a=ok("x" * size))
    )
    status = world.runs["run"].status
    assert ("A" in status.outputs, "A" in status.output_refs) == (small, not small)
    assert world.outputs() == {"A": "x" * size}
    assert seen(world) == {"A": "x" * size}


def test_sizes_are_in_bytes() -> None:
    world = played("{tasks: [{name: a, script: x, output: A}]}", by_task(a=ok("ü" * 600)))
    assert "A" in world.runs["run"].status.output_refs


def test_the_status_holds_32_kib_of_outputs_the_rest_lies_in_config_maps() -> None:
    tasks = [{"name": f"t{at}", "script": "x", "output": f"O{at}"} for at in range(50)]
    world = played({"tasks": tasks}, lambda _: ok("x" * 1000))
    status = world.runs["run"].status
    assert sum(len(one) for one in status.outputs.values()) <= 32 * 1024
    assert (len(status.outputs), len(status.output_refs)) == (32, 18)
    assert len(world.outputs()) == 50


def test_an_output_of_more_than_256_kib_fails_the_task_naming_name_and_size() -> None:
    world = played("{tasks: [{name: a, script: x, output: A}]}", by_task(a=ok("x" * (256 * 1024 + 1))))
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == (
        "Failed",
        "OutputTooLarge",
        "output A has 262145 bytes (max: 262144)",
    )
    assert world.outputs() == {}


def test_a_too_large_output_is_a_failure_like_others_for_the_retry_policy() -> None:
    turns = iter([ok("x" * 300_000), ok("fine")])
    world = played("{tasks: [{name: a, script: x, output: A, retryPolicy: {limit: 1}}]}", lambda _: next(turns))
    assert (world.row("a").attempt, world.outputs()) == (2, {"A": "fine"})


# --- written ones ---


def test_what_a_script_writes_is_its_tasks_output_and_everybody_behind_sees_it() -> None:
    spec = """
    tasks:
    - {name: a, script: x}
    - {name: b, script: x, env: [{name: E, value: "{{ tasks.a.outputs.WRITTEN }}"}]}
    - {name: c, script: x, dependsOn: [b]}
    - {name: d, script: x}
    """
    world = played(spec, by_task(a=ok(None, WRITTEN="w", BIG="x" * 5000)))
    assert world.request("b").env == ({"name": "E", "value": "w"},)
    assert seen(world, "c") == {"WRITTEN": "w", "BIG": "x" * 5000}  # transitively
    assert seen(world, "d") == {}
    assert world.outputs() == {"WRITTEN": "w", "BIG": "x" * 5000}
    row = world.row("a")
    assert (dict(row.outputs), list(row.output_refs)) == ({"WRITTEN": "w"}, ["BIG"])


def test_outputs_come_by_either_kind_of_edge_from_tasks_that_ended() -> None:
    spec = """
    tasks:
    - {name: a, script: x, output: A, onFailed: z}
    - {name: b, script: x, output: B, when: "false", continueOn: {skipped: true}}
    - {name: z, script: x, dependsOn: [b]}
    """
    world = played(spec, by_task(a=exits(1, "half")))
    assert seen(world) == {"A": "half"}


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_equal_names_written_upstream_the_later_task_in_the_list_wins(first: str) -> None:
    spec = "{tasks: [{name: a, script: x}, {name: b, script: x}, {name: z, script: x, dependsOn: [a, b]}]}"
    world = begun(spec)
    for name in (first, "b" if first == "a" else "a"):
        world.end_task(name, ok(None, SAME=f"of {name}"))
        world.settle()
    world.play()
    assert seen(world) == {"SAME": "of b"}
    assert world.outputs() == {"SAME": "of b"}


def test_a_declared_output_is_the_stdout_whatever_is_written_by_that_name() -> None:
    spec = """
    tasks:
    - {name: a, script: x, output: A}
    - {name: b, script: x, dependsOn: [a]}
    - {name: z, script: x, dependsOn: [b], env: [{name: OUT, value: "{{ outputs.A }}"}, {name: OWN, value: "{{ tasks.a.outputs.A }}"}]}
    """
    world = played(spec, by_task(a=ok("stdout", A="written"), b=ok(None, A="of b")))
    assert world.outputs() == {"A": "stdout"}
    assert {one["name"]: one["value"] for one in world.request("z").env} == {"OUT": "stdout", "OWN": "written"}


def test_an_output_may_be_walked_where_it_is_json_and_printed_byte_exact() -> None:
    spec = """
    tasks:
    - {name: a, script: x, output: A}
    - {name: z, script: x, env: [{name: ONE, value: "{{ outputs.A.list[1].k }}"}, {name: ALL, value: "{{ outputs.A }}"}]}
    """
    text = '{"list": [1, {"k": "v"}],   "z": 1.0}'
    world = played(spec, by_task(a=ok(text)))
    assert {one["name"]: one["value"] for one in world.request("z").env} == {"ONE": "v", "ALL": text}


def test_d9_out_of_range_is_an_error_that_names_it() -> None:
    spec = '{tasks: [{name: a, script: x, output: A}, {name: z, script: x, env: [{name: E, value: "{{ outputs.A[3] }}"}]}]}'
    row = played(spec, by_task(a=ok("[1]"))).row("z")
    assert (row.phase, row.reason) == ("Failed", "TemplateError")
    assert "tasks[z].env[E].value" in row.message
    assert "outputs.A[3]" in row.message


# --- a server that does not take a ConfigMap ---


def test_a_large_output_waits_for_its_config_map_and_is_not_lost() -> None:
    world = begun("{tasks: [{name: a, script: x, output: A}, {name: z, script: x, dependsOn: [a]}]}")
    world.refuse_others["*"] = ("Quota", "exceeded quota: configmaps")
    world.end_task("a", ok("x" * 5000))
    world.settle()
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Running", "QuotaExceeded", "exceeded quota: configmaps")
    assert all(one.pod.meta.finalizers for one in world.pods.values())
    world.pass_time(10)
    world.settle()
    assert world.row("a").phase == "Running"
    world.refuse_others.clear()
    world.play()
    assert (world.row("a").phase, world.outputs()) == ("Succeeded", {"A": "x" * 5000})


@pytest.mark.parametrize(("kind", "reason"), [("NameConflict", "NameConflict"), ("Forbidden", "OutputInvalid")])
def test_a_config_map_that_is_refused_for_good_fails_the_task(kind: str, reason: str) -> None:
    world = begun("{tasks: [{name: a, script: x, output: A}]}")
    world.refuse_others["*"] = (kind, "no")  # type: ignore[assignment]
    world.play(by_task(a=ok("x" * 5000)))
    row = world.row("a")
    assert (row.phase, row.reason, row.message) == ("Failed", reason, "output A cannot be stored: no")


def test_a_failure_is_told_although_its_output_cannot_be_kept() -> None:
    failed = TaskResult(exits(3).reason, exit_code=3, message="exit code 3", stdout="x" * 300_000)
    world = played("{tasks: [{name: a, script: x, output: A}]}", by_task(a=failed))
    assert (world.row("a").reason, world.row("a").exit_code, world.outputs()) == ("ExitCode", 3, {})
