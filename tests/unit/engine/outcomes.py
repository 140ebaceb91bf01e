"""How a Pod can end, as `pods/` would tell the engine."""

from collections.abc import Callable

from brood.api.reasons import TaskReason
from brood.views import Artifact, PodRequest, TaskResult

Outcome = Callable[[PodRequest], TaskResult | None]
"""How the Pod of a request ends; None: it goes on."""


def ok(stdout: str | None = None, **outputs: str) -> TaskResult:
    """Return a success."""
    return TaskResult(None, exit_code=0, stdout=stdout, outputs=outputs)


def kept(*paths: str) -> TaskResult:
    """Return a success that left files of ten bytes."""
    return TaskResult(None, exit_code=0, artifacts=tuple(Artifact(path, 10) for path in paths))


def exits(code: int, stdout: str | None = None) -> TaskResult:
    """Return a failure by exit code."""
    return TaskResult(TaskReason.EXIT_CODE, exit_code=code, message=f"exit code {code}", stdout=stdout)


def fails(reason: TaskReason, message: str = "") -> TaskResult:
    """Return a failure without an exit code, by the task's own fault."""
    return TaskResult(reason, message=message or f"it was {reason}")


def evicted() -> TaskResult:
    """Return a failure of the infrastructure."""
    return TaskResult(TaskReason.EVICTED, message="node is low on memory", infrastructure=True)


def deleted() -> TaskResult:
    """Return the end of a Pod that was deleted and did not exit with 0."""
    return TaskResult(TaskReason.POD_DELETED, exit_code=143, message="the Pod was deleted", infrastructure=True)


def by_task(**results: TaskResult | None) -> Outcome:
    """Outcomes by task name (dashes as underscores); everything else succeeds."""
    return lambda request: results.get(request.task.replace("-", "_"), ok("" if request.capture_stdout else None))


def in_turn(**results: list[TaskResult]) -> Outcome:
    """Outcomes of the attempts of a task, by its name; the last one goes on."""

    def outcome(request: PodRequest) -> TaskResult | None:
        ends = results.get(request.task.replace("-", "_"))
        if ends is None:
            return ok("" if request.capture_stdout else None)
        return ends[min(request.attempt, len(ends)) - 1]

    return outcome
