"""The status of a run: phase, conditions, summary and rows, put together in one place and written once per plan (§2)."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from brood.api.conditions import remove_condition, set_condition
from brood.api.names import object_name
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType
from brood.api.status import ArtifactsStatus, Condition, JobRunStatus, OutputRef, RunSummary, TaskStatus
from brood.engine.artifacts import all_files, claim_name, write_list
from brood.engine.draft import Draft, cut
from brood.views import ConfigMapRequest, RunView

FILES_SHOWN = 100
_GOOD = frozenset({RunPhase.SUCCEEDED, RunPhase.PARTIALLY_SUCCEEDED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the conditions say of a run: its phase, and reason and message of `Succeeded`."""

    phase: RunPhase
    reason: str
    message: str = ""
    stalled: bool = False  # active, but it will not get further by itself


def with_verdict(run: RunView, status: JobRunStatus, verdict: Verdict, now: datetime) -> JobRunStatus:
    """Return the status with phase, message and the conditions Succeeded, Reconciling and Stalled."""
    phase, generation = verdict.phase, run.meta.generation
    message = cut(verdict.message)
    succeeded: Literal["True", "False", "Unknown"] = "Unknown"
    if phase.ended:
        succeeded = "True" if phase in _GOOD else "False"
    conditions = _set(status.conditions, ConditionType.SUCCEEDED, succeeded, verdict.reason, message, now, generation)
    stalled = verdict.stalled or (phase.ended and phase not in _GOOD)
    if stalled:
        conditions = _set(conditions, ConditionType.STALLED, "True", verdict.reason, message, now, generation)
    else:
        conditions = remove_condition(conditions, ConditionType.STALLED)
    if phase.ended or stalled:
        conditions = remove_condition(conditions, ConditionType.RECONCILING)
    else:
        conditions = _set(conditions, ConditionType.RECONCILING, "True", verdict.reason, message, now, generation)
    ended = (status.completion_time or now) if phase.ended else None
    return observed(run, replace(status, phase=phase, message=message, conditions=conditions, completion_time=ended))


def observed(run: RunView, status: JobRunStatus) -> JobRunStatus:
    """Return the status with the run's generation, in each condition too: `kubectl wait` and kstatus believe no older one.

    Also where that changes nothing: a shutdown after the end, or during handlers.
    """
    generation = run.meta.generation
    conditions = tuple(
        one if one.observed_generation == generation else replace(one, observed_generation=generation)
        for one in status.conditions
    )
    return replace(status, observed_generation=generation, conditions=conditions)


def _set(
    conditions: tuple[Condition, ...],
    type_: ConditionType,
    status: Literal["True", "False", "Unknown"],
    reason: str,
    message: str,
    now: datetime,
    generation: int,
) -> tuple[Condition, ...]:
    return set_condition(
        conditions, type_, status=status, reason=reason, message=message, now=now, generation=generation
    )


def with_condition(
    status: JobRunStatus, type_: ConditionType, *, value: bool, reason: str, message: str, run: RunView, now: datetime
) -> JobRunStatus:
    """Return the status with one condition more, or changed."""
    word: Literal["True", "False"] = "True" if value else "False"
    return replace(
        status, conditions=_set(status.conditions, type_, word, reason, cut(message), now, run.meta.generation)
    )


def with_rows(draft: Draft, status: JobRunStatus) -> JobRunStatus:
    """Return the status with the rows, counts, outputs and files as the draft has them."""
    tasks = draft.rows[: len(draft.graph.nodes)]
    handlers = tuple(row for row in draft.rows[len(draft.graph.nodes) :] if _used(row))
    summary = summarize(tasks)
    ended = summary.succeeded + summary.failed + summary.cancelled + summary.skipped
    return replace(
        status,
        tasks=tuple(tasks),
        handlers=handlers,
        summary=summary,
        progress=f"{ended}/{summary.total}",
        outputs=dict(draft.outputs),
        output_refs=dict(draft.output_refs),
        artifacts=_artifacts(draft, status),
    )


def summarize(rows: list[TaskStatus]) -> RunSummary:
    """Count tasks by phase."""
    counts = Counter([row.phase for row in rows])
    return RunSummary(
        total=len(rows),
        pending=counts[TaskPhase.PENDING],
        running=counts[TaskPhase.RUNNING],
        succeeded=counts[TaskPhase.SUCCEEDED],
        failed=counts[TaskPhase.FAILED],
        cancelled=counts[TaskPhase.CANCELLED],
        skipped=counts[TaskPhase.SKIPPED],
    )


def _used(row: TaskStatus) -> bool:
    return row.attempt > 0 or row.phase is not TaskPhase.PENDING or bool(row.reason)


def _artifacts(draft: Draft, status: JobRunStatus) -> ArtifactsStatus | None:
    if not draft.new_files:
        return status.artifacts
    files = all_files(draft)
    ref: OutputRef | None = None
    if len(files) > FILES_SHOWN:
        run = draft.run.meta
        name = object_name(run.name, run.uid, task="artifact-list", index=len(files), attempt=1)
        text = write_list(files)
        draft.config_maps.append(ConfigMapRequest(run.namespace, name, run.name, run.uid, {"files": text}))
        ref = OutputRef(config_map=name, key="files")
    return ArtifactsStatus(
        claim_name=claim_name(draft), count=len(files), files=tuple(files[:FILES_SHOWN]), list_ref=ref
    )
