"""`handlers` (contract §2.1, §2.2, §4)."""

import pytest

from brood.api.reasons import TaskReason
from brood.views import TaskResult
from tests.unit.engine.world import World, begun, by_task, deleted, evicted, exits, fails, ok, played

ALL = "handlers: {onSuccess: {script: s}, onFailure: {script: f}, onCancel: {script: c}, onExit: {script: e}}"
ONE = f"{{tasks: [{{name: a, script: x}}], {ALL}}}"
BAD = fails(TaskReason.OOM_KILLED, "out of memory")


def handlers(world: World) -> list[str]:
    """Return the handlers that had a Pod, in order."""
    return [one.task for one in world.requests.values() if one.handler]


@pytest.mark.parametrize(
    ("spec", "end", "result", "ran"),
    [
        (ONE, ok(), "Succeeded", ["onSuccess", "onExit"]),
        (ONE, exits(1), "Failed", ["onFailure", "onExit"]),
        (
            ONE.replace("script: x", "script: x, continueOn: {failure: true}"),
            exits(1),
            "PartiallySucceeded",
            ["onSuccess", "onExit"],
        ),
    ],
)
def test_the_handler_of_the_result_runs_then_on_exit(spec: str, end: TaskResult, result: str, ran: list[str]) -> None:
    world = played(spec, by_task(a=end))
    assert world.phase() == result
    assert handlers(world) == ran
    assert [row.name for row in world.runs["run"].status.handlers] == ran
    assert world.condition("HandlersSucceeded") == ("True", "Succeeded", "")


def test_after_a_shutdown_on_cancel_and_on_exit_are_the_only_pods_made() -> None:
    for how in ("Interrupt", "Terminate"):
        world = begun(f"{{maxActiveTasks: 1, tasks: [{{name: a, script: x}}, {{name: b, script: x}}], {ALL}}}")
        world.shutdown("run", how)
        world.play()
        assert handlers(world) == ["onCancel", "onExit"]
        assert world.started == ["run/a", "run/onCancel", "run/onExit"]
        assert world.phase() == "Cancelled"


def test_they_run_one_after_the_other_and_the_phase_is_written_after_them() -> None:
    world = begun(ONE)
    world.end_task("a", ok())
    world.settle()
    assert handlers(world) == ["onSuccess"]
    assert (world.phase(), world.runs["run"].status.result) == ("Running", "Succeeded")
    assert world.condition("Succeeded") == ("Unknown", "Succeeded", "")
    world.end_task("onSuccess", ok())
    world.settle()
    assert handlers(world) == ["onSuccess", "onExit"]
    assert world.phase() == "Running"
    world.end_task("onExit", ok())
    world.settle()
    assert world.phase() == "Succeeded"


@pytest.mark.parametrize("end", [exits(3), BAD])
def test_a_failed_handler_sets_its_condition_never_the_result(end: TaskResult) -> None:
    world = played(ONE, by_task(onSuccess=end))
    assert world.phase() == "Succeeded"
    assert handlers(world) == ["onSuccess", "onExit"]
    assert world.condition("HandlersSucceeded") == ("False", "HandlerFailed", f"onSuccess: {end.reason}: {end.message}")


def test_a_run_without_handlers_has_no_such_condition() -> None:
    assert played("{tasks: [{name: a}]}").condition("HandlersSucceeded") is None


def test_handlers_are_not_in_summary_or_progress() -> None:
    world = played(ONE)
    status = world.runs["run"].status
    assert status.summary is not None
    assert (status.summary.total, status.progress) == (1, "1/1")


def test_handlers_see_params_all_outputs_and_tasks_without_making_edges() -> None:
    spec = """
    params: [{name: P, default: p}]
    env: [{name: LANG, value: C}]
    tasks:
    - {name: a, script: x, output: OUT}
    - {name: b, script: x}
    handlers: {onExit: {script: e, env: [{name: E, value: "{{ tasks.a.phase }} {{ outputs.OUT }} {{ params.P }}"}]}}
    """
    world = played(spec, by_task(a=ok("said"), b=ok(None, WRITTEN="w")))
    request = world.request("onExit")
    assert {one["name"]: one["value"] for one in request.env} == {"LANG": "C", "E": "Succeeded said p"}
    assert dict(request.outputs) == {"OUT": "said", "WRITTEN": "w"}
    assert dict(request.params) == {"P": "p"}


def test_a_handler_that_cannot_be_rendered_fails_and_the_next_one_runs() -> None:
    spec = '{tasks: [{name: a, script: x}], handlers: {onSuccess: {script: s, env: [{name: E, value: "{{ tasks.a.outputs.NONE }}"}]}, onExit: {script: e}}}'
    world = played(spec)
    assert handlers(world) == ["onExit"]
    assert world.row("onSuccess").reason == "TemplateError"
    assert world.phase() == "Succeeded"


@pytest.mark.parametrize(("field", "seconds"), [("", 300), (", timeoutSeconds: 20", 20)])
def test_a_handler_has_time_of_its_own_also_for_its_start(field: str, seconds: int) -> None:
    world = World()
    world.define(f"{{activeDeadlineSeconds: 10, tasks: [{{name: a}}], handlers: {{onExit: {{script: e{field}}}}}}}")
    world.submit()
    world.pods_wait = True
    world.settle()
    assert world.request("onExit").timeout_seconds == seconds
    world.pass_time(seconds)
    world.settle()
    assert world.row("onExit").reason == "PendingTimeout"
    assert world.phase() == "Succeeded"


def test_task_defaults_give_a_handler_container_and_env_but_no_retries_or_time() -> None:
    spec = """
    taskDefaults: {container: {image: alpine}, env: [{name: D, value: d}], retryPolicy: {limit: 5}, timeoutSeconds: 9}
    tasks: [{name: a}]
    handlers: {onExit: {script: e}}
    """
    world = played(spec, by_task(onExit=exits(1)))
    request = world.request("onExit")
    assert (request.container, request.timeout_seconds) == ({"image": "alpine"}, 300)
    assert world.row("onExit").attempt == 1


def test_a_handler_whose_pod_was_evicted_is_tried_again() -> None:
    ends = iter([evicted(), ok()])
    world = played("{tasks: [{name: a}], handlers: {onExit: {script: e}}}", lambda _: next(ends))
    assert (world.row("onExit").attempt, world.phase()) == (2, "Succeeded")
    assert world.condition("HandlersSucceeded") == ("True", "Succeeded", "")


# --- shutdown during handlers ---


def test_interrupt_during_handlers_changes_nothing() -> None:
    world = begun(ONE)
    world.end_task("a", ok())
    world.settle()
    world.shutdown("run")
    world.play()
    assert handlers(world) == ["onSuccess", "onExit"]
    assert (world.phase(), world.condition("Interrupted")) == ("Succeeded", None)


def test_terminate_during_handlers_stops_them_not_the_result() -> None:
    world = begun(ONE)
    world.end_task("a", ok())
    world.settle()
    world.shutdown("run", "Terminate")
    world.settle()
    (name,) = world.live_pods()
    assert world.pods[name].pod.meta.deleting
    world.end(name, deleted())
    world.settle()
    assert handlers(world) == ["onSuccess"]
    assert [(row.phase, row.reason) for row in world.runs["run"].status.handlers] == [("Cancelled", "Terminated")] * 2
    assert world.phase() == "Succeeded"
    told = "onSuccess: Terminated: the Pod was deleted; onExit: Terminated"
    assert world.condition("HandlersSucceeded") == ("False", "HandlerFailed", told)


@pytest.mark.parametrize("how", ["Interrupt", "Terminate"])
def test_a_terminate_that_came_before_the_result_does_not_stop_the_handlers(how: str) -> None:
    world = begun(ONE)
    world.end_task("a", ok())
    world.shutdown("run", how)
    world.play()
    assert handlers(world) == ["onSuccess", "onExit"]  # nothing was cancelled: the natural result
    assert world.phase() == "Succeeded"


def test_a_terminate_after_an_interrupt_stops_handlers_that_run_already() -> None:
    world = begun(f"{{maxActiveTasks: 1, tasks: [{{name: a, script: x}}, {{name: b, script: x}}], {ALL}}}")
    world.shutdown("run")
    world.settle()
    world.end_task("a", ok())
    world.settle()
    assert handlers(world) == ["onCancel"]
    world.shutdown("run", "Terminate")
    world.play()
    assert handlers(world) == ["onCancel"]
    assert world.condition("Succeeded") == ("False", "Interrupted", "shutdown: Interrupt")


def test_a_terminate_after_the_deadline_and_before_the_result_does_not_stop_the_handlers() -> None:
    world = begun(f"{{activeDeadlineSeconds: 10, tasks: [{{name: a, script: x}}], {ALL}}}")
    world.pass_time(10)
    world.settle()
    world.shutdown("run", "Terminate")
    world.settle()
    world.end_task("a", deleted())
    world.play()
    assert handlers(world) == ["onFailure", "onExit"]
    assert world.condition("Succeeded") == ("False", "DeadlineExceeded", "not done by 2026-01-01 00:00:10 UTC")


def test_the_name_of_a_handlers_pod_is_no_tasks() -> None:
    spec = "{tasks: [{name: onExit, script: x}, {name: onExit.handler, script: x}], handlers: {onExit: {script: e}}}"
    world = played(spec)
    assert len(set(world.requests)) == 3
