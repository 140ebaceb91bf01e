"""Runs by name, by parent and by root, kept up to date event by event."""

from collections.abc import Iterable

from brood.api.status import ItemsStatus
from brood.engine.ranges import IndexRanges
from brood.engine.snapshot import ChildIndex
from brood.views import RunView

Name = tuple[str, str]  # namespace, name

DEEPEST = 1000
"""No way up is followed further: objects that claim to be each other's parents must not stop the process."""


class Family:
    """All runs and how they belong together. Each change costs O(1), whatever the number of items."""

    def __init__(self) -> None:
        self._by_name: dict[Name, RunView] = {}
        self._by_uid: dict[str, RunView] = {}
        self._children: dict[str, ChildIndex] = {}
        self._live: dict[Name, set[str]] = {}  # root -> names of unfinished runs below it
        self._roots: dict[Name, dict[str, RunView]] = {}  # namespace, definition -> uid -> root run that names it
        self._recorded: dict[str, dict[str, tuple[str, ...]]] = {}  # uid -> task -> the ranges that were taken over

    def put(self, run: RunView) -> None:
        """Add or replace a run."""
        name = (run.meta.namespace, run.meta.name)
        before = self._by_name.get(name)
        if before is not None and before.meta.uid != run.meta.uid:
            self.remove(before)
        self._by_name[name] = run
        self._by_uid[run.meta.uid] = run
        if run.is_root and run.spec.definition_ref.name is not None:
            self._roots.setdefault((name[0], run.spec.definition_ref.name), {})[run.meta.uid] = run
        if run.spec.parent_ref is not None:
            self._children.setdefault(run.spec.parent_ref.uid, ChildIndex()).put(run)
            root = (run.meta.namespace, run.root)
            if not run.status.finished:
                self._live.setdefault(root, set()).add(run.meta.name)
            else:
                self._drop_live(root, run.meta.name)
        self._take_ranges(run)

    def remove(self, run: RunView) -> None:
        """Forget a run that is gone; its children stay known until they go."""
        name = (run.meta.namespace, run.meta.name)
        known = self._by_name.get(name)
        if known is not None and known.meta.uid == run.meta.uid:
            del self._by_name[name]
        self._by_uid.pop(run.meta.uid, None)
        roots = self._roots.get((name[0], run.spec.definition_ref.name or ""))
        if roots is not None:
            roots.pop(run.meta.uid, None)
            if not roots:
                del self._roots[name[0], run.spec.definition_ref.name or ""]
        self._recorded.pop(run.meta.uid, None)
        if run.spec.parent_ref is not None:
            self._leave_family(run, run.spec.parent_ref.uid)
        self._drop_if_empty(run.meta.uid)

    def _leave_family(self, run: RunView, parent: str) -> None:
        siblings = self._children.get(parent)
        if siblings is not None:
            siblings.remove(run)
            if parent not in self._by_uid:
                self._drop_if_empty(parent)
        self._drop_live((run.meta.namespace, run.root), run.meta.name)

    def _drop_live(self, root: Name, name: str) -> None:
        live = self._live.get(root)
        if live is not None:
            live.discard(name)
            if not live:
                del self._live[root]

    def _drop_if_empty(self, uid: str) -> None:
        index = self._children.get(uid)
        if index is not None and index.empty:
            del self._children[uid]

    def get(self, namespace: str, name: str) -> RunView | None:
        """Return the run of that name."""
        return self._by_name.get((namespace, name))

    def roots_of(self, namespace: str, definition: str) -> tuple[RunView, ...]:
        """Return the root runs that name a definition."""
        return tuple(self._roots.get((namespace, definition), {}).values())

    def by_uid(self, uid: str) -> RunView | None:
        """Return the run of that uid."""
        return self._by_uid.get(uid)

    def children(self, uid: str) -> ChildIndex:
        """Return the children of a run."""
        return self._children.get(uid) or ChildIndex()

    def has_children(self, uid: str) -> bool:
        """Whether a run has any children."""
        index = self._children.get(uid)
        return index is not None and not index.empty

    def parent(self, run: RunView) -> RunView | None:
        """Return the very run that made this one, None where it is gone (or another has its name now)."""
        ref = run.spec.parent_ref
        return None if ref is None else self._by_uid.get(ref.uid)

    def root(self, run: RunView) -> RunView | None:
        """Return the root run of a child, None where any run on the way up is gone."""
        at: RunView | None = run
        for _ in range(DEEPEST):
            if at is None or at.spec.parent_ref is None:
                return at
            at = self.parent(at)
        return None

    def around(self, run: RunView) -> RunView | None:
        """Return the nearest run, this one or above it, that follows a definition itself and not a local one of it."""
        at: RunView | None = run
        for _ in range(DEEPEST):
            if at is None or at.spec.definition_ref.local is None:
                return at
            at = self.parent(at)
        return None

    def depth(self, run: RunView) -> int:
        """Return how deep a run is nested, as far as its parents are there; a root's depth is 1."""
        depth, at = 1, self.parent(run)
        while at is not None and depth < DEEPEST:
            depth, at = depth + 1, self.parent(at)
        return depth

    def live_below(self, root: RunView) -> Iterable[str]:
        """Return the names of the unfinished runs of a tree, the root's left out."""
        return tuple(self._live.get((root.meta.namespace, root.root), ()))

    def all(self) -> Iterable[RunView]:
        """Return every run."""
        return self._by_name.values()

    def __len__(self) -> int:
        return len(self._by_name)

    def _take_ranges(self, run: RunView) -> None:
        """Tell the index of a run's children which items its status records as ended."""
        told = {row.name: _ranges(row.items) for row in run.status.tasks if row.items is not None}
        taken = self._recorded.get(run.meta.uid, {})
        for task in told.keys() | taken.keys():
            texts = told.get(task, ())
            if taken.get(task, ()) == texts or not (any(texts) or task in taken):
                continue
            taken = self._recorded.setdefault(run.meta.uid, {})
            taken[task] = texts
            ended = IndexRanges.union(map(IndexRanges.read, texts))
            self._children.setdefault(run.meta.uid, ChildIndex()).record(task, ended)


def _ranges(items: ItemsStatus) -> tuple[str, ...]:
    return items.completed_indexes, items.failed_indexes, items.cancelled_indexes, items.skipped_indexes
