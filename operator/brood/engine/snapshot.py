"""The input of a plan: what exists now, of one run.

A snapshot is gathered by ``controller/cache.py`` without I/O and without copying what has not changed; two snapshots with
equal contents give equal plans.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from brood.api.jobdefinition import Artifacts
from brood.api.jobrun import RunDefinitionRef
from brood.api.task import DefinitionRef
from brood.engine.graph import Graph
from brood.engine.locks import Lock, LockState, SlotState
from brood.engine.ranges import IndexRanges
from brood.views import ClaimView, DefinitionView, PodAttempt, RunView


@dataclass(frozen=True, slots=True)
class DefinitionProblem:
    """Why a definition cannot be used now: DefinitionNotFound, AmbiguousDefinition or InvalidSpec, and one line that names it."""

    reason: str
    message: str


class Definitions(Protocol):
    """The JobDefinitions of the run's namespace, and the pinned revisions."""

    def resolve(self, ref: DefinitionRef) -> DefinitionView | DefinitionProblem:
        """Find the one definition that a name, or a type and version, means now."""

    def graph(self, ref: RunDefinitionRef) -> Graph | None:
        """Return the compiled graph of a pinned revision (of its local definition or task), None while it is being read."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A create that the server refused in the pass just before; the plan records it instead of asking again."""

    name: str  # of the Pod or child run
    kind: Literal["Quota", "Forbidden", "Terminating", "Invalid", "NameConflict"]
    message: str


class ChildIndex:
    """The child runs of one run, by task and item, kept up to date event by event.

    ``unrecorded`` holds, for each task, only the items whose end is not yet in the parent's status: what a plan looks at is
    bounded by ``maxConcurrent``, never by the number of items.
    """

    __slots__ = ("_by_task", "_recorded", "_unrecorded", "live")

    def __init__(self) -> None:
        self._by_task: dict[str, dict[int | None, tuple[RunView, ...]]] = {}
        self._unrecorded: dict[str, set[int]] = {}
        self._recorded: dict[str, IndexRanges] = {}
        self.live = 0  # unfinished children of the run

    def put(self, child: RunView) -> None:
        """Add or replace one child."""
        task, index = child.task or "", child.index
        items = self._by_task.setdefault(task, {})
        before = items.get(index, ())
        others = tuple(one for one in before if one.meta.uid != child.meta.uid)
        items[index] = tuple(sorted((*others, child), key=lambda one: one.attempt))
        old = next((one for one in before if one.meta.uid == child.meta.uid), None)
        self.live += (not child.status.finished) - (old is not None and not old.status.finished)
        if index is not None and index not in self._recorded.get(task, ()):
            self._unrecorded.setdefault(task, set()).add(index)

    def remove(self, child: RunView) -> None:
        """Forget a child whose object is gone."""
        task, index = child.task or "", child.index
        items = self._by_task.get(task, {})
        before = items.get(index, ())
        old = next((one for one in before if one.meta.uid == child.meta.uid), None)
        if old is None:
            return
        self.live -= not old.status.finished
        rest = tuple(one for one in before if one.meta.uid != child.meta.uid)
        if rest:
            items[index] = rest
            return
        del items[index]
        if index is not None:
            self._unrecorded.get(task, set()).discard(index)

    def record(self, task: str, ended: IndexRanges) -> None:
        """Take over which items of a task the parent's status records as ended; who takes some out has them looked at anew."""
        if not ended.covers(self._recorded.get(task, ended)):
            indexes = self._by_task.get(task, {})
            self._unrecorded[task] = {index for index in indexes if index is not None}
        self._recorded[task] = ended
        pending = self._unrecorded.get(task)
        if pending:
            pending.difference_update([index for index in pending if index in ended])

    def of(self, task: str, index: int | None = None) -> tuple[RunView, ...]:
        """Return the attempts of a task or item, oldest first."""
        return self._by_task.get(task, {}).get(index, ())

    def unrecorded(self, task: str) -> Sequence[int]:
        """Return the indexes that have a child and no recorded end, ascending."""
        return sorted(self._unrecorded.get(task, ()))

    @property
    def empty(self) -> bool:
        """Whether there is no child at all."""
        return not any(self._by_task.values())

    def any(self, task: str) -> RunView | None:
        """Return some child of a task, if there is one."""
        return next((attempts[-1] for attempts in self._by_task.get(task, {}).values()), None)

    def all(self, task: str) -> Iterable[RunView]:
        """Return every child of a task, in no particular order: O(items)."""
        return (child for attempts in self._by_task.get(task, {}).values() for child in attempts)


@dataclass(frozen=True, slots=True)
class Previous:
    """The run that `rerunOf` names, with its children and, of a root run, its claim."""

    run: RunView
    children: ChildIndex
    claim: ClaimView | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One run and what belongs to it."""

    run: RunView
    graph: Graph | None = None  # of the pinned revision, or of the definition that would be pinned now
    definition: DefinitionView | None = None  # what would be pinned; None once pinned
    problem: DefinitionProblem | None = None
    problem_since: datetime | None = None  # None: since the run was created
    pods: Mapping[str, Sequence[PodAttempt]] = field(default_factory=dict)  # by task, attempts ascending
    handler_pods: Mapping[str, Sequence[PodAttempt]] = field(default_factory=dict)
    children: ChildIndex = field(default_factory=ChildIndex)
    definitions: Definitions | None = None
    root: RunView | None = None  # the root run where this is a child; None where it is gone
    parent: RunView | None = None  # likewise
    around: RunView | None = None  # the nearest run, this or above it, that follows a definition and no local one
    siblings: ChildIndex = field(default_factory=ChildIndex)  # all children of the parent, this run among them
    previous: Previous | None = None  # None too where that run is gone
    artifacts: Artifacts | None = None  # of the root's definition
    claim: ClaimView | None = None
    claim_shared: bool = False  # another run that is there owns it too
    volume_root: str = ""  # where any Pod of the tree sees the volume
    values: Mapping[tuple[str, str], str] = field(default_factory=dict)  # (ConfigMap, key) -> content, of outputRefs
    lost: Collection[tuple[str, str]] = ()  # of those, what was looked for and is gone
    refusals: Sequence[Refusal] = ()
    lock: Lock | None = None  # what a root run that is not admitted asks for, as `engine.concurrency.lock_of` says
    lock_state: LockState = field(default_factory=LockState)
    slots: SlotState = field(default_factory=SlotState)
    lock_problem: str = ""  # why the key cannot be rendered
    lock_label: str = ""  # of the key that the root run of the tree holds
    orphaned: bool = False  # its owner is gone or being deleted: it creates nothing
    depth: int = 1  # of the run in its tree; a root's is 1
    max_depth: int = 16
    refuse_invalid: bool = False  # an invalid definition ends a run at once: the local cluster, where nobody mends it
    definition_wait_seconds: int = 300
    memo: dict[object, object] = field(default_factory=dict)
    """Values derived from what never changes (the pinned revision, final outputs). A cache: an empty one gives the same plan."""
