"""The one vocabulary between the rooms: what the core reads of objects, and what it asks to be made.

Views are slim, frozen copies of what exists in the cluster, made at the door by ``cluster/parse.py``; a view of a Pod is about
half a kilobyte where the object is twenty. Requests are what a plan asks for; ``controller/`` turns them into objects. Neither
knows a client, a clock or a dictionary of unknown shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from brood.api.jobdefinition import JobDefinitionSpec
from brood.api.jobrun import JobRunSpec, RunDefinitionRef
from brood.api.reasons import TaskReason
from brood.api.status import JobDefinitionStatus, JobRunStatus
from brood.layout import VolumeUse

# --- What exists -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meta:
    """The metadata that decisions need, of any object."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    created_at: datetime
    generation: int = 1
    deleting: bool = False
    owner_uid: str | None = None  # uid of the controlling owner
    finalizers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """A JobRun: what was asked and what is recorded."""

    meta: Meta
    spec: JobRunSpec
    status: JobRunStatus
    root: str  # name of the root run; a root run's is its own
    scheduled: bool = False  # a schedule made it
    gitops: bool = False  # a GitOps tool or Helm owns the object: never delete it after its TTL
    task: str | None = None  # label: the parent's task that made it
    index: int | None = None  # label: the item
    attempt: int = 1

    @property
    def is_root(self) -> bool:
        """Whether nothing made this run but a person, a tool or the schedule."""
        return self.spec.parent_ref is None

    @property
    def revision(self) -> str | None:
        """The revision that the run follows, None before it starts."""
        return self.spec.definition_ref.revision or self.status.revision


@dataclass(frozen=True, slots=True)
class DefinitionView:
    """A JobDefinition as it is now."""

    meta: Meta
    spec: JobDefinitionSpec
    status: JobDefinitionStatus
    revision: str  # name of the ControllerRevision that holds this very spec: `<name>-<hash of the spec>`


@dataclass(frozen=True, slots=True)
class RevisionView:
    """A stored revision of a definition; what it holds is read when a run needs it."""

    meta: Meta
    definition: str
    number: int  # the definition's generation when it was stored


@dataclass(frozen=True, slots=True)
class Malformed:
    """An object that could not be read; it costs its own key a Stalled condition and nothing else."""

    meta: Meta
    error: str


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """How the container ``main`` ended."""

    exit_code: int
    signal: int
    reason: str  # the kubelet's: Completed, Error, OOMKilled, ContainerStatusUnknown, …
    message: str  # what the container wrote to its termination log (≤ 4096 bytes)
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PodView:
    """A Pod that brood made."""

    meta: Meta
    run: str
    root: str
    task: str  # the task's name, or the handler's (`onExit`) where `handler` is true
    handler: bool
    index: int | None
    attempt: int
    phase: str  # Pending, Running, Succeeded, Failed, Unknown
    reason: str = ""  # status.reason: Evicted, DeadlineExceeded, NodeLost, …
    message: str = ""
    node: str | None = None
    unschedulable: str = ""  # the scheduler's words while it finds no node
    disruption: str = ""  # reason of the DisruptionTarget condition: PreemptionByScheduler, TaintManager…, …
    waiting_reason: str = ""  # of main, or of an init container: ImagePullBackOff, CreateContainerConfigError, …
    waiting_message: str = ""
    started_at: datetime | None = None  # of container main
    ended: ContainerEnd | None = None  # of container main
    deletion_grace: int | None = None
    deleted_at: datetime | None = None  # when deletion was asked for: deletionTimestamp less the grace period
    nonce: str = ""  # marks the frames of large results in the log (annotation); "" for a container without a script
    captures: bool = False  # annotation brood.dev/capture: the log of a container without a script is its output
    lock: str = ""  # label brood.dev/lock
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A PersistentVolumeClaim."""

    meta: Meta
    phase: str  # Pending, Bound, Lost
    owners: tuple[str, ...] = ()  # uids of all owners: the root run that it was made for, and reruns of that
    message: str = ""  # the newest event while it is Pending
    made: bool = True  # by brood, for these; else it is a user's
    access_modes: tuple[str, ...] = ()


# --- What an ended or waiting Pod means (pods/ derives it, engine/ reads it) --------------------------------------------


@dataclass(frozen=True, slots=True)
class Artifact:
    """One kept file: its path as in the working directory, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What became of one attempt.

    ``reason`` is None where it succeeded. ``infrastructure`` says that the failure counts against ``infraRetries``.
    ``stdout`` is the captured text with trailing newlines trimmed, ``outputs`` what was written to ``$BROOD_OUTPUT`` or by
    ``::set-output``; both may be there for a failed attempt too.
    """

    reason: TaskReason | None
    exit_code: int | None = None
    message: str = ""
    infrastructure: bool = False
    stdout: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PodAttempt:
    """A Pod with what it means now: ``result`` once it ended, ``waiting`` (reason, one line) while it cannot start."""

    pod: PodView
    result: TaskResult | None = None
    waiting: tuple[str, str] | None = None


# --- What a plan asks for ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ArtifactSource:
    """Files that are put into a working directory before the script starts.

    ``directory`` is relative to the volume; all of it, or only ``paths``, is copied below ``prefix`` ("" is the working
    directory itself).
    """

    directory: str
    prefix: str = ""
    paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRule:
    """Which files of the working directory are kept, and when: OnSuccess, OnFailure, Always."""

    paths: tuple[str, ...]
    keep: str


@dataclass(frozen=True, slots=True)
class PodRequest:
    """One attempt of a container task or handler; every template is rendered, every value exact.

    ``container`` is a core/v1 Container without ``name``; ``pod_template`` a core/v1 PodTemplateSpec merged under what brood
    builds. Of the container, ``command``, ``args`` and ``env`` reach the kubelet as they stand here, so that ``$(NAME)`` keeps its
    meaning of core/v1: where a string of these came out of a template, every ``$`` in the rendered text is doubled here already.
    ``params`` keep their declared order (``$1`` …); ``outputs`` are the upstream ones by name.
    """

    namespace: str
    name: str
    run: str
    run_uid: str
    root: str
    root_uid: str
    definition: str
    task: str
    handler: bool
    index: int | None  # of the item whose child run this is, if any
    attempt: int
    container: Mapping[str, JsonValue]
    script: str | None
    env: tuple[Mapping[str, JsonValue], ...]  # core/v1 EnvVar objects, values rendered, not yet escaped
    params: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    output_refs: Mapping[str, tuple[str, str]]  # those above 32 KiB, which lie in a ConfigMap: name -> (ConfigMap, key)
    capture_stdout: bool
    item: str | None = None  # text of the item, for a container body with `parallel`
    positional: tuple[str, ...] | None = None  # $1 …, where they are not the params
    item_attempt: int | None = None  # $BROOD_ATTEMPT where it is the item's
    timeout_seconds: int | None = None
    artifacts: ArtifactRule | None = None
    artifact_sources: tuple[ArtifactSource, ...] = ()
    volume: VolumeUse | None = None
    pod_template: Mapping[str, JsonValue] | None = None
    lock: str = ""
    pools: tuple[str, ...] = ()
    inputs_of: tuple[str, str] | None = None  # name and uid of the run whose params these are, where that is the parent
    own_params: frozenset[str] = frozenset()  # and which are the item's own


@dataclass(frozen=True, slots=True)
class ChildRequest:
    """A child JobRun. ``definition`` must have its revision stored before the child is created (None: already pinned)."""

    namespace: str
    name: str
    parent: str
    parent_uid: str
    root: str
    task: str
    index: int | None
    attempt: int
    definition_ref: RunDefinitionRef
    params: Mapping[str, str | int]
    definition: DefinitionView | None = None
    item: str | None = None
    priority: int = 0
    rerun_of: str | None = None  # the child of an earlier run whose results it takes over


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """The PersistentVolumeClaim of a root run."""

    namespace: str
    name: str
    root: str
    root_uid: str
    storage: str
    storage_class: str | None
    access_modes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfigMapRequest:
    """Values too large for a status or an environment; owned by the run, immutable."""

    namespace: str
    name: str
    run: str
    run_uid: str
    data: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EventRequest:
    """A Kubernetes Event about a run or definition, sent after the status write."""

    reason: str
    message: str
    warning: bool = False
