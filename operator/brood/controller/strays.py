"""Pods from which somebody took what says whose they are: labels, annotations or owner. They get it back.

Such a Pod still runs. Were it let go of, a second one would do the same beside it; and its finalizer would hold it, and its
namespace, for ever.
"""

from collections.abc import Callable
from typing import Any

from brood.api import labels
from brood.controller.keys import Key, Subject
from brood.views import Malformed, PodView

Pod = PodView | Malformed | None


class Strays:
    """Knows what such Pods were; ``wake`` rings for each of them."""

    def __init__(self, wake: Callable[[Key], None]) -> None:
        self._wake = wake
        self._known: dict[tuple[str, str], PodView] = {}

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
        was = self._known.pop((either.meta.namespace, either.meta.name), old) if either is not None else None
        known = was if isinstance(was, PodView) else None
        if known is not None and new is not None and _strayed(known, new):
            self._add(known)
            return None
        return known, new if isinstance(new, PodView) else None


def _strayed(known: PodView, new: PodView | Malformed) -> bool:
    if new.meta.uid != known.meta.uid or labels.RESULT_FINALIZER not in new.meta.finalizers:
        return False
    return isinstance(new, Malformed) or _told(known) != _told(new)


def _told(pod: PodView) -> tuple[Any, ...]:
    whose = (pod.meta.owner_uid, pod.run, pod.root, pod.task, pod.handler, pod.index, pod.attempt)
    return (*whose, pod.nonce, pod.captures, pod.lock, pod.pools)
