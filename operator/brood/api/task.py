"""A task: a node of a definition's graph, with at most one body."""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StringConstraints, model_validator

from brood.api.base import EnvironmentName, ExitCode, Model, NonNegative, ObjectName, Seconds, Template, Values
from brood.api.container import Container, EnvVar, PodTemplate, Script, check_container
from brood.api.parallel import Parallel
from brood.api.rules import violation
from brood.api.taskrules import CONTINUE_RULES, REF_RULES, TASK_RULES, check_task

REFERENCES = 64
"""How many tasks one list of a task may name."""

SET: Final[dict[str, Any]] = {"x-kubernetes-list-type": "set"}


class Keep(StrEnum):
    """After which attempts the files are kept."""

    ON_SUCCESS = "OnSuccess"
    ON_FAILURE = "OnFailure"
    ALWAYS = "Always"


class TaskArtifacts(Model):
    """Files that an attempt leaves on the root run's volume."""

    paths: tuple[Annotated[Template, StringConstraints(min_length=1)], ...] = Field(
        min_length=1,
        max_length=64,
        description="Files, globs or directories below the working directory; templates. "
        "One that matches nothing fails the task.",
    )
    keep: Keep = Field(
        Keep.ON_SUCCESS, description="After which attempts they are kept: OnSuccess (default), OnFailure, Always."
    )


class RetryPolicy(Model):
    """How often, and when, a task or item that failed by its own fault is tried again."""

    limit: NonNegative = Field(0, description="Retries after the first attempt; 0 by default.")
    interval_seconds: NonNegative = Field(1, description="Wait before the first retry; 1 by default, 0 means at once.")
    backoff_factor: Annotated[StrictInt, Field(ge=1, le=100)] = Field(
        1, description="Each further wait is so many times the one before; 1 by default."
    )
    max_interval_seconds: NonNegative | None = Field(None, description="No wait is longer than this.")
    exit_codes: tuple[ExitCode, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Only failures with one of these exit codes are retried; all by default.",
    )


class ContinueOn(Model):
    """Which ways of not succeeding count as ended well for the tasks behind."""

    model_config = ConfigDict(json_schema_extra=CONTINUE_RULES)

    failure: StrictBool = Field(
        default=False, description="Every failure counts as ended well; makes the run PartiallySucceeded."
    )
    exit_codes: tuple[ExitCode, ...] | None = Field(
        None, min_length=1, max_length=64, description="A failure with one of these exit codes counts as ended well."
    )
    skipped: StrictBool = Field(
        default=False, description="A skip counts as ended well; it never changes the run's result."
    )
    mark_success: StrictBool = Field(
        default=False, description="A failure that matches makes the task Succeeded; needs failure or exitCodes."
    )

    @model_validator(mode="after")
    def _something_to_mark(self) -> Self:
        if self.mark_success and not (self.failure or self.exit_codes):
            raise violation("markSuccess", "continueOn: markSuccess needs failure or exitCodes")
        return self


class ExitCodeRoute(Model):
    """A route that fires by exit code."""

    codes: tuple[ExitCode, ...] = Field(
        min_length=1, max_length=64, description="Exit codes, 0 to 255, that fire this route."
    )
    task: ObjectName = Field(description="The task that it starts.")


class DefinitionRef(Model):
    """A definition, by name or by type and version."""

    model_config = ConfigDict(json_schema_extra=REF_RULES)

    name: ObjectName | None = Field(
        None,
        description="A local definition of this name, else a JobDefinition of the namespace. Excludes type and "
        "version.",
    )
    type: ObjectName | None = Field(
        None, description="With version: must match exactly one JobDefinition of the namespace."
    )
    version: ObjectName | None = Field(
        None, description="With type: must match exactly one JobDefinition of the namespace."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        check_definition_ref(self.name, type_=self.type, version=self.version)
        return self


def check_definition_ref(name: str | None, *, type_: str | None, version: str | None) -> None:
    """Refuse what is neither ``{name}`` nor ``{type, version}``."""
    if (name is None) == (type_ is None) or (type_ is None) != (version is None):
        raise violation("", "a definitionRef is either {name} or {type, version}")


class ChildCall(Model):
    """The body of ``run`` and ``fork``: which definition a child run follows, with which params."""

    definition_ref: DefinitionRef = Field(
        description="The definition that the child run follows; resolved before it is created."
    )
    params: Values = Field(
        default_factory=dict,
        description="Params of the child run; templates. Values are strings or integers. They replace an item.",
    )


class Await(Model):
    """The body of ``await``."""

    tasks: tuple[ObjectName, ...] = Field(
        min_length=1,
        max_length=REFERENCES,
        json_schema_extra=SET,
        description="Forks whose children are waited for.",
    )


class TaskDefaults(Model):
    """What container tasks have where they say nothing."""

    container: Container | None = Field(
        None, description="A core/v1 Container, merged key by key under those of the tasks."
    )
    env: tuple[EnvVar, ...] = Field(
        (), max_length=256, description="Variables, merged by name under those of the tasks."
    )
    pod_template: PodTemplate | None = Field(
        None, description="A core/v1 PodTemplateSpec, merged key by key under those of the tasks."
    )
    retry_policy: RetryPolicy | None = Field(None, description="Retries, merged key by key under those of the tasks.")
    infra_retries: NonNegative | None = Field(
        None, description="Attempts that infrastructure may cost each task; 3 by default."
    )
    timeout_seconds: Seconds | None = Field(None, description="Time per attempt, from the Pod's start.")
    pending_timeout_seconds: Seconds | None = Field(None, description="Time that a Pod may wait for its start.")
    image_pull_timeout_seconds: Seconds | None = Field(None, description="Time that a Pod may wait for its image.")

    @model_validator(mode="after")
    def _container(self) -> Self:
        check_container(self.container, script=None, subject="taskDefaults")
        return self


class Task(Model):
    """One node of the graph. Without a body it is a junction, which succeeds at once."""

    model_config = ConfigDict(json_schema_extra=TASK_RULES)

    name: ObjectName = Field(
        description="Name of the task, unique among its definition's; a label value, at most 63 characters."
    )
    # Bodies
    container: Container | None = Field(
        None, description="Body: a core/v1 Container in a Pod; its name is left out or main."
    )
    script: Script | None = Field(
        None,
        description="Body: run by /bin/sh -e of the image, at most 64 KiB, never templated; excludes container.command "
        "and args.",
    )
    run: ChildCall | None = Field(None, description="Body: a child run; the task ends when the child ends.")
    fork: ChildCall | None = Field(
        None, description="Body: a child run that is not waited for; the task succeeds when the child exists."
    )
    await_: Await | None = Field(
        None,
        alias="await",
        description="Body: ends when the children of those forks ended; fails if one of them failed.",
    )
    parallel: Parallel | None = Field(
        None, description="Do the body once per item, each item in a child run of its own."
    )
    # When it runs
    depends_on: tuple[ObjectName, ...] = Field(
        (),
        max_length=REFERENCES,
        json_schema_extra=SET,
        description="Tasks that must have ended well before this one starts.",
    )
    on_succeeded: ObjectName | None = Field(
        None, description="Route: the task that starts when this one has succeeded."
    )
    on_failed: ObjectName | None = Field(
        None, description="Route: the task that starts when this one has failed for good."
    )
    on_exit_code: tuple[ExitCodeRoute, ...] = Field(
        (),
        max_length=16,
        description="Routes by exit code; the first that matches fires, before onSucceeded and onFailed.",
    )
    when: Annotated[Template, StringConstraints(min_length=1)] | None = Field(
        None, description="A template; where it is false the task is Skipped, reason ConditionNotMet."
    )
    continue_on: ContinueOn | None = Field(
        None, description="Which failures and skips count as ended well for the tasks behind."
    )
    # Retries, limits, time
    retry_policy: RetryPolicy | None = Field(
        None, description="Retries of the task's own failures; of a parallel task, per item."
    )
    pools: tuple[Annotated[Template, StringConstraints(min_length=1)], ...] = Field(
        (),
        max_length=16,
        json_schema_extra=SET,
        description="The Pod takes a slot of each, all at once or none; templates.",
    )
    infra_retries: NonNegative | None = Field(
        None, description="Attempts that infrastructure (eviction, lost node, deleted Pod) may cost; 3 by default."
    )
    timeout_seconds: Seconds | None = Field(
        None,
        description="Per attempt from the Pod's start (container), from the child's creation (run), over all items "
        "(parallel).",
    )
    pending_timeout_seconds: Seconds | None = Field(None, description="Time that the Pod may wait for its start.")
    image_pull_timeout_seconds: Seconds | None = Field(None, description="Time that the Pod may wait for its image.")
    # What goes in and out
    env: tuple[EnvVar, ...] = Field(
        (), max_length=256, description="Variables of this task; they win over those of the definition."
    )
    pod_template: PodTemplate | None = Field(
        None, description="A core/v1 PodTemplateSpec, merged under the Pod that brood builds."
    )
    output: EnvironmentName | None = Field(
        None,
        description="Captures stdout under this name; of a child run its outputs, of a parallel task the aggregate.",
    )
    artifacts: TaskArtifacts | None = Field(
        None, description="Files of the working directory that are kept; needs a script."
    )
    artifacts_from: tuple[ObjectName, ...] = Field(
        (),
        max_length=REFERENCES,
        json_schema_extra=SET,
        description="Tasks whose artifacts are in the working directory at start.",
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_task(self)
        return self

    @property
    def is_container(self) -> bool:
        """Whether the body is a Pod."""
        return self.container is not None or self.script is not None

    @property
    def is_junction(self) -> bool:
        """Whether the task has no body."""
        return not self.is_container and self.run is None and self.fork is None and self.await_ is None

    @property
    def call(self) -> ChildCall | None:
        """The body of a ``run`` or ``fork``."""
        return self.run or self.fork

    @property
    def routes(self) -> tuple[str, ...]:
        """The tasks that this one's routes name, in the order in which they are looked at, without repetition."""
        named = [route.task for route in self.on_exit_code]
        named += [task for task in (self.on_succeeded, self.on_failed) if task is not None]
        return tuple(dict.fromkeys(named))
