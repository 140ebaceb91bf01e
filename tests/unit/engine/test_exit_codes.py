"""Which exit code a task, a child run and a parallel task has, and where it counts (contract §1.2)."""

import pytest

from brood.views import PodRequest, TaskResult
from tests.unit.engine.outcomes import Outcome
from tests.unit.engine.world import by_task, exits, ok, played

CALL = """
tasks:
- {name: call, run: {definitionRef: {name: child}}, onExitCode: [{codes: [3], task: three}], onFailed: other, onSucceeded: good}
- {name: three, script: x}
- {name: other, script: x}
- {name: good, script: x}
definitions:
- name: child
  tasks: CHILD
"""


@pytest.mark.parametrize(
    ("tasks", "ends", "code", "route"),
    [
        ("[{name: a, script: x}]", {"a": 3}, 3, "three"),
        ("[{name: a, script: x}]", {"a": 4}, 4, "other"),
        ("[{name: a, script: x}, {name: b, script: x}]", {"a": 3, "b": 3}, 3, "three"),
        ("[{name: a, script: x}, {name: b, script: x}]", {"a": 3, "b": 4}, None, "other"),
        # of the unhandled ones only
        ("[{name: a, script: x}, {name: b, script: x, continueOn: {failure: true}}]", {"a": 3, "b": 4}, 3, "three"),
        ("[{name: a, script: x}, {name: b, script: x, onFailed: c}, {name: c}]", {"a": 3, "b": 4}, 3, "three"),
        ("[{name: a, script: x}]", {"a": 0}, None, "good"),
        ("[{name: a, script: x, continueOn: {failure: true}}]", {"a": 3}, None, "good"),
    ],
)
def test_that_of_a_child_run_is_the_one_of_its_unhandled_failed_tasks(
    tasks: str, ends: dict[str, int], code: int | None, route: str
) -> None:
    world = played(
        CALL.replace("CHILD", tasks), by_task(**{name: exits(one) if one else ok() for name, one in ends.items()})
    )
    assert world.row("call").exit_code == code
    assert world.row("call").routed_to == route


def test_a_child_that_failed_without_a_code_has_none() -> None:
    spec = CALL.replace("CHILD", '[{name: a, script: x, when: "{{ tasks.j.exitCode == 1 }}"}, {name: j}]')
    world = played(spec)
    assert (world.row("call").reason, world.row("call").exit_code) == ("ChildFailed", None)
    assert world.row("call").routed_to == "other"


def test_the_child_of_a_fork_that_failed_is_no_failed_task_and_takes_no_code_away() -> None:
    spec = """
    tasks: [{name: call, run: {definitionRef: {name: outer}}}]
    definitions:
    - {name: outer, tasks: [{name: a, script: x}, {name: f, fork: {definitionRef: {name: inner}}}]}
    - {name: inner, tasks: [{name: b, script: x}]}
    """
    assert played(spec, by_task(a=exits(3), b=exits(4))).row("call").exit_code == 3


def test_a_code_goes_up_through_every_level() -> None:
    spec = """
    tasks: [{name: call, run: {definitionRef: {name: outer}}, retryPolicy: {limit: 1, exitCodes: [3]}}]
    definitions:
    - {name: outer, tasks: [{name: call, run: {definitionRef: {name: inner}}}]}
    - {name: inner, tasks: [{name: a, script: x}]}
    """
    world = played(spec, by_task(a=exits(3)))
    assert world.row("call").exit_code == 3
    assert len(world.children("call")) == 2
    assert world.runs["run"].status.exit_code == 3


PARALLEL = """
tasks:
- {name: p, script: x, parallel: {items: [a, b, c], RULE}, onExitCode: [{codes: [3], task: three}], onFailed: other, onSucceeded: good}
- {name: three, script: x}
- {name: other, script: x}
- {name: good, script: x}
"""


def by_index(*codes: int) -> Outcome:
    """Return exit codes by item."""

    def outcome(request: PodRequest) -> TaskResult:
        code = 0 if request.index is None else codes[request.index]
        return exits(code) if code else ok()

    return outcome


@pytest.mark.parametrize(
    ("rule", "codes", "code", "route"),
    [
        ("maxFailures: 0", (3, 0, 3), 3, "three"),
        ("maxFailures: 0", (3, 0, 4), None, "other"),
        ("maxFailures: 0", (4, 4, 4), 4, "other"),
        ("failFast: true", (3, 3, 3), None, "other"),
        ("maxFailures: 1", (0, 3, 0), None, "good"),  # it did not end the task
        ("maxFailures: 0", (0, 0, 0), None, "good"),
    ],
)
def test_that_of_a_parallel_task_is_the_one_of_its_failed_items(
    rule: str, codes: tuple[int, ...], code: int | None, route: str
) -> None:
    world = played(PARALLEL.replace("RULE", rule), by_index(*codes))
    assert world.row("p").exit_code == code
    assert world.row("p").routed_to == route


def test_an_await_has_none() -> None:
    spec = """
    tasks:
    - {name: f, fork: {definitionRef: {name: child}}}
    - {name: w, await: {tasks: [f]}, onExitCode: [{codes: [3], task: three}], onFailed: other}
    - {name: three, script: x}
    - {name: other, script: x}
    definitions: [{name: child, tasks: [{name: a, script: x}]}]
    """
    world = played(spec, by_task(a=exits(3)))
    assert (world.row("w").reason, world.row("w").exit_code) == ("ChildFailed", None)
    assert world.phases() == {"f": "Succeeded", "w": "Failed", "three": "Skipped", "other": "Succeeded"}
    assert world.phase() == "Succeeded"


def test_a_code_of_an_earlier_attempt_does_not_outlive_it() -> None:
    """A `run` whose second child succeeds has no exit code, so its routes go by success."""
    spec = CALL.replace("CHILD", "[{name: a, script: x}]").replace(
        "onFailed: other", "onFailed: other, retryPolicy: {limit: 1}"
    )
    first = iter([exits(3)])
    world = played(spec, lambda request: next(first, ok()) if request.task == "a" else ok())
    assert (world.row("call").phase, world.row("call").exit_code) == ("Succeeded", None)
    assert world.row("call").routed_to == "good"
