"""A tree of runs as rows: a run, its tasks, their child runs; a fan-out is one row, whatever its number of items."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from brood.api.phases import RunPhase, TaskPhase
from brood.api.status import ItemsStatus, TaskStatus
from brood.cli.forest import Children, Forest
from brood.cli.wording import one_line, shorten_list, span
from brood.views import RunView

_WAITING_SHOWN: Final = 4

Predecessors = Callable[[RunView], Mapping[str, Sequence[str]]]
"""Which tasks a task of that run waits for; empty where the definition is not known."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree.

    ``ancestors_last`` says for each ancestor below the root, outermost first, and for the row itself, whether it is the
    last of its siblings. ``detail`` answers why it is not running, or what became of it. ``path`` names it from its root
    run on: ``encode-42/encode[3]/split``. ``run`` is the run, or the one that the task is of.
    """

    name: str
    phase: str
    is_run: bool
    ancestors_last: tuple[bool, ...] = ()
    duration: str = ""
    detail: str = ""
    items: ItemsStatus | None = None
    path: str = ""
    task: TaskStatus | None = None
    run: RunView | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing is lost to somebody in a hurry if the row is left out."""
        return self.phase in ("Succeeded", "Skipped")


def rows_of(
    forest: Forest, run: RunView, *, now: datetime, predecessors: Predecessors, items: bool = False
) -> list[Row]:
    """Return the rows of a root run and everything below it, in the order of the definition.

    With ``items`` the run of each item of a fan-out has rows of its own.
    """
    walk = _Walk(forest, now, predecessors, children=Children(forest) if items else None)
    return list(_run_rows(walk, run, run.meta.name, run.meta.name, ()))


@dataclass(frozen=True, slots=True)
class _Walk:
    forest: Forest
    now: datetime
    predecessors: Predecessors
    children: Children | None


def _run_rows(walk: _Walk, run: RunView, name: str, path: str, last: tuple[bool, ...]) -> Iterator[Row]:
    status = run.status
    phase = status.phase or RunPhase.PENDING
    yield Row(
        name=name,
        phase=phase,
        is_run=True,
        ancestors_last=last,
        duration=span(status.start_time, status.completion_time or walk.now),
        detail=_run_detail(run),
        path=path,
        run=run,
    )
    yield from _task_rows(walk, run, path, last)


def _run_detail(run: RunView) -> str:
    status = run.status
    parts = [status.progress]
    if status.phase is not RunPhase.SUCCEEDED and status.message:
        parts.append(one_line(status.message))
    if run.spec.shutdown is not None and not (status.phase and status.phase.ended):
        parts.append(f"shutdown: {run.spec.shutdown}")
    if not status.tasks and status.phase is None:
        parts.append("not looked at yet")
    return "  ".join(part for part in parts if part)


def _task_rows(walk: _Walk, run: RunView, path: str, last: tuple[bool, ...]) -> Iterator[Row]:
    entries = (*run.status.tasks, *run.status.handlers)
    waits = waiting_for(run, walk.predecessors)
    for at, task in enumerate(entries):
        here, there = (*last, at == len(entries) - 1), f"{path}/{task.name}"
        handler = at >= len(run.status.tasks)
        yield Row(
            name=f"{task.name} (handler)" if handler else task.name,
            phase=task.phase,
            is_run=False,
            ancestors_last=here,
            duration=span(task.start_time, task.completion_time or walk.now) if task.start_time else "",
            detail=task_detail(task, waiting=() if handler else waits.get(task.name, ())),
            items=task.items,
            path=there,
            task=task,
            run=run,
        )
        if task.items is not None:
            items = [*walk.children.of(run, task.name)] if walk.children else []
            for item in items:
                yield from _run_rows(walk, item, item.meta.name, f"{there}[{item.index}]", (*here, item is items[-1]))
        elif task.child_name and (child := walk.forest.child(run, task.child_name)):
            yield from _run_rows(walk, child, child.meta.name, there, (*here, True))


def waiting_for(run: RunView, predecessors: Predecessors) -> dict[str, list[str]]:
    """Return the unfinished tasks that each pending task of a run waits for."""
    phases = {row.name: row.phase for row in run.status.tasks}
    if TaskPhase.PENDING not in phases.values():
        return {}
    before = predecessors(run)
    return {
        name: [one for one in before.get(name, ()) if one in phases and not phases[one].ended]
        for name, phase in phases.items()
        if phase is TaskPhase.PENDING
    }


def task_detail(task: TaskStatus, *, waiting: Sequence[str] = ()) -> str:
    """Say in one line why a task is not running, or what became of it."""
    parts: list[str] = []
    if task.items is not None:
        parts.append(items_text(task.items))
    if task.taken_over:
        parts.append("taken over")
    if task.attempt > 1 and task.items is None:
        parts.append(f"attempt {task.attempt}")
    if task.phase is TaskPhase.PENDING and not task.reason and waiting:
        more = len(waiting) - _WAITING_SHOWN
        parts.append(f"waits for {', '.join(waiting[:_WAITING_SHOWN])}{f' and {more} more' if more > 0 else ''}")
    if task.phase is TaskPhase.SUCCEEDED:
        parts.append(f"exit code {task.exit_code}" if task.exit_code else "")
    elif task.reason or task.message:
        parts.append(why(task))
    return "  ".join(part for part in parts if part)


def why(task: TaskStatus) -> str:
    """Return reason and message of a row; the exit code too, where the message does not say it."""
    message = one_line(task.message)
    told = task.phase is not TaskPhase.FAILED or task.exit_code is None or f"exit code {task.exit_code}" in message
    reason = task.reason if told else f"{task.reason} {task.exit_code}"
    return ": ".join(part for part in (reason, message) if part)


def items_text(items: ItemsStatus) -> str:
    """Return the counts of a fan-out, and which items failed: ``19/10000 items, 1 failed (17), 100 running``."""
    ended = items.succeeded + items.failed + items.cancelled + items.skipped
    parts = [f"{ended}/{items.total} items"]
    for count, word, indexes in (
        (items.failed, "failed", items.failed_indexes),
        (items.running, "running", ""),
        (items.succeeded if ended != items.succeeded else 0, "succeeded", ""),
        (items.cancelled, "cancelled", ""),
        (items.skipped, "skipped", ""),
    ):
        if count:
            parts.append(f"{count} {word}{f' ({shorten_list(indexes)})' if indexes else ''}")
    return ", ".join(parts)


def fit(rows: Sequence[Row], height: int) -> tuple[list[Row], int]:
    """Choose the rows for a screen of that height: what runs or failed first, then what waits; and count the others."""
    if len(rows) <= height:
        return list(rows), 0
    room = max(1, height - 1)  # one line says what is left out

    def rank(at: int) -> tuple[int, int]:
        row = rows[at]
        if not row.ancestors_last:
            return 0, at
        return (3, -at) if row.quiet else (2 if row.phase == "Pending" else 1, at)

    kept = sorted(sorted(range(len(rows)), key=rank)[:room])
    return [rows[at] for at in kept], len(rows) - len(kept)
