"""Where an output goes when its task has ended: small ones into the status, larger ones into a ConfigMap of the run (§1.4, §2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from brood.api.names import object_name
from brood.api.reasons import TaskReason, WaitingReason
from brood.api.status import OutputRef
from brood.engine.draft import Draft
from brood.engine.graph import Node
from brood.views import ConfigMapRequest

SMALL = 1024
"""Bytes of one output that the status holds."""
TOGETHER = 32 * 1024
"""Bytes of all outputs that the status holds."""
OUTPUT_LIMIT = 256 * 1024
"""Bytes of one output of a script."""
AGGREGATE_LIMIT = 900 * 1024
"""Bytes of the aggregate of a parallel task, and of the outputs of a child run as one JSON object."""

Kind = Literal["output", "written"]
"""The value of a task's `output`, which is `outputs.NAME`; or what its script wrote, which is `tasks["t"].outputs.NAME`."""


class CannotKeep(Exception):
    """An output that cannot be kept; the message names it."""

    def __init__(self, reason: TaskReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotNow(Exception):
    """The server refuses to store a large output for now; the row cannot be recorded before it has."""


@dataclass(slots=True)
class _Place:
    """Where one value goes: into the status, or into a ConfigMap of its own."""

    kind: Kind
    name: str
    text: str
    ref: OutputRef | None = None

    @property
    def size(self) -> int:
        """Bytes of the text."""
        return len(self.text.encode())


def record(
    draft: Draft, node: Node, declared: str | None, written: Mapping[str, str], *, limit: int = OUTPUT_LIMIT
) -> None:
    """Keep what a task left: ``declared`` is the value of its `output` (None where it declares none).

    Raises
    ------
    CannotKeep
        If a value is larger than ``limit`` bytes (`OutputTooLarge`), or the server refuses its ConfigMap for good.
    NotNow
        If the server refuses the ConfigMap for now; the row says so already. Nothing is kept then, nor with `CannotKeep`.
    """
    own = node.task.output
    places = [_Place("written", name, text) for name, text in written.items()]
    if own is not None and declared is not None:
        places.append(_Place("output", own, declared))
    for place in places:
        if place.size > limit:
            told = f"output {place.name} has {place.size} bytes (max: {limit})"
            raise CannotKeep(TaskReason.OUTPUT_TOO_LARGE, told)
    room = _room(draft)
    for place in places:
        if place.size <= SMALL and place.size <= room:
            room -= place.size
        else:
            place.ref = _store(draft, node, place)
    _keep(draft, node, places)


def keep_or_drop(draft: Draft, node: Node, declared: str | None, written: Mapping[str, str]) -> None:
    """Keep what a failed attempt left where it can be kept; its failure is told whatever becomes of it."""
    try:
        record(draft, node, declared, written)
    except CannotKeep:
        return


def _room(draft: Draft) -> int:
    """Return how many bytes of outputs the status still takes."""
    named = sum(len(text.encode()) for text in draft.outputs.values())
    in_rows = sum(len(text.encode()) for row in draft.rows for text in row.outputs.values())
    return TOGETHER - max(named, in_rows)


def _store(draft: Draft, node: Node, place: _Place) -> OutputRef:
    """Ask for the ConfigMap that holds a large value; its name is that of the attempt, so a second try meets the first."""
    run = draft.run.meta
    seed = f"{node.name}/{place.kind}/{place.name}"  # a slash is in no task's name: no other object is named so
    name = object_name(run.name, run.uid, task=seed, index=None, attempt=draft.row(node).attempt)
    refusal = draft.refusal(name)
    if refusal is not None:
        kind, message = refusal
        if kind == "Quota":
            draft.hold(node, WaitingReason.QUOTA_EXCEEDED, message)
            raise NotNow(message)
        reason = TaskReason.NAME_CONFLICT if kind == "NameConflict" else TaskReason.OUTPUT_INVALID
        raise CannotKeep(reason, f"output {place.name} cannot be stored: {message}")
    draft.config_maps.append(ConfigMapRequest(run.namespace, name, run.name, run.uid, {place.name: place.text}))
    draft.fresh_values[name, place.name] = place.text
    return OutputRef(config_map=name, key=place.name)


def _keep(draft: Draft, node: Node, places: list[_Place]) -> None:
    written = [place for place in places if place.kind == "written"]
    if written:
        draft.set(
            node,
            outputs={place.name: place.text for place in written if place.ref is None},
            output_refs={place.name: place.ref for place in written if place.ref is not None},
        )
    for place in places:
        if place.kind == "written" and _belongs_to_another(draft, node, place.name):
            continue
        draft.outputs.pop(place.name, None)
        draft.output_refs.pop(place.name, None)
        if place.ref is None:
            draft.outputs[place.name] = place.text
        else:
            draft.output_refs[place.name] = place.ref


def _belongs_to_another(draft: Draft, node: Node, name: str) -> bool:
    """Whether the run's output of that name is another's: of the task that declares it, else of the later writer in the list."""
    if name in draft.graph.outputs:
        return True
    later = draft.rows[node.position + 1 : len(draft.graph.nodes)]
    return any(name in row.outputs or name in row.output_refs for row in later)
