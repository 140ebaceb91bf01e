"""Pods from which somebody took what says whose they are: labels, annotations or owner. They get it back.

Such a Pod still runs. Were it let go of, a second one would do the same beside it; and its finalizer would hold it, and its
namespace, for ever. What never was a Pod of ours, the copy of one under another name, is left alone, but for our finalizer.
"""

from collections.abc import Callable
from typing import Any

from brood.api import labels
from brood.controller.keys import Key, Subject
from brood.views import Malformed, PodView, RunView

Pod = PodView | Malformed | None


class Strays:
    """Knows what such Pods were; ``wake`` rings for each of them."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._known: dict[tuple[str, str], PodView] = {}
        self.copies: dict[tuple[str, str], Malformed] = {}
        """What cannot be read and is deleted, but for our finalizer."""

    def get(self, namespace: str, name: str) -> PodView | None:
        """Return what a Pod was before; None where it is no stray."""
        return self._known.get((namespace, name))

    def _add(self, pod: PodView) -> None:
        if labels.RESULT_FINALIZER in pod.meta.finalizers:
            self._known[pod.meta.namespace, pod.meta.name] = pod
            self._wake(Key(Subject.ORPHAN, pod.meta.namespace, pod.meta.name))

    def left(self, pod: PodView | Malformed) -> None:
        """Take a Pod of which nothing will be heard until it has its labels again."""
        if isinstance(pod, PodView) and (pod.meta.namespace, pod.meta.name) not in self._known:
            self._add(pod)

    def sift(self, old: Pod, new: Pod) -> tuple[PodView | None, PodView | None] | None:
        """Return a change of a Pod as those may take it who go by its labels; None where it stays what it was for them."""
        either = new or old
        if either is None:
            return None
        name = (either.meta.namespace, either.meta.name)
        was = self._known.pop(name, old)
        self.copies.pop(name, None)
        known = was if isinstance(was, PodView) else None
        if known is not None and new is not None and _strayed(known, new):
            self._add(known)
            return None
        if isinstance(new, Malformed) and new.meta.deleting and labels.RESULT_FINALIZER in new.meta.finalizers:
            self.copies[name] = new
            self._wake(Key(Subject.ORPHAN, *name))
        return known, new if isinstance(new, PodView) else None


def _strayed(known: PodView, new: PodView | Malformed) -> bool:
    if new.meta.uid != known.meta.uid or labels.RESULT_FINALIZER not in new.meta.finalizers:
        return False
    if known.meta.owner_uid is None:
        return False  # it gets its owner back
    return isinstance(new, Malformed) or any(
        had and had != has for had, has in zip(_told(known), _told(new), strict=True)
    )


def _told(pod: PodView) -> tuple[Any, ...]:
    index = None if pod.index is None else (pod.index,)
    whose = (pod.meta.owner_uid, pod.run, pod.root, pod.task, pod.handler, index, pod.attempt)
    return (*whose, pod.nonce, pod.captures, pod.lock, pod.pools)


def is_unrecorded(run: RunView, pod: PodView) -> bool:
    """Whether the status of a run that goes on does not tell the end of a Pod."""
    rows = run.status.handlers if pod.handler else run.status.tasks
    row = next((one for one in rows if one.name == pod.task), None)
    if run.status.finished or run.meta.deleting or (row is not None and row.phase.ended):
        return False
    return row is None or pod.attempt > row.attempt or (pod.attempt == row.attempt and row.pod_name is not None)
