"""What failed by itself in a tree of runs: tasks, items, and runs that ended before they had any; not what a child failed."""

from collections.abc import Iterator
from dataclasses import dataclass

from brood.api.phases import RunPhase, TaskPhase
from brood.cli.forest import Children, Forest, Key
from brood.cli.rows import why
from brood.cli.wording import one_line
from brood.views import RunView


@dataclass(frozen=True, slots=True)
class Failure:
    """A path such as ``encode-42/encode[3]/split``, why it failed, and the Pod that did, if there was one."""

    path: str
    why: str
    namespace: str
    pod: str | None = None


def failures(forest: Forest, key: Key) -> Iterator[Failure]:
    """Yield the failures of a root run and of all below it; of what was tried again the last attempt counts."""
    run = forest.view(key)
    if run is not None:
        yield from _of(Children(forest), run, run.meta.name)


def _of(children: Children, run: RunView, path: str) -> Iterator[Failure]:
    space = run.meta.namespace
    if not run.status.tasks and not run.is_root:
        yield Failure(path, one_line(run.status.message), space)
    for row in (*run.status.tasks, *run.status.handlers):
        by_child = row.reason == "ChildFailed" and (row.items is not None or row.child_name is not None)
        if row.phase is TaskPhase.FAILED and not by_child:
            item = run.spec.definition_ref.task is not None  # whose only task is a container body
            yield Failure(path if item else f"{path}/{row.name}", why(row), space, row.pod_name)
        for child in children.of(run, row.name, phases=(RunPhase.FAILED, RunPhase.PARTIALLY_SUCCEEDED)):
            index = f"[{child.index}]" if child.index is not None else ""
            yield from _of(children, child, f"{path}/{row.name}{index}")
