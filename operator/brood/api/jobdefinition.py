"""``JobDefinition``: what to do."""

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, model_validator

from brood.api.base import (
    CRD_DEFAULT,
    TEMPLATE_LENGTH,
    EnvironmentName,
    Model,
    NonNegative,
    ObjectName,
    Seconds,
    Template,
    Value,
)
from brood.api.container import EnvVar, Handlers
from brood.api.definitionrules import (
    ARTIFACTS_RULES,
    LOCAL_RULES,
    SPEC_RULES,
    TASK_LIST,
    check_artifacts,
    check_local,
    check_spec,
)
from brood.api.metadata import ObjectMeta
from brood.api.rules import BY_NAME
from brood.api.schedule import History, Schedule
from brood.api.status import JobDefinitionStatus
from brood.api.task import Task, TaskDefaults

DEFAULT_STORAGE: Final = "1Gi"
QUANTITY: Final = "^[+]?([0-9]+|[0-9]*\\.[0-9]+)(([KMGTPE]i)|[mkMGTPE]|([eE][-+]?[0-9]+))?$"

# An integer, or a string that is one or holds an expression.
COUNT_OR_TEMPLATE: Final = "^[1-9][0-9]{0,8}$|\\{\\{"


def _count_or_template(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and len(value) <= TEMPLATE_LENGTH and re.search(COUNT_OR_TEMPLATE, value):
        return value
    raise ValueError("must be an integer of at least 1, or a template that renders to one")


MaxActiveTasks = Annotated[
    int | str,
    BeforeValidator(_count_or_template),
    Field(
        json_schema_extra={
            "x-kubernetes-int-or-string": True,
            "minimum": 1,
            "pattern": COUNT_OR_TEMPLATE,
            "maxLength": TEMPLATE_LENGTH,
        }
    ),
]


class Param(Model):
    """A param that runs can set."""

    name: EnvironmentName = Field(description="Name of the param, and of the environment variable that scripts see.")
    required: StrictBool = Field(
        default=False, description="A run without it fails, InvalidParams, before any Pod; false by default."
    )
    default: Value | None = Field(None, description="Value where a run gives none; a string or an integer.")
    enum: tuple[Value, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="The values that a run may give; others fail it, InvalidParams.",
    )
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = Field(
        None, description="Regular expression (RE2) that must match the whole value."
    )
    description: Annotated[str, StringConstraints(max_length=4096)] | None = Field(
        None, description="What the param is for."
    )


class ConcurrencyPolicy(StrEnum):
    """What a run does that finds its key held."""

    QUEUE = "Queue"
    REJECT = "Reject"
    REPLACE = "Replace"


class Concurrency(Model):
    """How many root runs with one key are active at a time."""

    key: Annotated[Template, StringConstraints(min_length=1)] | None = Field(
        None,
        description="Names a lock of the namespace, shared by all definitions that render the same; template. Default: "
        "our name.",
    )
    max_active_runs: Annotated[StrictInt, Field(ge=1)] = Field(
        1, json_schema_extra=CRD_DEFAULT, description="So many root runs hold the key at a time; 1 by default."
    )
    policy: ConcurrencyPolicy = Field(
        ConcurrencyPolicy.QUEUE,
        json_schema_extra=CRD_DEFAULT,
        description="A newcomer waits (Queue), ends as Rejected (Reject), or terminates the holder (Replace).",
    )


class AccessMode(StrEnum):
    """Access modes of the volume; ReadWriteOncePod would keep a second Pod out."""

    READ_WRITE_ONCE = "ReadWriteOnce"
    READ_WRITE_MANY = "ReadWriteMany"


class Retain(StrEnum):
    """Which ended root runs keep their volume until they go."""

    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


class Artifacts(Model):
    """The volume on which the tree's files are kept."""

    model_config = ConfigDict(json_schema_extra=ARTIFACTS_RULES)

    storage: Annotated[str, StringConstraints(max_length=32, pattern=QUANTITY)] | None = Field(
        None, description="Size of the claim that a root run makes when its first task needs it; 1Gi by default."
    )
    storage_class_name: Annotated[str, StringConstraints(max_length=253)] | None = Field(
        None, description="Storage class of that claim; the cluster's default where absent."
    )
    access_modes: tuple[AccessMode, ...] = Field(
        (AccessMode.READ_WRITE_ONCE,),
        min_length=1,
        max_length=2,
        description="ReadWriteOnce (default: Pods that mount it share a node) or ReadWriteMany; ReadWriteOncePod is "
        "refused.",
    )
    retain: Retain = Field(
        Retain.ALWAYS,
        description="The claim goes with the run (Always, default), at its end unless it failed (OnFailure), or at its "
        "end (Never); ended Pods that mount it go with it.",
    )
    claim_name: Annotated[str, StringConstraints(min_length=1, max_length=253)] | None = Field(
        None, description="A claim that you own, used instead of one that brood makes."
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_artifacts(self)
        return self


Params = Annotated[tuple[Param, ...], Field(max_length=128, json_schema_extra=BY_NAME)]
Env = Annotated[tuple[EnvVar, ...], Field(max_length=256)]


class LocalDefinition(Model):
    """A definition that is callable by name from this JobDefinition only."""

    model_config = ConfigDict(json_schema_extra=LOCAL_RULES)

    name: ObjectName = Field(description="Name of the local definition; it wins over a JobDefinition of that name.")
    params: Params = Field((), description="Params of its runs, in order: $1, $2 and so on.")
    env: Env = Field((), description="Variables of its tasks; they win over those of the JobDefinition.")
    max_active_tasks: MaxActiveTasks | None = Field(
        None, description="So many of its tasks run at a time; an integer or a template."
    )
    tasks: tuple[Task, ...] = Field(
        min_length=1, max_length=64, json_schema_extra=TASK_LIST, description="Its tasks, 1 to 64."
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_local(self)
        return self


class PodRetention(StrEnum):
    """Which ended Pods stay until their run goes."""

    NEVER = "Never"
    ON_FAILURE = "OnFailure"
    ALWAYS = "Always"


class JobDefinitionSpec(Model):
    """What to do."""

    model_config = ConfigDict(json_schema_extra=SPEC_RULES)

    type: ObjectName | None = Field(
        None, description="With version: lets several definitions of one type live side by side."
    )
    version: ObjectName | None = Field(
        None, description="With type: a run may name {type, version} instead of a name. Quote it."
    )
    description: Annotated[str, StringConstraints(max_length=4096)] | None = Field(
        None, description="What the definition is for."
    )
    params: Params = Field((), description="Params of its runs; their order gives $1, $2 and so on.")
    env: Env = Field((), description="Variables of all tasks; values are templates.")
    concurrency: Concurrency | None = Field(
        None, description="How many root runs with one key are active; without it, any number."
    )
    max_active_tasks: MaxActiveTasks | None = Field(
        None, description="So many tasks of a run are Running at a time; an integer, or a template that renders to one."
    )
    active_deadline_seconds: Seconds | None = Field(
        None, description="Time of a run from its admission; then it is Failed, DeadlineExceeded."
    )
    artifacts: Artifacts | None = Field(None, description="The volume on which a root run keeps the files of its tree.")
    task_defaults: TaskDefaults | None = Field(
        None,
        description="For container tasks, those of local definitions too: objects merge by key, env by name, "
        "other lists replace.",
    )
    tasks: tuple[Task, ...] = Field(
        min_length=1,
        max_length=256,
        json_schema_extra=TASK_LIST,
        description="The tasks, 1 to 256; without edges they run in parallel.",
    )
    handlers: Handlers | None = Field(None, description="What runs when all tasks have ended.")
    definitions: tuple[LocalDefinition, ...] = Field(
        (),
        max_length=32,
        json_schema_extra=BY_NAME,
        description="Local definitions, callable by name from here only; at most 32.",
    )
    schedule: Schedule | None = Field(None, description="When the definition runs by itself.")
    suspend: StrictBool = Field(
        default=False, description="The schedule makes no new runs; running ones go on. False by default."
    )
    history: History = Field(History(), description="How many ended runs that the schedule made are kept.")
    ttl_seconds_after_finished: NonNegative | None = Field(
        None, description="Root runs are deleted so long after their end; off for runs that a GitOps tool owns."
    )
    pod_retention: PodRetention = Field(
        PodRetention.ALWAYS,
        json_schema_extra=CRD_DEFAULT,
        description="Which ended Pods stay until their run goes: Always (default), OnFailure, Never.",
    )

    @model_validator(mode="after")
    def _rules(self) -> Self:
        check_spec(self)
        return self

    def local(self, name: str) -> LocalDefinition | None:
        """Return the local definition of that name."""
        return next((local for local in self.definitions if local.name == name), None)


class JobDefinition(Model):
    """Says what to do; a JobRun does it."""

    api_version: Literal["brood.dev/v1alpha1"] = Field("brood.dev/v1alpha1", description="brood.dev/v1alpha1")
    kind: Literal["JobDefinition"] = Field("JobDefinition", description="JobDefinition")
    metadata: ObjectMeta = Field(description="Standard object metadata; the name has at most 63 characters.")
    spec: JobDefinitionSpec = Field(description="What to do.")
    status: JobDefinitionStatus = Field(JobDefinitionStatus(), description="What is known of it; written by brood.")
