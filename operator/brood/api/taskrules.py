"""What one task can and cannot have: each rule for the API server (CEL), and for people (a message naming the task)."""

from typing import TYPE_CHECKING, Final

from brood.api.container import check_container
from brood.api.rules import validations, violation

if TYPE_CHECKING:
    from brood.api.task import Task

REF_RULES: Final = validations(
    (
        "has(self.name) ? !has(self.type) && !has(self.version) : has(self.type) && has(self.version)",
        "a definitionRef is either {name} or {type, version}",
    ),
)

CONTINUE_RULES: Final = validations(
    (
        "!(has(self.markSuccess) && self.markSuccess) || (has(self.failure) && self.failure) || has(self.exitCodes)",
        "markSuccess needs failure or exitCodes",
        ".markSuccess",
    ),
)

_CONTAINER = "(has(self.container) || has(self.script))"
TASK_RULES: Final = validations(
    (
        f"({_CONTAINER} ? 1 : 0) + (has(self.run) ? 1 : 0) + (has(self.fork) ? 1 : 0) + (has(self.await) ? 1 : 0) <= 1",
        "a task has at most one body: container and/or script, run, fork or await",
    ),
    (
        f"!has(self.parallel) || {_CONTAINER} || has(self.run) || has(self.fork)",
        "parallel needs a container, script, run or fork",
        ".parallel",
    ),
    (
        "!(has(self.fork) && has(self.parallel)) || !(has(self.parallel.maxFailures) || has(self.parallel.failFast))",
        "on a fork, parallel takes items, itemsFrom, maxItems and maxConcurrent only",
        ".parallel",
    ),
    ("!(has(self.fork) && has(self.retryPolicy))", "a fork takes no retryPolicy", ".retryPolicy"),
    (
        f"!has(self.output) || {_CONTAINER} || has(self.run)",
        "output needs a container, script or run; a fork has none",
        ".output",
    ),
    (f"!has(self.pools) || self.pools.size() == 0 || {_CONTAINER}", "pools need a container or script", ".pools"),
    ("!has(self.artifacts) || has(self.script)", "artifacts need a script", ".artifacts"),
    (
        "!has(self.artifactsFrom) || self.artifactsFrom.size() == 0 || has(self.script)",
        "artifactsFrom needs a script",
        ".artifactsFrom",
    ),
)


def check_task(task: "Task") -> None:
    """Refuse a task whose fields do not go together; the first violation is raised."""
    _check_body(task)
    if task.fork is not None:
        _check_fork(task)
    subject = f"task {task.name!r}"
    if task.output is not None and not task.is_container and task.run is None:
        raise violation("output", f"{subject}: output needs a container, script or run")
    if task.pools and not task.is_container:
        raise violation("pools", f"{subject}: pools need a container or script")
    for field, given in (("artifacts", task.artifacts is not None), ("artifactsFrom", bool(task.artifacts_from))):
        if given and task.script is None:
            raise violation(field, f"{subject}: {field} needs a script; a container without one runs untouched")
    check_container(task.container, script=task.script, subject=subject)
    for path, names in (
        ("dependsOn", task.depends_on),
        ("artifactsFrom", task.artifacts_from),
        ("pools", task.pools),
        ("await.tasks", task.await_.tasks if task.await_ else ()),
    ):
        check_unique(names, path=path, subject=subject)


def check_unique(names: tuple[str, ...], *, path: str, subject: str, what: str = "listed") -> None:
    """Refuse a list in which a name stands twice."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            raise violation(f"{path}[{index}]", f"{subject}: {name!r} is {what} twice")
        seen.add(name)


def _check_body(task: "Task") -> None:
    bodies = [
        name
        for name, given in (
            ("container/script", task.is_container),
            ("run", task.run is not None),
            ("fork", task.fork is not None),
            ("await", task.await_ is not None),
        )
        if given
    ]
    if len(bodies) > 1:
        raise violation(
            "",
            f"task {task.name!r}: at most one body is allowed; found {' and '.join(bodies)}",
        )
    if task.parallel is not None and (not bodies or task.await_ is not None):
        raise violation("parallel", f"task {task.name!r}: parallel needs a container, script, run or fork")


def _check_fork(task: "Task") -> None:
    if task.retry_policy is not None:
        raise violation("retryPolicy", f"task {task.name!r}: a fork takes no retryPolicy")
    if task.output is not None:
        raise violation(
            "output", f"task {task.name!r}: a fork has no output; read those of its children through files or a run"
        )
    for field in ("max_failures", "fail_fast"):
        if task.parallel is not None and field in task.parallel.model_fields_set:
            wire = "maxFailures" if field == "max_failures" else "failFast"
            raise violation(
                f"parallel.{wire}",
                f"task {task.name!r}: on a fork, parallel takes items, itemsFrom, maxItems and maxConcurrent only",
            )
