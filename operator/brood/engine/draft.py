"""One pass over one run: the rows as they are changing, and what the plan will ask for.

Policies read and change a `Draft`; `engine.reconcile` makes the immutable `Plan` of it. A draft lives for one call of `plan`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from brood.api.phases import TaskPhase
from brood.api.reasons import TaskReason
from brood.api.status import ArtifactFile, TaskStatus
from brood.engine.graph import Graph, Node
from brood.engine.plan import ChildShutdown, PodDeletion
from brood.engine.routes import ENDED, fired_route
from brood.engine.snapshot import Snapshot
from brood.templating import TemplateError
from brood.views import ChildRequest, ClaimRequest, ConfigMapRequest, EventRequest, PodAttempt, PodRequest

MESSAGE_LENGTH = 256
ASK_AGAIN = timedelta(seconds=10)
"""After which time something is asked for again that the server refused, and without which a row cannot be recorded."""


class NeedsValues(Exception):
    """The plan depends on contents of ConfigMaps that the snapshot does not hold."""

    def __init__(self, refs: Sequence[tuple[str, str]]) -> None:
        super().__init__(refs)
        self.refs = tuple(refs)


class LostValues(TemplateError):
    """Somebody has deleted a ConfigMap that holds outputs."""


class Draft:
    """The working state of a plan. Rows of handlers come behind those of the tasks."""

    def __init__(self, snapshot: Snapshot, graph: Graph, now: datetime, params: Mapping[str, str | int]) -> None:
        self.snapshot = snapshot
        self.graph = graph
        self.now = now
        self.params = params
        self.run = snapshot.run
        status = snapshot.run.status
        self.rows: list[TaskStatus] = [*_rows_of(graph.nodes, status.tasks)]
        self.rows += _rows_of(graph.handlers, status.handlers)
        self.outputs: dict[str, str] = dict(status.outputs)
        self.output_refs = dict(status.output_refs)
        self.new_files: list[ArtifactFile] = []  # that this plan records
        self.fresh_values: dict[tuple[str, str], str] = {}  # of ConfigMaps that this plan asks for
        self.lock_label = ""
        self.deadline: datetime | None = None
        self.deadline_seen = False  # the status says already that it has passed
        self.suspended = False
        self.replaced = ""  # by which newer run of the key, in one line
        self.stop = ""  # why nothing new starts: a TaskReason (Interrupted, Terminated, DeadlineExceeded) or ""
        self.active = 0  # tasks that count for maxActiveTasks
        self.pods: list[PodRequest] = []
        self.children: list[ChildRequest] = []
        self.config_maps: list[ConfigMapRequest] = []
        self.claim: ClaimRequest | None = None
        self.deletions: list[PodDeletion] = []
        self.shutdowns: list[ChildShutdown] = []
        self.urgent = False  # something waits for nothing but the status that this plan writes
        self.events: list[EventRequest] = []
        self.waits_for_slots = False
        self.wake_at: datetime | None = None

    # --- rows ---

    def row(self, node: Node) -> TaskStatus:
        """Return the row of a task or handler as it is now."""
        return self.rows[node.position]

    def set(self, node: Node, **changes: Any) -> TaskStatus:
        """Change a row; an equal one stays the same object."""
        row = self.rows[node.position]
        if all(getattr(row, name) == value for name, value in changes.items()):
            return row
        row = self.rows[node.position] = replace(row, **changes)
        return row

    def wait(self, node: Node, reason: str = "", message: str = "") -> None:
        """Say why a task is not running."""
        self.set(node, phase=TaskPhase.PENDING, reason=str(reason), message=cut(message))

    def say(self, node: Node, reason: str, message: str) -> None:
        """Say for what a task, or something in it, waits; nothing is said of a row that is final."""
        if not self.ended(node):
            self.set(node, reason=str(reason), message=cut(message))

    def hold(self, node: Node, reason: str, message: str) -> None:
        """Leave a row as it is, because what it would record cannot be stored now."""
        self.say(node, reason, message)
        self.wake(self.now + ASK_AGAIN)

    def is_recorded(self, position: int) -> bool:
        """Whether the end of a task stands in the status already, not only in this draft."""
        tasks = self.run.status.tasks
        return position < len(tasks) and tasks[position].phase in ENDED

    def end(self, node: Node, phase: TaskPhase, reason: str = "", message: str = "", **changes: Any) -> None:
        """End a row for good."""
        changes.setdefault("completion_time", self.now)
        changes.setdefault("next_attempt_time", None)
        changes.setdefault("waiting_since", None)
        row = self.set(node, phase=phase, reason=str(reason), message=cut(message), **changes)
        if not node.handler and self.stop != TaskReason.DEADLINE_EXCEEDED:
            self.set(node, routed_to=fired_route(node.task, row))

    def ended(self, node: Node) -> bool:
        """Whether a row is final."""
        return self.rows[node.position].phase in ENDED

    @property
    def stops_pods(self) -> bool:
        """Whether running Pods and children are stopped, not only nothing new started."""
        return self.stop in {TaskReason.TERMINATED, TaskReason.DEADLINE_EXCEEDED}

    # --- objects ---

    def attempts(self, node: Node) -> Sequence[PodAttempt]:
        """Return the Pods of a task or handler, oldest first."""
        source = self.snapshot.handler_pods if node.handler else self.snapshot.pods
        return source.get(node.name, ())

    def refusal(self, name: str) -> tuple[str, str] | None:
        """Return (kind, message) where the server refused to create that object a moment ago."""
        for one in self.snapshot.refusals:
            if one.name == name:
                return one.kind, one.message
        return None

    def wake(self, at: datetime) -> None:
        """Look again at that time, or earlier."""
        if self.wake_at is None or at < self.wake_at:
            self.wake_at = at

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Tell people, once, beside the status."""
        self.events.append(EventRequest(reason, cut(message), warning=warning))

    # --- values ---

    def values(self, refs: Mapping[str, Any]) -> dict[str, str]:
        """Return the contents that `outputRefs` name.

        Raises
        ------
        NeedsValues
            If the snapshot lacks some.
        LostValues
            If some are gone.
        """
        found: dict[str, str] = {}
        missing: list[tuple[str, str]] = []
        for name, ref in refs.items():
            key = (ref.config_map, ref.key)
            text = self.fresh_values.get(key)
            if text is None:
                text = self.snapshot.values.get(key)
            if key in self.snapshot.lost:
                raise LostValues(f"ConfigMap {ref.config_map} is gone, and {ref.key} with it: run again what made it")
            if text is None:
                missing.append(key)
            else:
                found[name] = text
        if missing:
            raise NeedsValues(missing)
        return found

    def output_text(self, name: str) -> str | None:
        """Return an output of this run by name, or None."""
        text = self.outputs.get(name)
        if text is not None:
            return text
        ref = self.output_refs.get(name)
        return None if ref is None else self.values({name: ref})[name]


def _rows_of(nodes: Sequence[Node], rows: Sequence[TaskStatus]) -> Iterator[TaskStatus]:
    """Yield the row of each task in the order of the list; a new one where the status has none."""
    known: dict[str, TaskStatus] | None = None
    for at, node in enumerate(nodes):
        row = rows[at] if at < len(rows) else None
        if row is None or row.name != node.name:
            known = {row.name: row for row in rows} if known is None else known
            row = known.get(node.name) or TaskStatus(name=node.name)
        yield row


def cut(message: str) -> str:
    """Return one line of at most 256 characters: what is too long loses its middle, because the cause comes last."""
    line = " ".join(message.split())
    half = (MESSAGE_LENGTH - 1) // 2
    return line if len(line) <= MESSAGE_LENGTH else f"{line[:half]}…{line[-half:]}"
