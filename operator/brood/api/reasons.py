"""Every reason that brood writes: one word for machines, with what it means for people.

Contract §2.1. Reasons never change their meaning; messages may.
"""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A word with its explanation; equal to the word."""

    description: str

    def __new__(cls, word: str, description: str) -> Self:
        """Make a member whose value is the word."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.description = description
        return member


class RunReason(Reason):
    """Why the condition ``Succeeded`` of an ended run is what it is."""

    SUCCEEDED = "Succeeded", "Every task ended well, or its failure was handled by a route."
    PARTIALLY_SUCCEEDED = "PartiallySucceeded", "A failure was let pass by continueOn or maxFailures, or in a child."
    TASK_FAILED = "TaskFailed", "A failure of a task, or of a fork's child, was not handled; the message names it."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "activeDeadlineSeconds passed before the run had ended."
    INTERRUPTED = "Interrupted", "shutdown: Interrupt cancelled something."
    TERMINATED = "Terminated", "shutdown: Terminate cancelled something."
    REJECTED = "Rejected", "The concurrency key was held and the policy is Reject; the message names the holder."
    REPLACED = "Replaced", "A newer run of the key with policy Replace took its place."
    INVALID_PARAMS = "InvalidParams", "A param is unknown, missing or not allowed, or rerunOf does not fit."
    DEFINITION_NOT_FOUND = "DefinitionNotFound", "No such definition appeared in time."
    AMBIGUOUS_DEFINITION = "AmbiguousDefinition", "Several definitions have that type and version."
    DEPTH_EXCEEDED = "DepthExceeded", "Runs are nested deeper than the operator allows (16 by default)."


class WaitingReason(Reason):
    """Why a run or task waits; the message says in one line for what."""

    QUEUED = "Queued", "Other runs hold the concurrency key; the message names them and the position."
    QUOTA_EXCEEDED = "QuotaExceeded", "A ResourceQuota of the namespace is used up."
    NAMESPACE_LIMIT = "NamespaceLimit", "The operator's limit for the namespace is reached: runs or Pods."
    ARTIFACT_VOLUME_PENDING = "ArtifactVolumePending", "The claim for artifacts is not bound yet."
    ARTIFACT_VOLUME_LIMIT = (
        "ArtifactVolumeLimit",
        "The operator's limit of artifact volumes for the namespace is reached.",
    )
    ARTIFACT_VOLUME_NODE_FULL = (
        "ArtifactVolumeNodeFull",
        "The node that holds the ReadWriteOnce volume has no room for the Pod.",
    )
    UNSCHEDULABLE = "Unschedulable", "The scheduler finds no node; the message is its own."
    IMAGE_PULL = "ImagePull", "The image cannot be pulled; the message is the kubelet's."
    RETRY_BACKOFF = "RetryBackoff", "The next attempt starts at the time in the message; no slot is held."
    SUSPENDED = "Suspended", "suspend is set on the run."
    MAX_ACTIVE_TASKS = "MaxActiveTasks", "maxActiveTasks tasks of the run are Running."
    MAX_CONCURRENT = "MaxConcurrent", "maxConcurrent items of the task are running."
    DEFINITION_NOT_FOUND = "DefinitionNotFound", "The definition does not exist yet; waited for, then failed."
    POOL_FULL = "PoolFull", "A pool that the Pod needs has no free slot; the message names it."


class TaskReason(Reason):
    """Why a task, an item or an attempt ended as it did."""

    EXIT_CODE = "ExitCode", "The script or command ended with an exit code other than 0."
    OOM_KILLED = "OOMKilled", "The container used more memory than its limit."
    DEADLINE_EXCEEDED = "DeadlineExceeded", "timeoutSeconds, or the run's deadline, passed."
    PENDING_TIMEOUT = "PendingTimeout", "The Pod did not start within pendingTimeoutSeconds."
    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        "The image could not be pulled within imagePullTimeoutSeconds, or never can be.",
    )
    CREATE_CONTAINER_FAILED = "CreateContainerFailed", "The kubelet could not create or start the container."
    EVICTED = "Evicted", "Infrastructure: the Pod was evicted from its node."
    PREEMPTED = "Preempted", "Infrastructure: the Pod gave way to one of higher priority."
    NODE_LOST = "NodeLost", "Infrastructure: the node went away."
    POD_DELETED = "PodDeleted", "Infrastructure: somebody deleted the Pod."
    POD_FORBIDDEN = "PodForbidden", "Infrastructure: admission refused the Pod; the message is the server's."
    OUTPUT_TOO_LARGE = "OutputTooLarge", "An output is above 256 KiB, or an aggregate above 900 KiB."
    OUTPUT_INVALID = "OutputInvalid", "An output is not UTF-8 without NUL, or what the script wrote cannot be read."
    ARTIFACT_MISSING = "ArtifactMissing", "A path of artifacts matched nothing; the message names it."
    TEMPLATE_ERROR = "TemplateError", "A template could not be rendered; the message names the field."
    INVALID_POD = "InvalidPod", "The API server finds the Pod invalid; the message is its own."
    CHILD_FAILED = "ChildFailed", "The child run failed."
    CHILD_CANCELLED = "ChildCancelled", "The child run was cancelled, and not by this run's own shutdown."
    NAME_CONFLICT = "NameConflict", "An object of the Pod's or child's name exists and is not this task's."
    TOO_MANY_ITEMS = "TooManyItems", "There are more items than maxItems; none was started."
    UPSTREAM_FAILED = "UpstreamFailed", "Skipped: a task that had to end well failed or was cancelled."
    UPSTREAM_SKIPPED = "UpstreamSkipped", "Skipped: a task that had to end well was skipped."
    NOT_ROUTED = "NotRouted", "Skipped: no route to it fired."
    CONDITION_NOT_MET = "ConditionNotMet", "Skipped: when was false."
    NO_ITEMS = "NoItems", "Skipped: there are no items; counts as ended well."
    DEFINITION_NOT_FOUND = "DefinitionNotFound", "The definition to run does not exist."
    AMBIGUOUS_DEFINITION = "AmbiguousDefinition", "Several definitions have that type and version."
    INTERRUPTED = "Interrupted", "Cancelled by shutdown: Interrupt before it started."
    TERMINATED = "Terminated", "Cancelled by shutdown: Terminate."


class DefinitionReason(Reason):
    """Why the conditions of a definition are what they are."""

    VALID = "Valid", "The definition can be run."
    INVALID_SPEC = "InvalidSpec", "The definition cannot be run; the message names the field."
    PODS_ACCEPTED = "PodsAccepted", "The API server accepts every task's Pod in a dry run."
    POD_INVALID = "PodInvalid", "The API server refuses a task's Pod; the message names the task."
    NOT_CHECKED = "NotChecked", "The dry run of a task's Pod gave no verdict; the message says why."
    RECONCILING = "Reconciling", "The newest generation has not been looked at yet."


class ConditionType(Reason):
    """The conditions of runs and definitions."""

    READY = "Ready", "Definition: it can be run."
    PODS_VALIDATED = "PodsValidated", "Definition: its Pods passed a dry run."
    ADMITTED = "Admitted", "Run: it holds its concurrency key and may make Pods and children; never taken back."
    SUCCEEDED = "Succeeded", "Run: the result; Unknown while active."
    INTERRUPTED = "Interrupted", "Run: a shutdown was observed."
    HANDLERS_SUCCEEDED = "HandlersSucceeded", "Run: whether the handlers succeeded; never changes the result."
    RECONCILING = "Reconciling", "Work is under way: queued, suspended or running; absent otherwise (kstatus)."
    STALLED = (
        "Stalled",
        "It will not get further by itself: failed, cancelled, rejected, invalid; absent otherwise (kstatus).",
    )
