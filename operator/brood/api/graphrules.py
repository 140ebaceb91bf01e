"""What the tasks of one graph can and cannot say of each other.

Cycles and what templates name are checked by the engine, which knows templates.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from brood.api.rules import validations, violation

if TYPE_CHECKING:
    from brood.api.task import Task, TaskDefaults

# Formulations that stay within the API server's cost budget: one map of names per rule, never `exists`.
_NAMES: Final = "[self.transformMapEntry(i, u, {u.name: i})].all(names, self.all(t, %s))"

GRAPH_RULES: Final = validations(
    (
        _NAMES % "!has(t.dependsOn) || t.dependsOn.all(d, d in names)",
        "dependsOn names a task that does not exist in this list",
    ),
    (
        _NAMES % "!has(t.artifactsFrom) || t.artifactsFrom.all(d, d in names)",
        "artifactsFrom names a task that does not exist in this list",
    ),
    (
        _NAMES % "!has(t.await) || t.await.tasks.all(d, d in names && has(self[names[d]].fork))",
        "await.tasks names a task that is no fork of this list",
    ),
    (
        _NAMES
        % (
            "(!has(t.onSucceeded) || t.onSucceeded in names) && (!has(t.onFailed) || t.onFailed in names) && "
            "(!has(t.onExitCode) || t.onExitCode.all(r, r.task in names))"
        ),
        "a route (onSucceeded, onFailed, onExitCode) names a task that does not exist in this list",
    ),
    (
        (
            "self.filter(t, has(t.output)).size() == "
            "self.filter(t, has(t.output)).transformMapEntry(i, t, {t.output: i}).size()"
        ),
        "two tasks declare the same output",
    ),
)


def check_graph(tasks: "tuple[Task, ...]", *, params: tuple[str, ...]) -> None:
    """Refuse a list of tasks that do not go together; the first violation is raised.

    Its path is below the owner of ``tasks``.

    Parameters
    ----------
    tasks
        The tasks of a definition or local definition.
    params
        Names of the params that it declares.
    """
    by_name: dict[str, Task] = {}
    outputs: dict[str, str] = {}
    for index, task in enumerate(tasks):
        if task.name in by_name:
            raise violation(f"tasks[{index}].name", f"two tasks are named {task.name!r}")
        by_name[task.name] = task
    for index, task in enumerate(tasks):
        here = f"tasks[{index}]"
        for path, name in _references(task):
            if name not in by_name:
                close = get_close_matches(name, by_name, n=1)
                meant = f"; did you mean {close[0]!r}?" if close else ""
                told = f"task {task.name!r}: {path.split('[')[0]} names {name!r}, which is no task here{meant}"
                raise violation(f"{here}.{path}", told)
            if path.startswith("await.") and by_name[name].fork is None:
                raise violation(f"{here}.{path}", f"task {task.name!r}: awaits {name!r}, which is no fork")
        if task.output is not None:
            if task.output in outputs:
                raise violation(
                    f"{here}.output",
                    f"tasks {outputs[task.output]!r} and {task.name!r} declare the same output {task.output!r}",
                )
            if task.output in params:
                raise violation(f"{here}.output", f"task {task.name!r}: output {task.output!r} is named like a param")
            outputs[task.output] = task.name


def _references(task: "Task") -> Iterator[tuple[str, str]]:
    for index, name in enumerate(task.depends_on):
        yield f"dependsOn[{index}]", name
    for index, name in enumerate(task.artifacts_from):
        yield f"artifactsFrom[{index}]", name
    for index, name in enumerate(task.await_.tasks if task.await_ else ()):
        yield f"await.tasks[{index}]", name
    if task.on_succeeded is not None:
        yield "onSucceeded", task.on_succeeded
    if task.on_failed is not None:
        yield "onFailed", task.on_failed
    for index, route in enumerate(task.on_exit_code):
        yield f"onExitCode[{index}].task", route.task


def check_script_over_defaults(tasks: "tuple[Task, ...]", defaults: "TaskDefaults | None", *, where: str) -> None:
    """Refuse scripts whose container gets a command from ``taskDefaults``: merged, both would be there at once."""
    if defaults is None or defaults.container is None:
        return
    for index, task in enumerate(tasks):
        for key in ("command", "args"):
            if task.script is not None and defaults.container.get(key) and key not in (task.container or {}):
                raise violation(
                    f"{where}tasks[{index}].script",
                    f"task {task.name!r}: script and the {key} of taskDefaults.container exclude each other",
                )
