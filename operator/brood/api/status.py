"""Statuses: what brood writes, and reads back after a restart.

Frozen slots dataclasses, because the engine builds them by the thousand; one ``TypeAdapter`` each reads, writes and
describes them. Unknown fields are dropped, so that an older operator can read what a newer one wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from brood.api.base import Timestamp
from brood.api.phases import RunPhase, TaskPhase
from brood.api.rules import BY_NAME

WIRE: ConfigDict = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="ignore")


BY_TYPE: Final[dict[str, Any]] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}


@dataclass(frozen=True, slots=True)
class Condition:
    """A meta/v1 Condition."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    type: Annotated[str, Field(description="Type of the condition.")]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="True, False or Unknown.")]
    reason: Annotated[str, Field(description="Why, in one word for machines.")] = ""
    message: Annotated[str, Field(description="Why, in one line for people.")] = ""
    last_transition_time: Annotated[
        Timestamp | None, Field(description="When the status of the condition last changed.")
    ] = None
    observed_generation: Annotated[int | None, Field(description="The generation that the condition speaks of.")] = None


@dataclass(frozen=True, slots=True)
class ItemsStatus:
    """Counts of a parallel task's items, and which have ended, as ranges such as ``0-16,18-19``."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    total: Annotated[int, Field(description="Items that count: equal ones were dropped.")] = 0
    pending: Annotated[int, Field(description="Items that have not started, or wait for a retry.")] = 0
    running: Annotated[int, Field(description="Items that have a live child run.")] = 0
    succeeded: Annotated[int, Field(description="Items that succeeded.")] = 0
    failed: Annotated[int, Field(description="Items that failed, their retries used up.")] = 0
    cancelled: Annotated[int, Field(description="Items that were cancelled.")] = 0
    skipped: Annotated[int, Field(description="Items that failFast dropped.")] = 0
    completed_indexes: Annotated[
        str, Field(description="Indexes of the items that succeeded; they never run again.")
    ] = ""
    failed_indexes: Annotated[str, Field(description="Indexes of the items that failed.")] = ""
    cancelled_indexes: Annotated[str, Field(description="Indexes of the items that were cancelled.")] = ""
    skipped_indexes: Annotated[str, Field(description="Indexes of the items that were dropped.")] = ""


@dataclass(frozen=True, slots=True)
class OutputRef:
    """Where an output lies that is too large for the status."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    config_map: Annotated[str, Field(description="Name of the ConfigMap, owned by the run.")]
    key: Annotated[str, Field(description="Key in its data.")]


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A row: what became of a task or handler. Final once it ended."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    name: Annotated[str, Field(description="Name of the task, or of the handler (onExit).")]
    phase: Annotated[TaskPhase, Field(description="Pending, Running, Succeeded, Failed, Skipped or Cancelled.")] = (
        TaskPhase.PENDING
    )
    attempt: Annotated[int, Field(description="Pods or child runs made for it so far; never resets.")] = 0
    infra_retries: Annotated[int, Field(description="Attempts that infrastructure has cost.")] = 0
    failures: Annotated[
        int, Field(description="Attempts that failed by the task's own fault, as retryPolicy counts them.")
    ] = 0
    exit_code: Annotated[int | None, Field(description="Exit code that ended the task, where there is one.")] = None
    pod_name: Annotated[str | None, Field(description="The newest Pod.")] = None
    child_name: Annotated[str | None, Field(description="The newest child run of a run or fork.")] = None
    start_time: Annotated[Timestamp | None, Field(description="When its first attempt started.")] = None
    completion_time: Annotated[Timestamp | None, Field(description="When it ended.")] = None
    reason: Annotated[str, Field(description="Why it is in its phase, in one word.")] = ""
    message: Annotated[str, Field(description="Why, in one line; the last lines of stderr of a failed script.")] = ""
    next_attempt_time: Annotated[
        Timestamp | None, Field(description="When the next attempt starts, while it waits for it.")
    ] = None
    waiting_since: Annotated[
        Timestamp | None,
        Field(description="Since when it waits for its definition, or for a refused Pod or child run."),
    ] = None
    routed_to: Annotated[str | None, Field(description="The task of the route that fired.")] = None
    outputs: Annotated[Mapping[str, str], Field(description="What the script wrote to $BROOD_OUTPUT, where small.")] = (
        field(default_factory=dict)
    )
    output_refs: Annotated[Mapping[str, OutputRef], Field(description="Where the larger of those lie.")] = field(
        default_factory=dict
    )
    artifacts: Annotated[int | None, Field(description="Number of files that were kept.")] = None
    items: Annotated[ItemsStatus | None, Field(description="Items of a parallel task.")] = None
    taken_over: Annotated[
        str | None,
        Field(
            description="With rerunOf: the attempt whose result this is, as run.uid/task/attempt; its files lie there."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Tasks by state; items are not counted."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    total: Annotated[int, Field(description="All tasks.")] = 0
    pending: Annotated[int, Field(description="Tasks that have not started.")] = 0
    running: Annotated[int, Field(description="Tasks that run.")] = 0
    succeeded: Annotated[int, Field(description="Tasks that succeeded.")] = 0
    failed: Annotated[int, Field(description="Tasks that failed, also where that was handled.")] = 0
    cancelled: Annotated[int, Field(description="Tasks that were cancelled.")] = 0
    skipped: Annotated[int, Field(description="Tasks that were skipped.")] = 0


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A file that was kept."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    task: Annotated[str, Field(description="The task that left it.")]
    path: Annotated[str, Field(description="Its path as in the task's working directory.")]
    size: Annotated[int, Field(description="Its size in bytes.")]
    url: Annotated[str, Field(description="file:// and its path in any Pod of the tree.")]


@dataclass(frozen=True, slots=True)
class ArtifactsStatus:
    """The files of the run."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    claim_name: Annotated[str | None, Field(description="The claim that they lie on.")] = None
    count: Annotated[int, Field(description="Number of files.")] = 0
    files: Annotated[tuple[ArtifactFile, ...], Field(description="The first 100.")] = ()
    list_ref: Annotated[OutputRef | None, Field(description="Where the whole list lies, if there are more.")] = None


@dataclass(frozen=True, slots=True)
class JobRunStatus:
    """What became of a run."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    observed_generation: Annotated[
        int, Field(description="The generation that the status speaks of; -1: not seen yet.")
    ] = -1
    phase: Annotated[
        RunPhase | None,
        Field(
            description="For people: Pending, Queued, Running, Suspended, or how it ended; machines read conditions."
        ),
    ] = None
    message: Annotated[str, Field(description="Why it waits or how it ended, in one line.")] = ""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            description="Admitted, Succeeded, Reconciling, Stalled, Interrupted, HandlersSucceeded.",
            json_schema_extra=BY_TYPE,
        ),
    ] = ()
    revision: Annotated[str | None, Field(description="The ControllerRevision that the run follows.")] = None
    progress: Annotated[str, Field(description="Ended tasks of all tasks, as in 5/7.")] = ""
    start_time: Annotated[Timestamp | None, Field(description="When it was admitted.")] = None
    completion_time: Annotated[Timestamp | None, Field(description="When it ended.")] = None
    suspended_since: Annotated[
        Timestamp | None, Field(description="Since when suspend is in force; deadlines stand still.")
    ] = None
    suspended_seconds: Annotated[int, Field(description="How long earlier suspensions lasted.")] = 0
    result: Annotated[
        RunPhase | None, Field(description="The result, fixed before the handlers run; phase follows after them.")
    ] = None
    exit_code: Annotated[
        int | None, Field(description="Exit code of the failed tasks that nothing handled, if they all have the same.")
    ] = None
    summary: Annotated[RunSummary | None, Field(description="Tasks by state.")] = None
    tasks: Annotated[tuple[TaskStatus, ...], Field(description="A row per task.", json_schema_extra=BY_NAME)] = ()
    outputs: Annotated[Mapping[str, str], Field(description="Outputs by name, 1 KiB each and 32 KiB together.")] = (
        field(default_factory=dict)
    )
    output_refs: Annotated[Mapping[str, OutputRef], Field(description="Where larger outputs lie.")] = field(
        default_factory=dict
    )
    handlers: Annotated[tuple[TaskStatus, ...], Field(description="A row per handler.", json_schema_extra=BY_NAME)] = ()
    artifacts: Annotated[ArtifactsStatus | None, Field(description="Files that were kept.")] = None

    @property
    def finished(self) -> bool:
        """Whether the run has ended, its handlers included.

        All is written at once; a phase that somebody else wrote ends nothing, and is repaired.
        """
        ended = self.completion_time is not None and self.phase is not None and self.phase.ended
        return ended and self.result in (None, self.phase)


@dataclass(frozen=True, slots=True)
class JobDefinitionStatus:
    """What is known of a definition."""

    __pydantic_config__: ClassVar[ConfigDict] = WIRE

    observed_generation: Annotated[
        int, Field(description="The generation that the status speaks of; -1: not seen yet.")
    ] = -1
    conditions: Annotated[
        tuple[Condition, ...],
        Field(description="Ready, PodsValidated, Reconciling, Stalled.", json_schema_extra=BY_TYPE),
    ] = ()
    revision: Annotated[str | None, Field(description="Name of the revision that a run started now would follow.")] = (
        None
    )
    active_runs: Annotated[int, Field(description="Runs of it that have not ended.")] = 0
    next_schedule_time: Annotated[Timestamp | None, Field(description="When the schedule makes its next run.")] = None
    last_run_revision: Annotated[
        str | None, Field(description="The newest revision that schedule.onChange made a run of.")
    ] = None
    last_schedule_time: Annotated[
        Timestamp | None, Field(description="The newest tick that the schedule dealt with.")
    ] = None


RUN_STATUS: TypeAdapter[JobRunStatus] = TypeAdapter(JobRunStatus)
DEFINITION_STATUS: TypeAdapter[JobDefinitionStatus] = TypeAdapter(JobDefinitionStatus)


def status_to_json(status: JobRunStatus | JobDefinitionStatus) -> dict[str, Any]:
    """Return the wire form.

    Fields that are None are left out, and what is empty in the rows, of which there may be hundreds; at the top an
    empty value stays, so that a merge patch made of this overwrites what was there.
    """
    adapter = RUN_STATUS if isinstance(status, JobRunStatus) else DEFINITION_STATUS
    wire: dict[str, Any] = adapter.dump_python(status, mode="json", by_alias=True, exclude_none=True)  # type: ignore[arg-type]
    for rows in ("tasks", "handlers"):
        if rows in wire:
            wire[rows] = [_without_empty(row) for row in wire[rows]]
    return wire


def _without_empty(row: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if value not in ("", {}, [])}
    if "items" in kept:
        kept["items"] = {key: value for key, value in kept["items"].items() if value != ""}
    return kept


def run_status_from_json(data: object) -> JobRunStatus:
    """Read the wire form; raises pydantic's ``ValidationError``. A result that is none, which somebody else wrote, is not read."""
    status = RUN_STATUS.validate_python(data if data is not None else {})
    return status if status.result is None or status.result.ended else replace(status, result=None)


def definition_status_from_json(data: object) -> JobDefinitionStatus:
    """Read the wire form; raises pydantic's ``ValidationError``."""
    return DEFINITION_STATUS.validate_python(data if data is not None else {})
