"""Plain lines, for a file or a pipe: one whenever a run or task changes its state, with words that one can grep for."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, TextIO

from brood.api.phases import TaskPhase
from brood.api.status import TaskStatus
from brood.cli.forest import Forest
from brood.cli.rows import items_text, task_detail
from brood.cli.wording import one_line, span
from brood.views import RunView

PROGRESS_INTERVAL: Final = timedelta(seconds=5)
"""How often the counts of a fan-out are told while nothing else happens to it."""

_SAID_BY_THE_CHILD: Final = (TaskPhase.PENDING, TaskPhase.RUNNING, TaskPhase.SUCCEEDED)
"""The child's own lines tell these, and a fork that succeeded while its child goes on would only confuse."""

Said = tuple[str, ...]


class PlainDisplay:
    """Tells changes as lines ``time  path  state  why``; the path is the root run and the tasks below it."""

    def __init__(self, stream: TextIO, *, local_time: Callable[[datetime], datetime] = datetime.astimezone) -> None:
        self._stream = stream
        self._local_time = local_time
        self._said: dict[str, Said] = {}
        self._progress: dict[str, datetime] = {}

    def update(self, forest: Forest, now: datetime) -> None:
        """Tell what has changed since the last time."""
        views = [view for key in forest.roots if (view := forest.view(key)) is not None]
        written = [line for view in views for line in self._run(forest, view, view.meta.name, now)]
        if written:
            self._stream.write("".join(f"{line}\n" for line in written))
            self._stream.flush()

    def say(self, message: str) -> None:
        """Write a line about the command itself."""
        self._stream.write(f"{message}\n")
        self._stream.flush()

    def close(self, forest: Forest, now: datetime) -> None:
        """Tell the rest."""
        self._progress.clear()
        self.update(forest, now)

    def _run(self, forest: Forest, run: RunView, path: str, now: datetime) -> Iterator[str]:
        phase = run.status.phase
        ended = phase is not None and phase.ended
        why = one_line(run.status.message) if phase not in (None, "Running", "Succeeded") else ""
        if phase is not None and not ended:
            yield from self._changed(path, (phase, why), now)
        for row in (*run.status.tasks, *run.status.handlers):
            here = f"{path}/{row.name}"
            child = forest.child(run, row.child_name) if row.child_name and row.items is None else None
            if child is not None:
                yield from self._run(forest, child, here, now)
                if row.phase.value == child.status.phase or row.phase in _SAID_BY_THE_CHILD:
                    continue
            yield from self._task(here, row, now)
        if phase is not None and ended:
            took = span(run.status.start_time, run.status.completion_time)
            told = " ".join(part for part in (run.status.progress, took, why) if part)
            yield from self._changed(path, (phase, told), now)

    def _task(self, path: str, row: TaskStatus, now: datetime) -> Iterator[str]:
        if row.phase == "Pending" and not row.reason:
            return
        took = span(row.start_time, row.completion_time)
        if row.items is not None and not row.phase.ended:
            yield from self._fan_out(path, row, now)
            return
        yield from self._changed(path, (row.phase, " ".join(part for part in (took, task_detail(row)) if part)), now)

    def _fan_out(self, path: str, row: TaskStatus, now: datetime) -> Iterator[str]:
        """Tell the counts when a fan-out begins to run or to wait, and then every few seconds at most."""
        assert row.items is not None  # noqa: S101  # the caller has looked
        told = self._progress.get(path)
        before = self._said.get(path, ("",))
        if before[0] == row.phase and told is not None and now - told < PROGRESS_INTERVAL:
            return
        self._progress[path] = now
        yield from self._changed(path, (row.phase, items_text(row.items), row.reason, one_line(row.message)), now)

    def _changed(self, path: str, said: Said, now: datetime) -> Iterator[str]:
        if self._said.get(path) == said:
            return
        self._said[path] = said
        state, *details = said
        line = f"{self._local_time(now):%H:%M:%S}  {path}  {state}"
        yield "  ".join([line, *(detail for detail in details if detail)])
