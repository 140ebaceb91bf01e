"""What to do about each reason: printed by ``brood why``, and the last column of docs/troubleshooting.md."""

from collections.abc import Mapping
from typing import Final

from brood.api.reasons import DefinitionReason, Reason, RunReason, TaskReason, WaitingReason

_DEFINITION: Final = "Apply the definition in the run's namespace, or correct the name, or type and version. "
_AMBIGUOUS: Final = "Make type and version match one definition, or name it."
_INTENDED: Final = "Intended: somebody set `shutdown: {}`."

_WAITING: Final[Mapping[Reason, str]] = {
    WaitingReason.QUEUED: "It starts by itself. To have it sooner: `brood interrupt` a holder, raise `maxActiveRuns` or "
    "`priority`, or give the runs different keys.",
    WaitingReason.QUOTA_EXCEEDED: "It goes on by itself when there is room: free something, request less, or raise the "
    "quota (`kubectl describe quota`).",
    WaitingReason.NAMESPACE_LIMIT: "It goes on when others end; the operator's `--max-runs` and `--max-pods` (chart: "
    "`limits`) set how many.",
    WaitingReason.ARTIFACT_VOLUME_PENDING: "Look at the claim's events (`kubectl describe pvc`): is there a StorageClass, "
    "and can it provision? With `WaitForFirstConsumer` this is over when the first Pod is scheduled.",
    WaitingReason.ARTIFACT_VOLUME_LIMIT: "Wait for other runs, delete ended ones (their volumes go along), use "
    "`retain: OnFailure`, or raise the operator's `--max-volumes` (chart: `limits`).",
    WaitingReason.ARTIFACT_VOLUME_NODE_FULL: "Make room on that node, request less, or use a storage class with "
    "`accessModes: [ReadWriteMany]`.",
    WaitingReason.UNSCHEDULABLE: "Request less, drop a nodeSelector, tolerate a taint, or add nodes. "
    "`pendingTimeoutSeconds` ends the wait.",
    WaitingReason.IMAGE_PULL: "Check the image's name, its tag, and `podTemplate.spec.imagePullSecrets`. "
    "`imagePullTimeoutSeconds` ends the wait.",
    WaitingReason.RETRY_BACKOFF: "Nothing; `brood logs` shows the attempt that failed, `retryPolicy` sets the times.",
    WaitingReason.SUSPENDED: "`brood resume NAME`, or set `spec.suspend` to false.",
    WaitingReason.MAX_ACTIVE_TASKS: "It starts when another task ends; or raise `maxActiveTasks`.",
    WaitingReason.MAX_CONCURRENT: "The other items start as these end; or raise `parallel.maxConcurrent`.",
    WaitingReason.DEFINITION_NOT_FOUND: _DEFINITION
    + "A root run waits five minutes (`--definition-wait`), a task 30 s.",
    WaitingReason.POOL_FULL: "It starts when a holder in the message ends; or give the pool a size: `--pool NAME=SIZE` "
    "of the operator (chart: `pools`). A pool without one has one slot.",
}

_TASK: Final[Mapping[Reason, str]] = {
    TaskReason.EXIT_CODE: "`brood logs` shows what it wrote. `retryPolicy` retries, `continueOn` lets it pass, `onFailed` "
    "or `onExitCode` reacts.",
    TaskReason.OOM_KILLED: "Raise `resources.limits.memory`, or use less. Outputs of that attempt are lost.",
    TaskReason.DEADLINE_EXCEEDED: "Raise `timeoutSeconds` or `activeDeadlineSeconds`, or see in the log what was slow.",
    TaskReason.PENDING_TIMEOUT: "The message says what it waited for; or raise `pendingTimeoutSeconds`.",
    TaskReason.IMAGE_PULL_FAILED: "Check the image's name, its tag, and `podTemplate.spec.imagePullSecrets`.",
    TaskReason.CREATE_CONTAINER_FAILED: "The message is the kubelet's: a missing Secret or ConfigMap, a command that does "
    "not exist, a user that the image does not allow.",
    TaskReason.EVICTED: "Request what the task uses, ephemeral storage included.",
    TaskReason.PREEMPTED: "Give the Pod a PriorityClass in `podTemplate`, or raise `infraRetries`.",
    TaskReason.NODE_LOST: "See to the node.",
    TaskReason.POD_DELETED: "Find out who deletes Pods: a drain, a descheduler, a person.",
    TaskReason.POD_FORBIDDEN: "The message is the API server's: Pod Security, a LimitRange, a policy, a missing service "
    "account.",
    TaskReason.OUTPUT_TOO_LARGE: "Write large results to a file and hand it on by `artifacts`.",
    TaskReason.OUTPUT_INVALID: "Print UTF-8 only; encode other bytes (base64) or use a file. The message names the line "
    "of `$BROOD_OUTPUT` that cannot be read.",
    TaskReason.ARTIFACT_MISSING: "The script did not write the file, or wrote it somewhere else: paths are relative to "
    "the working directory.",
    TaskReason.TEMPLATE_ERROR: "The message names the field and lists the names that exist.",
    TaskReason.INVALID_POD: "Correct the field that the message names. `PodsValidated` of the definition says so before "
    "a run, where it can.",
    TaskReason.CHILD_FAILED: "`brood why` of the child that the message names.",
    TaskReason.CHILD_CANCELLED: "Somebody interrupted the child; run it again: `brood rerun --from-failed`.",
    TaskReason.NAME_CONFLICT: "An object of that name is there and not ours; delete or rename it.",
    TaskReason.TOO_MANY_ITEMS: "Raise `parallel.maxItems` (up to 100,000), or make fewer items.",
    TaskReason.UPSTREAM_FAILED: "Look at the task before it. `continueOn` there lets this one run all the same.",
    TaskReason.UPSTREAM_SKIPPED: "Look at the task before it; `continueOn: {skipped: true}` there lets this one run.",
    TaskReason.NOT_ROUTED: "Intended: another route fired, or none.",
    TaskReason.CONDITION_NOT_MET: "Intended.",
    TaskReason.NO_ITEMS: "Intended; if there should be items, look at the output that `itemsFrom` reads.",
    TaskReason.DEFINITION_NOT_FOUND: _DEFINITION + "The task waited 30 seconds for it.",
    TaskReason.AMBIGUOUS_DEFINITION: _AMBIGUOUS,
    TaskReason.INTERRUPTED: _INTENDED.format("Interrupt"),
    TaskReason.TERMINATED: _INTENDED.format("Terminate"),
}

_RUN: Final[Mapping[Reason, str]] = {
    RunReason.PARTIALLY_SUCCEEDED: "See which: rows with phase Failed, `items.failedIndexes`, children that are not "
    "Succeeded.",
    RunReason.TASK_FAILED: "Look at the task that the message names; then `brood rerun --from-failed`.",
    RunReason.DEADLINE_EXCEEDED: "Raise `activeDeadlineSeconds`; a run may only shorten its definition's.",
    RunReason.INTERRUPTED: _INTENDED.format("Interrupt"),
    RunReason.TERMINATED: _INTENDED.format("Terminate"),
    RunReason.REJECTED: "Start it again when the holder has ended, or use `policy: Queue`.",
    RunReason.REPLACED: "Intended: see the newer run.",
    RunReason.INVALID_PARAMS: "Correct the params that the message names, in a run with a new name: params cannot be "
    "changed.",
    RunReason.DEFINITION_NOT_FOUND: _DEFINITION + "Then make a new run.",
    RunReason.AMBIGUOUS_DEFINITION: _AMBIGUOUS,
    RunReason.DEPTH_EXCEEDED: "Does a definition start itself? Else raise the operator's `--max-depth`.",
}

_DEFINITIONS: Final[Mapping[Reason, str]] = {
    DefinitionReason.INVALID_SPEC: "Correct the field that the message names; `brood lint FILE` says the same with line "
    "numbers. Runs of it wait until then.",
    DefinitionReason.POD_INVALID: "Correct the task that the message names.",
    DefinitionReason.NOT_CHECKED: "Nothing, or see the message: quota, rights, an admission webhook that was away.",
    DefinitionReason.RECONCILING: "Nothing; if it stays, the operator is not there: `kubectl get lease -A`.",
}

# By kind: a reason equals its word, and DefinitionNotFound is one of a wait, of a task and of a run.
_REMEDIES: Final[Mapping[type[Reason], Mapping[Reason, str]]] = {
    WaitingReason: _WAITING,
    TaskReason: _TASK,
    RunReason: _RUN,
    DefinitionReason: _DEFINITIONS,
}


def remedy(reason: Reason) -> str:
    """Return what can be done, as a sentence with commands and fields in backticks; "" where there is nothing to do."""
    return _REMEDIES[type(reason)].get(reason, "")


def known(word: str, *kinds: type[Reason]) -> Reason | None:
    """Return the reason of the first kind that has this word; None for one that is not ours, such as the kubelet's."""
    return next((one for kind in kinds for one in kind if one == word), None)
