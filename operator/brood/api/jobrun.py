"""``JobRun``: one execution of a definition."""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, StrictInt, StringConstraints, model_validator

from brood.api.base import Model, NonNegative, ObjectName, Seconds, Text, Values
from brood.api.metadata import ObjectMeta
from brood.api.rules import validations
from brood.api.status import JobRunStatus
from brood.api.task import check_definition_ref
from brood.api.taskrules import REF_RULES

NameString = Annotated[str, StringConstraints(min_length=1, max_length=253)]


def _immutable(field: str) -> tuple[str, str, str]:
    """Return the rule that a field never changes, removal included; on the parent, where an absent field is seen.

    Every write of a status evaluates it, and each ``self.x`` costs the API server a map of all that the schema knows there.
    """
    return (
        f"has(self.{field}) ? has(oldSelf.{field}) && self.{field} == oldSelf.{field} : !has(oldSelf.{field})",
        f"{field} is immutable",
        f".{field}",
    )


RUN_RULES: Final[dict[str, Any]] = validations(
    *(_immutable(field) for field in ("definitionRef", "params", "rerunOf", "parentRef")),
    (
        (
            "!has(oldSelf.shutdown) || "
            "(has(self.shutdown) && (self.shutdown == oldSelf.shutdown || self.shutdown == 'Terminate'))"
        ),
        "shutdown cannot be taken back; Interrupt may become Terminate",
        ".shutdown",
    ),
)


class Shutdown(StrEnum):
    """How a run is ended from outside."""

    INTERRUPT = "Interrupt"
    TERMINATE = "Terminate"


class RunDefinitionRef(Model):
    """The definition that a run follows."""

    model_config = ConfigDict(json_schema_extra=REF_RULES)

    name: NameString | None = Field(
        None, description="Name of a JobDefinition of the namespace. Excludes type and version."
    )
    type: ObjectName | None = Field(
        None, description="With version: must match exactly one JobDefinition of the namespace."
    )
    version: ObjectName | None = Field(
        None, description="With type: must match exactly one JobDefinition of the namespace."
    )
    local: ObjectName | None = Field(
        None, description="A local definition inside the pinned revision; set by brood on children."
    )
    task: ObjectName | None = Field(
        None,
        description="That task's container body as a definition of one task, once per item; set by brood on children.",
    )
    revision: NameString | None = Field(
        None,
        description="The ControllerRevision that the run follows, whatever becomes of the definition; set by brood on "
        "children.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        check_definition_ref(self.name, type_=self.type, version=self.version)
        return self


class ParentRef(Model):
    """The task that made a child run."""

    name: NameString = Field(description="Name of the parent run.")
    uid: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(description="UID of the parent run.")
    task: ObjectName = Field(description="The parent's task that made this run.")
    index: NonNegative | None = Field(None, description="Position of the item that this run is for, counted from 0.")
    item: Text | None = Field(
        None, description="Text of the item, where it is no param: $1, and $BROOD_ITEM of a container body."
    )


class RerunRef(Model):
    """An ended run whose successes are taken over."""

    name: NameString = Field(description="Name of an ended root run of the same revision and params.")


class JobRunSpec(Model):
    """What is executed, and how it is steered."""

    model_config = ConfigDict(json_schema_extra=RUN_RULES)

    definition_ref: RunDefinitionRef = Field(description="The definition to follow; immutable.")
    params: Values = Field(
        default_factory=dict,
        description="Values of the definition's params, strings or integers; data, never templates. Immutable.",
    )
    rerun_of: RerunRef | None = Field(
        None, description="Take over what succeeded in that ended run, run the rest; immutable."
    )
    priority: Annotated[StrictInt, Field(ge=-(2**31), le=2**31 - 1)] = Field(
        0, description="Of the runs that wait for a key the one of the highest priority goes first; 0 by default."
    )
    suspend: StrictBool = Field(
        default=False, description="Running tasks finish, nothing starts, deadlines stop. False by default."
    )
    shutdown: Shutdown | None = Field(
        None,
        description="Interrupt: what runs ends normally, nothing starts. Terminate: Pods are stopped. Cannot be taken "
        "back.",
    )
    active_deadline_seconds: Seconds | None = Field(
        None, description="Time from admission; then the run is Failed. May only shorten that of the definition."
    )
    ttl_seconds_after_finished: NonNegative | None = Field(
        None, description="The run is deleted so long after its end; root runs only. Default: the definition's."
    )
    parent_ref: ParentRef | None = Field(
        None, description="The task that made this run; children only, set by brood. Immutable."
    )


class JobRun(Model):
    """One execution of a JobDefinition."""

    api_version: Literal["brood.dev/v1alpha1"] = Field("brood.dev/v1alpha1", description="brood.dev/v1alpha1")
    kind: Literal["JobRun"] = Field("JobRun", description="JobRun")
    metadata: ObjectMeta = Field(description="Standard object metadata; the name has at most 63 characters.")
    spec: JobRunSpec = Field(description="What is executed, and how it is steered.")
    status: JobRunStatus = Field(JobRunStatus(), description="What became of it; written by brood.")
