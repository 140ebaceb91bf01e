"""Why a run is not further: every task and item that waits or runs, and of an ended run what decided its end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from brood.api.conditions import get_condition
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType, DefinitionReason, RunReason, TaskReason, WaitingReason
from brood.api.status import TaskStatus
from brood.cli.forest import Children, Forest, Key
from brood.cli.rows import Predecessors, items_text, waiting_for
from brood.cli.wording import one_line
from brood.engine.ranges import IndexRanges
from brood.views import RunView

WAITS_FOR_TASKS: Final = "WaitsForTasks"
"""No reason of the API: a task before this one has not ended; nothing stands in a row for it."""

_WAYS_OUT: Final[Mapping[str, str]] = {
    WaitingReason.QUEUED: "it starts by itself; `brood interrupt` a holder, or raise maxActiveRuns or priority",
    WaitingReason.QUOTA_EXCEEDED: "free something, or raise the quota: kubectl describe quota",
    WaitingReason.NAMESPACE_LIMIT: "it goes on when others end; the limits are --max-runs and --max-pods of the operator",
    WaitingReason.ARTIFACT_VOLUME_PENDING: "look at the claim's events: kubectl describe pvc; is there a StorageClass?",
    WaitingReason.ARTIFACT_VOLUME_LIMIT: "delete ended runs that keep volumes, or raise --max-volumes of the operator",
    WaitingReason.ARTIFACT_VOLUME_NODE_FULL: "free room on that node, or use artifacts.accessModes: [ReadWriteMany]",
    WaitingReason.UNSCHEDULABLE: "ask for less in resources, drop a nodeSelector, or add nodes",
    WaitingReason.IMAGE_PULL: "check the image's name and imagePullSecrets; imagePullTimeoutSeconds gives up",
    WaitingReason.RETRY_BACKOFF: "nothing to do; `brood logs` shows the attempt that failed",
    WaitingReason.SUSPENDED: "brood resume",
    WaitingReason.MAX_ACTIVE_TASKS: "it starts when another task ends; raise maxActiveTasks",
    WaitingReason.MAX_CONCURRENT: "the other items start as these end; raise parallel.maxConcurrent",
    WaitingReason.POOL_FULL: "it starts when a slot is free; --pool of the operator says how many there are",
    WaitingReason.DEFINITION_NOT_FOUND: "apply the definition, or correct the name",
    TaskReason.EXIT_CODE: "`brood logs` shows what it wrote",
    DefinitionReason.INVALID_SPEC: "correct the definition: brood lint names the line",
}

_REPEATING: Final = ("", TaskReason.CHILD_FAILED)
"""What a row with child runs says that they say better."""

_MEANINGS: Final[Mapping[str, str]] = {
    str(one): one.description for reasons in (DefinitionReason, TaskReason, RunReason, WaitingReason) for one in reasons
} | {WAITS_FOR_TASKS: "Tasks before it have not ended.", TaskReason.DEADLINE_EXCEEDED: "A time limit passed."}


@dataclass(frozen=True, slots=True)
class Why:
    """One answer. ``path`` names the run, task or items; ``count`` is how many items it speaks of, 0 for none."""

    path: str
    phase: str
    reason: str = ""
    message: str = ""
    count: int = 0

    @property
    def meaning(self) -> str:
        """What the reason means; "" for one that is the kubelet's own."""
        return _MEANINGS.get(self.reason, "")

    @property
    def way_out(self) -> str:
        """What can be done."""
        return _WAYS_OUT.get(self.reason, "")

    def to_json(self) -> dict[str, Any]:
        """Return the form of ``-o json``."""
        texts = {"path": self.path, "phase": self.phase, "reason": self.reason, "message": self.message}
        more = {"meaning": self.meaning, "wayOut": self.way_out}
        return {**texts, **({"items": self.count} if self.count else {}), **{k: v for k, v in more.items() if v}}


def why(forest: Forest, key: Key, predecessors: Predecessors) -> list[Why]:
    """Return the answers for a run and everything below it; the run's own comes first."""
    run = forest.view(key)
    if run is None:
        return []
    walk = _Walk(Children(forest), predecessors, run.meta.name)
    return list(walk.run(run, run.meta.name))


@dataclass(frozen=True, slots=True)
class _Walk:
    children: Children
    predecessors: Predecessors
    top: str

    def run(self, run: RunView, path: str) -> Iterator[Why]:
        """Yield the run's own answer, unless it is a child whose tasks say more, and those of its tasks."""
        phase = run.status.phase or RunPhase.PENDING
        waits = waiting_for(run, self.predecessors)
        below: list[Why] = []
        if phase not in (RunPhase.SUCCEEDED, RunPhase.REJECTED):
            for row in run.status.tasks:
                below += self.task(run, row, f"{path}/{row.name}", waits.get(row.name, ()))
            for row in run.status.handlers:
                below += self.task(run, row, f"{path}/{row.name} (handler)", ())
        own = Why(path, phase, *_verdict(run))
        if path == self.top or not below or own.reason not in ("", RunReason.TASK_FAILED):
            yield own
        yield from below

    def task(self, run: RunView, row: TaskStatus, path: str, waits: Iterable[str]) -> Iterator[Why]:
        """Yield what a row says, unless it only repeats what a child run says, and what its child runs say."""
        children = [child for child in self.children.of(run, row.name) if _matters(run, child)]
        plain = (one for child in children for one in self.run(child, path))
        below = list(plain if row.items is None else self.items(children, path))
        if row.phase is TaskPhase.PENDING and not row.reason and waits:
            yield Why(path, row.phase, WAITS_FOR_TASKS, f"waits for {', '.join(waits)}")
        elif row.phase not in (TaskPhase.SUCCEEDED, TaskPhase.SKIPPED) and not (below and row.reason in _REPEATING):
            yield Why(path, row.phase, row.reason, one_line(row.message) or _doing(row))
        yield from below

    def items(self, children: Iterable[RunView], path: str) -> Iterator[Why]:
        """Yield one answer for all items that wait for the same thing at the same place."""
        groups: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        for child in children:
            for one in self.run(child, ""):
                where = "" if child.spec.definition_ref.task else one.path  # a container body's only task is the item
                groups.setdefault((where, one.phase, one.reason), []).append((child.index or 0, one.message))
        for (where, phase, reason), found in groups.items():
            indexes = sorted({index for index, _ in found})
            yield Why(f"{path}[{IndexRanges(indexes)}]{where}", phase, reason, found[0][1], len(indexes))


def _matters(run: RunView, child: RunView) -> bool:
    """Whether a child run says why its parent is not further, or failed."""
    phase = child.status.phase
    if phase is None or not phase.ended:
        return True
    return phase in (RunPhase.FAILED, RunPhase.CANCELLED) and bool(run.status.phase and run.status.phase.ended)


def _verdict(run: RunView) -> tuple[str, str]:
    """Return reason and message of a run: why it is not admitted, paused, stuck, or ended as it did."""
    conditions = run.status.conditions
    phase = run.status.phase
    kind = ConditionType.SUCCEEDED if phase and phase.ended else ConditionType.RECONCILING
    found = get_condition(conditions, kind) or get_condition(conditions, ConditionType.STALLED)
    message = one_line(run.status.message)
    if phase is None:
        return "", "not looked at yet: is the operator running, and does it serve this namespace?"
    if found is None or found.reason == RunPhase.RUNNING:  # which is no reason
        return "", message
    return found.reason, message


def _doing(row: TaskStatus) -> str:
    """Say what a task without a reason is at."""
    if row.items is not None:
        return items_text(row.items)
    if row.phase is TaskPhase.PENDING:
        return f"Pod {row.pod_name} starts" if row.pod_name else "is about to start"
    if row.phase is TaskPhase.RUNNING:
        return f"Pod {row.pod_name}" if row.pod_name else f"child run {row.child_name}" if row.child_name else ""
    return ""
