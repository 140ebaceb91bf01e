"""Why a run is not further: every task and item that waits or runs, and of an ended run what decided its end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from brood.api.conditions import get_condition
from brood.api.phases import RunPhase, TaskPhase
from brood.api.reasons import ConditionType, DefinitionReason, RunReason, TaskReason, WaitingReason
from brood.api.status import TaskStatus
from brood.cli.forest import Children, Forest, Key
from brood.cli.remedies import known, remedy
from brood.cli.rows import Predecessors, items_text, waiting_for
from brood.cli.wording import one_line
from brood.engine.ranges import IndexRanges
from brood.views import RunView

WAITS_FOR_TASKS: Final = "WaitsForTasks"
"""No reason of the API: a task before this one has not ended; nothing stands in a row for it."""

_REPEATING: Final = ("", TaskReason.CHILD_FAILED)
"""What a row with child runs says that they say better."""

_LIVE: Final = (RunPhase.PENDING, RunPhase.QUEUED, RunPhase.RUNNING, RunPhase.SUSPENDED)
_KUBELETS: Final = (
    "The kubelet's own word for why the container does not start.",
    "The message names the Secret, ConfigMap or volume that is missing; `kubectl describe pod` has more.",
)
_OTHERS: Final[Mapping[str, tuple[str, str]]] = {
    WAITS_FOR_TASKS: ("Tasks before it have not ended.", ""),
    "InternalError": ("A defect of brood.", "The operator's log has the traceback; it tries again by itself."),
}


@dataclass(frozen=True, slots=True)
class Why:
    """One answer. ``path`` names the run, task or items; ``count`` is how many items it speaks of, 0 for none."""

    path: str
    phase: str
    reason: str = ""
    message: str = ""
    is_run: bool = False
    count: int = 0

    @property
    def meaning(self) -> str:
        """What the reason means."""
        return self._told[0]

    @property
    def way_out(self) -> str:
        """What can be done."""
        return self._told[1]

    @property
    def _told(self) -> tuple[str, str]:
        live = self.phase in _LIVE
        kinds = (WaitingReason, DefinitionReason) if live else (RunReason,) if self.is_run else (TaskReason,)
        reason = known(self.reason, *kinds)
        if reason is not None:
            return reason.description, remedy(reason)
        return _OTHERS.get(self.reason, _KUBELETS if live and self.reason and not self.is_run else ("", ""))

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
        own = Why(path, phase, *_verdict(run), is_run=True)
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
        groups: dict[tuple[str, str, str, bool], list[tuple[int, str]]] = {}
        for child in children:
            for one in self.run(child, ""):
                where = "" if child.spec.definition_ref.task else one.path  # a container body's only task is the item
                groups.setdefault((where, one.phase, one.reason, one.is_run), []).append(
                    (child.index or 0, one.message)
                )
        for (where, phase, reason, is_run), found in groups.items():
            indexes = sorted({index for index, _ in found})
            place = f"{path}[{IndexRanges(indexes)}]{where}"
            yield Why(place, phase, reason, found[0][1], is_run=is_run, count=len(indexes))


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
